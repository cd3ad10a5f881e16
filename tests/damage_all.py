"""All damage that somebody with every right could do, and how it is done to a database."""

from typing import Any

from bursar.db.scratch import ScratchDatabase
from tests.damage import DAMAGE_TO_BALANCES, Damage
from tests.damage_to_cards import DAMAGE_TO_CARDS
from tests.damage_to_claims import DAMAGE_TO_CLAIMS
from tests.damage_to_commons import DAMAGE_TO_COMMONS
from tests.damage_to_jobs import DAMAGE_TO_JOBS
from tests.damage_to_market import DAMAGE_TO_MARKET
from tests.damage_to_records import DAMAGE_TO_RECORDS
from tests.damage_to_store_events import DAMAGE_TO_STORE_EVENTS

DAMAGES = (
    *(*DAMAGE_TO_BALANCES, *DAMAGE_TO_RECORDS, *DAMAGE_TO_MARKET, *DAMAGE_TO_CARDS),
    *(*DAMAGE_TO_CLAIMS, *DAMAGE_TO_STORE_EVENTS),
    *(*DAMAGE_TO_JOBS, *DAMAGE_TO_COMMONS),
)
# Drops the CHECK constraints of a table, and of the domains of its columns.
UNCHECK = """
    DO $$ DECLARE v record; BEGIN
        FOR v IN SELECT 'TABLE {0}' AS of, conname AS name FROM pg_constraint
            WHERE conrelid = '{0}'::regclass AND contype = 'c'
            UNION ALL SELECT DISTINCT 'DOMAIN ' || contypid::regtype, conname FROM pg_constraint
            JOIN pg_attribute ON attrelid = '{0}'::regclass AND atttypid = contypid
        LOOP EXECUTE format('ALTER %s DROP CONSTRAINT %I', v.of, v.name); END LOOP;
    END $$
"""


def inflict(database: ScratchDatabase, damage: Damage) -> list[dict[str, Any]]:
    """Do the damage, and return the ids that it says should be found."""
    connection = database.connect()
    connection.execute("SET session_replication_role = replica")  # triggers would not let it happen
    if damage.unchecked:
        connection.execute(UNCHECK.format(damage.unchecked).encode())
    cursor = connection.execute(damage.sql.encode())
    while cursor.nextset():
        pass
    return [ids for (ids,) in cursor.fetchall()]
