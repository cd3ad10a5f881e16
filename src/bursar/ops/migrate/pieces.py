"""The runner's work as SQL texts: what it does to the schema, and how it remembers it.

Nothing in them begins or ends a transaction, so that whoever runs them decides about that.
"""

import re
from collections.abc import Sequence
from importlib import metadata

from bursar.ops.migrate.session import Limits
from bursar.ops.migrate.source import Routine, Step

_RELEASE = "(SELECT max(release) FROM bursar_meta.release)"
_MILLISECONDS = "(extract(epoch FROM clock_timestamp() - transaction_timestamp()) * 1000)::bigint"

_RESTORE = """\
{settings};
DO $restore$
DECLARE
    v_before CONSTANT bigint := {before};
    v_path text;
    v_now bursar_meta.routine;
    v_then bursar_meta.routine;
BEGIN
    FOREACH v_path IN ARRAY ARRAY[
        {wanted}]::text[]
    LOOP
        SELECT * INTO v_now FROM bursar_meta.routine
        WHERE path = v_path ORDER BY release DESC LIMIT 1;
        CONTINUE WHEN v_now.text IS NULL;
        SELECT * INTO v_then FROM bursar_meta.routine
        WHERE path = v_path AND release < v_before ORDER BY release DESC LIMIT 1;
        CONTINUE WHEN v_then.checksum = v_now.checksum
            AND split_part(v_path, '/', 1) <> '{room}';
        IF v_then.text IS NOT NULL THEN
            EXECUTE v_then.text;
        END IF;
        IF v_then.checksum IS DISTINCT FROM v_now.checksum THEN
            INSERT INTO bursar_meta.routine (path, release, checksum, text)
            VALUES (v_path, {release}, v_then.checksum, v_then.text);
        END IF;
    END LOOP;
END
$restore$;"""


def begin_release(direction: str, chosen_rooms: Sequence[str] | None) -> str:
    """Return SQL that begins the next release; the tables of the memory are there."""
    chosen = "NULL"
    if chosen_rooms is not None:
        chosen = "ARRAY[" + ", ".join(f"'{room}'" for room in chosen_rooms) + "]"
    return (
        "INSERT INTO bursar_meta.release (release, direction, rooms, bursar_version)\n"
        f"SELECT coalesce(max(release), 0) + 1, '{direction}', {chosen}, "
        f"'{metadata.version('bursar')}'\nFROM bursar_meta.release;"
    )


def record_step(step: Step) -> str:
    """Return SQL that remembers that a step is in force."""
    return (
        "INSERT INTO bursar_meta.step (number, name, room, checksum, release, duration_ms)\n"
        f"VALUES ({step.number}, '{step.name}', '{step.room}', '{step.checksum}',\n"
        f"    {_RELEASE},\n    {_MILLISECONDS});"
    )


def undo_step(step: Step) -> str:
    """Return SQL that undoes a step and forgets it."""
    forget = f"DELETE FROM bursar_meta.step WHERE number = {step.number};"
    return f"{with_limits(step.path('down'), step.down)}\n\n{forget}"


def apply_routine(routine: Routine) -> str:
    """Return SQL that applies a routine's text and remembers it."""
    return (
        f"{with_limits(routine.path, routine.text)}\n\n"
        "INSERT INTO bursar_meta.routine (path, release, checksum, text)\n"
        f"VALUES ('{routine.path}', {_RELEASE},\n"
        f"    '{routine.checksum}',\n    {_quoted(routine.text)})\n"
        "ON CONFLICT (path, release) DO UPDATE\n"
        "SET checksum = excluded.checksum, text = excluded.text;"
    )


def release_of_text(routine: Routine) -> str:
    """Return SQL for the latest release that brought this text."""
    return (
        "(SELECT max(release) FROM bursar_meta.routine\n"
        f"        WHERE path = '{routine.path}' AND checksum = '{routine.checksum}')"
    )


def restore_routines(paths: Sequence[str], before: str, room: str = "") -> str:
    """Return SQL that brings back the texts from before a release, out of the memory.

    `paths` come in the order in which they are applied; `before` is SQL for the release. Those of
    `room` are applied again also where their texts are the same: its step may have changed them.
    """
    wanted = ",\n        ".join(f"'{path}'" for path in paths)
    return _RESTORE.format(
        settings=Limits().statements, wanted=wanted, before=before, room=room, release=_RELEASE
    )


def with_limits(path: str, text: str) -> str:
    """Return the text of a file with the settings that every file starts with."""
    return f"-- {path}\n{Limits().statements};\n{closed(text)}"


def closed(text: str) -> str:
    """Return `text` so that another statement may follow."""
    stripped = text.rstrip()
    return stripped if stripped.endswith(";") else f"{stripped}\n;"


def _quoted(text: str) -> str:
    """Return `text` as a dollar-quoted literal, with a tag that it does not contain."""
    tag = "text"
    while re.search(rf"\${tag}\$", text):
        tag += "_"
    return f"${tag}${text}${tag}$"
