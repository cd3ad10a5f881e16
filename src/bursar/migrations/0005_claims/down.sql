-- Takes the functions and views of claims away. Tables that hold rows stay, with their guards, and
-- so does the asset: a rollback leaves balances untouched and drops no data. Empty tables go.
DROP VIEW IF EXISTS public.v_claim_conflicts_rolling;
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN SELECT oid FROM pg_proc
        WHERE pronamespace IN ('bursar'::regnamespace, 'public'::regnamespace)
            AND proname = ANY (ARRAY[
        'caps_in_use', 'check_wallet_integrity', 'claim_purchase', 'claim_purchase_batch',
        'claim_what_waited', 'claimed_purchase', 'claims_are_open', 'claims_but_busy',
        'copy_claims', 'copy_purchase', 'correct_shields', 'correct_shields_batch',
        'count_claim_queue', 'count_shields', 'earlier_claim', 'exceeded_cap',
        'find_missing_claims', 'find_wallet_differences', 'judge_claims', 'keep_claim',
        'keep_store_event', 'keep_waiting_claims', 'list_claim_queue', 'list_claims',
        'list_store_work', 'lock_claimers', 'lock_purchases', 'lock_store_events',
        'lock_transactions', 'lock_transfers', 'mend_booster', 'mend_purchase', 'mend_shields',
        'mend_store_work', 'read_claim', 'read_claims', 'read_queued_claim', 'read_shop',
        'read_shop_status', 'read_store_events', 'read_switch_changes', 'record_claims',
        'record_function_metrics', 'restate_booster', 'set_store_config', 'set_store_work_aside',
        'settle_claim', 'state_owner', 'state_purchase_facts', 'store_event_wallets',
        'switch_sku', 'take_one_store_event', 'take_store_event', 'take_store_event_batch',
        'take_store_work_up', 'take_transfer', 'take_up_one', 'tells_of_purchase', 'texts_of',
        'tx_id_of', 'use_item', 'use_item_batch', 'waiting_store_work', 'what_came_of_purchase',
        'what_claims_wait_for', 'write_boosters'])
    LOOP
        EXECUTE format('DROP FUNCTION %s', v_function);
    END LOOP;
    PERFORM bursar.build_handlers();
END
$$;
DROP TYPE bursar.claim_request;
DROP TYPE bursar.claim_verdict;
DROP TYPE bursar.store_event;

DO $$
BEGIN
    IF EXISTS (SELECT FROM public.purchase_claims) OR EXISTS (SELECT FROM public.audit_purchases)
        OR EXISTS (SELECT FROM public.claim_queue) OR EXISTS (SELECT FROM public.booster_changes)
        OR EXISTS (SELECT FROM public.purchase_transfers)
        OR EXISTS (SELECT FROM public.user_wallet_balances)
        OR EXISTS (SELECT FROM public.user_time_zones)
        OR EXISTS (SELECT FROM public.store_config_changes)
        OR EXISTS (SELECT FROM public.function_metrics)
        -- Products and caps other than those that came with it.
        OR EXISTS (SELECT sku, title, amount, duration_seconds, stacking FROM public.skus EXCEPT
            VALUES ('consumable_streakshield_1', 'Streak shield', 1, NULL, NULL),
                ('consumable_xp_booster_7d', 'XP booster, 7 days', 1, 604800, 'max'))
        OR EXISTS (SELECT sku, period, allowed, measure, zone FROM public.sku_caps EXCEPT
            VALUES ('consumable_streakshield_1', 'week', 1, 'count', 'UTC'),
                ('consumable_streakshield_1', 'month', 3, 'count', 'UTC'))
        OR EXISTS (SELECT FROM bursar.entry WHERE asset = 'streak_shield')
    THEN
        RETURN;
    END IF;
    DROP TABLE public.sku_caps, public.skus, public.user_time_zones, public.booster_changes,
        public.audit_purchases, public.purchase_transfers, public.purchase_claims,
        public.claims_over_cap, public.claim_queue, public.store_config,
        public.store_config_changes, public.function_metrics;
    PERFORM bursar.forget_asset('streak_shield');
    DROP TABLE public.user_wallet_balances;
    DROP FUNCTION bursar.keep_booster();
    DROP FUNCTION bursar.record_booster_row();
    DROP FUNCTION bursar.record_store_config();
END
$$;
