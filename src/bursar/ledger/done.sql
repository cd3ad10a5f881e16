-- A request that was carried out, as an outcome: what moved, and the wallet right after. Written as
-- text, since building an object value by value takes twice as long; `p_extra` are the members that
-- a verb adds.
CREATE OR REPLACE FUNCTION bursar.done(
    p_transaction_id bigint, p_verb text, p_asset text, p_owner_id text, p_amount bigint,
    p_balance bigint, p_held bigint, p_owed bigint, p_extra json
) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN ('{"status":"done","verb":"' || p_verb || '","transaction_id":' || p_transaction_id
    || ',"owner_id":' || to_json(p_owner_id) || ',"asset":"' || p_asset || '","amount":' || p_amount
    || ',"balance":' || p_balance || ',"held":' || p_held || ',"available":' || p_balance - p_held
    || CASE WHEN p_owed > 0 THEN ',"owed":' || p_owed ELSE '' END || ',"replayed":false'
    || coalesce(',' || ltrim(p_extra::text, '{'), '}'))::jsonb;

COMMENT ON FUNCTION bursar.done(
    bigint, text, text, text, bigint, bigint, bigint, bigint, json
) IS 'A request that was carried out, as an outcome.';
REVOKE ALL ON FUNCTION bursar.done(
    bigint, text, text, text, bigint, bigint, bigint, bigint, json
) FROM PUBLIC, anon, authenticated;
