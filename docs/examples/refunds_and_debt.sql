-- A refund takes a charge back. Whoever was paid gives back; what they no longer have, they owe.
-- Ada pays Grace 60. Grace spends 50. Then Ada is refunded.
SET ROLE service_role;
SELECT o ->> 'verb' AS verb, o ->> 'balance' AS balance
FROM jsonb_array_elements(bursar.batch('[
    {"verb": "grant", "owner_id": "a0000000-0000-4000-8000-000000000001", "asset": "credit",
     "amount": 100},
    {"verb": "transfer", "owner_id": "a0000000-0000-4000-8000-000000000001", "asset": "credit",
     "to_owner_id": "b0000000-0000-4000-8000-000000000002", "amount": 60},
    {"verb": "spend", "owner_id": "b0000000-0000-4000-8000-000000000002", "asset": "credit",
     "amount": 50}
    ]')) AS o;

-- The transfer's id, found again.
SELECT id AS paid FROM bursar.transaction WHERE verb = 'transfer' \gset

-- Refund 5 of the 60. Grace still has that much.
SELECT o ->> 'balance' AS balance, o ->> 'corrects' = :'paid' AS names_what_it_corrects
FROM jsonb_array_elements(bursar.refund(jsonb_build_array(jsonb_build_object(
    'transaction_id', :paid, 'amount', 5, 'key', 'refund-1')))) AS o;

-- Refund the rest. Ada gets 55; Grace gives the 5 that she still has, and owes 50.
SELECT o ->> 'amount' AS amount, o ->> 'balance' AS balance
FROM jsonb_array_elements(bursar.refund(jsonb_build_array(jsonb_build_object(
    'transaction_id', :paid)))) AS o;
SELECT o ->> 'balance' AS balance, o ->> 'owed' AS owed
FROM bursar.read_wallet('b0000000-0000-4000-8000-000000000002', 'credit') AS o;

-- More than was charged is never refunded.
SELECT o ->> 'message' AS message, (o -> 'details') - 'transaction_id' AS details
FROM jsonb_array_elements(bursar.refund(jsonb_build_array(jsonb_build_object(
    'transaction_id', :paid, 'amount', 1)))) AS o;

-- What comes in next repays the debt first.
SELECT o ->> 'balance' AS balance, o ->> 'owed' AS owed
FROM jsonb_array_elements(bursar.grant('[{"owner_id": "b0000000-0000-4000-8000-000000000002",
    "asset": "credit", "amount": 30}]')) AS o;

-- Every step is an entry. In Grace's statement the grant arrives and leaves again.
SELECT asset, seq, verb, amount, balance_after, bucket
FROM bursar.statement
WHERE owner_id = 'b0000000-0000-4000-8000-000000000002'
ORDER BY asset, seq;

-- The entries of every transaction sum to zero, per asset.
SELECT count(*) AS transactions_out_of_balance
FROM (SELECT FROM bursar.entry GROUP BY transaction_id, asset HAVING sum(amount) <> 0) AS wrong;

-- The way Grace's balance came about.
SELECT jsonb_pretty(
    bursar.explain('b0000000-0000-4000-8000-000000000002', 'credit') - 'latest');
