-- Tables that are adopted are given back first: without this table nobody could. What is kept of
-- tables that were given back goes.
DO $$
BEGIN
    IF EXISTS (SELECT FROM bursar.adoption WHERE stage <> 'given back') THEN
        RAISE EXCEPTION 'There are adopted tables: %.', (SELECT string_agg(asset, ', ')
            FROM bursar.adoption WHERE stage <> 'given back')
            USING HINT = 'Give them back first: bursar adopt back ASSET.';
    END IF;
    DROP FUNCTION IF EXISTS bursar.begin_adoption(text, regclass, name, name, text, text, text[]);
    DROP FUNCTION IF EXISTS bursar.allow_operators_to_read(regclass);
    DROP FUNCTION IF EXISTS bursar.open_found_wallets(text, integer, boolean);
    DROP FUNCTION IF EXISTS bursar.owe_found(text, text, bigint, boolean);
    DROP FUNCTION IF EXISTS bursar.lock_found(bursar.adoption, text, integer);
    DROP FUNCTION IF EXISTS bursar.found_row_trouble(text, numeric, bigint);
    DROP FUNCTION IF EXISTS bursar.read_unopened(text);
    DROP FUNCTION IF EXISTS bursar.decide_adoption(text, text, text);
    DROP FUNCTION IF EXISTS bursar.guard_adopted(text);
    DROP FUNCTION IF EXISTS bursar.adopted_checks(bursar.adoption);
    DROP FUNCTION IF EXISTS bursar.validate_adopted(text);
    DROP FUNCTION IF EXISTS bursar.enter_adopted(text);
    DROP FUNCTION IF EXISTS bursar.leave_adopted(text);
    DROP FUNCTION IF EXISTS bursar.resume_adopted(text);
    DROP FUNCTION IF EXISTS bursar.give_back(text);
    DROP FUNCTION IF EXISTS bursar.close_given_back(text, integer);
    DROP FUNCTION IF EXISTS bursar.read_ties(text);
    DROP FUNCTION IF EXISTS bursar.read_adoptions();
    DROP FUNCTION IF EXISTS bursar.read_agreement(text);
    DROP FUNCTION IF EXISTS bursar.read_obstacles(text, regclass, text, text);
    DROP FUNCTION IF EXISTS bursar.read_found_rows(regclass, name, name);
    DROP FUNCTION IF EXISTS bursar.read_remarks(regclass, name, name, text[]);
    DROP TABLE bursar.adoption;
END
$$;
