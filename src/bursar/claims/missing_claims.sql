-- requires: claims/claim_purchase.sql
-- requires: claims/store_config.sql
-- requires: claims/check_wallet_integrity.sql
-- What operators mend: purchases that were paid for and never claimed, and wallets that are not
-- what their claims come to.

-- Purchases without a claim, oldest first, and whether a claim would be granted now.
CREATE OR REPLACE FUNCTION bursar.find_missing_claims(p_limit integer DEFAULT 1000) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('tx_id', m.tx_id, 'user_id', m.user_id,
        'sku', m.sku, 'purchased_at', m.purchased_at, 'cap', m.cap) ORDER BY m.purchased_at,
        m.tx_id), '[]')
    FROM (SELECT a.*, bursar.exceeded_cap(a.user_id, a.sku, s.amount, bursar.clock()) AS cap
        FROM public.audit_purchases AS a
        JOIN public.skus AS s ON s.sku = a.sku
        WHERE a.environment = 'PRODUCTION' AND NOT a.is_refunded AND NOT a.is_provisional
            AND NOT EXISTS (SELECT FROM public.purchase_claims AS c WHERE c.tx_id = a.tx_id)
        ORDER BY a.purchased_at, a.tx_id LIMIT p_limit) AS m
$$;

COMMENT ON FUNCTION bursar.find_missing_claims(integer) IS
    'Purchases that were paid for and never claimed.';
REVOKE ALL ON FUNCTION bursar.find_missing_claims(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.find_missing_claims(integer)
    TO service_role, bursar_service, bursar_operator;

-- What a wallet has, and what its claims, uses and refunds come to; used shields stay used.
-- bursar.correct_shields brings it there. Without a user, the wallets that differ.
CREATE OR REPLACE FUNCTION bursar.find_wallet_differences(p_user_id text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('user_id', s.user_id,
        'wallet_count', s.wallet_count, 'claim_count', s.claim_count,
        'difference', s.claim_count - s.wallet_count) ORDER BY s.user_id), '[]')
    FROM bursar.count_shields(p_user_id) AS s
    WHERE s.wallet_count <> s.claim_count
$$;

COMMENT ON FUNCTION bursar.find_wallet_differences(text) IS
    'Wallets that are not what their claims come to, and by how much.';
REVOKE ALL ON FUNCTION bursar.find_wallet_differences(text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.find_wallet_differences(text)
    TO service_role, bursar_service, bursar_operator;

-- Everything about some users' claims, as it is now: for a backup of what is about to be touched.
CREATE OR REPLACE FUNCTION bursar.copy_claims(p_user_ids jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object('taken_at', bursar.clock(),
        'user_wallet_balances', (SELECT coalesce(jsonb_agg(to_jsonb(w) ORDER BY w.user_id), '[]')
            FROM public.user_wallet_balances AS w
            WHERE w.user_id IN (SELECT jsonb_array_elements_text(p_user_ids))),
        'purchase_claims', (SELECT coalesce(jsonb_agg(to_jsonb(c) ORDER BY c.tx_id), '[]')
            FROM public.purchase_claims AS c
            WHERE c.user_id IN (SELECT jsonb_array_elements_text(p_user_ids))),
        'claims_over_cap', (SELECT coalesce(jsonb_agg(to_jsonb(o) ORDER BY o.tx_id), '[]')
            FROM public.claims_over_cap AS o
            WHERE o.user_id IN (SELECT jsonb_array_elements_text(p_user_ids))))
$$;

COMMENT ON FUNCTION bursar.copy_claims(jsonb) IS 'Everything about some users'' claims.';
REVOKE ALL ON FUNCTION bursar.copy_claims(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.copy_claims(jsonb)
    TO service_role, bursar_service, bursar_operator;
