-- The functions of one asset. `p` describes the asset's store as bursar.build_stores reads it.
--
-- Lock: takes distinct owner ids sorted by COLLATE "C" (for uuids the same order as the type's
-- own), locks their rows in that order and answers one state for each. With `p_wait` it waits;
-- without, a row that somebody else holds is answered as busy. A wallet that does not exist is
-- missing, also one that was opened while we waited: whoever credits it starts over and finds it.
--
-- Pay is the straight road of one payment between two wallets, on which a lone request travels: it
-- writes at once, in the lock order, what most payments come to, and raises UBX02 where anything is
-- out of the ordinary: a closed gate, a known claim, too little, a hold, a debt, a wallet that is
-- missing or not open. Then bursar.carry undoes it and goes the long way.
CREATE OR REPLACE FUNCTION bursar.build_store(p jsonb) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $outer$
DECLARE
    v_text text;
    v_name text;
    v_own CONSTANT text := CASE p ->> 'asset_column' WHEN '' THEN ''
        ELSE 'w.' || (p ->> 'own') || ' AND' END;
    -- Owners come as "C" texts, sorted; an index on texts is read for those of its own collation.
    v_owner CONSTANT text := (p ->> 'owner_type') || coalesce((
        SELECT format(' COLLATE %I.%I', n.nspname, c.collname)
        FROM pg_attribute AS a
        JOIN pg_collation AS c ON c.oid = a.attcollation
        JOIN pg_namespace AS n ON n.oid = c.collnamespace
        WHERE a.attrelid = (p ->> 'store')::regclass AND a.attname = p ->> 'owner_column'), '');
    -- An index on uuids answers them in the lock order, unless it was made the other way round (one
    -- that comes later counts from the next build); one on texts has the order of its collation.
    v_sorted CONSTANT boolean := p ->> 'owner_type' = 'uuid' AND NOT EXISTS (
        SELECT FROM pg_index AS i
        CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indoption::int2[]) AS k (attnum, option)
        JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
        WHERE i.indrelid = (p ->> 'store')::regclass AND a.attname = p ->> 'owner_column'
            AND k.option & 1 = 1);
    v_parts CONSTANT text[] := ARRAY[p ->> 'asset', p ->> 'store',
        quote_ident(p ->> 'owner_column'), quote_ident(p ->> 'balance_column'),
        v_owner, p ->> 'own', p ->> 'asset_column', p ->> 'asset_value',
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
                WHEN p_wait OR x.s IS NULL THEN 'missing' ELSE 'busy' END)::bursar.wallet_state
            ORDER BY t.i) INTO v_states
        FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
        LEFT JOIN unnest(v_states) AS l ON l.owner_id = t.o
        -- By a plan made while the table had one row, a join would read it whole, and so would a
        -- look-up that the index alone can answer.
        LEFT JOIN LATERAL (SELECT w.bursar_status AS s FROM %2$s AS w
            WHERE %11$s w.%3$s = t.o::%5$s LIMIT 1) AS x ON true;
    END IF;
    RETURN v_states;
END
$b$$f$, $f$
CREATE OR REPLACE FUNCTION bursar.write_%10$s(p_states bursar.wallet_state[]) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, bursar, pg_temp AS $b$
BEGIN
    UPDATE %2$s AS w SET %4$s = s.balance::%9$s, bursar_held = s.held, bursar_seq = s.seq,
        bursar_status = s.status
    FROM unnest(p_states) AS s
    -- By a plan made while the table had one row, it would be read whole for each state.
    CROSS JOIN LATERAL (SELECT w.ctid AS at, w.%3$s AS o FROM %2$s AS w
        WHERE %11$s w.%3$s = s.owner_id::%5$s LIMIT 1) AS c
    WHERE w.ctid = c.at AND %11$s w.%3$s = c.o AND s.asset = '%1$s';
    RETURN FOUND;
END
$b$$f$, $f$
CREATE OR REPLACE FUNCTION bursar.pay_%10$s(
    p_id bigint, p_verb text, p_payer text, p_payee text, p_amount bigint, p_bucket text,
    p_reason text, p_actor text, p_claim bytea, p_fingerprint bytea, p_extra json
) RETURNS json
LANGUAGE plpgsql SET search_path = pg_catalog, bursar, pg_temp AS $b$
DECLARE
    v_payer CONSTANT %5$s := p_payer;
    v_payee CONSTANT %5$s := p_payee;
    v_outcome json;
    v_both boolean;
