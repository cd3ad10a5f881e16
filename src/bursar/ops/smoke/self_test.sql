-- A self-test of the reward store and its ledger, for psql or any SQL editor:
--
--     bursar smoke --sql | psql -X -v ON_ERROR_STOP=1 "$DATABASE_URL"
--
-- It buys for owners of its own, in one transaction that is rolled back: nothing of it stays but
-- gaps in the numbers of transactions. A promise that does not hold is raised as an error, and psql
-- then ends with 3. Run it as service_role, as bursar_service, or as a superuser. What needs two
-- sessions at once it tries as one batch; `bursar smoke` and `bursar race` try it with many.
BEGIN;
SET LOCAL lock_timeout = '3s';
SET LOCAL statement_timeout = '30s';

DO $self_test$
DECLARE
    v_collector CONSTANT uuid := gen_random_uuid();
    v_other CONSTANT uuid := gen_random_uuid();
    v_poor CONSTANT uuid := gen_random_uuid();
    v_creator CONSTANT uuid := gen_random_uuid();
    v_key CONSTANT text := gen_random_uuid()::text;
    v_rewards uuid[];
    v_got jsonb;
    v_again jsonb;
    v_codes text;
BEGIN
    -- What is set up: two rewards of 60, and collectors with 100, 100 and 59.
    v_rewards := ARRAY[public.create_reward('Self-test', 'Rolled back.', 60, v_creator),
        public.create_reward('Self-test', 'Rolled back.', 60, v_creator)];
    v_got := bursar.grant((SELECT jsonb_agg(jsonb_build_object('owner_id', o.owner_id,
            'asset', 'credit', 'amount', o.amount, 'reason', 'self-test'))
        FROM (VALUES (v_collector, 100), (v_other, 100), (v_poor, 59)) AS o (owner_id, amount)));
    IF jsonb_path_exists(v_got, '$[*] ? (@.status != "done")') THEN
        RAISE EXCEPTION 'self-test: credits could not be granted: %', v_got;
    END IF;

    -- Success: the price is charged, the creator is paid, the collection is recorded.
    v_got := bursar.purchase_reward(jsonb_build_array(jsonb_build_object(
        'reward_id', v_rewards[1], 'collector_id', v_collector, 'key', v_key,
        'caller', jsonb_build_object('role', 'service_role')))) -> 0;
    IF v_got ->> 'status' <> 'done'
        OR (bursar.read_wallet(v_collector::text, 'credit') ->> 'balance')::bigint <> 40
        OR (bursar.read_wallet(v_creator::text, 'credit') ->> 'balance')::bigint <> 60
    THEN
        RAISE EXCEPTION 'self-test, success: a purchase of 60 with 100 was answered %', v_got;
    END IF;
    RAISE NOTICE 'success: kept';

    -- Duplicate: the same key has the same transaction, another key is refused; charged once.
    v_again := bursar.purchase_reward(jsonb_build_array(jsonb_build_object(
        'reward_id', v_rewards[1], 'collector_id', v_collector, 'key', v_key,
        'caller', jsonb_build_object('role', 'service_role')))) -> 0;
    IF v_again ->> 'transaction_id' IS DISTINCT FROM v_got ->> 'transaction_id'
        OR v_again ->> 'replayed' IS DISTINCT FROM 'true'
    THEN
        RAISE EXCEPTION 'self-test, duplicate: the same key was answered %', v_again;
    END IF;
    v_again := bursar.purchase_reward(jsonb_build_array(jsonb_build_object(
        'reward_id', v_rewards[1], 'collector_id', v_collector,
        'caller', jsonb_build_object('role', 'service_role')))) -> 0;
    IF v_again ->> 'code' IS DISTINCT FROM 'ALREADY_COLLECTED'
        OR (bursar.read_wallet(v_collector::text, 'credit') ->> 'balance')::bigint <> 40
    THEN
        RAISE EXCEPTION 'self-test, duplicate: another key was answered %', v_again;
    END IF;
    RAISE NOTICE 'duplicate: kept';

    -- Insufficient: one credit too few buys nothing and loses nothing.
    v_got := bursar.purchase_reward(jsonb_build_array(jsonb_build_object(
        'reward_id', v_rewards[1], 'collector_id', v_poor,
        'caller', jsonb_build_object('role', 'service_role')))) -> 0;
    IF v_got ->> 'code' IS DISTINCT FROM 'INSUFFICIENT_FUNDS'
        OR (bursar.read_wallet(v_poor::text, 'credit') ->> 'balance')::bigint <> 59
    THEN
        RAISE EXCEPTION 'self-test, insufficient: 60 with 59 was answered %', v_got;
    END IF;
    RAISE NOTICE 'insufficient: kept';

    -- Two windows: 100 credits and two rewards of 60 in one batch buy one of them.
    v_got := bursar.purchase_reward((SELECT jsonb_agg(jsonb_build_object(
            'reward_id', r.id, 'collector_id', v_other,
            'caller', jsonb_build_object('role', 'service_role')))
        FROM unnest(v_rewards) AS r (id)));
    SELECT string_agg(coalesce(o ->> 'code', o ->> 'status'), ', ' ORDER BY o ->> 'status')
    INTO v_codes FROM jsonb_array_elements(v_got) AS o;
    IF v_codes <> 'done, INSUFFICIENT_FUNDS'
        OR (bursar.read_wallet(v_other::text, 'credit') ->> 'balance')::bigint <> 40
    THEN
        RAISE EXCEPTION 'self-test, two windows: two purchases of 60 with 100 were answered %',
            v_got;
    END IF;
    RAISE NOTICE 'two windows: kept';

    -- Explained: every wallet's entries add up to its balance.
    FOR v_got IN
        SELECT bursar.explain(o.id::text, 'credit')
        FROM unnest(ARRAY[v_collector, v_other, v_poor, v_creator]) AS o (id)
    LOOP
        IF v_got ->> 'agrees' IS DISTINCT FROM 'true' THEN
            RAISE EXCEPTION 'self-test, explained: a wallet does not agree: %', v_got;
        END IF;
    END LOOP;
    RAISE NOTICE 'every wallet explained: kept';
END
$self_test$;

ROLLBACK;
