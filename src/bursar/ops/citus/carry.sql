-- The verbs whose other side is a system wallet, grant and spend: everything they touch is in one
-- home, so a group of them is one local transaction on one node.

-- The first field of a request that cannot be read, or NULL.
CREATE OR REPLACE FUNCTION bursar_citus.wrong_field(q jsonb) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar_citus, pg_temp
AS $$
BEGIN
    RETURN CASE
        WHEN jsonb_typeof(q) IS DISTINCT FROM 'object' THEN 'request'
        WHEN NOT bursar.is_text(q -> 'key') OR NOT bursar.is_printable(q ->> 'key', 255) THEN 'key'
        WHEN coalesce(q ->> 'principal', 'service') NOT IN ('user', 'service', 'operator')
            THEN 'principal'
        WHEN NOT bursar.is_text(q -> 'actor') OR NOT bursar.is_printable(q ->> 'actor', 255)
            THEN 'actor'
        WHEN NOT bursar.is_text(q -> 'reason') OR length(q ->> 'reason') NOT BETWEEN 1 AND 200
            THEN 'reason'
        WHEN coalesce(jsonb_typeof(q -> 'metadata') NOT IN ('object', 'null'), false)
            OR pg_column_size(q -> 'metadata') > 8192 THEN 'metadata'
        WHEN q ? 'amount' AND NOT bursar.is_whole(q -> 'amount', 1, 1000000000000000) THEN 'amount'
    END;
END
$$;

COMMENT ON FUNCTION bursar_citus.wrong_field(jsonb) IS 'The first field that cannot be read.';
REVOKE ALL ON FUNCTION bursar_citus.wrong_field(jsonb) FROM PUBLIC, anon, authenticated;

-- Grants to and spends from one wallet, in order; an outcome for each. Handed to the wallet's node
-- when it is called by itself with the owner as a plain value: `SELECT bursar_citus.carry($1, $2,
-- $3)`. The owner is written as the ledger writes it: uuids in lower case.
CREATE OR REPLACE FUNCTION bursar_citus.carry(p_owner_id text, p_asset text, p_requests jsonb)
RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar_citus, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_owner_type CONSTANT text := (SELECT a.owner_type FROM bursar.asset AS a
        WHERE a.asset = p_asset AND a.asset NOT LIKE '%:owed');
    v_read jsonb;
BEGIN
    IF jsonb_typeof(p_requests) IS DISTINCT FROM 'array'
        OR jsonb_array_length(p_requests) NOT BETWEEN 1 AND 1000
        OR NOT bursar.is_owner(p_owner_id, 'text')
        OR (v_owner_type = 'uuid' AND p_owner_id <> lower(p_owner_id))
    THEN
        RAISE EXCEPTION 'MALFORMED: An owner as the ledger writes it, and 1 to 1000 requests.'
            USING ERRCODE = 'UB001';
    END IF;
    -- By itself, because whatever calls `half` is planned anew each time.
    v_read := (SELECT jsonb_agg(jsonb_build_object(
        'verb', t.q ->> 'verb',
        'sign', CASE t.q ->> 'verb' WHEN 'grant' THEN 1 ELSE -1 END,
        'amount', CASE WHEN w.field IS NULL THEN t.q -> 'amount' END,
        'counterpart', CASE t.q ->> 'verb' WHEN 'grant' THEN 'system:issuance'
            ELSE 'system:revenue' END,
        'bucket', CASE t.q ->> 'verb' WHEN 'grant' THEN 'promotional' ELSE 'used' END,
        'reason', coalesce(t.q ->> 'reason', t.q ->> 'verb'),
        'actor', coalesce(t.q ->> 'actor', t.q ->> 'principal', 'service'),
        'metadata', nullif(t.q -> 'metadata', 'null'),
        'claim', CASE WHEN w.field IS NULL THEN encode(bursar.claim(p_owner_id,
            coalesce(t.q ->> 'principal', 'service'), t.q ->> 'verb', t.q ->> 'key'), 'hex') END,
        'fingerprint', encode(bursar.fingerprint(jsonb_build_array(
            t.q ->> 'verb', p_owner_id, p_asset, t.q -> 'amount')::text), 'hex'),
        'refusal', CASE WHEN w.field IS NOT NULL THEN 'MALFORMED'
            WHEN v_owner_type IS NULL THEN 'ASSET_NOT_FOUND' END,
        'details', CASE WHEN w.field IS NOT NULL THEN jsonb_build_object('field', w.field)
            ELSE '{}' END) ORDER BY t.n)
        FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, n)
        CROSS JOIN LATERAL (SELECT coalesce(bursar_citus.wrong_field(t.q), CASE
            WHEN t.q ->> 'verb' IS NULL OR t.q ->> 'verb' NOT IN ('grant', 'spend') THEN 'verb'
            WHEN lower(t.q ->> 'owner_id') <> lower(p_owner_id) THEN 'owner_id'
            WHEN NOT bursar.is_owner(p_owner_id, v_owner_type) THEN 'owner_id'
            WHEN t.q ->> 'asset' <> p_asset THEN 'asset'
            WHEN NOT t.q ? 'amount' THEN 'amount' END) AS field) AS w);
    RETURN bursar_citus.half(p_owner_id, p_asset, v_read);
