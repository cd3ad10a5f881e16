-- For tests alone: the events of a card payment, delivered in every order. Orders that begin alike
-- share their beginning, so what is walked is a tree, depth first; each step is undone once what
-- follows it was seen.

-- The state of the business as it should depend on the set of events alone: no ids that are drawn,
-- no times. Of the inbox it is what came and where it stands, copies of one event once; what was
-- answered at the time is history and left out. So are the totals of a wallet that has ever owed:
-- what was repaid on the way, and taken and given again, makes them larger.
CREATE FUNCTION public.card_state() RETURNS jsonb
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN jsonb_build_object(
        'purchases', (SELECT jsonb_agg(jsonb_build_array(b.payment_method, b.status, b.total_price,
                b.fee, b.completed_at IS NOT NULL) ORDER BY b.created_at, b.id)
            FROM public.marketplace_purchases AS b),
        'items', (SELECT jsonb_agg(jsonb_build_array(l.title, b.payment_method, i.status,
                i.seller_workspace_id, i.price, i.fee, i.transaction_id IS NOT NULL,
                i.sold_at IS NOT NULL) ORDER BY l.title, b.created_at, b.id)
            FROM public.marketplace_purchase_items AS i
            JOIN public.leads AS l ON l.id = i.lead_id
            JOIN public.marketplace_purchases AS b ON b.id = i.purchase_id),
        'leads', (SELECT jsonb_agg(jsonb_build_array(l.title, l.marketplace_status, l.sold_count,
                l.first_sold_at IS NOT NULL, l.sold_at IS NOT NULL) ORDER BY l.title)
            FROM public.leads AS l),
        'wallets', (SELECT jsonb_agg(jsonb_build_array(w.workspace_id, w.balance,
                CASE WHEN d.owner_id IS NULL THEN jsonb_build_array(
                    w.total_purchased, w.total_earned, w.total_used) END) ORDER BY w.workspace_id)
            FROM public.workspace_credits AS w
            LEFT JOIN bursar.wallet AS d ON d.asset = 'workspace_credit:owed'
                AND d.owner_id = w.workspace_id::text),
        'owed', (SELECT jsonb_agg(jsonb_build_array(w.owner_id, w.balance) ORDER BY w.owner_id)
            FROM bursar.wallet AS w WHERE w.asset = 'workspace_credit:owed' AND w.balance > 0),
        'entries', (SELECT jsonb_agg(jsonb_build_array(e.asset, e.owner_id, e.amount)
                ORDER BY e.asset, e.owner_id)
            FROM (SELECT n.asset, n.owner_id, sum(n.amount) AS amount FROM bursar.entry AS n
                GROUP BY n.asset, n.owner_id HAVING sum(n.amount) <> 0) AS e),
        'payments', (SELECT jsonb_agg(jsonb_build_object('status', p.status, 'amount', p.amount,
                'refunded', p.refunded, 'disputed', p.disputed, 'owed', p.owed,
                'reversed', p.reversed, 'paid', p.paid_at IS NOT NULL,
                'session', p.session_id IS NOT NULL, 'intent', p.payment_intent IS NOT NULL)
                ORDER BY p.created_at, p.id)
            FROM public.card_payments AS p),
        'payouts', (SELECT jsonb_agg(jsonb_build_array(o.place, o.workspace_id, o.credits, o.fee)
                ORDER BY o.place)
            FROM public.card_payouts AS o),
        'refunds', (SELECT jsonb_agg(jsonb_build_array(r.status, r.amount, r.reason))
            FROM public.card_refunds AS r),
        'inbox', (SELECT jsonb_agg(DISTINCT concat_ws(' ', i.type, i.status,
                i.payload #>> '{data,object,payment_status}', i.payload #>> '{data,object,amount}',
                i.payload #>> '{data,object,amount_refunded}'))
            FROM bursar.inbox AS i));
END
$$;

-- What differs between two states.
CREATE FUNCTION public.difference(p_one jsonb, p_other jsonb) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN (SELECT string_agg(format(E'%s\n  %s\n  %s', one.key, one.value, other.value), E'\n')
        FROM jsonb_each(p_one) AS one JOIN jsonb_each(p_other) AS other ON other.key = one.key
        WHERE one.value <> other.value);
END
$$;

-- Delivers one event, which must be done, and answers its effect.
CREATE FUNCTION public.deliver(p_event jsonb, p_replayed boolean) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_outcome CONSTANT jsonb := bursar.take_stripe_event(
        jsonb_build_array(jsonb_build_object('event', p_event))) -> 0;
BEGIN
    IF v_outcome ->> 'status' <> 'done' OR (v_outcome ->> 'replayed')::boolean <> p_replayed THEN
        RAISE EXCEPTION 'Delivered %, answered %', p_event, v_outcome;
    END IF;
    RETURN v_outcome ->> 'effect';
END
$$;

-- Delivers the last event of `p_prefix` (places in `p_events`, from 1) on top of the others, and
-- walks on from there; with `p_deep` false it stops there. Then events come again, under their own
-- ids or as other objects with the same content: with `p_all` each of them both ways, and so after
-- the first order of each set; after its other orders one of them, in turn.
--
-- `x_states` are the states after each set of events; the bits of the place, less one, are the set.
-- `x_faults` say which prefix left another state than its set did before, and which was disturbed
-- by what came again. `x_counts` are whole orders, prefixes, and events that came again.
CREATE FUNCTION public.walk(
    p_events jsonb[], p_prefix integer[], p_deep boolean, p_all boolean,
    INOUT x_states jsonb[], INOUT x_faults text[] DEFAULT '{}',
    INOUT x_counts bigint[] DEFAULT '{0,0,0}'
)
LANGUAGE plpgsql
AS $$
DECLARE
    v_depth CONSTANT integer := cardinality(p_prefix);
    v_set CONSTANT integer := 1 + (SELECT sum(1 << (one - 1)) FROM unnest(p_prefix) AS t (one));
    v_turn CONSTANT integer := (SELECT sum(one * place)
        FROM unnest(p_prefix) WITH ORDINALITY AS t (one, place));
    v_again CONSTANT integer := CASE
        WHEN p_all OR p_prefix = ARRAY(SELECT one FROM unnest(p_prefix) AS t (one) ORDER BY 1)
        THEN 2 * v_depth ELSE 1 END;
    v_state jsonb;
    v_effect text;
    v_one jsonb;
BEGIN
    v_effect := public.deliver(p_events[p_prefix[v_depth]], false);
    v_state := public.card_state();
    x_counts[2] := x_counts[2] + 1;
    IF x_states[v_set] IS NULL THEN
        x_states[v_set] := v_state;
    ELSIF x_states[v_set] <> v_state THEN
        x_faults := x_faults || format(E'%s is not what the set was\n%s', p_prefix,
            public.difference(v_state, x_states[v_set]));
    END IF;

    BEGIN
        FOR n IN 1 .. v_again LOOP
            v_one := p_events[p_prefix[1 + (v_turn + n) / 2 % v_depth]];
            v_effect := CASE (v_turn + n) % 2 WHEN 0 THEN public.deliver(v_one, true)
                ELSE public.deliver(jsonb_set(
                    v_one, '{id}', to_jsonb((v_one ->> 'id') || '_copy')), false) END;
        END LOOP;
        x_counts[3] := x_counts[3] + v_again;
        IF public.card_state() <> v_state THEN
            x_faults := x_faults || format(E'%s was disturbed\n%s', p_prefix,
                public.difference(public.card_state(), v_state));
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'UNDO1';
    EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
        v_one := NULL;
    END;

    x_counts[1] := x_counts[1] + (v_depth = cardinality(p_events))::integer;
    FOR n IN 1 .. cardinality(p_events) LOOP
        CONTINUE WHEN NOT p_deep OR n = ANY (p_prefix) OR cardinality(x_faults) > 9;
        BEGIN
            SELECT * INTO x_states, x_faults, x_counts FROM public.walk(
                p_events, p_prefix || n, true, p_all, x_states, x_faults, x_counts);
            RAISE EXCEPTION USING ERRCODE = 'UNDO1';
        EXCEPTION WHEN SQLSTATE 'UNDO1' THEN
            v_one := NULL;
        END;
    END LOOP;
END
$$;
