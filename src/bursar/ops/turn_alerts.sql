-- requires: ledger/clock.sql
-- Alerts are told once when they fire and once when they clear, however many look, and whoever
-- fails to tell is followed by the next: an event is written with the turn, and told afterwards.

-- `p_alerts` is an array of {alert, firing, body}: how each alert stands now, and what is to be
-- told should that be new. Answers how many turned.
CREATE OR REPLACE FUNCTION bursar.turn_alerts(p_alerts jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now timestamptz;
    v_turned bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('bursar.turn_alerts', 0));
    v_now := bursar.clock();
    WITH asked AS (
        SELECT * FROM jsonb_to_recordset(p_alerts) AS a (alert text, firing boolean, body jsonb)
    ), turned AS (
        INSERT INTO bursar.alert AS a (alert, firing, since)
        SELECT q.alert, q.firing, v_now FROM asked AS q
        WHERE q.firing OR EXISTS (SELECT FROM bursar.alert AS k WHERE k.alert = q.alert)
        ORDER BY q.alert
        ON CONFLICT (alert) DO UPDATE SET firing = EXCLUDED.firing, since = v_now
            WHERE a.firing <> EXCLUDED.firing
        RETURNING a.alert, a.firing
    )
    INSERT INTO bursar.alert_event (alert, state, body, happened_at, next_attempt_at)
    SELECT t.alert, CASE WHEN t.firing THEN 'firing' ELSE 'resolved' END, q.body, v_now, v_now
    FROM turned AS t JOIN asked AS q ON q.alert = t.alert
    ORDER BY t.alert;
    GET DIAGNOSTICS v_turned = ROW_COUNT;
    RETURN v_turned;
END
$$;

COMMENT ON FUNCTION bursar.turn_alerts(jsonb) IS
    'Notes how alerts stand; what is new becomes an event that is told.';
REVOKE ALL ON FUNCTION bursar.turn_alerts(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.turn_alerts(jsonb)
    TO service_role, bursar_service, bursar_operator;

-- Events that nobody was told of, at most a day old; of one alert the oldest first. Whoever leases
-- them has `p_seconds` to tell.
CREATE OR REPLACE FUNCTION bursar.lease_alert_events(p_limit integer, p_seconds integer)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_leased jsonb;
BEGIN
    WITH due AS (
        SELECT e.id FROM bursar.alert_event AS e
        WHERE e.told_at IS NULL AND e.next_attempt_at <= v_now
            AND e.happened_at > v_now - interval '1 day'
            AND NOT EXISTS (SELECT FROM bursar.alert_event AS o
                WHERE o.alert = e.alert AND o.told_at IS NULL AND o.id < e.id
                    AND o.happened_at > v_now - interval '1 day')
        ORDER BY e.id LIMIT p_limit
        FOR NO KEY UPDATE SKIP LOCKED
    ), leased AS (
        UPDATE bursar.alert_event AS e SET attempts = e.attempts + 1,
            next_attempt_at = v_now + make_interval(secs => p_seconds)
        FROM due WHERE e.id = due.id
        RETURNING e.id, e.alert, e.state, e.body, e.happened_at
    )
    SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.id), '[]') INTO v_leased FROM leased AS l;
    RETURN v_leased;
END
$$;

COMMENT ON FUNCTION bursar.lease_alert_events(integer, integer) IS
    'Events of alerts that are to be told, leased to who asks.';
REVOKE ALL ON FUNCTION bursar.lease_alert_events(integer, integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.lease_alert_events(integer, integer)
    TO service_role, bursar_service, bursar_operator;

-- Notes that an event was told, or why not; then it is tried again after 10, 20, 40 … seconds, an
-- hour at most. Answers whether it is told.
CREATE OR REPLACE FUNCTION bursar.settle_alert_event(p_id bigint, p_error text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    UPDATE bursar.alert_event SET last_error = p_error,
        told_at = CASE WHEN p_error IS NULL THEN bursar.clock() END,
        next_attempt_at = bursar.clock()
            + make_interval(secs => least(3600, 5 * 2 ^ least(attempts, 20)))
    WHERE id = p_id AND told_at IS NULL;
    RETURN FOUND AND p_error IS NULL;
END
$$;

COMMENT ON FUNCTION bursar.settle_alert_event(bigint, text) IS
    'Notes that an event of an alert was told, or why not.';
REVOKE ALL ON FUNCTION bursar.settle_alert_event(bigint, text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.settle_alert_event(bigint, text)
    TO service_role, bursar_service, bursar_operator;
