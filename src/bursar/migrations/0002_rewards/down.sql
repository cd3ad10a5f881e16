-- Takes the reward store's functions and views away. Tables that hold rows stay, with their guards,
-- and so does the asset: a rollback leaves balances untouched and drops no data. Empty tables go.
DROP VIEW IF EXISTS public.credit_transactions;
DROP FUNCTION IF EXISTS public.purchase_bounty(uuid, uuid);
DROP FUNCTION IF EXISTS public.purchase_reward(uuid, uuid, bigint);
DROP FUNCTION IF EXISTS public.create_reward(text, text, bigint, uuid);
DROP FUNCTION IF EXISTS bursar.purchase_reward(jsonb);
DROP FUNCTION IF EXISTS bursar.purchase_reward_batch(jsonb, boolean);
DROP FUNCTION IF EXISTS bursar.read_purchases(jsonb);
-- What chooses a straight road depends on each, and is written anew below.
DROP FUNCTION IF EXISTS bursar.purchase_reward_straight(jsonb) CASCADE;
DROP FUNCTION IF EXISTS bursar.list_reward_purchases(text, bigint, integer);
SELECT bursar.build_handlers();
DROP TYPE bursar.purchase;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.rewards)
        AND NOT EXISTS (SELECT FROM public.collected_rewards)
    THEN
        DROP POLICY IF EXISTS rewards_read_own ON public.rewards;
        DROP TABLE public.collected_rewards;
        DROP TABLE public.rewards;
    END IF;
    IF NOT EXISTS (SELECT FROM public.user_credits)
        AND NOT EXISTS (SELECT FROM bursar.entry WHERE asset = 'credit')
    THEN
        PERFORM bursar.forget_asset('credit');
        DROP TABLE public.user_credits;
    END IF;
END
$$;
