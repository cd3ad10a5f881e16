-- requires: ledger/clock.sql
-- The counts that alerts are judged by, minute by minute. `p_series` is an array of {name, minutes,
-- verbs, not_verbs, kinds, outcomes, timed}: how many minutes to look back, which answers belong to
-- the series (NULL: all; `outcomes` is a regular expression of the whole outcome), and whether its
-- durations are wanted. Answers {until, minutes: [{series, ago, requests, replays, duration_ms,
-- buckets}], beats: [ago]}: the minute that ended at `until` is 1 minute ago.
--
-- A minute counts once it ended a quarter of a minute ago: processes tell every few seconds.
CREATE OR REPLACE FUNCTION bursar.read_minutes(p_series jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_until CONSTANT timestamptz := date_trunc('minute', bursar.clock() - interval '15 seconds');
    v_minutes jsonb;
    v_beats jsonb;
BEGIN
    WITH asked AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(p_series) AS s (name text, minutes integer, verbs text[],
            not_verbs text[], kinds text[], outcomes text, timed boolean)
        WHERE name <> 'beats'
    ),
    counted AS MATERIALIZED (
        SELECT minute, verb, outcome, kind, sum(requests) AS requests, sum(replays) AS replays,
            sum(duration_ms_sum) AS duration_ms, jsonb_agg(buckets) AS buckets
        FROM bursar.metric_minute
        WHERE minute < v_until
            AND minute >= v_until - make_interval(mins => (SELECT max(minutes) FROM asked))
        GROUP BY minute, verb, outcome, kind
    ),
    found AS MATERIALIZED (
        SELECT a.name, a.timed, round(extract(epoch FROM v_until - c.minute) / 60) AS ago,
            c.requests, c.replays, c.duration_ms, c.buckets
        FROM asked AS a
        JOIN counted AS c ON c.minute >= v_until - make_interval(mins => a.minutes)
            AND (a.verbs IS NULL OR c.verb = ANY (a.verbs))
            AND (a.not_verbs IS NULL OR c.verb <> ALL (a.not_verbs))
            AND (a.kinds IS NULL OR c.kind = ANY (a.kinds))
            AND (a.outcomes IS NULL OR c.outcome ~ ('^(?:' || a.outcomes || ')$'))
    ),
    timed AS (
        SELECT b.name, b.ago, jsonb_object_agg(b.bound, b.count) AS buckets
        FROM (SELECT f.name, f.ago, e.key AS bound, sum(e.value::bigint) AS count
            FROM found AS f, jsonb_array_elements(f.buckets) AS one, jsonb_each_text(one) AS e
            WHERE f.timed AND e.value <> '0'
            GROUP BY f.name, f.ago, e.key) AS b
        GROUP BY b.name, b.ago
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object('series', s.name, 'ago', s.ago,
        'requests', s.requests, 'replays', s.replays, 'duration_ms', s.duration_ms,
        'buckets', coalesce(t.buckets, '{}')) ORDER BY s.name, s.ago), '[]')
    INTO v_minutes
    FROM (SELECT name, ago, sum(requests) AS requests, sum(replays) AS replays,
            sum(duration_ms) AS duration_ms
        FROM found GROUP BY name, ago) AS s
    LEFT JOIN timed AS t ON t.name = s.name AND t.ago = s.ago;

    SELECT coalesce(jsonb_agg(DISTINCT
        round(extract(epoch FROM v_until - minute) / 60)::bigint), '[]')
    INTO v_beats
    FROM bursar.heartbeat
    WHERE minute < v_until AND minute >= v_until - make_interval(mins => (
        SELECT (s ->> 'minutes')::integer FROM jsonb_array_elements(p_series) AS s
        WHERE s ->> 'name' = 'beats'));
    RETURN jsonb_build_object('until', v_until, 'minutes', v_minutes, 'beats', v_beats);
END
$$;

COMMENT ON FUNCTION bursar.read_minutes(jsonb) IS
    'The counts that alerts are judged by, minute by minute.';
REVOKE ALL ON FUNCTION bursar.read_minutes(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_minutes(jsonb)
    TO service_role, bursar_service, bursar_operator;
