"""Node, and what tests/js/package.json names, installed once on this machine."""

import asyncio
import fcntl
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).with_name("js")
INSTALL_SECONDS = 240
RUN_SECONDS = 120.0


class NodeMissingError(Exception):
    """Node, npm or the package cannot be had here."""


class Node:
    """Runs the scripts beside this file."""

    def __init__(self, program: str) -> None:
        self._program = program
        self._calling: subprocess.Popen[bytes] | None = None

    async def call(self, argument: Any) -> Any:
        """Have calls.mjs, which goes on from one time to the next, make some calls."""
        return await asyncio.wait_for(asyncio.to_thread(self._exchange, argument), RUN_SECONDS)

    def close(self) -> None:
        """End what goes on."""
        if self._calling is not None:
            self._calling.kill()
            self._calling.communicate()

    def _exchange(self, argument: Any) -> Any:
        if self._calling is None:
            self._calling = subprocess.Popen(
                [self._program, str(DIRECTORY / "calls.mjs")],
                cwd=DIRECTORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        assert self._calling.stdin is not None
        assert self._calling.stdout is not None
        self._calling.stdin.write(json.dumps(argument).encode() + b"\n")
        self._calling.stdin.flush()
        line = self._calling.stdout.readline()
        assert line, f"calls.mjs has ended: {self._calling.wait()}"
        return json.loads(line)

    async def run(self, script: str, argument: Any) -> Any:
        """Run a script with JSON on its stdin and return the JSON that it prints."""
        process = await asyncio.create_subprocess_exec(
            self._program,
            str(DIRECTORY / script),
            cwd=DIRECTORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            output, errors = await asyncio.wait_for(
                process.communicate(json.dumps(argument).encode()), RUN_SECONDS
            )
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode == 0, errors.decode()[-2000:]
        return json.loads(output)


def installed_node() -> Node:
    """Install what package.json names unless it is there. Raises `NodeMissingError`."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        raise NodeMissingError("Node and npm are not installed.")
    wanted = json.loads((DIRECTORY / "package.json").read_text())["dependencies"]
    with (DIRECTORY / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker installs, the others find it done
        if any(_installed_version(name) != version for name, version in wanted.items()):
            try:
                install = subprocess.run(
                    [npm, "install", "--no-progress"],
                    cwd=DIRECTORY,
                    capture_output=True,
                    text=True,
                    timeout=INSTALL_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise NodeMissingError("npm install took too long.") from None
            if install.returncode != 0:
                raise NodeMissingError(f"npm install failed: {install.stderr[-500:]}")
    return Node(program)


def _installed_version(name: str) -> str:
    try:
        package = json.loads((DIRECTORY / "node_modules" / name / "package.json").read_text())
    except FileNotFoundError:
        return ""
    return str(package["version"])
