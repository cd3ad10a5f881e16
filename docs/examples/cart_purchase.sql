-- A cart of leads for credits. The buyer has 100. One seller offers two exclusive leads, at 30 and
-- 50, another one a lead that may be sold twice, at 15. The platform keeps a tenth.
UPDATE public.marketplace_config SET fee_basis_points = 1000;
INSERT INTO public.leads (id, seller_workspace_id, title, price, max_sales)
SELECT ('11111111-0000-4000-8000-00000000000' || n)::uuid, seller::uuid, title, price, max_sales
FROM (VALUES (1, '5e000000-0000-4000-8000-00000000005e', 'Roof', 30, 1),
    (2, '5e000000-0000-4000-8000-00000000005e', 'Attic', 50, 1),
    (3, '7e000000-0000-4000-8000-00000000007e', 'Cellar', 15, 2)
) AS l (n, seller, title, price, max_sales);
SET ROLE service_role;
SELECT o ->> 'balance' AS balance
FROM jsonb_array_elements(bursar.grant('[{"owner_id": "ee000000-0000-4000-8000-0000000000ee",
    "asset": "workspace_credit", "amount": 100, "bucket": "purchased"}]')) AS o;

-- All three: one transaction charges the buyer, pays both sellers and the fee, and marks the leads.
SELECT o ->> 'status' AS status, o ->> 'amount' AS amount, o ->> 'balance' AS balance,
    o ->> 'purchase_id' AS purchase
FROM public.complete_credit_lead_purchase('ee000000-0000-4000-8000-0000000000ee', ARRAY[
    '11111111-0000-4000-8000-000000000001', '11111111-0000-4000-8000-000000000002',
    '11111111-0000-4000-8000-000000000003']::uuid[],
    '{"11111111-0000-4000-8000-000000000001": 30}') AS o \gset bought_
\echo :bought_status :bought_amount :bought_balance
SELECT e.owner_id, e.amount, e.bucket, e.balance_after
FROM bursar.entry AS e JOIN bursar.transaction AS t ON t.id = e.transaction_id
WHERE t.verb = 'complete_credit_lead_purchase' ORDER BY e.line;
SELECT title, price, sold_count, max_sales, marketplace_status FROM public.leads ORDER BY id;

-- Another workspace wants the roof and the cellar. The roof is sold: nothing is bought, and the
-- audit log says why.
SELECT o ->> 'message' AS message, o -> 'details' -> 'conflicts' AS conflicts
FROM public.complete_credit_lead_purchase('aa000000-0000-4000-8000-0000000000aa', ARRAY[
    '11111111-0000-4000-8000-000000000001',
    '11111111-0000-4000-8000-000000000003']::uuid[]) AS o;
SELECT action, workspace_id, details ->> 'code' AS code FROM public.audit_logs;

-- What can be had would be enough; but there is no credit.
SELECT o ->> 'message' AS message, o -> 'details' ->> 'needed' AS needed
FROM public.complete_credit_lead_purchase('aa000000-0000-4000-8000-0000000000aa', ARRAY[
    '11111111-0000-4000-8000-000000000001',
    '11111111-0000-4000-8000-000000000003']::uuid[], p_allow_partial => true) AS o;

-- The first seller has spent 40. Then the whole purchase is given back: the leads are on sale
-- again, and the seller owes what is not there.
SELECT o ->> 'balance' AS balance
FROM jsonb_array_elements(bursar.spend('[{"owner_id": "5e000000-0000-4000-8000-00000000005e",
    "asset": "workspace_credit", "amount": 40}]')) AS o;
SELECT o ->> 'purchase_status' AS purchase, jsonb_path_query_array(o, '$.items[*].status') AS items
FROM jsonb_array_elements(bursar.refund_lead_purchase(jsonb_build_array(jsonb_build_object(
    'purchase_id', :'bought_purchase', 'reason', 'the roof was taken')))) AS o;
SELECT title, sold_count, marketplace_status FROM public.leads ORDER BY id;
SELECT o ->> 'balance' AS balance, o ->> 'owed' AS owed
FROM bursar.read_wallet('5e000000-0000-4000-8000-00000000005e', 'workspace_credit') AS o;

-- Every workspace's totals make up its balance.
SELECT workspace_id, balance, total_purchased, total_earned, total_used
FROM public.workspace_credits ORDER BY workspace_id;
