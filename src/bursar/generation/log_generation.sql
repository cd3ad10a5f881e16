-- requires: ledger/clock.sql
-- What happened to a job or a deduction, in words that a person can search for. The same message
-- goes into the service's log.
CREATE OR REPLACE FUNCTION bursar.tell_generation(
    p_what text, p_user_id uuid, p_amount bigint, p_reason text
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE p_what
    WHEN 'refunded' THEN format('Refunded %s %s to user %s due to %s', p_amount,
        CASE p_amount WHEN 1 THEN 'credit' ELSE 'credits' END, p_user_id, p_reason)
    WHEN 'refund_refused' THEN format('Could not refund %s %s to user %s due to %s', p_amount,
        CASE p_amount WHEN 1 THEN 'credit' ELSE 'credits' END, p_user_id, p_reason)
    WHEN 'completed' THEN format('Captured %s %s of user %s', p_amount,
        CASE p_amount WHEN 1 THEN 'credit' ELSE 'credits' END, p_user_id)
    WHEN 'late_success' THEN 'A result came after the credit was given back; it was not delivered'
    WHEN 'late_failure' THEN 'A failure came after the job had gone on; nothing changed'
    WHEN 'duplicate_answer' THEN 'The result came again; nothing changed'
    WHEN 'attempt_failed' THEN format('An attempt failed and is tried again: %s', p_reason)
    ELSE p_what END;

COMMENT ON FUNCTION bursar.tell_generation(text, uuid, bigint, text) IS
    'What happened to a job, in words.';
REVOKE ALL ON FUNCTION bursar.tell_generation(text, uuid, bigint, text)
    FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE FUNCTION bursar.log_generation(
    p_job_id uuid, p_user_id uuid, p_what text, p_reason text, p_amount bigint, p_actor text,
    p_details jsonb DEFAULT '{}'
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    INSERT INTO public.generation_events (
        job_id, user_id, what, message, actor, details, happened_at)
    VALUES (p_job_id, p_user_id, p_what,
        bursar.tell_generation(p_what, p_user_id, p_amount, p_reason), p_actor,
        jsonb_strip_nulls(jsonb_build_object('reason', p_reason, 'amount', p_amount)) || p_details,
        bursar.clock());
END
$$;

COMMENT ON FUNCTION bursar.log_generation(uuid, uuid, text, text, bigint, text, jsonb) IS
    'Records what happened to a job or a deduction.';
REVOKE ALL ON FUNCTION bursar.log_generation(uuid, uuid, text, text, bigint, text, jsonb)
    FROM PUBLIC, anon, authenticated;
