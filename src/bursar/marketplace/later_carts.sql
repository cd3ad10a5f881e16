-- requires: marketplace/weigh_carts.sql
-- Carts of a batch that depend on each other are carried out in steps, all in one transaction. What
-- a later step locked would be out of order, so all of it is locked before the first.

-- The carts of the first step: those before the first that depends on one before it; where buyers
-- give up reservations of their own, the first alone, since that may be what the next one wants.
CREATE OR REPLACE FUNCTION bursar.carts_for_now(p_carts bursar.cart[], p_own uuid[])
RETURNS bursar.cart[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF cardinality(p_own) > 0 THEN
        RETURN p_carts[:1];
    END IF;
    RETURN bursar.independent_carts(p_carts);
END
$$;

COMMENT ON FUNCTION bursar.carts_for_now(bursar.cart[], uuid[]) IS
    'The carts of a batch that are carried out in one step.';
REVOKE ALL ON FUNCTION bursar.carts_for_now(bursar.cart[], uuid[])
    FROM PUBLIC, anon, authenticated;

-- Locks the leads of all carts, and those of the purchases `p_own` that may be given up; where one
-- of the wallets that were looked for is a seller's and is missing, has it opened first of all.
CREATE OR REPLACE FUNCTION bursar.prepare_later_carts(
    p_carts bursar.cart[], p_own uuid[], p_wallets bursar.wallet_state[], p_wait boolean
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_ids CONSTANT uuid[] := bursar.leads_of(p_carts, p_own);
    v_missing CONSTANT jsonb := (
        SELECT jsonb_agg(jsonb_build_object('asset', s.asset, 'owner_id', s.owner_id))
        FROM unnest(p_wallets) AS s
        WHERE s.status = 'missing' AND s.owner_id = ANY (ARRAY(
            SELECT l.seller_workspace_id::text FROM public.leads AS l WHERE l.id = ANY (v_ids))));
BEGIN
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'Wallets have to be opened first.'
            USING ERRCODE = 'UBX01', DETAIL = v_missing::text;
    END IF;
    IF p_wait THEN
        PERFORM FROM public.leads WHERE id = ANY (v_ids) ORDER BY id FOR NO KEY UPDATE;
    ELSE
        PERFORM FROM public.leads WHERE id = ANY (v_ids) ORDER BY id
        FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
END
$$;

COMMENT ON FUNCTION bursar.prepare_later_carts(
    bursar.cart[], uuid[], bursar.wallet_state[], boolean
) IS 'Takes the locks of carts that are carried out in later steps, in order.';
REVOKE ALL ON FUNCTION bursar.prepare_later_carts(
    bursar.cart[], uuid[], bursar.wallet_state[], boolean
) FROM PUBLIC, anon, authenticated;
