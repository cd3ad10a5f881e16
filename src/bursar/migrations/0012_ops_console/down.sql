-- Reports of checks are lost; the journal keeps that they were made, and what they came to.
DROP FUNCTION IF EXISTS bursar.begin_check(text, text, text, integer);
DROP FUNCTION IF EXISTS bursar.note_check(text, integer, integer);
DROP FUNCTION IF EXISTS bursar.end_check(text, text, text, text, text);
DROP FUNCTION IF EXISTS bursar.read_checks();
DROP FUNCTION IF EXISTS bursar.read_check_heads();
DROP FUNCTION IF EXISTS bursar.read_safety();
DROP FUNCTION IF EXISTS bursar.read_seals(integer);
DROP FUNCTION IF EXISTS bursar.read_migrations();
DROP FUNCTION IF EXISTS bursar.read_minutes_apart(jsonb, integer);
DROP FUNCTION IF EXISTS bursar.read_observations(integer);
DROP FUNCTION IF EXISTS bursar.read_journal(text, integer);
DROP FUNCTION IF EXISTS bursar.read_operation(text);
DROP TABLE IF EXISTS bursar.check_run;
