-- requires: ledger/claim.sql
-- requires: ledger/value_shape.sql
-- Reads the requests of ledger verbs. Every field is checked here again, whatever the door has
-- checked; a request that cannot be read is refused as MALFORMED with the name of its first wrong
-- field and is no burden to the others. A field that belongs to another verb is a wrong one. For
-- capture, release and refund the wallet is that of the hold or of the transaction they name;
-- neither ever changes. PL/pgSQL keeps the plan from call to call; PostgreSQL before 18 plans a
-- function in plain SQL each time.
CREATE OR REPLACE FUNCTION bursar.read_instructions(p_requests jsonb) RETURNS bursar.instruction[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
RETURN (SELECT array_agg(ROW(
    t.n, f.verb, w.owner_id, w.asset,
    CASE WHEN c.field IS NULL THEN f.amount::bigint END,
    coalesce(f.reason, f.verb), coalesce(f.actor, w.principal),
    nullif(t.q -> 'metadata', 'null'),
    CASE WHEN c.field IS NULL THEN bursar.claim(w.owner_id, w.principal, f.verb, f.key) END,
    bursar.fingerprint(jsonb_build_array(f.verb, w.owner_id, w.asset, f.amount, w.to_owner_id,
        f.bucket, f.hold_id, f.expires_in_seconds, f.over_run, f.final, f.transaction_id,
        f.shortfall, f.wallet_status, f.external)::text),
    w.to_owner_id, f.bucket,
    CASE WHEN c.field IS NULL THEN f.hold_id::bigint END,
    CASE WHEN c.field IS NULL THEN f.expires_in_seconds::integer END,
    f.over_run,
    CASE WHEN c.field IS NULL THEN f.final::boolean END,
    CASE WHEN c.field IS NULL THEN f.transaction_id::bigint END,
    f.shortfall, f.wallet_status, f.external,
    CASE WHEN c.field IS NOT NULL THEN 'MALFORMED'
        WHEN f.verb IN ('capture', 'release') AND h.id IS NULL THEN 'HOLD_NOT_FOUND'
        WHEN f.verb = 'refund' AND p.id IS NULL THEN 'TRANSACTION_NOT_FOUND'
        WHEN a.asset IS NULL THEN 'ASSET_NOT_FOUND'
        WHEN f.verb IN ('transfer', 'capture') AND w.to_owner_id = w.owner_id
            THEN 'SELF_TRANSFER' END,
    CASE WHEN c.field IS NOT NULL THEN jsonb_build_object('field', c.field) END,
    NULL, NULL, p.verb, p.amount)::bursar.instruction ORDER BY t.n)
FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, n)
CROSS JOIN LATERAL jsonb_to_record(
    CASE jsonb_typeof(t.q) WHEN 'object' THEN jsonb_strip_nulls(t.q) ELSE '{}' END
) AS f (verb text, owner_id text, asset text, amount jsonb, reason text, actor text,
    metadata jsonb, key text, principal text, to_owner_id text, bucket text, hold_id jsonb,
    expires_in_seconds jsonb, over_run text, final jsonb, transaction_id jsonb, shortfall text,
    wallet_status text, external jsonb)
-- Without the LIMITs the planner may read whole tables that were small when it planned.
LEFT JOIN LATERAL (SELECT * FROM bursar.hold AS x WHERE f.verb IN ('capture', 'release')
    AND x.id = CASE WHEN bursar.is_whole(f.hold_id, 1, 9007199254740991)
        THEN f.hold_id::bigint END LIMIT 1) AS h ON true
LEFT JOIN LATERAL (SELECT * FROM bursar.transaction AS x WHERE f.verb = 'refund'
    AND x.id = CASE WHEN bursar.is_whole(f.transaction_id, 1, 9007199254740991)
        THEN f.transaction_id::bigint END LIMIT 1) AS p ON true
LEFT JOIN bursar.asset AS a ON a.asset = coalesce(h.asset, p.asset, f.asset)
    AND a.asset NOT LIKE '%:owed'
CROSS JOIN LATERAL (SELECT
    coalesce(a.asset, f.asset) AS asset,
    coalesce(f.principal, 'service') AS principal,
    coalesce(h.owner_id, p.owner_id,
        CASE a.owner_type WHEN 'uuid' THEN lower(f.owner_id) ELSE f.owner_id END) AS owner_id,
    CASE a.owner_type WHEN 'uuid' THEN lower(f.to_owner_id) ELSE f.to_owner_id END AS to_owner_id
    OFFSET 0
) AS w
CROSS JOIN LATERAL (SELECT CASE
    WHEN jsonb_typeof(t.q) <> 'object' THEN 'request'
    WHEN f.verb IS NULL OR f.verb NOT IN ('grant', 'spend', 'transfer', 'hold', 'capture',
        'release', 'refund', 'adjust', 'freeze') THEN 'verb'
    WHEN NOT bursar.is_text(t.q -> 'key') OR NOT bursar.is_printable(f.key, 255) THEN 'key'
    WHEN w.principal NOT IN ('user', 'service', 'operator') THEN 'principal'
    WHEN NOT bursar.is_text(t.q -> 'actor') OR NOT bursar.is_printable(f.actor, 255) THEN 'actor'
    WHEN NOT bursar.is_text(t.q -> 'reason') OR length(f.reason) NOT BETWEEN 1 AND 200
        THEN 'reason'
    WHEN f.metadata IS NOT NULL AND (jsonb_typeof(f.metadata) <> 'object'
        OR pg_column_size(t.q -> 'metadata') > 8192) THEN 'metadata'
    -- The kernel's own entries of debts are told by their bucket.
    WHEN f.bucket IS NOT NULL AND (f.verb NOT IN ('grant', 'spend', 'transfer')
        OR NOT bursar.is_text(t.q -> 'bucket') OR f.bucket ~ '[^a-z_]' OR f.bucket = 'debt'
        OR length(f.bucket) NOT BETWEEN 1 AND 30) THEN 'bucket'
    WHEN f.verb NOT IN ('capture', 'release', 'refund') AND (f.owner_id IS NULL
        OR NOT bursar.is_text(t.q -> 'owner_id')
        OR NOT bursar.is_owner(f.owner_id, a.owner_type)) THEN 'owner_id'
    WHEN f.verb NOT IN ('capture', 'release', 'refund')
        AND (f.asset IS NULL OR NOT bursar.is_text(t.q -> 'asset')) THEN 'asset'
    WHEN CASE WHEN f.verb IN ('capture', 'release')
        THEN NOT bursar.is_whole(f.hold_id, 1, 9007199254740991)
        ELSE f.hold_id IS NOT NULL END THEN 'hold_id'
    WHEN CASE f.verb WHEN 'refund'
        THEN NOT bursar.is_whole(f.transaction_id, 1, 9007199254740991)
        ELSE f.transaction_id IS NOT NULL END THEN 'transaction_id'
    WHEN f.verb = 'adjust' AND NOT (bursar.is_whole(f.amount, 1, 1000000000000000)
        OR bursar.is_whole(f.amount, -1000000000000000, -1)) THEN 'amount'
    WHEN f.verb IN ('grant', 'spend', 'transfer', 'hold')
        AND NOT bursar.is_whole(f.amount, 1, 1000000000000000) THEN 'amount'
    WHEN f.verb IN ('capture', 'release', 'refund') AND f.amount IS NOT NULL
        AND NOT bursar.is_whole(f.amount, 1, 1000000000000000) THEN 'amount'
    WHEN f.verb = 'freeze' AND f.amount IS NOT NULL THEN 'amount'
    WHEN f.verb = 'transfer' AND f.to_owner_id IS NULL THEN 'to_owner_id'
    WHEN f.to_owner_id IS NOT NULL AND (f.verb NOT IN ('transfer', 'capture')
        OR NOT bursar.is_text(t.q -> 'to_owner_id')
        OR NOT bursar.is_owner(f.to_owner_id, a.owner_type)) THEN 'to_owner_id'
    WHEN f.expires_in_seconds IS NOT NULL AND (f.verb <> 'hold'
        OR NOT bursar.is_whole(f.expires_in_seconds, 1, 86400)) THEN 'expires_in_seconds'
    WHEN f.over_run IS NOT NULL AND (f.verb <> 'capture'
        OR f.over_run NOT IN ('reject', 'cap', 'overdraft')) THEN 'over_run'
    WHEN f.final IS NOT NULL AND (f.verb <> 'capture' OR jsonb_typeof(f.final) <> 'boolean')
        THEN 'final'
    WHEN f.shortfall IS NOT NULL AND (f.verb <> 'adjust'
        OR f.shortfall NOT IN ('refuse', 'debt')) THEN 'shortfall'
    WHEN CASE f.verb WHEN 'freeze'
        THEN coalesce(f.wallet_status NOT IN ('open', 'frozen', 'closed'), true)
        ELSE f.wallet_status IS NOT NULL END THEN 'wallet_status'
    WHEN f.external IS NOT NULL AND (f.verb <> 'grant' OR NOT bursar.is_external(f.external))
        THEN 'external'
    END AS field
    -- Without the OFFSET the planner would paste these checks into each place that asks for them.
    OFFSET 0
) AS c);
END
$$;

COMMENT ON FUNCTION bursar.read_instructions(jsonb) IS 'Reads and checks requests of ledger verbs.';
REVOKE ALL ON FUNCTION bursar.read_instructions(jsonb) FROM PUBLIC, anon, authenticated;
