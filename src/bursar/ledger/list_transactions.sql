-- requires: ledger/read_transaction.sql
-- Transactions newest first, before one of them. One verb alone has no index: of a rare one the
-- newest 5,000 transactions are looked through, and `next` says where to go on.
CREATE OR REPLACE FUNCTION bursar.list_transactions(
    p_verb text DEFAULT NULL, p_before_id bigint DEFAULT NULL, p_limit integer DEFAULT 50
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    v_limit CONSTANT integer := least(greatest(p_limit, 1), 200);
    v_area CONSTANT integer := CASE WHEN p_verb IS NULL THEN v_limit + 1 ELSE 5000 END;
    v_found record;
BEGIN
    WITH area AS MATERIALIZED (
        SELECT t.id, t.verb FROM bursar.transaction AS t
        WHERE t.id < coalesce(p_before_id, 9223372036854775807)
        ORDER BY t.id DESC LIMIT v_area
    ), found AS MATERIALIZED (
        SELECT a.id FROM area AS a WHERE p_verb IS NULL OR a.verb = p_verb
        ORDER BY a.id DESC LIMIT v_limit + 1
    ), shown AS MATERIALIZED (
        SELECT f.id FROM found AS f ORDER BY f.id DESC LIMIT v_limit
    )
    SELECT (SELECT coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'verb', t.verb,
                'asset', t.asset, 'owner_id', t.owner_id, 'amount', t.amount, 'reason', t.reason,
                'actor', t.actor, 'corrects', t.corrects, 'created_at', t.created_at)
                ORDER BY s.id DESC), '[]')
            FROM shown AS s CROSS JOIN LATERAL (
                SELECT * FROM bursar.transaction AS o WHERE o.id = s.id LIMIT 1) AS t) AS list,
        CASE WHEN (SELECT count(*) FROM found) > v_limit THEN (SELECT min(s.id) FROM shown AS s)
            WHEN (SELECT count(*) FROM area) = v_area THEN (SELECT min(a.id) FROM area AS a) END
            AS next
    INTO v_found;
    RETURN jsonb_build_object('transactions', v_found.list, 'next', v_found.next);
END
$$;

COMMENT ON FUNCTION bursar.list_transactions(text, bigint, integer) IS
    'Transactions newest first, a page of them.';
REVOKE ALL ON FUNCTION bursar.list_transactions(text, bigint, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.list_transactions(text, bigint, integer)
    TO service_role, bursar_service, bursar_operator;

-- The open holds of a wallet, those that end soonest first.
CREATE OR REPLACE FUNCTION bursar.list_open_holds(
    p_owner_id text, p_asset text, p_limit integer DEFAULT 50
) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET enable_seqscan = off
AS $$
    SELECT coalesce(jsonb_agg(bursar.read_hold(h.id) ORDER BY h.expires_at, h.id), '[]')
    FROM (SELECT o.id, o.expires_at FROM bursar.hold AS o
        WHERE o.owner_id = p_owner_id AND o.asset = p_asset AND o.status = 'open'
        ORDER BY o.expires_at, o.id LIMIT least(greatest(p_limit, 1), 200)) AS h
$$;

COMMENT ON FUNCTION bursar.list_open_holds(text, text, integer) IS 'The open holds of a wallet.';
REVOKE ALL ON FUNCTION bursar.list_open_holds(text, text, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.list_open_holds(text, text, integer)
    TO service_role, bursar_service, bursar_operator;
