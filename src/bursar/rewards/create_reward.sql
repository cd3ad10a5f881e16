-- requires: ledger/gate.sql
-- requires: ledger/refused.sql
-- requires: ledger/caller.sql
-- create_reward: puts a reward on sale. A signed-in user creates their own; the service may create
-- for anybody. Answers the new reward's id. Refusals: DEGRADED (by the table's trigger),
-- NOT_AUTHORIZED, MALFORMED.
CREATE OR REPLACE FUNCTION public.create_reward(
    p_name text, p_description text, p_cost bigint, p_creator_id uuid DEFAULT auth.uid()
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_caller CONSTANT jsonb := bursar.caller();
    v_id uuid;
BEGIN
    IF p_creator_id IS NULL OR (v_caller ->> 'role' <> 'service_role'
        AND v_caller ->> 'sub' IS DISTINCT FROM p_creator_id::text)
    THEN
        PERFORM bursar.raise_refusal(bursar.refused('create_reward', 'NOT_AUTHORIZED'));
    END IF;
    IF p_cost IS NULL OR p_cost NOT BETWEEN 1 AND 1000000000000000 THEN
        PERFORM bursar.raise_refusal(
            bursar.refused('create_reward', 'MALFORMED', '{"field": "p_cost"}'));
    ELSIF coalesce(length(p_name), 0) NOT BETWEEN 1 AND 200 THEN
        PERFORM bursar.raise_refusal(
            bursar.refused('create_reward', 'MALFORMED', '{"field": "p_name"}'));
    ELSIF length(p_description) > 2000 THEN
        PERFORM bursar.raise_refusal(
            bursar.refused('create_reward', 'MALFORMED', '{"field": "p_description"}'));
    END IF;
    INSERT INTO public.rewards (creator_id, name, description, cost)
    VALUES (p_creator_id, p_name, coalesce(p_description, ''), p_cost)
    RETURNING id INTO v_id;
    RETURN v_id;
END
$$;

COMMENT ON FUNCTION public.create_reward(text, text, bigint, uuid) IS
    'Puts a reward on sale and answers its id.';
REVOKE ALL ON FUNCTION public.create_reward(text, text, bigint, uuid) FROM PUBLIC, anon;
GRANT EXECUTE ON FUNCTION public.create_reward(text, text, bigint, uuid)
    TO authenticated, service_role, bursar_service;
