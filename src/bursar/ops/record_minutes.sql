-- requires: ledger/record_metrics.sql
-- requires: ledger/clock.sql
-- What a service process counted since it last said so, added to its own rows, and that it was
-- there. `p_rows` is an array of what record_metrics takes but `process`, with `kind` and `replays`
-- beside it. Minutes are the process's own; where its clock, `p_sent_at`, is off by half a minute
-- or more, they are moved to those of the database.
CREATE OR REPLACE FUNCTION bursar.record_minutes(
    p_rows jsonb, p_process text, p_sent_at timestamptz
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_off CONSTANT interval := make_interval(mins =>
        round(extract(epoch FROM v_now - p_sent_at) / 60)::integer);
    v_rows jsonb;
BEGIN
    SELECT jsonb_agg(r || jsonb_build_object('process', p_process,
        'minute', date_trunc('minute', (r ->> 'minute')::timestamptz + v_off)))
    INTO v_rows FROM jsonb_array_elements(p_rows) AS r;
    PERFORM bursar.record_metrics(coalesce(v_rows, '[]'));
    UPDATE bursar.metric_minute AS m
    SET kind = r.kind, replays = m.replays + coalesce(r.replays, 0)
    FROM jsonb_to_recordset(v_rows) AS r (minute timestamptz, process text, verb text, outcome text,
        kind text, replays bigint)
    WHERE (m.minute, m.process, m.verb, m.outcome) = (r.minute, r.process, r.verb, r.outcome)
        AND (m.kind <> r.kind OR r.replays > 0);
    INSERT INTO bursar.heartbeat (minute, process)
    VALUES (date_trunc('minute', v_now), p_process) ON CONFLICT DO NOTHING;
END
$$;

COMMENT ON FUNCTION bursar.record_minutes(jsonb, text, timestamptz) IS
    'Adds what a process counted to its minutes, and that it was there.';
REVOKE ALL ON FUNCTION bursar.record_minutes(jsonb, text, timestamptz)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.record_minutes(jsonb, text, timestamptz)
    TO service_role, bursar_service;
