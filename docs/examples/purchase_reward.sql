-- A purchase, from the first credit to the receipt.
-- Ada has 100 credits. Grace sells two rewards for 60 each. Ada can buy one of them.
\set ada   '''a0000000-0000-4000-8000-000000000001'''
\set grace '''b0000000-0000-4000-8000-000000000002'''

-- A backend grants credits. A verb takes an array of requests and answers an array of outcomes.
SET ROLE service_role;
SELECT o ->> 'status' AS status, o ->> 'balance' AS balance
FROM jsonb_array_elements(bursar.grant(jsonb_build_array(jsonb_build_object(
    'owner_id', :ada, 'asset', 'credit', 'amount', 100, 'reason', 'welcome',
    'key', 'welcome-ada')))) AS o;

-- The same request with the same key is answered again and adds nothing.
SELECT o ->> 'status' AS status, o ->> 'balance' AS balance, o ->> 'replayed' AS replayed
FROM jsonb_array_elements(bursar.grant(jsonb_build_array(jsonb_build_object(
    'owner_id', :ada, 'asset', 'credit', 'amount', 100, 'reason', 'welcome',
    'key', 'welcome-ada')))) AS o;

-- Two rewards, with ids that this example can name.
INSERT INTO public.rewards (id, creator_id, name, cost) VALUES
    ('c0000000-0000-4000-8000-000000000001', :grace, 'Sticker', 60),
    ('c0000000-0000-4000-8000-000000000002', :grace, 'Poster', 60);

-- Ada signs in. On a hosted database the API sets the role and the claims; in psql they are typed.
SET ROLE authenticated;
SELECT set_config('request.jwt.claims',
    format('{"role": "authenticated", "sub": "%s"}', :ada), false) AS claims;

SELECT jsonb_pretty(
    public.purchase_reward('c0000000-0000-4000-8000-000000000001', :ada) - 'transaction_id');

-- 40 are left, and the poster costs 60. Nothing moves.
SELECT public.purchase_reward('c0000000-0000-4000-8000-000000000002', :ada);

-- The sticker is hers already.
SELECT public.purchase_reward('c0000000-0000-4000-8000-000000000001', :ada);

-- She cannot buy for Grace, and a price that she did not see is refused.
SELECT public.purchase_reward('c0000000-0000-4000-8000-000000000002', :grace);
SELECT public.purchase_reward('c0000000-0000-4000-8000-000000000002', :ada, 50);

-- What she may read: her own balance, her own history, her own collection.
SELECT balance FROM public.user_credits;
SELECT amount, type, reason, balance_after FROM public.credit_transactions ORDER BY reference;
SELECT r.name, c.price, c.collected_at
FROM public.collected_rewards AS c JOIN public.rewards AS r ON r.id = c.reward_id;

-- She cannot write her balance, whatever she tries.
UPDATE public.user_credits SET balance = 1000000;