END
$$;

COMMENT ON FUNCTION bursar_citus.carry(text, text, jsonb) IS
    'Grants to and spends from one wallet, in its home; a batch.';
REVOKE ALL ON FUNCTION bursar_citus.carry(text, text, jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar_citus.carry(text, text, jsonb) TO service_role, bursar_service;
SELECT create_distributed_function('bursar_citus.carry(text, text, jsonb)', 'p_owner_id',
    colocate_with := 'bursar_citus.wallet', force_delegation := true);

-- Grants and spends of many wallets in one transaction, grouped by wallet, in lock order; an
-- outcome for each, in the order of the requests. Group by bursar_citus.node beforehand and ask
-- that node: then it is one local commit. The coordinator hands each wallet's group to its node,
-- and commits in two phases where they are several.
CREATE OR REPLACE FUNCTION bursar_citus.batch(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar_citus, pg_temp
AS $$
DECLARE
    v_at_home CONSTANT boolean := (SELECT groupid > 0 FROM pg_dist_local_group);
    v_outcomes jsonb[];
    v_some jsonb;
    g record;
BEGIN
    FOR g IN
        SELECT k.owner_id, k.asset, jsonb_agg(t.q ORDER BY t.n) AS requests,
            array_agg(t.n ORDER BY t.n) AS places
        FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, n)
        CROSS JOIN LATERAL (SELECT t.q ->> 'asset' AS asset,
            bursar.canonical_owner(t.q ->> 'owner_id', t.q ->> 'asset') AS owner_id) AS k
        GROUP BY k.owner_id, k.asset ORDER BY k.asset COLLATE "C", k.owner_id COLLATE "C"
    LOOP
        IF g.asset IS NULL OR bursar.is_owner(g.owner_id, 'text') IS NOT TRUE THEN
            v_some := (SELECT jsonb_agg(bursar.refused(q ->> 'verb', 'MALFORMED',
                jsonb_build_object('field', CASE WHEN g.asset IS NULL THEN 'asset'
                    ELSE 'owner_id' END))) FROM jsonb_array_elements(g.requests) AS q);
        ELSIF v_at_home THEN
            v_some := bursar_citus.carry(g.owner_id, g.asset, g.requests);
        ELSE
            SELECT * INTO v_some FROM bursar_citus.carry(g.owner_id, g.asset, g.requests);
        END IF;
        FOR i IN 1 .. cardinality(g.places) LOOP
            v_outcomes[g.places[i]] := v_some -> i - 1;
        END LOOP;
    END LOOP;
    RETURN to_jsonb(v_outcomes);
END
$$;

COMMENT ON FUNCTION bursar_citus.batch(jsonb) IS 'Grants and spends of many wallets; a batch.';
REVOKE ALL ON FUNCTION bursar_citus.batch(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar_citus.batch(jsonb) TO service_role, bursar_service;

-- Where an owner's rows are: connect there with what is to be one local transaction.
CREATE OR REPLACE FUNCTION bursar_citus.node(p_owner_id text) RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT n.nodename || ':' || n.nodeport
    FROM pg_dist_placement AS p JOIN pg_dist_node AS n ON n.groupid = p.groupid
    WHERE p.shardid = get_shard_id_for_distribution_column('bursar_citus.wallet', p_owner_id)
        AND n.noderole = 'primary'
$$;

COMMENT ON FUNCTION bursar_citus.node(text) IS 'The node that holds an owner''s rows.';
REVOKE ALL ON FUNCTION bursar_citus.node(text) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar_citus.node(text) TO service_role, bursar_service;
