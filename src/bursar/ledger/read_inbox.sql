-- requires: ledger/clock.sql
-- The inbox as operators see it: what the stores told, what waits, what was set aside. An inbox may
-- hold millions of events, so every answer looks at a bounded part of it: at the events of one
-- subject, at those that are open, or at a stretch of the newest; where that stretch ends, the next
-- page goes on.

-- Events, newest first, without their payloads. `p_state` is waiting, set_aside, done, or idle,
-- which is done without an effect. The next page begins before the id that is answered as `before`;
-- NULL where there is none.
CREATE OR REPLACE FUNCTION bursar.list_inbox(
    p_provider text DEFAULT NULL, p_state text DEFAULT NULL, p_subject text DEFAULT NULL,
    p_before bigint DEFAULT NULL, p_limit integer DEFAULT 50
) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_stretch CONSTANT bigint := 20000;
    v_limit CONSTANT integer := least(greatest(p_limit, 1), 200);
    v_before CONSTANT bigint := coalesce(p_before, (SELECT max(id) + 1 FROM bursar.inbox), 0);
    v_from bigint := 0;
    v_source text;
    v_events jsonb;
BEGIN
    -- Without the OFFSETs the planner may walk the ids instead, through all other events.
    IF p_subject IS NOT NULL THEN
        v_source := 'SELECT * FROM bursar.inbox WHERE subject = ANY ($6) OFFSET 0';
    ELSIF p_state IN ('waiting', 'set_aside') THEN
        v_source := $q$SELECT * FROM bursar.inbox WHERE status <> 'done' OFFSET 0$q$;
    ELSE
        v_source := 'SELECT * FROM bursar.inbox';
        v_from := v_before - v_stretch;
    END IF;
    EXECUTE format($q$
        SELECT coalesce(jsonb_agg(to_jsonb(e) ORDER BY e.id DESC), '[]')
        FROM (SELECT i.id, i.provider, i.mode, i.event_id, i.type, i.subject, i.status, i.outcome,
                i.deliveries, i.occurred_at, i.received_at, i.handled_at
            FROM (%s) AS i
            WHERE i.id < $1 AND i.id >= $2 AND ($3 IS NULL OR i.provider = $3)
                AND CASE $4 WHEN 'waiting' THEN i.status = 'waiting'
                    WHEN 'set_aside' THEN i.status = 'refused'
                    WHEN 'done' THEN i.status = 'done'
                    WHEN 'idle' THEN i.status = 'done' AND i.outcome ->> 'effect' <> 'applied'
                    ELSE true END
            ORDER BY i.id DESC LIMIT $5) AS e$q$, v_source)
    INTO v_events
    USING v_before, v_from, p_provider, p_state, v_limit + 1,
        -- A store's transaction is found by its own name too.
        (SELECT array_agg(p_subject) || array_agg(concat_ws(' ', store, environment, p_subject))
            FROM unnest(ARRAY['APP_STORE', 'PLAY_STORE', 'MAC_APP_STORE', 'AMAZON', 'STRIPE',
                'RC_BILLING', 'PROMOTIONAL']) AS store,
                unnest(ARRAY['PRODUCTION', 'SANDBOX']) AS environment);
    RETURN jsonb_build_object(
        'events', CASE WHEN jsonb_array_length(v_events) > v_limit
            THEN v_events - v_limit ELSE v_events END,
        'before', CASE WHEN jsonb_array_length(v_events) > v_limit
                THEN v_events -> (v_limit - 1) -> 'id'
            WHEN v_from > (SELECT min(id) FROM bursar.inbox) THEN to_jsonb(v_from) END);
END
$$;

COMMENT ON FUNCTION bursar.list_inbox(text, text, text, bigint, integer) IS
    'One page of the inbox, newest first, without payloads.';
REVOKE ALL ON FUNCTION bursar.list_inbox(text, text, text, bigint, integer)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.list_inbox(text, text, text, bigint, integer)
    TO service_role, bursar_service;

-- How many events wait and how many were set aside, and the oldest of each; of 100,000 at most.
CREATE OR REPLACE FUNCTION bursar.count_inbox() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN (
        SELECT jsonb_build_object(
            'waiting', count(*) FILTER (WHERE status = 'waiting'),
            'waiting_since', min(received_at) FILTER (WHERE status = 'waiting'),
            'set_aside', count(*) FILTER (WHERE status = 'refused'),
            'set_aside_since', min(received_at) FILTER (WHERE status = 'refused'))
        FROM (SELECT status, received_at FROM bursar.inbox WHERE status <> 'done'
            ORDER BY occurred_at, id LIMIT 100000) AS open);
END
$$;

COMMENT ON FUNCTION bursar.count_inbox() IS
    'How many events wait or were set aside, and since when.';
REVOKE ALL ON FUNCTION bursar.count_inbox() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.count_inbox() TO service_role, bursar_service;

-- One event with its payload, as it came; NULL where there is none.
CREATE OR REPLACE FUNCTION bursar.read_event(p_id bigint) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN (SELECT to_jsonb(i) FROM bursar.inbox AS i WHERE i.id = p_id);
END
$$;

COMMENT ON FUNCTION bursar.read_event(bigint) IS 'One event of the inbox, with its payload.';
REVOKE ALL ON FUNCTION bursar.read_event(bigint) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_event(bigint) TO service_role, bursar_service;
