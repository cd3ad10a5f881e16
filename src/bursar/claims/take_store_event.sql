-- requires: ledger/carry.sql
-- requires: ledger/count_before_repeat.sql
-- requires: claims/claim_purchase.sql
-- requires: claims/lock_store_events.sql
-- requires: claims/settle_claim.sql
-- requires: claims/take_transfer.sql
-- take_store_event: puts an event of RevenueCat into the inbox and carries out what follows from
-- it, in one transaction. The same event again answers the first outcome. Types without
-- consequence, and types that nobody knows yet, are kept.
--
-- Fields: event (the object as RevenueCat sent it), [queued: of an event that was kept earlier],
-- [principal], [actor].
-- Outcome: event_id, type, effect (applied; ignored: of no consequence; queued: kept until the
-- queue is opened), tx_id, purchase_status.
-- Refusals, in order: DEGRADED, MALFORMED, BUSY, WALLET_CLOSED (the event is kept, and can be
-- replayed).
-- Locks: transfers and transactions by name; the wallets of who claimed them, or waits to;
-- purchases, sorted.
CREATE OR REPLACE FUNCTION bursar.take_store_event_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_in bursar.store_event[] := bursar.lock_store_events(
        bursar.read_store_events(p_requests), p_wait);
    v_outcomes json[] := '{}';
    e bursar.store_event;
BEGIN
    v_in := v_in[:(SELECT bursar.count_before_repeat(array_agg(CASE
            WHEN q.transaction_id IS NULL THEN q.event_id
            ELSE concat_ws(' ', q.store, q.environment, q.transaction_id) END ORDER BY q.n))
        FROM unnest(v_in) AS q)];
    FOREACH e IN ARRAY v_in LOOP
        v_outcomes := v_outcomes || CASE
            WHEN e.refusal IN ('MALFORMED', 'BUSY')
                THEN bursar.refused('take_store_event', e.refusal, e.details)
            ELSE bursar.take_one_store_event(e,
                p_requests -> (e.n - 1) -> 'queued' IS NOT DISTINCT FROM 'true',
                coalesce(p_requests -> (e.n - 1) ->> 'actor', 'revenuecat')) END;
    END LOOP;
    RETURN v_outcomes;
END
$$;

COMMENT ON FUNCTION bursar.take_store_event_batch(jsonb, boolean) IS
    'Handler of take_store_event.';
REVOKE ALL ON FUNCTION bursar.take_store_event_batch(jsonb, boolean)
    FROM PUBLIC, anon, authenticated;

-- One event, under the locks. A refusal keeps it from being carried out.
CREATE OR REPLACE FUNCTION bursar.take_one_store_event(
    e bursar.store_event, p_queued boolean, p_actor text
) RETURNS json
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'take_store_event';
    v_now CONSTANT timestamptz := bursar.clock();
    v_mode CONSTANT text := CASE e.environment WHEN 'SANDBOX' THEN 'test' ELSE 'live' END;
    v_waits CONSTANT boolean := NOT p_queued AND (SELECT value ->> 'mode' = 'queue'
        FROM public.store_config WHERE key = 'claims_mode');
    v_known bursar.inbox;
    v_tx_id text;
    v_effect text := 'ignored';
    v_outcome json;
