"""psql as somebody would type it: logged in as the service's role or as the superuser, then in a
role of their own with the claims of their token."""

import asyncio
import json
import os
import subprocess
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from bursar.db.scratch import ScratchDatabase
from tests.ways import SECONDS_MAX, Answer, Call, Caller, refusal_of

# Sessions of one round; more calls than that share them, one after the other.
SESSIONS_MAX = 20
_START = 4_242


class Psql:
    """Runs statements through the psql program, each session a process of its own."""

    name = "psql"

    def __init__(self, database: ScratchDatabase) -> None:
        self._database = database

    async def rounds(self, rounds: list[list[Call]]) -> list[list[Answer]]:
        return [await self._round(calls) for calls in rounds]

    async def read(self, caller: Caller, table: str) -> Answer:
        statement = f"SELECT coalesce(json_agg(t), '[]') FROM public.{table} AS t"
        return (await self.type(caller, [statement]))[0]

    async def set_balance(self, caller: Caller, user_id: str, value: int) -> Answer:
        statement = f"UPDATE public.user_credits SET balance = {value} WHERE user_id = '{user_id}'"
        return (await self.type(caller, [statement]))[0]

    async def type(self, caller: Caller, statements: list[str], *, first: str = "") -> list[Answer]:
        """Type statements as `caller`, in one session, and return what each answered.

        The role "postgres" stands for the superuser. `first` runs before, and says nothing.
        """
        lines = ["\\set QUIET on", "\\pset tuples_only on", "\\pset format unaligned"]
        if caller.role != "postgres":
            lines.append(f"SET ROLE {caller.role};")
            take_on = f"set_config('request.jwt.claims', '{caller.claims}', false)"
            lines.append(f"SELECT {take_on} \\gset")
        if first:
            lines.append(f"{first} \\gset")
        for statement in statements:
            lines += [f"{statement};", "\\echo '@@' :SQLSTATE :LAST_ERROR_MESSAGE"]
        output = await self._run(caller, "\n".join(lines) + "\n")
        answers, said = [], ""
        for line in output.splitlines():
            if not line.startswith("@@ "):
                said += line
                continue
            _, sqlstate, message = (line + " ").split(" ", 2)
            answers.append(_answer(said, sqlstate, message.strip()))
            said = ""
        assert len(answers) == len(statements), output
        return answers

    async def _round(self, calls: list[Call]) -> list[Answer]:
        """Let every session wait at a lock, and all begin when it is let go."""
        sessions = [calls[start::SESSIONS_MAX] for start in range(min(SESSIONS_MAX, len(calls)))]
        assert all(one.caller == part[0].caller for part in sessions for one in part)
        with psycopg.connect(self._database.url, autocommit=True) as gate:
            gate.execute("SELECT pg_advisory_lock(%s)", [_START])
            wait = f"SELECT true AS started FROM pg_advisory_lock_shared({_START})"
            tasks = [
                asyncio.ensure_future(self.type(part[0].caller, _statements(part), first=wait))
                for part in sessions
            ]
            await self._all_wait(gate, tasks)
            gate.execute("SELECT pg_advisory_unlock(%s)", [_START])
            answered = await asyncio.gather(*tasks)
        answers: list[Answer] = [Answer("none")] * len(calls)
        for start, part in enumerate(answered):
            answers[start::SESSIONS_MAX] = part
        return answers

    async def _all_wait(
        self, gate: psycopg.Connection, tasks: Sequence[asyncio.Future[list[Answer]]]
    ) -> None:
        for _ in range(int(SECONDS_MAX * 50)):
            row = gate.execute(
                "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database"
                " WHERE d.datname = current_database() AND locktype = 'advisory'"
                " AND objid = %s AND NOT granted",
                [_START],
            ).fetchone()
            if row == (len(tasks),) or any(task.done() for task in tasks):
                return
            await asyncio.sleep(0.02)
        raise TimeoutError("The psql sessions did not come to wait.")

    async def _run(self, caller: Caller, script: str) -> str:
        # Whoever is to become an operator has logged in as somebody who may.
        is_operator = caller.role in ("postgres", "bursar_operator")
        url = self._database.url if is_operator else self._database.service_url
        known = {
            f"PG{'DATABASE' if name == 'dbname' else name.upper()}": str(value)
            for name, value in conninfo_to_dict(url).items()
        }
        process = await asyncio.create_subprocess_exec(
            self._database.cluster.psql_path,
            "-X",
            "-f",
            "-",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | known | {"PGCLIENTENCODING": "UTF8"},
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(script.encode()), SECONDS_MAX)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        return output.decode()


def _statements(calls: list[Call]) -> list[str]:
    return [f"SELECT public.{one.function}({_arguments(one.arguments)})" for one in calls]


def _arguments(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name} => {_literal(value)}" for name, value in arguments.items())


def _literal(value: Any) -> str:
    return str(value) if isinstance(value, int) else "'" + str(value).replace("'", "''") + "'"


def _answer(said: str, sqlstate: str, message: str) -> Answer:
    if sqlstate != "00000":
        return Answer(refusal_of(message, sqlstate), message)
    return Answer("done", "", json.loads(said) if said[:1] in ("{", "[") else said)
