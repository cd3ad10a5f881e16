-- requires: ledger/clock.sql
-- The counts of bursar.read_minutes over a long time: added up over spans of `p_apart` minutes, so
-- that a week is a thousand numbers a series. `p_series` and the answer are as there, but `ago`
-- counts spans: the one that ended at `until` is 1.
CREATE OR REPLACE FUNCTION bursar.read_minutes_apart(p_series jsonb, p_apart integer)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
-- Nothing is known of how many rows these parts have; each of them is read once.
SET enable_nestloop = off
AS $$
DECLARE
    v_until CONSTANT timestamptz := date_trunc('minute', bursar.clock() - interval '15 seconds');
    v_spans jsonb;
BEGIN
    WITH asked AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(p_series) AS s (name text, minutes integer, verbs text[],
            not_verbs text[], kinds text[], outcomes text, timed boolean)
    ),
    counted AS MATERIALIZED (
        SELECT ceil(extract(epoch FROM v_until - minute) / 60 / p_apart) AS ago,
            verb, outcome, kind, sum(requests) AS requests, sum(replays) AS replays,
            sum(duration_ms_sum) AS duration_ms
        FROM bursar.metric_minute
        WHERE minute < v_until
            AND minute >= v_until - make_interval(mins => (SELECT max(minutes) FROM asked))
        GROUP BY 1, 2, 3, 4
    ),
    bounds AS MATERIALIZED (
        SELECT ceil(extract(epoch FROM v_until - m.minute) / 60 / p_apart) AS ago,
            m.verb, m.outcome, m.kind, e.key AS bound, sum(e.value::bigint) AS count
        FROM bursar.metric_minute AS m, jsonb_each_text(m.buckets) AS e
        WHERE m.minute < v_until AND e.value <> '0' AND m.minute
            >= v_until - make_interval(mins => (SELECT max(minutes) FROM asked WHERE timed))
        GROUP BY 1, 2, 3, 4, 5
    ),
    belonging AS MATERIALIZED (
        SELECT a.name, a.timed, k.verb, k.outcome, k.kind
        FROM asked AS a
        JOIN (SELECT DISTINCT verb, outcome, kind FROM counted) AS k
            ON (a.verbs IS NULL OR k.verb = ANY (a.verbs))
            AND (a.not_verbs IS NULL OR k.verb <> ALL (a.not_verbs))
            AND (a.kinds IS NULL OR k.kind = ANY (a.kinds))
            AND (a.outcomes IS NULL OR k.outcome ~ ('^(?:' || a.outcomes || ')$'))
    ),
    timed AS MATERIALIZED (
        SELECT t.name, t.ago, jsonb_object_agg(t.bound, t.count) AS buckets
        FROM (SELECT g.name, b.ago, b.bound, sum(b.count) AS count
            FROM bounds AS b
            JOIN belonging AS g
                ON g.timed AND (g.verb, g.outcome, g.kind) = (b.verb, b.outcome, b.kind)
            GROUP BY g.name, b.ago, b.bound) AS t
        GROUP BY t.name, t.ago
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object('series', s.name, 'ago', s.ago,
        'requests', s.requests, 'replays', s.replays, 'duration_ms', s.duration_ms,
        'buckets', coalesce(t.buckets, '{}'))), '[]')
    INTO v_spans
    FROM (SELECT g.name, c.ago, sum(c.requests) AS requests, sum(c.replays) AS replays,
            sum(c.duration_ms) AS duration_ms
        FROM counted AS c
        JOIN belonging AS g ON (g.verb, g.outcome, g.kind) = (c.verb, c.outcome, c.kind)
        GROUP BY g.name, c.ago) AS s
    LEFT JOIN timed AS t ON t.name = s.name AND t.ago = s.ago;
    RETURN jsonb_build_object('until', v_until, 'minutes', v_spans, 'beats', '[]'::jsonb);
END
$$;

COMMENT ON FUNCTION bursar.read_minutes_apart(jsonb, integer) IS
    'The counts that alerts are judged by, added up over spans of minutes.';
REVOKE ALL ON FUNCTION bursar.read_minutes_apart(jsonb, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_minutes_apart(jsonb, integer)
    TO service_role, bursar_service;
