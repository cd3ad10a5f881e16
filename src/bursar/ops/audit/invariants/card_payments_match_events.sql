-- P8: A card payment and its purchase are where the events of the inbox say they are.
--
-- A finding means that a payment was completed, given back or closed without an event that says so,
-- or that an event had no effect: a payment, a purchase or the inbox was changed past the
-- functions. Expected is what the events say, by the rules in marketplace/card_facts.sql and
-- marketplace/settle_card_payment.sql. Payments of which an event still waits are left out. An
-- event that was refused, because a payee's wallet is closed, has had no effect: it is a finding.
--
-- rows: SELECT count(*) FROM bursar.inbox
-- needs: public.card_payments
WITH named AS (
    SELECT id, mode, id::text AS subject, amount, currency FROM public.card_payments
    UNION ALL SELECT id, mode, session_id, amount, currency FROM public.card_payments
    WHERE session_id IS NOT NULL
    UNION ALL SELECT id, mode, payment_intent, amount, currency FROM public.card_payments
    WHERE payment_intent IS NOT NULL
),
event AS (
    SELECT n.id, i.status, i.type, o.object, o.object ->> 'id' AS object_id,
        i.type = 'checkout.session.async_payment_succeeded'
            OR i.type = 'checkout.session.completed'
            AND o.object ->> 'payment_status' IN ('paid', 'no_payment_required') AS pays,
        coalesce(o.object -> 'amount_total', to_jsonb(n.amount)) = to_jsonb(n.amount)
            AND coalesce(o.object ->> 'currency', n.currency) = n.currency AS matches,
        -- What is no whole amount counts for nothing, and is no reason to stop.
        CASE WHEN jsonb_typeof(m.amount) = 'number' THEN CASE
            WHEN m.amount::numeric BETWEEN 0 AND 1000000000000000
                AND scale(m.amount::numeric) = 0 THEN m.amount::numeric END END AS amount
    FROM bursar.inbox AS i
    JOIN named AS n ON n.subject = i.subject AND n.mode = i.mode
    CROSS JOIN LATERAL (SELECT i.payload #> '{data,object}' AS object OFFSET 0) AS o
    CROSS JOIN LATERAL (SELECT CASE i.type WHEN 'charge.refunded'
        THEN o.object -> 'amount_refunded' ELSE o.object -> 'amount' END AS amount) AS m
    WHERE i.provider = 'stripe'
),
dispute AS (
    SELECT id, coalesce(max(amount), 0) AS amount,
        bool_or(type = 'charge.dispute.closed' AND object ->> 'status' = 'lost') AS lost
    FROM event
    WHERE type LIKE 'charge.dispute.%'
    GROUP BY id, object_id
    HAVING bool_or(type = 'charge.dispute.funds_withdrawn')
        AND (NOT bool_or(type = 'charge.dispute.funds_reinstated')
            OR bool_or(type = 'charge.dispute.closed' AND object ->> 'status' = 'lost'))
),
fact AS (
    SELECT c.id, c.purchase_id, c.amount, c.owed, coalesce(e.paid, false) AS paid,
        coalesce(e.failed, false) AS failed, coalesce(e.expired, false) AS expired,
        coalesce(e.refunded, 0) AS refunded, coalesce(d.disputed, 0) AS disputed,
        coalesce(d.lost, 0) AS lost, coalesce(o.credits, 0) AS granted,
        c AS payment
    FROM public.card_payments AS c
    LEFT JOIN (
        SELECT id, bool_and(status <> 'waiting') AS done, bool_or(pays AND matches) AS paid,
            bool_or(type = 'checkout.session.async_payment_failed') AS failed,
            bool_or(type = 'checkout.session.expired') AS expired,
            max(amount) FILTER (WHERE type = 'charge.refunded') AS refunded
        FROM event GROUP BY id
    ) AS e ON e.id = c.id
    LEFT JOIN (SELECT id, sum(amount) AS disputed, sum(amount) FILTER (WHERE lost) AS lost
        FROM dispute GROUP BY id) AS d ON d.id = c.id
    LEFT JOIN (SELECT payment_id, sum(credits) AS credits FROM public.card_payouts
        GROUP BY payment_id) AS o ON o.payment_id = c.id
    WHERE e.done IS NOT FALSE
),
due AS (
    SELECT f.*, f.paid AND f.refunded + f.lost >= f.amount AS returned,
        CASE WHEN f.paid AND f.amount > f.owed THEN floor(f.granted
            * least(f.amount - f.owed,
                greatest(0, f.refunded + f.lost - f.owed) + f.disputed - f.lost)
            / (f.amount - f.owed)) ELSE 0 END AS reversed
    FROM fact AS f
),
judged AS (
    SELECT d.*, p.status AS purchase_status, r.amount AS refund, r.status AS refund_status, CASE
        WHEN d.paid <> ((d.payment).paid_at IS NOT NULL)
            THEN 'a card payment is not as paid as its events say'
        WHEN ((d.payment).refunded, (d.payment).disputed) <> (d.refunded, d.disputed)
            THEN 'what went back to a card is not what its events say'
        WHEN (d.payment).reversed <> d.reversed
            THEN 'what was taken back is not what went back to the card'
        WHEN CASE WHEN d.returned THEN (d.payment).status = 'refunded'
            WHEN d.paid THEN (d.payment).status = 'paid'
            WHEN d.failed THEN (d.payment).status = 'failed'
            WHEN d.expired THEN (d.payment).status = 'expired'
            -- The service has given it up.
            ELSE (d.payment).status IN ('pending', 'failed') END IS NOT TRUE
            THEN 'a card payment has not the status that its events give it'
        WHEN d.purchase_id IS NOT NULL AND CASE WHEN d.returned THEN p.status = 'refunded'
            WHEN d.paid THEN p.status = CASE WHEN d.granted > 0 THEN 'completed' ELSE 'failed' END
            WHEN d.failed THEN p.status = 'failed'
            WHEN d.expired THEN p.status = 'expired'
            -- Time has run out for it, or the service has given it up.
            ELSE p.status IN ('pending', 'expired', 'failed') END IS NOT TRUE
            THEN 'a purchase has not the status that its events give it'
        WHEN d.owed > 0 AND r.payment_id IS NULL THEN 'money that is owed back has no refund'
        WHEN r.amount > d.owed THEN 'a refund is more than is owed'
        WHEN d.refunded + d.lost >= d.owed AND r.status = 'owed'
            THEN 'money that went back is still owed' END AS what
    FROM due AS d
    LEFT JOIN public.marketplace_purchases AS p ON p.id = d.purchase_id
    LEFT JOIN public.card_refunds AS r ON r.payment_id = d.id
)
SELECT what,
    jsonb_strip_nulls(jsonb_build_object('payment_id', id, 'purchase_id', purchase_id)) AS ids,
    format('%s refunded %s, disputed %s, reversed %s; owing %s', CASE WHEN returned
        THEN 'returned,' WHEN paid THEN 'paid,' WHEN failed THEN 'failed,' WHEN expired
        THEN 'expired,' ELSE 'not paid,' END, refunded, disputed, reversed, owed) AS expected,
    format('%s (%s), refunded %s, disputed %s, reversed %s; refund of %s %s', (payment).status,
        coalesce(purchase_status, 'top-up'), (payment).refunded, (payment).disputed,
        (payment).reversed, coalesce(refund, 0),
        refund_status) AS found,
    count(*) OVER () AS findings
FROM judged
WHERE what IS NOT NULL
ORDER BY id
LIMIT $1::bigint;
