-- The four functions of one asset. `p` describes the asset's store as bursar.build_stores reads it.
--
-- Lock: takes distinct owner ids sorted by COLLATE "C" (for uuids the same order as the type's
-- own), locks their rows in that order and answers one state for each. With `p_wait` it waits;
-- without, a row that somebody else holds is answered as busy. A wallet that does not exist is
-- missing, also one that was opened while we waited: whoever credits it starts over and finds it.
CREATE OR REPLACE FUNCTION bursar.build_store(p jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $outer$
DECLARE
    v_text text;
    v_name text;
    v_parts CONSTANT text[] := ARRAY[p ->> 'asset', p ->> 'store',
        quote_ident(p ->> 'owner_column'), quote_ident(p ->> 'balance_column'),
        p ->> 'owner_type', p ->> 'own', p ->> 'asset_column', p ->> 'asset_value',
        p ->> 'balance_type', p ->> 'suffix'];
BEGIN
    FOREACH v_text IN ARRAY ARRAY[$f$
CREATE OR REPLACE FUNCTION bursar.lock_%10$s(p_owner_ids text[], p_wait boolean)
RETURNS bursar.wallet_state[]
LANGUAGE plpgsql SET search_path = pg_catalog, bursar, pg_temp AS $b$
DECLARE
    v_states bursar.wallet_state[];
BEGIN
    -- One look-up after the other, in the order given: that order is the lock order.
    IF p_wait THEN
        SELECT array_agg(ROW('%1$s', l.o, l.b, l.h, l.q, l.s)::bursar.wallet_state ORDER BY t.i)
        INTO v_states
        FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
        CROSS JOIN LATERAL (SELECT w.%3$s::text AS o, w.%4$s AS b, w.bursar_held AS h,
            w.bursar_seq AS q, w.bursar_status AS s FROM %2$s AS w
            WHERE %11$s w.%3$s = t.o::%5$s FOR NO KEY UPDATE) AS l;
    ELSE
        SELECT array_agg(ROW('%1$s', l.o, l.b, l.h, l.q, l.s)::bursar.wallet_state ORDER BY t.i)
        INTO v_states
        FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
        CROSS JOIN LATERAL (SELECT w.%3$s::text AS o, w.%4$s AS b, w.bursar_held AS h,
            w.bursar_seq AS q, w.bursar_status AS s FROM %2$s AS w
            WHERE %11$s w.%3$s = t.o::%5$s FOR NO KEY UPDATE SKIP LOCKED) AS l;
    END IF;
    IF v_states IS NULL OR cardinality(v_states) < cardinality(p_owner_ids) THEN
        SELECT array_agg(ROW('%1$s', t.o, coalesce(l.balance, 0), coalesce(l.held, 0),
            coalesce(l.seq, 0), CASE WHEN l.owner_id IS NOT NULL THEN l.status
                WHEN p_wait OR w.%3$s IS NULL THEN 'missing' ELSE 'busy' END)::bursar.wallet_state
            ORDER BY t.i) INTO v_states
        FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
        LEFT JOIN unnest(v_states) AS l ON l.owner_id = t.o
        LEFT JOIN %2$s AS w ON %11$s w.%3$s = t.o::%5$s;
    END IF;
    RETURN v_states;
END
$b$$f$, $f$
CREATE OR REPLACE FUNCTION bursar.write_%10$s(p_states bursar.wallet_state[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, bursar, pg_temp AS $b$
BEGIN
    UPDATE %2$s AS w SET %4$s = s.balance::%9$s, bursar_held = s.held, bursar_seq = s.seq,
        bursar_status = s.status
    FROM unnest(p_states) AS s
    WHERE %11$s w.%3$s = s.owner_id::%5$s AND s.asset = '%1$s';
END
$b$$f$, $f$
CREATE OR REPLACE FUNCTION bursar.open_%10$s(p_owner_ids text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, bursar, pg_temp AS $b$
    INSERT INTO %2$s (%7$s%3$s, %4$s)
    SELECT %8$so::%5$s, 0 FROM unnest(p_owner_ids) AS o ORDER BY o COLLATE "C"
    ON CONFLICT (%7$s%3$s) DO NOTHING
$b$$f$, $f$
CREATE OR REPLACE FUNCTION bursar.look_%10$s(p_owner_id text) RETURNS bursar.wallet_state
LANGUAGE sql STABLE SET search_path = pg_catalog, bursar, pg_temp AS $b$
    SELECT '%1$s', %3$s::text, %4$s::bigint, bursar_held, bursar_seq, bursar_status
    FROM %2$s WHERE %6$s AND %3$s = p_owner_id::%5$s
$b$$f$] LOOP
        EXECUTE format(v_text, VARIADIC v_parts || ARRAY[
            CASE p ->> 'asset_column' WHEN '' THEN '' ELSE 'w.' || (p ->> 'own') || ' AND' END]);
    END LOOP;
    FOREACH v_name IN ARRAY ARRAY['lock_%s(text[], boolean)', 'write_%s(bursar.wallet_state[])',
        'open_%s(text[])', 'look_%s(text)']
    LOOP
        v_name := format(v_name, p ->> 'suffix');
        EXECUTE format('REVOKE ALL ON FUNCTION bursar.%s FROM PUBLIC, anon, authenticated', v_name);
        EXECUTE format('COMMENT ON FUNCTION bursar.%s IS %L', v_name,
            format('Generated: wallets of asset %s live in %s.', p ->> 'asset', p ->> 'store'));
    END LOOP;
END
$outer$;

COMMENT ON FUNCTION bursar.build_store(jsonb) IS 'Writes the functions of one asset''s store.';
REVOKE ALL ON FUNCTION bursar.build_store(jsonb) FROM PUBLIC, anon, authenticated;
