-- requires: claims/streak_shield.sql
-- How the claim endpoint does: each call with its status and duration, and the conflicts by hour.
CREATE OR REPLACE FUNCTION bursar.record_function_metrics(p_calls jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    INSERT INTO public.function_metrics (
        function_name, "timestamp", status_code, duration_ms, error_code)
    SELECT c.function_name, coalesce(c.at, bursar.clock()), c.status_code, c.duration_ms,
        c.error_code
    FROM jsonb_to_recordset(p_calls) AS c (function_name text, at timestamptz,
        status_code integer, duration_ms numeric, error_code text)
    LIMIT 10000;
    RETURN jsonb_build_object('recorded', jsonb_array_length(p_calls));
END
$$;

COMMENT ON FUNCTION bursar.record_function_metrics(jsonb) IS
    'Adds calls of an endpoint, with status and duration.';
REVOKE ALL ON FUNCTION bursar.record_function_metrics(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.record_function_metrics(jsonb) TO service_role, bursar_service;

-- By hour, newest first: claims, those that met a cap or somebody else's transaction, and their
-- share in percent. More than 10 percent is worth a look.
CREATE OR REPLACE VIEW public.v_claim_conflicts_rolling WITH (security_invoker = true) AS
SELECT date_trunc('hour', m."timestamp") AS hour,
    count(*) AS total_claims,
    count(*) FILTER (WHERE m.status_code = 409) AS conflicts,
    count(*) FILTER (WHERE m.error_code = 'cap_exceeded') AS cap_conflicts,
    count(*) FILTER (WHERE m.error_code = 'transaction_owned_by_other') AS ownership_conflicts,
    round(100.0 * count(*) FILTER (WHERE m.status_code = 409) / count(*), 2) AS conflict_percent
FROM public.function_metrics AS m
WHERE m.function_name = 'claim'
GROUP BY 1
ORDER BY 1 DESC;

COMMENT ON VIEW public.v_claim_conflicts_rolling IS 'Conflicts of the claim endpoint, by hour.';
REVOKE ALL ON public.v_claim_conflicts_rolling FROM PUBLIC, anon, authenticated, service_role;
GRANT SELECT ON public.v_claim_conflicts_rolling TO service_role, bursar_operator;
