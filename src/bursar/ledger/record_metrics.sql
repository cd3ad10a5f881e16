-- What a service process counted since it last said so, added to its own rows: one process never
-- waits for another. `p_rows` is an array of {minute, process, verb, outcome, requests,
-- duration_ms_sum, duration_ms_max, buckets: {upper bound in ms: count}}.
CREATE OR REPLACE FUNCTION bursar.record_metrics(p_rows jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    INSERT INTO bursar.metric_minute AS m
    SELECT date_trunc('minute', r.minute), r.process, r.verb, r.outcome, r.requests,
        r.duration_ms_sum, r.duration_ms_max, coalesce(r.buckets, '{}')
    FROM jsonb_to_recordset(p_rows) AS r (minute timestamptz, process text, verb text, outcome text,
        requests bigint, duration_ms_sum double precision, duration_ms_max double precision,
        buckets jsonb)
    ORDER BY 1, 2, 3, 4
    ON CONFLICT (minute, process, verb, outcome) DO UPDATE SET
        requests = m.requests + EXCLUDED.requests,
        duration_ms_sum = m.duration_ms_sum + EXCLUDED.duration_ms_sum,
        duration_ms_max = greatest(m.duration_ms_max, EXCLUDED.duration_ms_max),
        buckets = (
            SELECT coalesce(jsonb_object_agg(b.bound, b.count), '{}') FROM (
                SELECT u.key AS bound, sum(u.value::bigint) AS count
                FROM (SELECT * FROM jsonb_each_text(m.buckets)
                    UNION ALL SELECT * FROM jsonb_each_text(EXCLUDED.buckets)) AS u
                GROUP BY u.key) AS b)
$$;

COMMENT ON FUNCTION bursar.record_metrics(jsonb) IS 'Adds what a process counted to its minutes.';
REVOKE ALL ON FUNCTION bursar.record_metrics(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.record_metrics(jsonb) TO service_role, bursar_service;
