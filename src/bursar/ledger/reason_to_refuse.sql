-- Why a wallet stands in the way of one leg, in the order of precedence; NULL where it does not.
-- `p_need` is what the leg takes of the available amount, `p_amount` its signed amount.
CREATE OR REPLACE FUNCTION bursar.reason_to_refuse(
    p_shortfall text, p_new_status text, p_need bigint, p_amount bigint,
    p_status text, p_balance bigint, p_held bigint, p_balance_max bigint, p_owed bigint
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN p_status = 'busy' THEN 'BUSY'
    WHEN p_status = 'missing' AND p_new_status IS NOT NULL THEN 'WALLET_NOT_FOUND'
    WHEN p_status = 'closed' AND p_new_status IS NULL THEN 'WALLET_CLOSED'
    WHEN p_status = 'frozen' AND p_need > 0 AND p_shortfall = 'refuse' THEN 'WALLET_FROZEN'
    WHEN p_new_status = 'closed' AND (p_balance > 0 OR p_owed > 0) THEN 'WALLET_NOT_EMPTY'
    WHEN p_need > greatest(0, p_balance - p_held) AND p_shortfall = 'refuse'
        THEN 'INSUFFICIENT_FUNDS'
    WHEN p_amount > p_balance_max - p_balance THEN 'BALANCE_LIMIT'
    WHEN p_shortfall = 'debt' AND p_need > 1000000000000000000 - p_owed THEN 'BALANCE_LIMIT'
END;

COMMENT ON FUNCTION bursar.reason_to_refuse(
    text, text, bigint, bigint, text, bigint, bigint, bigint, bigint
) IS 'Why a wallet stands in the way of one leg.';
REVOKE ALL ON FUNCTION bursar.reason_to_refuse(
    text, text, bigint, bigint, text, bigint, bigint, bigint, bigint
) FROM PUBLIC, anon, authenticated;
