-- requires: ledger/raw_write.sql
-- requires: ledger/value_shape.sql
-- Opens the rows of a table that is being adopted, a batch under the rows' locks at a time. A row
-- that somebody else holds is passed over and comes later, so that nobody ever waits for a batch
-- that waits for somebody.

-- Why no wallet can be opened with a row as it is, or NULL: negative, missing, not_a_number,
-- too_large, owner.
CREATE OR REPLACE FUNCTION bursar.found_row_trouble(
    p_owner_id text, p_balance numeric, p_max bigint
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN bursar.is_owner(p_owner_id, 'text') IS NOT TRUE THEN 'owner'
    WHEN p_balance IS NULL THEN 'missing'
    WHEN p_balance = 'NaN' THEN 'not_a_number'
    WHEN p_balance < 0 THEN 'negative'
    WHEN p_balance > p_max THEN 'too_large' END;

COMMENT ON FUNCTION bursar.found_row_trouble(text, numeric, bigint) IS
    'Why no wallet can be opened with a row, or NULL.';
REVOKE ALL ON FUNCTION bursar.found_row_trouble(text, numeric, bigint)
    FROM PUBLIC, anon, authenticated;

-- A debt of the owner's, for a balance that was found below zero; `p_forgiven` writes it off again
-- at once, so that both are to be read in the owner's entries.
CREATE OR REPLACE FUNCTION bursar.owe_found(
    p_asset text, p_owner_id text, p_amount bigint, p_forgiven boolean
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_asset CONSTANT text := p_asset || ':owed';
    v_wallet bursar.wallet;
    v_amount bigint;
BEGIN
    INSERT INTO bursar.wallet (asset, owner_id) VALUES (v_asset, p_owner_id)
    ON CONFLICT (asset, owner_id) DO NOTHING;
    FOREACH v_amount IN ARRAY ARRAY[p_amount, -p_amount] LOOP
        UPDATE bursar.wallet SET balance = balance + v_amount, bursar_seq = bursar_seq + 1
        WHERE asset = v_asset AND owner_id = p_owner_id RETURNING * INTO STRICT v_wallet;
        PERFORM bursar.record_raw(v_asset, p_owner_id, v_amount, v_wallet.bursar_seq,
            v_wallet.balance, CASE WHEN v_amount > 0 THEN 'negative balance found'
                ELSE 'negative balance written off' END);
        EXIT WHEN NOT p_forgiven;
    END LOOP;
END
$$;

COMMENT ON FUNCTION bursar.owe_found(text, text, bigint, boolean) IS
    'Turns a negative balance that was found into a debt, or writes it off.';
REVOKE ALL ON FUNCTION bursar.owe_found(text, text, bigint, boolean)
    FROM PUBLIC, anon, authenticated;

-- Locks rows that are not open yet and can be opened; answers them as they are under the lock.
CREATE OR REPLACE FUNCTION bursar.lock_found(
    d bursar.adoption, p_range text, p_limit integer
) RETURNS bursar.wallet_state[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_rows bursar.wallet_state[];
BEGIN
    EXECUTE format('SELECT array_agg(ROW(%1$L, f.o, f.b, 0, 0, '''')::bursar.wallet_state)
        FROM (SELECT %2$I::text AS o, %3$I::bigint AS b FROM %4$s
            WHERE %5$s AND bursar_seq = -1 AND coalesce(bursar.found_row_trouble(
                %2$I::text, %3$I::numeric, 1000000000000000000), ''none'') = ANY (%6$L::text[])
            LIMIT %7$s FOR NO KEY UPDATE SKIP LOCKED) AS f',
        d.asset, d.owner_column, d.balance_column, d.store, p_range, array_remove(ARRAY['none',
            CASE WHEN d.negative <> 'stop' THEN 'negative' END,
            CASE WHEN d.missing <> 'stop' THEN 'missing' END], NULL), p_limit)
    INTO v_rows;
    RETURN coalesce(v_rows, '{}');
END
$$;

COMMENT ON FUNCTION bursar.lock_found(bursar.adoption, text, integer) IS
    'Locks rows of a table that is being adopted which are not open yet.';
REVOKE ALL ON FUNCTION bursar.lock_found(bursar.adoption, text, integer)
    FROM PUBLIC, anon, authenticated;

-- Opens the next rows in the order of their owners; with `p_left`, rows that were passed over,
-- wherever they are. Answers how many were opened, and whether the end was reached.
CREATE OR REPLACE FUNCTION bursar.open_found_wallets(
    p_asset text, p_limit integer, p_left boolean
) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    d bursar.adoption;
    v_range text := 'true';
    v_last text;
    v_rows bursar.wallet_state[];
    v_odd boolean;
BEGIN
    SELECT * INTO STRICT d FROM bursar.adoption WHERE asset = p_asset AND stage = 'opening'
    FOR UPDATE;
    IF NOT p_left THEN
        IF d.reached IS NOT NULL THEN
            v_range := format('%I > %L', d.owner_column, d.reached);
        END IF;
        EXECUTE format('SELECT (array_agg(f.o))[count(*)] FROM (SELECT %1$I::text AS o FROM %2$s
            WHERE %3$s ORDER BY %1$I LIMIT %4$s) AS f',
            d.owner_column, d.store, v_range, p_limit) INTO v_last;
        IF v_last IS NULL THEN
            RETURN jsonb_build_object('opened', 0, 'end', true);
        END IF;
        v_range := format('%s AND %I <= %L', v_range, d.owner_column, v_last);
    END IF;
    v_rows := bursar.lock_found(d, v_range, p_limit);

    -- In the next statements, under the locks. Moving the sequence makes this no raw write.
    FOREACH v_odd IN ARRAY ARRAY[false, true] LOOP
        EXECUTE format('WITH found AS MATERIALIZED (
            SELECT s.owner_id, bursar.record_found(%1$L, s.owner_id, s.balance) AS seq
            FROM unnest($1) AS s WHERE (coalesce(s.balance, -1) < 0) = %2$L)
            UPDATE %3$s AS w SET bursar_seq = f.seq %4$s FROM found AS f
            WHERE w.%5$I = f.owner_id::%6$s', d.asset, v_odd, d.store,
            CASE WHEN v_odd THEN format(', %I = 0', d.balance_column) ELSE '' END, d.owner_column,
            (SELECT atttypid::regtype FROM pg_attribute
                WHERE attrelid = d.store AND attname = d.owner_column)) USING v_rows;
    END LOOP;
    PERFORM bursar.owe_found(d.asset, s.owner_id, -s.balance, d.negative = 'zero')
    FROM unnest(v_rows) AS s WHERE s.balance < 0;
    UPDATE bursar.adoption SET reached = coalesce(v_last, reached),
        rows_done = rows_done + cardinality(v_rows), changed_at = bursar.clock()
    WHERE asset = p_asset;
    RETURN jsonb_build_object('opened', cardinality(v_rows),
        'end', p_left AND cardinality(v_rows) = 0);
END
$$;

COMMENT ON FUNCTION bursar.open_found_wallets(text, integer, boolean) IS
    'Opens the next rows of a table that is being adopted.';
REVOKE ALL ON FUNCTION bursar.open_found_wallets(text, integer, boolean)
    FROM PUBLIC, anon, authenticated;

-- The rows that are not open, by what keeps them: an object of counts and examples; `held` are
-- those that can be opened as soon as somebody else lets go of them.
CREATE OR REPLACE FUNCTION bursar.read_unopened(p_asset text) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    d bursar.adoption;
    v_found jsonb;
BEGIN
    SELECT * INTO STRICT d FROM bursar.adoption WHERE asset = p_asset;
    EXECUTE format('SELECT coalesce(jsonb_object_agg(k.kind, k.rows), ''{}'') FROM (
        SELECT coalesce(t.trouble, ''held'') AS kind, jsonb_build_object(''count'', count(*),
            ''examples'', (array_agg(jsonb_build_object(''owner'', t.o, ''balance'', t.b)))[1:5])
            AS rows
        FROM (SELECT %1$I::text AS o, %2$I AS b, bursar.found_row_trouble(
            %1$I::text, %2$I::numeric, 1000000000000000000) AS trouble
            FROM %3$s WHERE bursar_seq = -1) AS t GROUP BY 1) AS k',
        d.owner_column, d.balance_column, d.store) INTO v_found;
    RETURN v_found;
END
$$;

COMMENT ON FUNCTION bursar.read_unopened(text) IS
    'Rows of a table that is being adopted which are not open, by what keeps them.';
REVOKE ALL ON FUNCTION bursar.read_unopened(text) FROM PUBLIC, anon, authenticated;

-- Decides anew about rows that no wallet can be opened with, while the table is being opened.
CREATE OR REPLACE FUNCTION bursar.decide_adoption(
    p_asset text, p_negative text, p_missing text
) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    UPDATE bursar.adoption SET negative = coalesce(p_negative, negative),
        missing = coalesce(p_missing, missing), changed_at = bursar.clock()
    WHERE asset = p_asset AND stage = 'opening'
$$;

COMMENT ON FUNCTION bursar.decide_adoption(text, text, text) IS
    'Decides about rows that no wallet can be opened with.';
REVOKE ALL ON FUNCTION bursar.decide_adoption(text, text, text) FROM PUBLIC, anon, authenticated;
