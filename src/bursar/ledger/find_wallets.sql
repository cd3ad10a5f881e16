-- requires: ledger/read_wallet.sql
-- Wallets as somebody looks for them: by the beginning of their owner's id, or those that moved
-- last. Both walk an index of the entries, so both look at a bounded number of rows; a wallet that
-- never moved has no entry, and is found by its whole id.

-- A wallet as lists show it: what it holds, and when it moved last.
CREATE OR REPLACE FUNCTION bursar.tell_wallet(p_owner_id text, p_asset text) RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
    SELECT bursar.read_wallet(p_owner_id, p_asset) || jsonb_build_object('moved_at', (
        SELECT t.created_at FROM bursar.transaction AS t WHERE t.id = (
            SELECT e.transaction_id FROM bursar.entry AS e
            WHERE e.owner_id = p_owner_id AND e.asset = p_asset AND e.seq IS NOT NULL
            ORDER BY e.seq DESC LIMIT 1)))
$$;

COMMENT ON FUNCTION bursar.tell_wallet(text, text) IS 'A wallet as lists show it.';
REVOKE ALL ON FUNCTION bursar.tell_wallet(text, text) FROM PUBLIC, anon, authenticated;

-- Wallets whose owner's id begins with `p_text`, in the index's order, after one of them. At most
-- 2,000 are looked at: where `next` is set there may be more, however few were found.
CREATE OR REPLACE FUNCTION bursar.find_wallets(
    p_text text, p_asset text DEFAULT NULL, p_after_owner_id text DEFAULT NULL,
    p_after_asset text DEFAULT NULL, p_limit integer DEFAULT 50
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_owner_id text := coalesce(p_after_owner_id, p_text);
    v_asset text := coalesce(p_after_asset, '');
    v_limit CONSTANT integer := least(greatest(p_limit, 1), 200);
    v_wallets jsonb := '[]';
    v_looked integer := 0;
    v_strangers integer := 0;
    v_next jsonb;
    v_entry record;
BEGIN
    IF p_after_owner_id IS NULL THEN
        v_wallets := coalesce((SELECT jsonb_agg(w.state ORDER BY a.asset)
            FROM bursar.asset AS a
            CROSS JOIN LATERAL (SELECT bursar.tell_wallet(p_text, a.asset) AS state) AS w
            WHERE a.asset NOT LIKE '%:owed' AND (p_asset IS NULL OR a.asset = p_asset)
                AND (w.state ->> 'seq')::bigint = 0), '[]');
    END IF;
    LOOP
        SELECT e.owner_id, e.asset INTO v_entry
        FROM bursar.entry AS e
        WHERE e.seq IS NOT NULL AND (e.owner_id, e.asset) > (v_owner_id, v_asset)
        ORDER BY e.owner_id, e.asset LIMIT 1;
        EXIT WHEN NOT FOUND;
        IF jsonb_array_length(v_wallets) >= v_limit OR v_looked >= 2000 THEN
            v_next := jsonb_build_object('owner_id', v_owner_id, 'asset', v_asset);
            EXIT;
        END IF;
        v_owner_id := v_entry.owner_id;
        v_asset := v_entry.asset;
        v_looked := v_looked + 1;
        IF starts_with(v_owner_id, p_text) THEN
            v_strangers := 0;
            IF v_asset NOT LIKE '%:owed' AND (p_asset IS NULL OR v_asset = p_asset) THEN
                v_wallets := v_wallets || coalesce(bursar.tell_wallet(v_owner_id, v_asset), '[]');
            END IF;
        ELSE
            -- In the order of some languages others stand between those that begin alike.
            v_strangers := v_strangers + 1;
            EXIT WHEN v_strangers >= 100;
        END IF;
    END LOOP;
    RETURN jsonb_build_object('wallets', v_wallets, 'looked', v_looked, 'next', v_next);
END
$$;

COMMENT ON FUNCTION bursar.find_wallets(text, text, text, text, integer) IS
    'Wallets by the beginning of their owner''s id, a page of them.';
REVOKE ALL ON FUNCTION bursar.find_wallets(text, text, text, text, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.find_wallets(text, text, text, text, integer)
    TO service_role, bursar_service, bursar_operator;

-- Wallets by when they moved last, newest first, before one entry; each is told once. What moves
-- after `as_of`, which the first page answers, stays where it was for the pages that follow. Of the
-- entries at most 2,000 are looked at: where `next` is set there may be more.
CREATE OR REPLACE FUNCTION bursar.list_moved_wallets(
    p_asset text DEFAULT NULL, p_as_of bigint DEFAULT NULL, p_before_id bigint DEFAULT NULL,
    p_before_line integer DEFAULT NULL, p_limit integer DEFAULT 50
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_as_of CONSTANT bigint := coalesce(p_as_of, (SELECT max(id) FROM bursar.transaction), 0);
    v_before_id CONSTANT bigint := coalesce(p_before_id, v_as_of + 1);
    v_before_line CONSTANT smallint := least(coalesce(p_before_line, 0), 32767);
    v_limit CONSTANT integer := least(greatest(p_limit, 1), 200);
    v_found record;
BEGIN
    WITH area AS MATERIALIZED (
        SELECT e.transaction_id, e.line, e.owner_id, e.asset, e.seq FROM bursar.entry AS e
        WHERE (e.transaction_id, e.line) < (v_before_id, v_before_line)
        ORDER BY e.transaction_id DESC, e.line DESC LIMIT 2000
    ), newest AS MATERIALIZED (
        SELECT DISTINCT ON (a.owner_id, a.asset) a.* FROM area AS a
        WHERE a.seq IS NOT NULL AND a.asset NOT LIKE '%:owed'
            AND (p_asset IS NULL OR a.asset = p_asset)
        ORDER BY a.owner_id, a.asset, a.seq DESC
    ), moved AS MATERIALIZED (
        SELECT n.* FROM newest AS n
        -- What moved later was told on a page before.
        CROSS JOIN LATERAL (SELECT e.seq FROM bursar.entry AS e
            WHERE e.owner_id = n.owner_id AND e.asset = n.asset AND e.seq IS NOT NULL
                AND e.transaction_id <= v_as_of
            ORDER BY e.seq DESC LIMIT 1) AS l
        WHERE l.seq = n.seq
        ORDER BY n.transaction_id DESC, n.line DESC LIMIT v_limit + 1
    ), shown AS MATERIALIZED (
        SELECT * FROM moved ORDER BY transaction_id DESC, line DESC LIMIT v_limit
    )
    SELECT (SELECT coalesce(jsonb_agg(bursar.tell_wallet(s.owner_id, s.asset)
                ORDER BY s.transaction_id DESC, s.line DESC), '[]') FROM shown AS s) AS wallets,
        (SELECT jsonb_build_object('id', o.transaction_id, 'line', o.line)
            FROM (SELECT s.transaction_id, s.line FROM shown AS s
                WHERE (SELECT count(*) FROM moved) > v_limit
                UNION ALL SELECT a.transaction_id, a.line FROM area AS a
                WHERE (SELECT count(*) FROM moved) <= v_limit
                    AND (SELECT count(*) FROM area) = 2000) AS o
            ORDER BY o.transaction_id, o.line LIMIT 1) AS next
    INTO v_found;
    RETURN jsonb_build_object('as_of', v_as_of, 'wallets', v_found.wallets, 'next', v_found.next);
END
$$;

COMMENT ON FUNCTION bursar.list_moved_wallets(text, bigint, bigint, integer, integer) IS
    'Wallets by when they moved last, a page of them.';
REVOKE ALL ON FUNCTION bursar.list_moved_wallets(text, bigint, bigint, integer, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.list_moved_wallets(text, bigint, bigint, integer, integer)
    TO service_role, bursar_service, bursar_operator;

-- The names of the assets, for a choice of one.
CREATE OR REPLACE FUNCTION bursar.list_assets() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(a.asset ORDER BY a.asset), '[]')
    FROM bursar.asset AS a WHERE a.asset NOT LIKE '%:owed'
$$;

COMMENT ON FUNCTION bursar.list_assets() IS 'The names of the assets.';
REVOKE ALL ON FUNCTION bursar.list_assets() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.list_assets() TO service_role, bursar_service, bursar_operator;