BEGIN%13$s
    WITH moved AS (
        UPDATE %2$s AS w SET bursar_seq = w.bursar_seq + 1,
            %4$s = w.%4$s + CASE WHEN w.%3$s = v_payer THEN -p_amount ELSE p_amount END
        -- One look-up of both, in the order of the index: see v_sorted.
        WHERE %11$s w.%3$s IN (v_payer, v_payee)
            AND w.bursar_held = 0 AND w.bursar_status = 'open'
            AND w.%4$s + CASE WHEN w.%3$s = v_payer THEN -p_amount ELSE p_amount END
                BETWEEN 0 AND %12$s
            AND NOT (SELECT degraded FROM bursar.gate)
        RETURNING w.%3$s = v_payer AS pays, w.bursar_seq AS seq, w.%4$s::bigint AS balance
    ), entries AS (
        INSERT INTO bursar.entry
        SELECT p_id, CASE WHEN m.pays THEN 1 ELSE 2 END, '%1$s',
            CASE WHEN m.pays THEN p_payer ELSE p_payee END,
            CASE WHEN m.pays THEN -p_amount ELSE p_amount END,
            m.seq, m.balance, CASE WHEN m.pays THEN 'used' ELSE p_bucket END
        FROM moved AS m
    ), event AS (
        -- Nothing reads this one, so it comes last, and its clock is read under both locks.
        INSERT INTO bursar.transaction (
            id, verb, asset, owner_id, amount, reason, actor, created_at)
        SELECT p_id, p_verb, '%1$s', p_payer, p_amount, p_reason, p_actor, bursar.clock()
    )
    INSERT INTO bursar.idempotency
    SELECT p_claim, p_fingerprint, bursar.done(
        p_id, p_verb, '%1$s', p_payer, p_amount, m.balance, 0, 0, p_extra), bursar.clock()
    FROM moved AS m WHERE m.pays
    RETURNING outcome, EXISTS (SELECT FROM moved AS m WHERE NOT m.pays) INTO v_outcome, v_both;
    IF v_both IS NOT TRUE OR EXISTS (SELECT FROM bursar.wallet AS o
        WHERE o.asset = '%1$s:owed' AND o.owner_id IN (p_payer, p_payee))
    THEN
        RAISE EXCEPTION 'Something is in the way.' USING ERRCODE = 'UBX02';
    END IF;
    RETURN v_outcome;
END
$b$$f$, $f$
CREATE OR REPLACE FUNCTION bursar.open_%10$s(p_owner_ids text[]) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, bursar, pg_temp AS $b$
    WITH opened AS (INSERT INTO %2$s (%7$s%3$s, %4$s)
    SELECT %8$so::%5$s, 0 FROM unnest(p_owner_ids) AS o ORDER BY o COLLATE "C"
    ON CONFLICT (%7$s%3$s) DO NOTHING RETURNING 1)
    SELECT count(*) FROM opened
$b$$f$, $f$
CREATE OR REPLACE FUNCTION bursar.look_%10$s(p_owner_id text) RETURNS bursar.wallet_state
LANGUAGE sql STABLE SET search_path = pg_catalog, bursar, pg_temp AS $b$
    SELECT '%1$s', %3$s::text, %4$s::bigint, bursar_held, bursar_seq, bursar_status
    FROM %2$s WHERE %6$s AND %3$s = p_owner_id::%5$s
$b$$f$] LOOP
        EXECUTE format(v_text, VARIADIC v_parts || ARRAY[
            v_own,
            p ->> 'balance_max',
            CASE WHEN v_sorted THEN '' ELSE format('
    PERFORM FROM %1$s AS w WHERE %2$s w.%3$I = least(p_payer COLLATE "C", p_payee)::%4$s
        FOR NO KEY UPDATE;
    PERFORM FROM %1$s AS w WHERE %2$s w.%3$I = greatest(p_payer COLLATE "C", p_payee)::%4$s
        FOR NO KEY UPDATE;',
                p ->> 'store', v_own, p ->> 'owner_column', v_owner) END]);
    END LOOP;
    FOREACH v_name IN ARRAY ARRAY['lock_%s(text[], boolean)', 'write_%s(bursar.wallet_state[])',
        'open_%s(text[])', 'look_%s(text)',
        'pay_%s(bigint, text, text, text, bigint, text, text, text, bytea, bytea, json)']
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
