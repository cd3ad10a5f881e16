-- requires: claims/take_store_event.sql
-- requires: ledger/refused.sql
-- What was accepted and may be carried out now: events of the store, then claims, each in the order
-- of its time; nothing while claims are queued. Who replays them sends them again as
-- take_store_event and claim_purchase with `queued`; sent twice, they have their effect once.
CREATE OR REPLACE FUNCTION bursar.waiting_store_work(p_limit integer DEFAULT 200) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object(
        'events', (SELECT coalesce(jsonb_agg(jsonb_build_object('event', i.payload, 'queued', true)
                ORDER BY i.occurred_at, i.id), '[]')
            FROM (SELECT * FROM bursar.inbox WHERE provider = 'revenuecat' AND status = 'waiting'
                    AND NOT EXISTS (SELECT FROM public.store_config
                        WHERE key = 'claims_mode' AND value ->> 'mode' = 'queue')
                ORDER BY occurred_at, id LIMIT p_limit) AS i),
        'claims', (SELECT coalesce(jsonb_agg(jsonb_build_object('user_id', k.user_id, 'sku', k.sku,
                'tx_id', k.tx_id, 'store', k.store, 'environment', k.environment,
                'caller', '{"role": "service_role"}'::jsonb, 'queued', true,
                'actor', k.actor) ORDER BY k.received_at, k.id), '[]')
            FROM (SELECT * FROM public.claim_queue
                WHERE status = 'waiting' AND waits_for = 'opening'
                    AND bursar.claims_are_open(user_id)
                ORDER BY received_at, id LIMIT p_limit) AS k),
        'waiting_events', (SELECT count(*) FROM bursar.inbox
            WHERE provider = 'revenuecat' AND status = 'waiting'),
        'waiting_claims', (SELECT count(*) FROM public.claim_queue WHERE status = 'waiting'),
        'set_aside', (SELECT count(*) FROM public.claim_queue WHERE status = 'set_aside')
            + (SELECT count(*) FROM bursar.inbox
                WHERE provider = 'revenuecat' AND status = 'refused'))
$$;

COMMENT ON FUNCTION bursar.waiting_store_work(integer) IS
    'Events and claims that were accepted and wait, in order.';
