-- requires: ledger/register_asset.sql
-- Gives an adopted table back. First the ledger's functions refuse the asset, so that those who
-- began before can end in peace; then everything is taken away that adopting had made; then the
-- ledger writes down, owner by owner, that it no longer holds these balances.

-- What keeps a table from being given back: open holds and debts, at most so many of each.
CREATE OR REPLACE FUNCTION bursar.read_ties(p_asset text) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object(
        'holds', coalesce((SELECT jsonb_agg(to_jsonb(h)) FROM (
            SELECT id, owner_id, amount - captured - released - expired AS left, reason
            FROM bursar.hold WHERE asset = p_asset AND status = 'open' ORDER BY id LIMIT 20)
            AS h), '[]'),
        'debts', coalesce((SELECT jsonb_agg(to_jsonb(w)) FROM (
            SELECT owner_id, balance AS owed FROM bursar.wallet
            WHERE asset = p_asset || ':owed' AND balance > 0 ORDER BY owner_id LIMIT 20)
            AS w), '[]'))
$$;

COMMENT ON FUNCTION bursar.read_ties(text) IS
    'Open holds and debts of an asset: what keeps its table from being given back.';
REVOKE ALL ON FUNCTION bursar.read_ties(text) FROM PUBLIC, anon, authenticated;

