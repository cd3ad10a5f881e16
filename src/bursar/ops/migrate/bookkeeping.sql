-- What the migration runner remembers. It may be run any number of times.
-- The schema stays when every step is undone; DROP SCHEMA bursar_meta CASCADE forgets the past.
CREATE SCHEMA IF NOT EXISTS bursar_meta;

-- One row per run that changed something: the journal of the schema.
CREATE TABLE IF NOT EXISTS bursar_meta.release (
    release bigint PRIMARY KEY,
    direction text NOT NULL CHECK (direction IN ('up', 'down')),
    rooms text[],
    bursar_version text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_by text NOT NULL DEFAULT session_user
);
COMMENT ON COLUMN bursar_meta.release.rooms IS
    'The rooms that were chosen; NULL means all there are. The latest row decides for later runs.';

-- The numbered steps that are in force now.
CREATE TABLE IF NOT EXISTS bursar_meta.step (
    number integer PRIMARY KEY CHECK (number > 0),
    name text NOT NULL UNIQUE,
    room text NOT NULL,
    checksum text NOT NULL,
    release bigint NOT NULL REFERENCES bursar_meta.release,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    applied_by text NOT NULL DEFAULT session_user,
    duration_ms bigint NOT NULL CHECK (duration_ms >= 0)
);

-- Every text that a routine file had; the row of the latest release is the one in force.
-- A row without text says that the routine is gone.
CREATE TABLE IF NOT EXISTS bursar_meta.routine (
    path text NOT NULL,
    release bigint NOT NULL REFERENCES bursar_meta.release,
    checksum text,
    text text,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (path, release),
    CHECK ((checksum IS NULL) = (text IS NULL))
);
