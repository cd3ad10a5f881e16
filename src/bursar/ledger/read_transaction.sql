-- One transaction with both its sides, and one hold. NULL where there is none.
CREATE OR REPLACE FUNCTION bursar.read_transaction(p_transaction_id bigint) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT to_jsonb(t) || jsonb_build_object(
        'entries', (SELECT coalesce(jsonb_agg(
            to_jsonb(e) - 'transaction_id' ORDER BY e.line), '[]')
            FROM bursar.entry AS e WHERE e.transaction_id = t.id),
        'corrected_by', (SELECT coalesce(jsonb_agg(c.id ORDER BY c.id), '[]')
            FROM bursar.transaction AS c WHERE c.corrects = t.id))
    FROM bursar.transaction AS t WHERE t.id = p_transaction_id
$$;

COMMENT ON FUNCTION bursar.read_transaction(bigint) IS 'One transaction, with its entries.';
REVOKE ALL ON FUNCTION bursar.read_transaction(bigint) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_transaction(bigint)
    TO service_role, bursar_service, bursar_operator;

CREATE OR REPLACE FUNCTION bursar.read_hold(p_hold_id bigint) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT to_jsonb(h) || jsonb_build_object(
        'left', CASE h.status WHEN 'open' THEN h.amount - h.captured - h.released ELSE 0 END,
        'lapsed', h.status = 'open' AND h.expires_at <= bursar.clock())
    FROM bursar.hold AS h WHERE h.id = p_hold_id
$$;

COMMENT ON FUNCTION bursar.read_hold(bigint) IS 'One hold, and what is left of it.';
REVOKE ALL ON FUNCTION bursar.read_hold(bigint) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_hold(bigint) TO service_role, bursar_service, bursar_operator;
