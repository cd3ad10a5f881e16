-- Takes the reward store away. Its entries stay in the ledger, which can say what every wallet held.
DROP VIEW IF EXISTS public.credit_transactions;
DROP FUNCTION IF EXISTS public.purchase_reward(uuid, uuid, bigint);
DROP FUNCTION IF EXISTS public.purchase_bounty(uuid, uuid);
DROP FUNCTION IF EXISTS public.create_reward(text, text, bigint, uuid);
DROP FUNCTION IF EXISTS bursar.purchase_reward(jsonb);
DROP FUNCTION IF EXISTS bursar.purchase_reward_batch(jsonb, boolean);
DROP FUNCTION IF EXISTS bursar.read_purchases(jsonb);
DROP TYPE bursar.purchase;
DROP TABLE public.collected_rewards;
DROP TABLE public.rewards;
SELECT bursar.forget_asset('credit');
DROP TABLE public.user_credits;