-- From now on every wallet of the asset is busy, which no key remembers. Whoever has locked one
-- already writes it by the functions that are there still.
CREATE OR REPLACE FUNCTION bursar.leave_adopted(p_asset text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $outer$
BEGIN
    UPDATE bursar.adoption SET stage = 'leaving', changed_at = bursar.clock()
    WHERE asset = p_asset AND stage IN ('adopted', 'leaving');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Asset % is not adopted.', p_asset
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    EXECUTE format($f$
CREATE OR REPLACE FUNCTION bursar.%1$I(p_owner_ids text[], p_wait boolean)
RETURNS bursar.wallet_state[]
LANGUAGE sql STABLE SET search_path = pg_catalog, bursar, pg_temp AS $b$
    SELECT array_agg(ROW(%2$L, t.o, 0, 0, 0, 'busy')::bursar.wallet_state ORDER BY t.i)
    FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
$b$$f$, 'lock_' || p_asset, p_asset);
END
$outer$;

COMMENT ON FUNCTION bursar.leave_adopted(text) IS
    'Has every wallet of an asset be busy, since its table is being given back.';
REVOKE ALL ON FUNCTION bursar.leave_adopted(text) FROM PUBLIC, anon, authenticated;

-- The asset stays after all.
CREATE OR REPLACE FUNCTION bursar.resume_adopted(p_asset text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    UPDATE bursar.adoption SET stage = 'adopted', changed_at = bursar.clock()
    WHERE asset = p_asset AND stage = 'leaving';
    IF FOUND THEN
        PERFORM bursar.build_stores();
    END IF;
END
$$;

COMMENT ON FUNCTION bursar.resume_adopted(text) IS
    'Opens an asset again whose table was to be given back.';
REVOKE ALL ON FUNCTION bursar.resume_adopted(text) FROM PUBLIC, anon, authenticated;

-- Takes away what adopting made: triggers, checks, columns, grants; and makes again what it
-- replaced. The table's lock is held for a moment; no balance is touched. Also from a table that
-- was not adopted to the end.
CREATE OR REPLACE FUNCTION bursar.give_back(p_asset text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    d bursar.adoption;
    v_name text;
BEGIN
    SELECT * INTO STRICT d FROM bursar.adoption WHERE asset = p_asset
        AND stage IN ('opening', 'guarding', 'leaving') FOR UPDATE;
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', d.store);
    IF bursar.read_ties(p_asset) <> '{"holds": [], "debts": []}' THEN
        RAISE EXCEPTION 'Asset % has open holds or debts.', p_asset
            USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    DELETE FROM bursar.wallet WHERE asset = p_asset || ':owed';
    PERFORM bursar.forget_asset(p_asset);
    FOR v_name IN SELECT tgname FROM pg_trigger WHERE tgrelid = d.store AND NOT tgisinternal
        AND (tgname ~ '^(a|zz)_bursar_' OR tgname = 'enforce_non_negative_balance')
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', v_name, d.store);
    END LOOP;
    IF d.made ->> 'trigger' IS NOT NULL THEN
        EXECUTE d.made ->> 'trigger';
    END IF;
    FOR v_name IN SELECT k.name FROM bursar.adopted_checks(d) AS k
        WHERE k.name NOT LIKE '%\_non\_negative' OR coalesce((d.made ->> 'check')::boolean, false)
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', d.store, v_name);
    END LOOP;
    EXECUTE format('ALTER TABLE %s DROP COLUMN bursar_held, DROP COLUMN bursar_seq,
        DROP COLUMN bursar_status', d.store);
    IF (d.made ->> 'default')::boolean THEN
        EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP DEFAULT', d.store, d.balance_column);
    END IF;
    FOR v_name IN SELECT jsonb_array_elements_text(d.made -> 'select') LOOP
        EXECUTE format('REVOKE SELECT ON %s FROM %I', d.store, v_name);
    END LOOP;
    FOR v_name IN SELECT jsonb_array_elements_text(d.made -> 'usage') LOOP
        EXECUTE format('REVOKE USAGE ON SCHEMA %s FROM %I', (SELECT relnamespace::regnamespace
            FROM pg_class WHERE oid = d.store), v_name);
    END LOOP;
    IF (d.made ->> 'policy')::boolean THEN
        EXECUTE format('DROP POLICY IF EXISTS bursar_operators_read ON %s', d.store);
    END IF;
    UPDATE bursar.adoption SET stage = 'closing', reached = NULL, rows_done = 0,
        changed_at = bursar.clock()
    WHERE asset = p_asset;
END
$$;

COMMENT ON FUNCTION bursar.give_back(text) IS
    'Takes away from a table what adopting it had made; its balances stay as they are.';
REVOKE ALL ON FUNCTION bursar.give_back(text) FROM PUBLIC, anon, authenticated;

-- Writes the closing entries of the next owners, from the last name down, since the index of
-- entries ends with each owner's last. Nobody else writes entries of an asset that is gone.
CREATE OR REPLACE FUNCTION bursar.close_given_back(p_asset text, p_limit integer) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    d bursar.adoption;
    v_last text;
    v_closed bigint;
BEGIN
    SELECT * INTO STRICT d FROM bursar.adoption WHERE asset = p_asset AND stage = 'closing'
    FOR UPDATE;
    EXECUTE format('WITH ends AS MATERIALIZED (
            SELECT DISTINCT ON (e.owner_id) e.owner_id, e.seq, e.balance_after
            FROM bursar.entry AS e
            WHERE e.asset = %1$L AND e.seq IS NOT NULL %2$s
            ORDER BY e.owner_id DESC, e.seq DESC
            LIMIT %3$s
        ), closed AS MATERIALIZED (
            SELECT bursar.record_raw(%1$L, owner_id, -balance_after, seq + 1, 0, ''given back'')
            FROM ends WHERE balance_after > 0
        )
        SELECT (SELECT min(owner_id) FROM ends), (SELECT count(*) FROM closed)', p_asset,
        CASE WHEN d.reached IS NULL THEN '' ELSE format('AND e.owner_id < %L', d.reached) END,
        p_limit) INTO v_last, v_closed;
    UPDATE bursar.adoption SET reached = coalesce(v_last, reached),
        rows_done = rows_done + v_closed, changed_at = bursar.clock(),
        stage = CASE WHEN v_last IS NULL THEN 'given back' ELSE stage END
    WHERE asset = p_asset;
    RETURN jsonb_build_object('closed', v_closed, 'end', v_last IS NULL);
END
$$;

COMMENT ON FUNCTION bursar.close_given_back(text, integer) IS
    'Writes the closing entries of the next owners of a table that was given back.';
REVOKE ALL ON FUNCTION bursar.close_given_back(text, integer) FROM PUBLIC, anon, authenticated;
