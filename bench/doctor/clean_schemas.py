"""False findings on schemas that are what they should be: makes real ones and compares them.

    python -m bench.doctor.clean_schemas --python VENV/bin/python [--version 18]

Each schema is made by its package's own migrations, dumped with pg_dump, built again from the dump
in a scratch database, and compared with the database that it came from. VENV has the packages; see
_DJANGO and _OTHERS for which. It is no part of the test suite; docs/doctor.md has what came out.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg

from bursar.db.embedded import Cluster, open_cluster
from bursar.db.scratch import scratch_database
from bursar.ops.doctor.examine import build_expected, examine
from bursar.ops.doctor.expected import by_file

CONTRIB = ["admin", "auth", "contenttypes", "flatpages", "redirects", "sessions", "sites"]
# Name, the apps beside those of Django itself.
_DJANGO: dict[str, list[str]] = {
    "django": ["django.contrib.postgres"],
    "django-allauth": ["allauth", "allauth.account", "allauth.socialaccount", "allauth.mfa"],
    "django-oauth-toolkit": ["oauth2_provider"],
    "djangorestframework": ["rest_framework", "rest_framework.authtoken"],
    "wagtail": [
        *("wagtail.contrib.forms", "wagtail.contrib.redirects", "wagtail.embeds"),
        *("wagtail.sites", "wagtail.users", "wagtail.snippets", "wagtail.documents"),
        *("wagtail.images", "wagtail.search", "wagtail.admin", "wagtail", "modelcluster"),
        "taggit",
    ],
    "django-celery-beat": ["django_celery_beat"],
    "django-celery-results": ["django_celery_results"],
    "django-q2": ["django_q"],
    "django-guardian": ["guardian"],
    "easy-thumbnails": ["easy_thumbnails"],
    "django-taggit": ["taggit"],
    "django-reversion": ["reversion"],
    "django-waffle": ["waffle"],
    "django-hordak": ["mptt", "hordak"],
    "procrastinate (Django)": ["procrastinate.contrib.django"],
}
MIGRATE = """
import sys, psycopg, django
from django.conf import settings
from django.core.management import call_command
info = psycopg.conninfo.conninfo_to_dict(sys.argv[1])
settings.configure(
    SECRET_KEY="x", USE_TZ=True, SITE_ID=1, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=sys.argv[2].split(","), ROOT_URLCONF="x", STATIC_URL="/s/",
    WAGTAIL_SITE_NAME="x", WAGTAILADMIN_BASE_URL="http://x", SILENCED_SYSTEM_CHECKS=["*"],
    MIDDLEWARE=["allauth.account.middleware.AccountMiddleware"] * ("allauth" in sys.argv[2]),
    TEMPLATES=[],
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": info["dbname"],
        "USER": info["user"], "PASSWORD": info["password"], "HOST": info["host"],
        "PORT": info["port"]}},
)
django.setup()
call_command("migrate", verbosity=0, skip_checks=True)
"""
_OTHERS: dict[str, str] = {
    "procrastinate": """
import sys, procrastinate
app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector(conninfo=sys.argv[1]))
with app.open():
    app.schema_manager.apply_schema()
""",
    "pgqueuer": """
import asyncio, sys, psycopg
from pgqueuer.db import PsycopgDriver
from pgqueuer.queries import Queries
async def main():
    connection = await psycopg.AsyncConnection.connect(sys.argv[1], autocommit=True)
    async with connection:
        await Queries(PsycopgDriver(connection)).install()
asyncio.run(main())
""",
    "apscheduler": """
import sys, sqlalchemy, psycopg
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
engine = sqlalchemy.create_engine(
    "postgresql+psycopg://", creator=lambda: psycopg.connect(sys.argv[1]))
SQLAlchemyJobStore(engine=engine).start(None, "x")
""",
}


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--python", required=True)
    asked.add_argument("--version", default="18")
    chosen = asked.parse_args()
    programs = {name: (MIGRATE, _installed(apps)) for name, apps in _DJANGO.items()}
    programs |= {name: (program, "") for name, program in _OTHERS.items()}
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o711)
        cluster = open_cluster(Path(directory) / "data", version=chosen.version)
        try:
            for name, (program, apps) in programs.items():
                failed += _compare(name, program, apps, cluster, chosen.python)
        finally:
            cluster.remove()
    return failed


def _installed(apps: list[str]) -> str:
    return ",".join([*(f"django.contrib.{name}" for name in CONTRIB), *apps])


def _compare(name: str, program: str, apps: str, cluster: Cluster, python: str) -> int:
    """Make one schema, compare it with its own dump, print a line; return 1 for a finding."""
    with scratch_database(cluster) as made, tempfile.NamedTemporaryFile("w+") as file:
        done = subprocess.run(
            [python, "-c", program, made.url, apps], capture_output=True, text=True, check=False
        )
        if done.returncode:
            print(f"{name}: not made: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
            return 0
        dump = [str(cluster.binary("pg_dump")), "--schema-only", made.url]
        file.write(subprocess.run(dump, capture_output=True, text=True, check=True).stdout)
        file.flush()
        expected, schemas = build_expected(cluster.url(), by_file(Path(file.name)))
        found = examine(made.url, expected, schemas)
        with psycopg.connect(made.url) as connection:
            [(tables,)] = connection.execute(
                "SELECT count(*) FROM pg_tables WHERE schemaname = ANY (%s)", [schemas]
            ).fetchall()
        print(f"{name}: {tables} tables, {len(expected.things)} objects, findings:", end=" ")
        print([f"{f.code} {f.object}: {f.expected} | {f.found}" for f in found.findings])
        return bool(found.findings)


if __name__ == "__main__":
    sys.exit(main())
