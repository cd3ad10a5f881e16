-- A request that was carried out, as an outcome: what moved, and the wallet right after. Written as
-- text, since building an object value by value takes twice as long; `p_extra` are the members that
-- a verb adds.
CREATE OR REPLACE FUNCTION bursar.done(
    p_transaction_id bigint, p_verb text, p_asset text, p_owner_id text, p_amount bigint,
    p_balance bigint, p_held bigint, p_owed bigint, p_extra json
) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
RETURN concat('{"status":"done","verb":"', p_verb, '","transaction_id":', p_transaction_id,
    ',"owner_id":', to_json(p_owner_id), ',"asset":"', p_asset, '","amount":', p_amount,
    -- Where the owner's own wallet has no part, it says nothing of it.
    ',"balance":' || p_balance || ',"held":' || p_held || ',"available":' || p_balance - p_held,
    ',"owed":' || nullif(p_owed, 0), ',' || substr(p_extra::text, 2, length(p_extra::text) - 2),
    ',"replayed":false}')::json;

COMMENT ON FUNCTION bursar.done(
    bigint, text, text, text, bigint, bigint, bigint, bigint, json
) IS 'A request that was carried out, as an outcome.';
REVOKE ALL ON FUNCTION bursar.done(
    bigint, text, text, text, bigint, bigint, bigint, bigint, json
) FROM PUBLIC, anon, authenticated;

-- An outcome that is answered again: the same text but for its last member. Only there, because
-- the details of a refusal may repeat what the caller wrote.
CREATE OR REPLACE FUNCTION bursar.replayed(p_outcome json) RETURNS json
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN regexp_replace(p_outcome::text, '"replayed" ?: ?false}$', '"replayed":true}')::json;

COMMENT ON FUNCTION bursar.replayed(json) IS 'An outcome that is answered again.';
REVOKE ALL ON FUNCTION bursar.replayed(json) FROM PUBLIC, anon, authenticated;