BEGIN
    UPDATE bursar.inbox SET deliveries = deliveries + (NOT p_queued)::integer
    WHERE provider = 'revenuecat' AND account = e.account AND mode = v_mode
        AND event_id = e.event_id
    RETURNING * INTO v_known;
    IF v_known.status = 'done' THEN
        RETURN bursar.replayed(v_known.outcome);
    ELSIF v_known.status IS NULL THEN
        INSERT INTO bursar.inbox (provider, account, mode, event_id, type, subject, payload,
            occurred_at, received_at, status)
        VALUES ('revenuecat', e.account, v_mode, e.event_id, e.type,
            CASE WHEN e.transaction_id IS NOT NULL
                THEN concat_ws(' ', e.store, e.environment, e.transaction_id) END,
            e.payload, e.occurred_at, v_now, 'waiting')
        ON CONFLICT (provider, account, mode, event_id) DO NOTHING;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'The event was taken meanwhile.' USING ERRCODE = 'UBX02';
        END IF;
    END IF;
    IF v_waits THEN
        RETURN json_build_object('status', 'done', 'verb', v_verb, 'event_id', e.event_id,
            'type', e.type, 'effect', 'queued', 'replayed', v_known.status IS NOT NULL);
    ELSIF e.refusal IS NULL THEN
        IF e.type = 'TRANSFER' THEN
            v_effect := bursar.take_transfer(e);
        ELSIF e.transaction_id IS NOT NULL AND bursar.tells_of_purchase(e.type) THEN
            v_tx_id := bursar.state_purchase_facts(e.store, e.environment, e.transaction_id);
            PERFORM bursar.settle_claim(v_tx_id, p_actor);
            v_effect := 'applied';
        END IF;
    END IF;
    v_outcome := CASE WHEN e.refusal IS NOT NULL
        THEN bursar.refused(v_verb, e.refusal, jsonb_build_object('event_id', e.event_id))
        ELSE json_build_object('status', 'done', 'verb', v_verb, 'event_id', e.event_id,
            'type', e.type, 'effect', v_effect, 'tx_id', v_tx_id,
            'purchase_status', (SELECT a.status FROM public.audit_purchases AS a
                WHERE a.tx_id = v_tx_id), 'replayed', false) END;
    UPDATE bursar.inbox SET outcome = v_outcome, handled_at = v_now,
        status = CASE WHEN e.refusal IS NULL THEN 'done' ELSE 'refused' END
    WHERE provider = 'revenuecat' AND account = e.account AND mode = v_mode
        AND event_id = e.event_id;
    IF v_tx_id IS NOT NULL THEN
        PERFORM bursar.claim_what_waited(e);
    END IF;
    RETURN v_outcome;
END
$$;

COMMENT ON FUNCTION bursar.take_one_store_event(bursar.store_event, boolean, text) IS
    'Takes one event of RevenueCat, under its locks.';
REVOKE ALL ON FUNCTION bursar.take_one_store_event(bursar.store_event, boolean, text)
    FROM PUBLIC, anon, authenticated;

-- A claim that was accepted before its purchase was known is carried out now. Its user's wallet is
-- locked already. It waits on where this was about another store, or is not confirmed yet.
CREATE OR REPLACE FUNCTION bursar.claim_what_waited(e bursar.store_event) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_waiting jsonb;
    v_outcomes json[];
BEGIN
    FOR v_waiting IN
        SELECT jsonb_build_object('user_id', k.user_id, 'sku', k.sku, 'tx_id', k.tx_id,
            'store', k.store, 'environment', k.environment,
            'caller', '{"role": "service_role"}'::jsonb, 'queued', true, 'actor', k.actor,
            'accepted', true)
        FROM (SELECT * FROM public.claim_queue AS t
            WHERE t.tx_id = e.transaction_id OFFSET 0) AS k
        WHERE k.status = 'waiting' AND k.waits_for = 'purchase'
        ORDER BY k.id
    LOOP
        v_outcomes := bursar.claim_purchase_batch(jsonb_build_array(v_waiting), true);
    END LOOP;
    RETURN v_outcomes IS NOT NULL;
END
$$;

COMMENT ON FUNCTION bursar.claim_what_waited(bursar.store_event) IS
    'Carries out the claims that waited for a purchase.';
REVOKE ALL ON FUNCTION bursar.claim_what_waited(bursar.store_event)
    FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.take_store_event(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('take_store_event', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.take_store_event(jsonb) IS 'Takes events of RevenueCat; a batch.';
REVOKE ALL ON FUNCTION bursar.take_store_event(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.take_store_event(jsonb) TO service_role, bursar_service;
