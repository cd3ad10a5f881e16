-- requires: ledger/gate.sql
-- requires: ledger/open_wallets.sql
-- requires: marketplace/lock_card_payments.sql
-- requires: marketplace/settle_card_payment.sql
-- Brings a card payment to what its transactions say was taken back, and then, as an event would,
-- to where its events say it is: what is due is sold, paid, taken back or given again by entries.
-- Not where paying might be done twice: a payment that is not marked as paid and has paid somebody,
-- or one without a refund that it owes, which the card company may have been asked for already.
-- Answers {status, before, after, [why]}.
CREATE OR REPLACE FUNCTION bursar.mend_card_payment(p_id uuid, p_reason text, p_actor text)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_open CONSTANT boolean := bursar.enter_gate();
    v_barred jsonb;
    v_before jsonb;
    p public.card_payments;
    f bursar.card_facts;
    v_reversed bigint;
    v_why text;
    v_payees CONSTANT jsonb := (SELECT jsonb_agg(DISTINCT jsonb_build_object(
            'asset', 'workspace_credit', 'owner_id', w.id))
        FROM public.card_payments AS c
        LEFT JOIN public.marketplace_purchase_items AS i ON i.purchase_id = c.purchase_id
        CROSS JOIN LATERAL (SELECT coalesce(i.seller_workspace_id, c.workspace_id) AS id) AS w
        WHERE c.id = p_id);
BEGIN
    -- Whoever is paid needs a wallet, and wallets are opened before anything is locked.
    IF v_payees IS NOT NULL THEN
        PERFORM bursar.open_wallets(v_payees);
    END IF;
    PERFORM bursar.lock_payment_intents(ARRAY(SELECT c.payment_intent
        FROM public.card_payments AS c WHERE c.id = p_id));
    v_barred := bursar.lock_card_payments(ARRAY[p_id], true);
    v_before := bursar.copy_card_payment(p_id);
    SELECT * INTO p FROM public.card_payments WHERE id = p_id;
    f := bursar.card_facts(p);
    v_why := CASE WHEN p.id IS NULL THEN 'the payment is not there'
        WHEN v_barred <> '{}' THEN v_barred ->> p_id::text
        WHEN f.paid <> (p.paid_at IS NOT NULL) AND (NOT f.paid OR EXISTS (
            SELECT FROM public.card_payouts AS o WHERE o.payment_id = p_id))
            THEN 'it is paid and its events do not say so, or the other way round'
        WHEN EXISTS (SELECT FROM public.card_payouts AS o
                LEFT JOIN bursar.transaction AS t ON t.id = o.transaction_id
                WHERE o.payment_id = p_id AND (t.amount = CASE o.credits WHEN o.fee THEN o.fee
                    ELSE o.credits - o.fee END AND t.owner_id = o.workspace_id::text) IS NOT TRUE)
            OR p.paid_at IS NOT NULL AND (SELECT coalesce(sum(o.credits), 0)
                FROM public.card_payouts AS o WHERE o.payment_id = p_id) <> CASE
                WHEN p.purchase_id IS NULL THEN p.credits ELSE (SELECT coalesce(sum(i.price), 0)
                    FROM public.marketplace_purchase_items AS i
                    WHERE i.purchase_id = p.purchase_id AND i.status IN ('sold', 'refunded')) END
            THEN 'its payouts are not what was sold, or what its transactions say'
        WHEN p.owed > 0 AND f.refunded + f.lost < p.owed AND NOT EXISTS (
            SELECT FROM public.card_refunds AS r WHERE r.payment_id = p_id)
            THEN 'its refund is not there, and may have been asked for' END;
    IF v_why IS NOT NULL THEN
        RETURN jsonb_build_object('status', 'refused', 'why', v_why, 'before', v_before);
    END IF;
    v_reversed := (SELECT coalesce(sum(e.amount), 0)
        FROM public.card_payouts AS o
        JOIN bursar.transaction AS t ON t.corrects = o.transaction_id
            AND t.verb IN ('reverse_card_payment', 'reinstate_card_payment')
        JOIN bursar.entry AS e ON e.transaction_id = t.id AND e.owner_id = 'system:external'
            AND e.asset = 'workspace_credit'
        WHERE o.payment_id = p_id);
    UPDATE public.card_payments SET reversed = v_reversed
    WHERE id = p_id AND reversed <> v_reversed;
    PERFORM bursar.settle_card_payment(p_id, p_actor);
    RETURN jsonb_build_object(
        'status', CASE WHEN bursar.copy_card_payment(p_id) = v_before THEN 'unchanged'
            ELSE 'done' END,
        'before', v_before, 'after', bursar.copy_card_payment(p_id));
END
$$;

COMMENT ON FUNCTION bursar.mend_card_payment(uuid, text, text) IS
    'Brings a card payment to where its transactions and events say it is.';
REVOKE ALL ON FUNCTION bursar.mend_card_payment(uuid, text, text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.mend_card_payment(uuid, text, text) TO bursar_operator;

-- A card payment as it is, with its purchase, its items, its payouts and its refund.
CREATE OR REPLACE FUNCTION bursar.copy_card_payment(p_id uuid) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('payment', to_jsonb(p),
        'purchase', (SELECT to_jsonb(b) FROM public.marketplace_purchases AS b
            WHERE b.id = p.purchase_id),
        'items', (SELECT jsonb_agg(to_jsonb(i) ORDER BY i.lead_id)
            FROM public.marketplace_purchase_items AS i WHERE i.purchase_id = p.purchase_id),
        'payouts', (SELECT jsonb_agg(to_jsonb(o) ORDER BY o.place)
            FROM public.card_payouts AS o WHERE o.payment_id = p.id),
        'refund', (SELECT to_jsonb(r) FROM public.card_refunds AS r WHERE r.payment_id = p.id))
        FROM public.card_payments AS p WHERE p.id = p_id);
END
$$;

COMMENT ON FUNCTION bursar.copy_card_payment(uuid) IS 'A card payment and what belongs to it.';
REVOKE ALL ON FUNCTION bursar.copy_card_payment(uuid) FROM PUBLIC, anon, authenticated;
