"""Repairs of what runs or decides: functions, views, triggers, rules, policies and grants."""

from bursar.ops.doctor.compare import split_column
from bursar.ops.doctor.finding import Finding
from bursar.ops.doctor.schema import Thing
from bursar.ops.doctor.step import Refusal, Statement, Step, guarded, literal, one

_OPTION = " WITH GRANT OPTION"
_FIRING = {"O": "ENABLE", "D": "DISABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}


def add_view(finding: Finding) -> Step:
    """Make a view that is missing."""
    view = finding.difference.thing
    word = "MATERIALIZED VIEW" if view.get("kind") == "m" else "VIEW"
    return Step(finding, "adds", one(_view(view)), [f"DROP {word} {view.name}"])


def _view(view: Thing) -> str:
    options = f" WITH ({', '.join(view.get('options'))})" if view.get("options") else ""
    body = view.get("definition").strip()
    if view.get("kind") == "m":
        return f"CREATE MATERIALIZED VIEW IF NOT EXISTS {view.name}{options} AS {body}"
    return f"CREATE OR REPLACE VIEW {view.name}{options} AS {body}"


def change_view(finding: Finding) -> Step | Refusal:
    """Replace a view, as long as its columns only become more."""
    wanted, found = finding.difference.expected, finding.difference.found
    if wanted is not None and finding.difference.aspect == "populated":
        return Step(
            finding, "adds", one(f"REFRESH MATERIALIZED VIEW {wanted.name}", alone=True), []
        )
    if wanted is None or found is None or "m" in (wanted.get("kind"), found.get("kind")):
        return Refusal(finding, "A materialized view is made anew by hand.")
    columns = found.get("columns")
    if wanted.get("columns")[: len(columns)] != columns:
        return Refusal(finding, "It would have to be dropped first, with all that uses it.")
    return Step(finding, "changes", one(_view(wanted)), [_view(found)])


def add_trigger(finding: Finding) -> Step:
    """Make a trigger that is missing, firing when it is expected to."""
    trigger = finding.difference.thing
    return Step(
        finding,
        "adds",
        [
            Statement(
                guarded(
                    "NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid ="
                    f" {literal(trigger.of or '')}::regclass"
                    f" AND quote_ident(tgname) = {literal(trigger.name)})",
                    trigger.get("definition"),
                )
            ),
            *([] if trigger.get("enabled") == "O" else [Statement(_fires(trigger))]),
        ],
        [f"DROP TRIGGER {trigger.name} ON {trigger.of}"],
        trigger.of,
    )


def _fires(trigger: Thing) -> str:
    return f"ALTER TABLE {trigger.of} {_FIRING[trigger.get('enabled')]} TRIGGER {trigger.name}"


def change_trigger(finding: Finding) -> Step | Refusal:
    """Switch a trigger on again, or replace it; it is never away meanwhile."""
    wanted, found = finding.difference.expected, finding.difference.found
    if wanted is None or found is None:
        return Refusal(finding, "There is nothing to change.")
    if finding.difference.aspect == "enabled":
        there = Thing("trigger", found.name, found.of, {"enabled": wanted.get("enabled")})
        return Step(
            finding,
            "changes" if wanted.get("enabled") == "D" else "adds",
            one(_fires(there)),
            [_fires(found)],
            found.of,
        )
    if wanted.get("constraint") or found.get("constraint"):
        # It cannot be replaced, but nobody sees the moment in which it is away.
        sql, back = (
            f"DROP TRIGGER IF EXISTS {gone.name} ON {gone.of}; {made.get('definition')}"
            for gone, made in ((found, wanted), (wanted, found))
        )
        return Step(finding, "changes", one(sql), [back], found.of)
    return Step(finding, "changes", one(_replaced(wanted)), [_replaced(found)], found.of)


def _replaced(trigger: Thing) -> str:
    return str(trigger.get("definition")).replace("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER", 1)


def add_rule(finding: Finding) -> Step:
    """Make a rule that is missing."""
    rule = finding.difference.thing
    sql = str(rule.get("definition")).replace("CREATE RULE", "CREATE OR REPLACE RULE", 1)
    return Step(finding, "changes", one(sql), [f"DROP RULE {rule.name} ON {rule.of}"], rule.of)


def change_rule(finding: Finding) -> Step | Refusal:
    """Replace a rule, or switch it on again."""
    wanted, found = finding.difference.expected, finding.difference.found
    if wanted is None or found is None:
        return Refusal(finding, "There is nothing to change.")
    if finding.difference.aspect == "enabled":
        sql, back = (
            f"ALTER TABLE {side.of} {_FIRING[side.get('enabled')]} RULE {side.name}"
            for side in (wanted, found)
        )
        return Step(finding, "changes", one(sql), [back], found.of)
    sql, back = (
        str(side.get("definition")).replace("CREATE RULE", "CREATE OR REPLACE RULE", 1)
        for side in (wanted, found)
    )
    return Step(finding, "changes", one(sql), [back], found.of)


def add_policy(finding: Finding) -> Step:
    """Make a policy that is missing."""
    policy = finding.difference.thing
    return Step(
        finding,
        "adds",
        one(
            guarded(
                "NOT EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid ="
                f" {literal(policy.of or '')}::regclass"
                f" AND quote_ident(polname) = {literal(policy.name)})",
                _policy(policy),
            )
        ),
        [f"DROP POLICY {policy.name} ON {policy.of}"],
        policy.of,
    )


def _policy(policy: Thing) -> str:
    parts = [
        f"CREATE POLICY {policy.name} ON {policy.of}",
        "AS PERMISSIVE" if policy.get("permissive") else "AS RESTRICTIVE",
        f"FOR {policy.get('command')} TO {', '.join(policy.get('roles'))}",
    ]
    if policy.get("using"):
        parts.append(f"USING ({policy.get('using')})")
    if policy.get("check"):
        parts.append(f"WITH CHECK ({policy.get('check')})")
    return " ".join(parts)


def change_policy(finding: Finding) -> Step | Refusal:
    """Replace a policy in one transaction."""
    wanted, found = finding.difference.expected, finding.difference.found
    if wanted is None or found is None:
        return Refusal(finding, "There is nothing to change.")
    return Step(
        finding,
        "changes",
        one(f"DROP POLICY IF EXISTS {found.name} ON {found.of}; {_policy(wanted)}"),
        [f"DROP POLICY IF EXISTS {wanted.name} ON {wanted.of}; {_policy(found)}"],
        found.of,
    )


def change_grant(finding: Finding) -> Step | Refusal:
    """Grant what is missing; what is too much is taken back where somebody says so."""
    wanted, found = (
        set(side.get("privileges") if side else ())
        for side in (finding.difference.expected, finding.difference.found)
    )
    thing = finding.difference.thing
    lacking, extra = _lacking(wanted, found), _lacking(found, wanted)
    statements = [Statement(sql) for sql in grants(thing, lacking, "GRANT")]
    statements += [Statement(sql) for sql in grants(thing, _without(extra, wanted), "REVOKE")]
    undo = grants(thing, _without(lacking, found), "REVOKE") + grants(thing, extra, "GRANT")
    return Step(finding, "changes" if extra else "adds", statements, undo)


def _without(privileges: list[str], kept: set[str]) -> list[str]:
    """Return what is taken back: passing it on, where the privilege is kept, else all of it."""
    bare = [privilege.removesuffix(_OPTION) for privilege in privileges]
    return [p if b in kept else b for p, b in zip(privileges, bare, strict=True)]


def _lacking(wanted: set[str], found: set[str]) -> list[str]:
    """Return the privileges that are wanted and not there.

    Who may pass one on has it as well, and is not given it, nor has it taken away, by itself.
    """
    return sorted(p for p in wanted - found if f"{p}{_OPTION}" not in found)


def grants(thing: Thing, privileges: list[str], word: str) -> list[str]:
    """Return how privileges are granted, or taken back; of a grant option, only that."""
    what, _, name = (thing.of or "").partition(" ")
    column = ""
    if what == "COLUMN":
        what, (name, column) = "TABLE", split_column(name)
    direction = "TO" if word == "GRANT" else "FROM"
    written = []
    for privilege in privileges:
        bare, option = privilege.removesuffix(_OPTION), privilege.endswith(_OPTION)
        on = f"{bare} ({column})" if column else bare
        end = _OPTION if option and word == "GRANT" else ""
        what_of_it = "GRANT OPTION FOR " if option and word == "REVOKE" else ""
        of_what = f"{what} {name}".strip()
        written.append(f"{word} {what_of_it}{on} ON {of_what} {direction} {thing.name}{end}")
    return written


def change_default_grant(finding: Finding) -> Step | Refusal:
    """Grant on what is made later what is expected."""
    wanted, found = (
        set(side.get("privileges") if side else ())
        for side in (finding.difference.expected, finding.difference.found)
    )
    if finding.difference.thing.get("everywhere"):
        return Refusal(finding, "Each role that makes objects has to set it for its own.")
    kind, _, schema = finding.difference.thing.name.partition(" IN SCHEMA ")
    role = finding.difference.thing.of
    alter = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}"
    lacking, extra = _lacking(wanted, found), _lacking(found, wanted)
    on = Thing("default_grant", role or "", kind, {})
    grant, revoke, regrant, unrevoke = (
        [f"{alter} {sql}" for sql in grants(on, privileges, word)]
        for privileges, word in (
            (lacking, "GRANT"),
            (_without(extra, wanted), "REVOKE"),
            (_without(lacking, found), "REVOKE"),
            (extra, "GRANT"),
        )
    )
    undo = regrant + unrevoke
    return Step(
        finding, "changes" if extra else "adds", [Statement(s) for s in grant + revoke], undo
    )
