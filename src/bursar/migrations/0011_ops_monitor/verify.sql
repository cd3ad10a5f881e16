-- Raises when a minute could not be told apart, or an alert could be told twice.
DO $$
DECLARE
    v_found bigint;
BEGIN
    SELECT count(*) INTO v_found FROM pg_attribute
    WHERE attrelid = to_regclass('bursar.metric_minute') AND NOT attisdropped AND attnotnull
        AND attname IN ('kind', 'replays');
    IF v_found <> 2 THEN
        RAISE EXCEPTION 'bursar.metric_minute lacks a column: % of 2 were found.', v_found;
    END IF;
    SELECT count(*) INTO v_found FROM pg_constraint
    WHERE convalidated AND (conrelid, conname) IN (
        (to_regclass('bursar.heartbeat'), 'heartbeat_pkey'),
        (to_regclass('bursar.observation'), 'observation_pkey'),
        (to_regclass('bursar.alert'), 'alert_pkey'),
        (to_regclass('bursar.alert_event'), 'alert_event_pkey'),
        (to_regclass('bursar.alert_event'), 'alert_event_state'));
    IF v_found <> 5 THEN
        RAISE EXCEPTION 'What alerts rest on lacks a constraint: % of 5 were found.', v_found;
    END IF;
END
$$;
