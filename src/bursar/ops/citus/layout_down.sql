-- Takes the tables on Citus and their functions away, and everything in the tables with them: move
-- the rows first. The kernel of each node stays.
DROP SCHEMA IF EXISTS bursar_citus CASCADE;
