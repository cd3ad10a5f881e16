-- Takes the marketplace's functions away. Tables that hold rows stay, with their guards, and so
-- does the asset: a rollback leaves balances untouched and drops no data. Empty tables go.
DO $$
DECLARE
    v_function regprocedure;
BEGIN
    FOR v_function IN SELECT oid FROM pg_proc
        WHERE pronamespace IN ('bursar'::regnamespace, 'public'::regnamespace)
            AND proname = ANY (ARRAY[
        'attach_card_session', 'cancel_card_payment', 'card_facts', 'card_mode', 'card_outcome',
        'carts_for_now',
        'complete_credit_lead_purchase', 'complete_credit_lead_purchase_batch',
        'complete_stripe_lead_purchase', 'complete_stripe_lead_purchase_batch', 'copy_card_payment',
        'count_sales',
        'expire_lead_reservations', 'find_lead_purchase', 'grant_top_up',
        'independent_carts', 'is_price_list',
        'judge_carts', 'keep_event', 'lead_purchase_outcome', 'leads_of',
        'lease_card_refunds', 'list_lead_purchases', 'lock_card_payments', 'lock_own_reservations',
        'lock_payment_intents', 'log_conflicts', 'mark_leads_sold_bulk',
        'mark_leads_sold_bulk_batch', 'mend_card_payment', 'mend_lead', 'mend_workspace_totals',
        'open_top_up', 'open_top_up_batch', 'own_reservations', 'pay_out',
        'payments_named', 'prepare_later_carts', 'read_carts', 'read_lead_payment',
        'read_lead_purchase',
        'read_stripe_events', 'read_top_up', 'read_uuids', 'record_lead_purchases',
        'record_reservations', 'refund_lead_purchase',
        'refund_lead_purchase_batch', 'release_reservations', 'reservations_given_up',
        'reverse_payouts', 'reversed_part', 'sell_paid_leads', 'settle_card_debt',
        'settle_card_payment', 'settle_card_refund', 'state_purchase', 'tell_reservations',
        'take_one_stripe_event', 'take_stripe_event', 'take_stripe_event_batch',
        'validate_and_lock_leads_for_purchase', 'validate_and_lock_leads_for_purchase_batch',
        'waiting_stripe_events', 'weigh_carts', 'what_came_of_payment', 'workspaces_of'])
    LOOP
        EXECUTE format('DROP FUNCTION %s', v_function);
    END LOOP;
    PERFORM bursar.build_handlers();
END
$$;
DROP TYPE bursar.cart;
DROP TYPE bursar.cart_item;
DROP TYPE bursar.card_event;
DROP TYPE bursar.card_facts;

DO $$
DECLARE
    v_policy record;
BEGIN
    IF EXISTS (SELECT FROM public.marketplace_purchases) OR EXISTS (SELECT FROM public.leads)
        OR EXISTS (SELECT FROM public.card_payments) OR EXISTS (SELECT FROM public.audit_logs)
        OR EXISTS (SELECT FROM public.workspace_credits)
        OR EXISTS (SELECT FROM bursar.entry WHERE asset = 'workspace_credit')
    THEN
        RETURN;
    END IF;
    -- Policies name other tables and the function that says who reads.
    FOR v_policy IN SELECT policyname, tablename FROM pg_policies
        WHERE schemaname = 'public' AND tablename IN ('leads', 'workspace_credits',
            'marketplace_purchases', 'marketplace_purchase_items')
    LOOP
        EXECUTE format('DROP POLICY %I ON public.%I', v_policy.policyname, v_policy.tablename);
    END LOOP;
    DROP TABLE public.card_refunds, public.card_payouts, public.card_payments,
        public.marketplace_purchase_items, public.marketplace_purchases, public.leads,
        public.audit_logs, public.marketplace_config;
    PERFORM bursar.forget_asset('workspace_credit');
    DROP TABLE public.workspace_credits;
    DROP FUNCTION bursar.keep_workspace_totals();
    DROP FUNCTION bursar.count_workspace_entries;
    DROP FUNCTION bursar.restate_lead();
    DROP FUNCTION bursar.workspace_id();
END
$$;
