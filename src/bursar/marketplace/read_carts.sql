-- requires: ledger/claim.sql
-- requires: ledger/value_shape.sql
-- requires: marketplace/card_mode.sql
-- Reads and checks requests that carry a cart. The order of the leads means nothing, so they are
-- sorted: that is also the order in which they are locked. PL/pgSQL keeps the plan from call to
-- call; PostgreSQL before 18 plans a function in plain SQL each time.
--
-- Fields: buyer_workspace_id, lead_ids (1 to 500 distinct uuids), [expected_prices: {lead_id:
-- price}], [allow_partial = false], [reserve_seconds], [mode = bursar.card_mode()],
-- [key], [principal], [actor].
CREATE OR REPLACE FUNCTION bursar.read_carts(p_requests jsonb, p_verb text) RETURNS bursar.cart[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    -- A cart for credits has no mode, and its key is the same in each.
    v_mode CONSTANT text := CASE p_verb WHEN 'complete_credit_lead_purchase' THEN 'test'
        ELSE bursar.card_mode() END;
BEGIN
RETURN (SELECT array_agg(ROW(
    t.n, gen_random_uuid(), c.buyer_workspace_id, c.lead_ids,
    lower(f.expected_prices::text)::jsonb,
    CASE WHEN m.field IS NULL THEN coalesce(f.allow_partial::boolean, false) END,
    CASE WHEN m.field IS NULL THEN f.reserve_seconds::integer END,
    coalesce(f.mode, v_mode), coalesce(f.actor, f.principal, 'service'),
    CASE WHEN m.field IS NULL THEN bursar.claim(c.buyer_workspace_id::text,
        coalesce(f.principal, 'service'), p_verb, f.key) END,
    bursar.fingerprint(jsonb_build_array(c.lead_ids, lower(f.expected_prices::text)::jsonb,
        coalesce(f.allow_partial, 'false'), f.reserve_seconds, coalesce(f.mode, v_mode))::text),
    CASE WHEN m.field IS NOT NULL THEN 'MALFORMED' END,
    CASE WHEN m.field IS NOT NULL THEN jsonb_build_object('field', m.field) END
    )::bursar.cart ORDER BY t.n)
FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, n)
CROSS JOIN LATERAL jsonb_to_record(
    CASE jsonb_typeof(t.q) WHEN 'object' THEN jsonb_strip_nulls(t.q) ELSE '{}' END
) AS f (buyer_workspace_id text, lead_ids jsonb, expected_prices jsonb, allow_partial jsonb,
    reserve_seconds jsonb, mode text, key text, principal text, actor text)
CROSS JOIN LATERAL (SELECT bursar.read_uuids(f.lead_ids, 500) AS ids OFFSET 0) AS l
CROSS JOIN LATERAL (SELECT CASE
    WHEN f.buyer_workspace_id IS NULL OR NOT bursar.is_uuid(f.buyer_workspace_id)
        THEN 'buyer_workspace_id'
    WHEN l.ids IS NULL THEN 'lead_ids'
    WHEN NOT bursar.is_price_list(f.expected_prices) THEN 'expected_prices'
    WHEN jsonb_typeof(f.allow_partial) <> 'boolean' THEN 'allow_partial'
    WHEN f.reserve_seconds IS NOT NULL
        AND NOT bursar.is_whole(f.reserve_seconds, 60, 172800) THEN 'reserve_seconds'
    WHEN f.mode NOT IN ('live', 'test') THEN 'mode'
    WHEN NOT bursar.is_text(t.q -> 'key') OR NOT bursar.is_printable(f.key, 255) THEN 'key'
    WHEN f.principal NOT IN ('user', 'service', 'operator') THEN 'principal'
    WHEN NOT bursar.is_text(t.q -> 'actor') OR NOT bursar.is_printable(f.actor, 255)
        THEN 'actor' END AS field
    -- Without the OFFSET the planner would paste these checks into each place that asks for them.
    OFFSET 0) AS m
CROSS JOIN LATERAL (SELECT
    CASE WHEN m.field IS NULL THEN f.buyer_workspace_id::uuid END AS buyer_workspace_id,
    CASE WHEN m.field IS NULL THEN l.ids END AS lead_ids
    OFFSET 0) AS c);
END
$$;

COMMENT ON FUNCTION bursar.read_carts(jsonb, text) IS 'Reads and checks requests with a cart.';
REVOKE ALL ON FUNCTION bursar.read_carts(jsonb, text) FROM PUBLIC, anon, authenticated;

-- The uuids of a JSON array of 1 to so many, sorted; NULL where it is anything else, or names one
-- twice. One expression for all of them: that costs no more than one look at each.
CREATE OR REPLACE FUNCTION bursar.read_uuids(p_value jsonb, p_max integer) RETURNS uuid[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_ids uuid[];
BEGIN
    IF jsonb_typeof(p_value) = 'array' AND jsonb_array_length(p_value) BETWEEN 1 AND p_max
        AND p_value::text ~ ('^\[("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}'
            '-[0-9a-fA-F]{12}"(, |\]))+$')
    THEN
        v_ids := ARRAY(SELECT DISTINCT l.id::uuid
            FROM jsonb_array_elements_text(p_value) AS l (id) ORDER BY 1);
        IF cardinality(v_ids) < jsonb_array_length(p_value) THEN
            RETURN NULL;
        END IF;
    END IF;
    RETURN v_ids;
END
$$;

COMMENT ON FUNCTION bursar.read_uuids(jsonb, integer) IS
    'The uuids of a JSON array, sorted; NULL where it is no such array.';
REVOKE ALL ON FUNCTION bursar.read_uuids(jsonb, integer) FROM PUBLIC, anon, authenticated;

-- Whether a JSON value maps ids to prices, or is absent.
CREATE OR REPLACE FUNCTION bursar.is_price_list(p_value jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF p_value IS NULL THEN
        RETURN true;
    ELSIF jsonb_typeof(p_value) <> 'object' THEN
        RETURN false;
    END IF;
    RETURN coalesce((SELECT bool_and(bursar.is_uuid(p.id)
            AND bursar.is_whole(p.price, 1, 1000000000000000))
        FROM jsonb_each(p_value) AS p (id, price)), true);
END
$$;

COMMENT ON FUNCTION bursar.is_price_list(jsonb) IS
    'Whether a JSON value maps ids to prices, or is absent.';
REVOKE ALL ON FUNCTION bursar.is_price_list(jsonb) FROM PUBLIC, anon, authenticated;
