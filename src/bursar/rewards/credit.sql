-- requires: ledger/register_asset.sql
-- requires: ledger/stop_at_closed_gate.sql
-- The asset of the reward store, and who sees what of it.
SELECT bursar.register_asset('credit', 'public.user_credits', 'user_id', 'balance');

CREATE OR REPLACE TRIGGER a_bursar_gate BEFORE INSERT OR UPDATE OR DELETE ON public.rewards
    FOR EACH STATEMENT EXECUTE FUNCTION bursar.stop_at_closed_gate();

-- A user reads their own; the service and the operator read everything; anonymous visitors read
-- what is on sale.
DROP POLICY IF EXISTS rewards_read ON public.rewards;
CREATE POLICY rewards_read ON public.rewards FOR SELECT TO anon USING (is_active);
DROP POLICY IF EXISTS rewards_read_own ON public.rewards;
CREATE POLICY rewards_read_own ON public.rewards FOR SELECT TO authenticated
    USING (is_active OR creator_id = (SELECT auth.uid()) OR EXISTS (
        SELECT FROM public.collected_rewards AS c
        WHERE c.reward_id = id AND c.collector_id = (SELECT auth.uid())));
DROP POLICY IF EXISTS rewards_create ON public.rewards;
CREATE POLICY rewards_create ON public.rewards FOR INSERT TO authenticated
    WITH CHECK (creator_id = (SELECT auth.uid()));
DROP POLICY IF EXISTS rewards_change ON public.rewards;
CREATE POLICY rewards_change ON public.rewards FOR UPDATE TO authenticated
    USING (creator_id = (SELECT auth.uid())) WITH CHECK (creator_id = (SELECT auth.uid()));
DROP POLICY IF EXISTS rewards_service ON public.rewards;
CREATE POLICY rewards_service ON public.rewards TO service_role, bursar_operator
    USING (true) WITH CHECK (true);

DROP POLICY IF EXISTS collected_rewards_read ON public.collected_rewards;
CREATE POLICY collected_rewards_read ON public.collected_rewards FOR SELECT TO authenticated
    USING (collector_id = (SELECT auth.uid()));
DROP POLICY IF EXISTS collected_rewards_service ON public.collected_rewards;
CREATE POLICY collected_rewards_service ON public.collected_rewards FOR SELECT
    TO service_role, bursar_operator USING (true);

DROP POLICY IF EXISTS user_credits_read ON public.user_credits;
CREATE POLICY user_credits_read ON public.user_credits FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
DROP POLICY IF EXISTS user_credits_service ON public.user_credits;
CREATE POLICY user_credits_service ON public.user_credits TO service_role, bursar_operator
    USING (true) WITH CHECK (true);
