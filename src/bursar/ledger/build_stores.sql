-- requires: ledger/build_store.sql
-- The functions that know where an asset's wallets live, written anew from bursar.asset whenever an
-- asset is registered: for each asset `lock_<asset>` and `write_<asset>`, `open_<asset>` for
-- wallets that do not exist yet, and `look_<asset>` for reading without a lock. Everybody else
-- calls lock_asset, write_asset, open_asset and look_asset, which choose by name, with static SQL.
CREATE OR REPLACE FUNCTION bursar.build_stores() RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $outer$
DECLARE
    a record;
    v_branches jsonb := '{"lock": "", "write": "", "open": "", "look": ""}';
    v_verb text;
    v_balances text := '';
BEGIN
    FOR a IN
        SELECT asset, replace(asset, ':', '_') AS suffix, coalesce(store, 'bursar.wallet') AS store,
            coalesce(owner_column, 'owner_id') AS owner_column, owner_type,
            coalesce(balance_column, 'balance') AS balance_column, balance_max,
            CASE WHEN store IS NULL THEN format('asset = %L', asset) ELSE 'true' END AS own,
            CASE WHEN store IS NULL THEN 'asset, ' ELSE '' END AS asset_column,
            CASE WHEN store IS NULL THEN quote_literal(asset) || ', ' ELSE '' END AS asset_value,
            -- Texts of several collations have none together.
            (SELECT CASE WHEN attcollation IN (0, 'pg_catalog."default"'::regcollation) THEN ''
                ELSE 'COLLATE "default"' END
                FROM pg_attribute WHERE attrelid = coalesce(store, 'bursar.wallet')
                AND attname = coalesce(owner_column, 'owner_id')) AS collation,
            (SELECT format_type(atttypid, NULL) FROM pg_attribute
                WHERE attrelid = coalesce(store, 'bursar.wallet')
                AND attname = coalesce(balance_column, 'balance')) AS balance_type
        FROM bursar.asset ORDER BY asset COLLATE "C"
    LOOP
        PERFORM bursar.build_store(to_jsonb(a) || jsonb_build_object('store', a.store::text));
        FOREACH v_verb IN ARRAY ARRAY['lock', 'write', 'open', 'look'] LOOP
            v_branches := jsonb_set(v_branches, ARRAY[v_verb], to_jsonb((v_branches ->> v_verb)
                || format(E'\n    IF p_asset = %L THEN RETURN bursar.%I(%s); END IF;', a.asset,
                    v_verb || '_' || a.suffix,
                    CASE v_verb WHEN 'lock' THEN 'p_owner_ids, p_wait' WHEN 'write' THEN 'p_states'
                    WHEN 'open' THEN 'p_owner_ids' ELSE 'p_owner_id' END)));
        END LOOP;
        v_balances := v_balances || CASE v_balances WHEN '' THEN '' ELSE E'\nUNION ALL\n' END
            || format('SELECT %L::text AS asset, %I::text %6$s AS owner_id, %3$I::bigint AS balance,
                bursar_held AS held, %3$I::bigint - bursar_held AS available, bursar_seq AS seq,
                bursar_status::bursar.wallet_status AS status FROM %4$s WHERE %5$s',
                a.asset, a.owner_column, a.balance_column, a.store, a.own, a.collation);
    END LOOP;

    IF v_balances = '' THEN
        RETURN;  -- There is no asset yet, hence nothing to choose between.
    END IF;
    -- An asset that came or went since the request was read: its wallets are busy. Without a state
    -- they would pass for system wallets, which have none.
    PERFORM bursar.build_choice('lock', 'p_owner_ids text[], p_wait boolean',
        'bursar.wallet_state[]', (v_branches ->> 'lock') || '
    IF cardinality(p_owner_ids) > 0 THEN
        RETURN (SELECT array_agg(
            ROW(p_asset, t.o, 0, 0, 0, ''busy'')::bursar.wallet_state ORDER BY t.i)
            FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i));
    END IF;');
    PERFORM bursar.build_choice('write', 'p_states bursar.wallet_state[]', 'boolean',
        v_branches ->> 'write');
    PERFORM bursar.build_choice('open', 'p_owner_ids text[]', 'bigint', v_branches ->> 'open');
    PERFORM bursar.build_choice('look', 'p_owner_id text', 'bursar.wallet_state',
        v_branches ->> 'look');
    EXECUTE 'CREATE OR REPLACE VIEW bursar.balance WITH (security_invoker = true) AS '
        || v_balances;
    EXECUTE 'COMMENT ON VIEW bursar.balance IS ''Every wallet, wherever it lives.''';
    EXECUTE 'GRANT SELECT ON bursar.balance TO service_role, bursar_operator';
END
$outer$;

COMMENT ON FUNCTION bursar.build_stores() IS
    'Writes the functions that know where wallets live, from bursar.asset.';
REVOKE ALL ON FUNCTION bursar.build_stores() FROM PUBLIC, anon, authenticated;

-- One of the four functions that choose by asset.
CREATE OR REPLACE FUNCTION bursar.build_choice(
    p_verb text, p_parameters text, p_returns text, p_branches text
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $outer$
DECLARE
    v_types text := regexp_replace(p_parameters, 'p_[a-z_]+ ', '', 'g');
BEGIN
    EXECUTE format($f$
CREATE OR REPLACE FUNCTION bursar.%1$I(p_asset text, %2$s) RETURNS %3$s
LANGUAGE plpgsql SET search_path = pg_catalog, bursar, pg_temp AS $b$
BEGIN%4$s
    RETURN NULL;
END
$b$$f$, p_verb || '_asset', p_parameters, p_returns, p_branches);
    EXECUTE format('REVOKE ALL ON FUNCTION bursar.%I(text, %s) FROM PUBLIC, anon, authenticated',
        p_verb || '_asset', v_types);
    EXECUTE format('COMMENT ON FUNCTION bursar.%I(text, %s) IS %L',
        p_verb || '_asset', v_types, 'Generated: chooses the store of an asset.');
END
$outer$;

COMMENT ON FUNCTION bursar.build_choice(text, text, text, text) IS
    'Writes one of the functions that choose a store by the asset''s name.';
REVOKE ALL ON FUNCTION bursar.build_choice(text, text, text, text) FROM PUBLIC, anon, authenticated;

-- Where assets are registered already, their functions follow the text of this file.
SELECT bursar.build_stores();