REVOKE ALL ON FUNCTION bursar.waiting_store_work(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.waiting_store_work(integer)
    TO service_role, bursar_service, bursar_operator;

-- Keeps a claim that was accepted elsewhere and is not in the queue yet: one that could not be
-- carried out, so that it can be set aside and listed. One that waits, or was granted, stays as it
-- is.
CREATE OR REPLACE FUNCTION bursar.keep_claim(p_claim jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    q CONSTANT bursar.claim_request := (bursar.read_claims(jsonb_build_array(p_claim)))[1];
BEGIN
    IF q.refusal IS NOT NULL THEN
        RETURN bursar.refused('keep_claim', q.refusal, q.details);
    END IF;
    INSERT INTO public.claim_queue AS k (
        user_id, sku, tx_id, store, environment, waits_for, actor, received_at)
    VALUES (q.user_id, q.sku, q.tx_id, q.store, q.environment, 'opening', q.actor, bursar.clock())
    ON CONFLICT (user_id, tx_id, store, environment) DO UPDATE
    SET status = 'waiting', waits_for = excluded.waits_for, sku = excluded.sku
    WHERE k.status = 'set_aside' OR k.status = 'done' AND k.outcome ->> 'status' <> 'done';
    RETURN jsonb_build_object('status', 'done', 'verb', 'keep_claim', 'tx_id', q.tx_id,
        'effect', 'queued', 'replayed', false);
END
$$;

COMMENT ON FUNCTION bursar.keep_claim(jsonb) IS 'Keeps a claim that was accepted for later.';
REVOKE ALL ON FUNCTION bursar.keep_claim(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.keep_claim(jsonb) TO service_role, bursar_service;

-- Sets one aside that fails whenever it is carried out, so that it does not hold up the others. It
-- is listed until somebody looks at it, and can be replayed.
CREATE OR REPLACE FUNCTION bursar.set_store_work_aside(p_kind text, p_id text, p_reason text)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_outcome CONSTANT json := json_build_object('status', 'fault',
        'message', left(p_reason, 500));
BEGIN
    IF p_kind = 'event' THEN
        UPDATE bursar.inbox SET status = 'refused', outcome = v_outcome,
            handled_at = bursar.clock()
        WHERE provider = 'revenuecat' AND event_id = p_id AND status = 'waiting';
    ELSE
        UPDATE public.claim_queue SET status = 'set_aside', outcome = v_outcome,
            handled_at = bursar.clock(), attempts = attempts + 1
        WHERE tx_id = p_id AND status = 'waiting';
    END IF;
    RETURN jsonb_build_object('set_aside', FOUND);
END
$$;

COMMENT ON FUNCTION bursar.set_store_work_aside(text, text, text) IS
    'Sets an event or a claim aside that cannot be carried out.';
REVOKE ALL ON FUNCTION bursar.set_store_work_aside(text, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.set_store_work_aside(text, text, text)
    TO service_role, bursar_service;

-- Keeps an event without any effect: what a door does while changes are paused.
CREATE OR REPLACE FUNCTION bursar.keep_store_event(p_event jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    e CONSTANT bursar.store_event := (bursar.read_store_events(
        jsonb_build_array(jsonb_build_object('event', p_event))))[1];
BEGIN
    IF e.refusal IS NOT NULL THEN
        RETURN bursar.refused('keep_store_event', e.refusal, e.details);
    END IF;
    INSERT INTO bursar.inbox (provider, account, mode, event_id, type, subject, payload,
        occurred_at, received_at, status)
    VALUES ('revenuecat', e.account, CASE e.environment WHEN 'SANDBOX' THEN 'test' ELSE 'live' END,
        e.event_id, e.type, CASE WHEN e.transaction_id IS NOT NULL
            THEN concat_ws(' ', e.store, e.environment, e.transaction_id) END,
        e.payload, e.occurred_at, bursar.clock(), 'waiting')
    ON CONFLICT (provider, account, mode, event_id) DO UPDATE
    SET deliveries = bursar.inbox.deliveries + 1;
    RETURN jsonb_build_object('status', 'done', 'verb', 'keep_store_event',
        'event_id', e.event_id, 'effect', 'queued', 'replayed', false);
END
$$;

COMMENT ON FUNCTION bursar.keep_store_event(jsonb) IS 'Keeps an event of RevenueCat for later.';
REVOKE ALL ON FUNCTION bursar.keep_store_event(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.keep_store_event(jsonb) TO service_role, bursar_service;

-- The queue as operators see it: what waits and what was set aside, oldest first.
CREATE OR REPLACE FUNCTION bursar.list_store_work(p_limit integer DEFAULT 200) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x.since, x.name), '[]')
    FROM (
        SELECT 'event' AS kind, i.event_id AS name, i.type AS what, i.subject AS about,
            CASE i.status WHEN 'refused' THEN 'set_aside' ELSE i.status END AS status,
            i.received_at AS since,
            coalesce(i.outcome ->> 'message', '') AS message
        FROM bursar.inbox AS i WHERE i.provider = 'revenuecat' AND i.status <> 'done'
        UNION ALL
        SELECT 'claim', k.tx_id, k.sku, k.user_id,
            CASE k.status WHEN 'waiting' THEN 'waits for ' || k.waits_for ELSE k.status END,
            k.received_at, coalesce(k.outcome ->> 'message', '')
        FROM public.claim_queue AS k WHERE k.status <> 'done'
        ORDER BY since, name LIMIT p_limit) AS x
$$;

COMMENT ON FUNCTION bursar.list_store_work(integer) IS
    'What waits and what was set aside, for operators.';
REVOKE ALL ON FUNCTION bursar.list_store_work(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.list_store_work(integer)
    TO service_role, bursar_service, bursar_operator;

-- Lets what was set aside wait again, once what kept it from being carried out is mended.
CREATE OR REPLACE FUNCTION bursar.take_store_work_up() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_events bigint;
    v_claims bigint;
BEGIN
    UPDATE bursar.inbox SET status = 'waiting'
    WHERE provider = 'revenuecat' AND status = 'refused';
    GET DIAGNOSTICS v_events = ROW_COUNT;
    UPDATE public.claim_queue SET status = 'waiting', waits_for = 'opening'
    WHERE status = 'set_aside';
    GET DIAGNOSTICS v_claims = ROW_COUNT;
    RETURN jsonb_build_object('events', v_events, 'claims', v_claims);
END
$$;

COMMENT ON FUNCTION bursar.take_store_work_up() IS 'Lets what was set aside wait again.';
REVOKE ALL ON FUNCTION bursar.take_store_work_up() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.take_store_work_up()
    TO service_role, bursar_service, bursar_operator;
