-- requires: rewards/purchase_reward.sql
-- The older name of apps that have not moved yet: a bounty is a reward. The same guards, the same
-- refusals.
CREATE OR REPLACE FUNCTION public.purchase_bounty(p_bounty_id uuid, p_collector_id uuid)
RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT public.purchase_reward(p_bounty_id, p_collector_id)
$$;

COMMENT ON FUNCTION public.purchase_bounty(uuid, uuid) IS 'The older name of purchase_reward.';
REVOKE ALL ON FUNCTION public.purchase_bounty(uuid, uuid) FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION public.purchase_bounty(uuid, uuid)
    TO authenticated, service_role, bursar_service;
