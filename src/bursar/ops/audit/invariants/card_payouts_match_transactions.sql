-- P8: Each payout of a card payment has one transaction of its own, and what went back adds up.
--
-- A finding means that credits were paid for a card payment more than once, or not at all, or that
-- reversals and reinstatements are not what the payment says was taken back: a payout, a payment or
-- a transaction was changed or removed past the functions.
--
-- rows: SELECT count(*) FROM public.card_payouts
-- needs: public.card_payouts
--
-- What came from outside in a reversal is all that it took back, also where a payee owes it now.
WITH moved AS (
    SELECT t.corrects, sum(e.amount) AS reversed
    FROM bursar.transaction AS t
    JOIN bursar.entry AS e ON e.transaction_id = t.id
    WHERE t.corrects IS NOT NULL AND t.verb IN ('reverse_card_payment', 'reinstate_card_payment')
        AND e.owner_id = 'system:external' AND e.asset = 'workspace_credit'
    GROUP BY t.corrects
),
payout AS (
    SELECT o.payment_id, coalesce(o.transaction_id, t.id, m.corrects) AS transaction_id,
        CASE WHEN o.payment_id IS NULL AND t.id IS NULL
                THEN 'a reversal corrects no payout'
            WHEN o.payment_id IS NULL THEN 'a card paid for nothing'
            WHEN t.id IS NULL THEN 'a payout has no transaction'
            WHEN o.times > 1 THEN 'several payouts have one transaction'
            WHEN (t.owner_id = o.workspace_id::text AND t.amount = CASE o.credits
                WHEN o.fee THEN o.fee ELSE o.credits - o.fee END) IS NOT TRUE
                THEN 'a payout is not what its transaction says'
            WHEN coalesce(m.reversed, 0) NOT BETWEEN 0 AND o.credits
                THEN 'more was taken back than was paid' END AS what,
        o.workspace_id, o.credits, o.fee, t.owner_id, t.amount, coalesce(m.reversed, 0) AS reversed
    FROM (SELECT *, count(*) OVER (PARTITION BY transaction_id) AS times
        FROM public.card_payouts) AS o
    FULL JOIN (SELECT * FROM bursar.transaction WHERE verb IN
        ('complete_stripe_lead_purchase', 'top_up_workspace_credits')) AS t
        ON t.id = o.transaction_id
    FULL JOIN moved AS m ON m.corrects = coalesce(o.transaction_id, t.id)
),
wrong AS (
    SELECT payment_id, transaction_id, what,
        format('%s, %s of it fee, to %s', credits, fee, workspace_id) AS expected,
        format('%s to %s, %s taken back', coalesce(amount::text, 'nothing'),
            coalesce(owner_id, 'nobody'), reversed) AS found
    FROM payout WHERE what IS NOT NULL
    UNION ALL
    SELECT c.id, NULL, 'what went back is not what the payment says',
        format('%s credits', c.reversed), format('%s credits', coalesce(o.reversed, 0))
    FROM public.card_payments AS c
    LEFT JOIN (SELECT payment_id, sum(reversed) AS reversed FROM payout GROUP BY payment_id) AS o
        ON o.payment_id = c.id
    WHERE c.reversed <> coalesce(o.reversed, 0)
)
SELECT what,
    jsonb_strip_nulls(jsonb_build_object(
        'payment_id', payment_id, 'transaction_id', transaction_id)) AS ids,
    expected, found, count(*) OVER () AS findings
FROM wrong
ORDER BY payment_id, transaction_id, what
LIMIT $1::bigint;
