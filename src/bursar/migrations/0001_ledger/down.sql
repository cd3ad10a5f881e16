-- Takes the ledger away with everything in it. Roles stay: other databases of the server use them.
-- The schema auth stays too: it may not be ours, and policies elsewhere may call it.
DROP SCHEMA bursar CASCADE;
