-- requires: claims/judge_claims.sql
-- The switch between granting claims at once and accepting them for later. While claims are queued,
-- or are opened to a part of the users only, a claim is accepted durably and carried out when the
-- queue is replayed. Which users come first is a matter of their id alone, so that it is the same
-- users every time, and more of them as the percentage grows.
CREATE OR REPLACE FUNCTION bursar.claims_are_open(p_user_id text) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_mode CONSTANT jsonb := (SELECT value FROM public.store_config WHERE key = 'claims_mode');
BEGIN
    -- What cannot be read is no reason to keep everybody waiting.
    RETURN v_mode ->> 'mode' IS DISTINCT FROM 'queue' AND CASE
        WHEN bursar.is_whole(v_mode -> 'percent', 0, 99)
        THEN get_byte(sha256(convert_to(p_user_id, 'UTF8')), 0) * 256
            + get_byte(sha256(convert_to(p_user_id, 'UTF8')), 1)
            < (v_mode ->> 'percent')::integer * 65536 / 100
        ELSE true END;
END
$$;

COMMENT ON FUNCTION bursar.claims_are_open(text) IS 'Whether a user''s claims are granted at once.';
REVOKE ALL ON FUNCTION bursar.claims_are_open(text) FROM PUBLIC, anon, authenticated;

-- What each claim has to wait for, by its place: opening, while claims are queued; purchase, where
-- the store's event is awaited instead of refused, always for a claim that was accepted before: in
-- the queue, or while the database was away, also where it is asked for again; NULL where it need
-- not wait. A claim whose answer is known does not wait, and one that comes from the queue not for
-- the opening.
CREATE OR REPLACE FUNCTION bursar.what_claims_wait_for(
    p_claims bursar.claim_request[], p_verdicts bursar.claim_verdict[], p_requests jsonb
) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_awaits CONSTANT boolean := coalesce((SELECT value = '"pending"' FROM public.store_config
        WHERE key = 'unknown_transaction'), false);
BEGIN
    RETURN ARRAY(
        SELECT CASE
            WHEN v.known IS NOT NULL OR q.override_reason IS NOT NULL
                OR v.refusal IN ('MALFORMED', 'NOT_AUTHORIZED', 'TRANSACTION_OWNED_BY_OTHER',
                    'TRANSACTION_REFUNDED', 'SKU_DISABLED') THEN NULL
            WHEN p_requests -> (q.n - 1) -> 'queued' IS DISTINCT FROM 'true'
                AND NOT bursar.claims_are_open(q.user_id) THEN 'opening'
            WHEN v.refusal = 'UNKNOWN_TRANSACTION'
                AND (v_awaits OR p_requests -> (q.n - 1) -> 'accepted' = 'true'
                    OR p_requests -> (q.n - 1) -> 'queued' = 'true'
                    OR EXISTS (SELECT
                        -- By a plan made while the queue was short, it would be read whole.
                        FROM (SELECT * FROM public.claim_queue AS t
                            WHERE t.user_id = q.user_id AND t.tx_id = q.tx_id OFFSET 0) AS k
                        WHERE k.status = 'waiting' AND (k.store, k.environment)
                            IS NOT DISTINCT FROM (q.store, q.environment)))
                THEN 'purchase' END
        FROM unnest(p_claims) AS q
        JOIN unnest(p_verdicts) AS v ON v.n = q.n
        ORDER BY q.n);
END
$$;

COMMENT ON FUNCTION bursar.what_claims_wait_for(
    bursar.claim_request[], bursar.claim_verdict[], jsonb
) IS 'What each claim has to wait for, or NULL.';
REVOKE ALL ON FUNCTION bursar.what_claims_wait_for(
    bursar.claim_request[], bursar.claim_verdict[], jsonb
) FROM PUBLIC, anon, authenticated;
