-- requires: rewards/credit.sql
-- requires: ledger/policies.sql
-- A user's history: the entries of their credit wallet, newest last. Reading goes through the
-- reader's own rights: their wallet's row leads to their entries, and both have policies.
CREATE OR REPLACE VIEW public.credit_transactions WITH (security_invoker = true) AS
SELECT c.user_id,
    e.amount,
    t.verb AS type,
    t.reason,
    t.id AS reference,
    e.balance_after,
    t.created_at
FROM public.user_credits AS c
JOIN bursar.entry AS e
    ON e.owner_id = c.user_id::text AND e.asset = 'credit' AND e.seq IS NOT NULL
JOIN bursar.transaction AS t ON t.id = e.transaction_id;

COMMENT ON VIEW public.credit_transactions IS 'Entries of credit wallets, with their transactions.';
REVOKE ALL ON public.credit_transactions
    FROM PUBLIC, anon, authenticated, service_role, bursar_operator;
GRANT SELECT ON public.credit_transactions TO authenticated, service_role, bursar_operator;
