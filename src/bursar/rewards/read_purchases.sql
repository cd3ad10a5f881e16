-- requires: ledger/claim.sql
-- requires: ledger/value_shape.sql
-- Reads and checks requests to purchase rewards, and looks up whom each would pay. PL/pgSQL keeps
-- the plan from call to call; PostgreSQL before 18 plans a function in plain SQL each time.
CREATE OR REPLACE FUNCTION bursar.read_purchases(p_requests jsonb) RETURNS bursar.purchase[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
RETURN (SELECT array_agg(ROW(
    t.n, c.reward_id, c.collector_id, s.creator_id,
    CASE WHEN m.field IS NULL THEN f.expected_price::bigint END,
    coalesce(f.actor, f.principal, 'service'),
    CASE WHEN m.field IS NULL THEN bursar.claim(
        c.collector_id::text, coalesce(f.principal, 'service'), 'purchase_reward', f.key) END,
    bursar.fingerprint(c.reward_id || ' ' || coalesce(f.expected_price::text, '')),
    CASE WHEN m.field IS NOT NULL THEN 'MALFORMED'
        WHEN f.caller ->> 'role' IS DISTINCT FROM 'service_role'
            AND (f.caller ->> 'role' IS NOT DISTINCT FROM 'anon'
                OR lower(f.caller ->> 'sub') IS DISTINCT FROM c.collector_id::text)
            THEN 'NOT_AUTHORIZED'
        WHEN s.id IS NULL THEN 'REWARD_NOT_FOUND'
        WHEN s.creator_id = c.collector_id THEN 'SELF_PURCHASE' END,
    jsonb_build_object('field', m.field))::bursar.purchase ORDER BY t.n)
FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, n)
CROSS JOIN LATERAL jsonb_to_record(
    CASE jsonb_typeof(t.q) WHEN 'object' THEN jsonb_strip_nulls(t.q) ELSE '{}' END
) AS f (reward_id text, collector_id text, expected_price jsonb, caller jsonb, key text,
    principal text, actor text)
CROSS JOIN LATERAL (SELECT CASE
    WHEN f.reward_id IS NULL OR NOT bursar.is_uuid(f.reward_id) THEN 'reward_id'
    WHEN f.collector_id IS NULL OR NOT bursar.is_uuid(f.collector_id) THEN 'collector_id'
    WHEN f.expected_price IS NOT NULL
        AND NOT bursar.is_whole(f.expected_price, 1, 1000000000000000) THEN 'expected_price'
    WHEN NOT bursar.is_text(t.q -> 'key') OR NOT bursar.is_printable(f.key, 255) THEN 'key'
    WHEN f.principal NOT IN ('user', 'service', 'operator') THEN 'principal'
    WHEN NOT bursar.is_text(t.q -> 'actor') OR NOT bursar.is_printable(f.actor, 255)
        THEN 'actor' END AS field
    -- Without the OFFSET the planner would paste these checks into each place that asks for them.
    OFFSET 0) AS m
CROSS JOIN LATERAL (SELECT CASE WHEN m.field IS NULL THEN f.reward_id::uuid END AS reward_id,
    CASE WHEN m.field IS NULL THEN f.collector_id::uuid END AS collector_id OFFSET 0) AS c
LEFT JOIN LATERAL (SELECT r.id, r.creator_id FROM public.rewards AS r
    WHERE r.id = c.reward_id LIMIT 1) AS s ON true);
END
$$;

COMMENT ON FUNCTION bursar.read_purchases(jsonb) IS
    'Reads and checks requests to purchase rewards.';
REVOKE ALL ON FUNCTION bursar.read_purchases(jsonb) FROM PUBLIC, anon, authenticated;
