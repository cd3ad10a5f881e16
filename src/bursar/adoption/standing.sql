-- Where adopted tables stand. Operators and the service read it; only the owner writes.
GRANT SELECT ON bursar.adoption TO service_role, bursar_service, bursar_operator;
DROP POLICY IF EXISTS service_read ON bursar.adoption;
CREATE POLICY service_read ON bursar.adoption FOR SELECT
    TO service_role, bursar_service, bursar_operator USING (true);

CREATE OR REPLACE FUNCTION bursar.read_adoptions() RETURNS jsonb
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(d) || jsonb_build_object(
        'store', d.store::text, 'there', c.oid IS NOT NULL,
        'rows_about', greatest(c.reltuples, 0)::bigint) ORDER BY d.asset COLLATE "C"), '[]')
    FROM bursar.adoption AS d LEFT JOIN pg_class AS c ON c.oid = d.store
$$;

COMMENT ON FUNCTION bursar.read_adoptions() IS 'Adopted tables, and how far each has come.';
REVOKE ALL ON FUNCTION bursar.read_adoptions() FROM PUBLIC, anon, authenticated;

-- Compares the column with the ledger's entries, owner by owner and of one moment. Rows that are
-- not open yet are counted apart: the ledger has not heard of them. Of a table that was given back
-- only the entries are added up, which end at 0.
CREATE OR REPLACE FUNCTION bursar.read_agreement(p_asset text) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    d bursar.adoption;
    v_rows text;
    v_found jsonb;
BEGIN
    SELECT * INTO STRICT d FROM bursar.adoption WHERE asset = p_asset;
    v_rows := CASE WHEN d.stage IN ('closing', 'given back')
        THEN 'SELECT NULL::text AS o, NULL::bigint AS b, NULL::bigint AS q WHERE false'
        ELSE format('SELECT %I::text AS o, %I::numeric AS b, bursar_seq AS q FROM %s',
            d.owner_column, d.balance_column, d.store) END;
    EXECUTE format('SELECT jsonb_build_object(
            ''wallets'', count(*) FILTER (WHERE w.q >= 0),
            ''unopened'', count(*) FILTER (WHERE w.q < 0),
            ''balances'', coalesce(sum(w.b) FILTER (WHERE w.q >= 0), 0),
            ''entries'', coalesce(sum(e.total), 0),
            ''differing'', count(*) FILTER (WHERE w.q >= 0 AND (w.b, w.q)
                IS DISTINCT FROM (coalesce(e.total, 0), coalesce(e.n, 0))
                OR coalesce(w.q, -1) < 0 AND coalesce(e.total, 0) <> 0),
            ''examples'', coalesce((array_agg(coalesce(w.o, e.owner_id)) FILTER (
                WHERE w.q >= 0 AND (w.b, w.q)
                IS DISTINCT FROM (coalesce(e.total, 0), coalesce(e.n, 0))
                OR coalesce(w.q, -1) < 0 AND coalesce(e.total, 0) <> 0))[1:5], ''{}''))
        FROM (%1$s) AS w
        FULL JOIN (SELECT owner_id, sum(amount) AS total, count(*) AS n FROM bursar.entry
            WHERE asset = %2$L AND seq IS NOT NULL GROUP BY owner_id) AS e ON e.owner_id = w.o',
        v_rows, p_asset) INTO v_found;
    RETURN v_found;
END
$$;

COMMENT ON FUNCTION bursar.read_agreement(text) IS
    'Compares an adopted column with the ledger''s entries, owner by owner.';
REVOKE ALL ON FUNCTION bursar.read_agreement(text) FROM PUBLIC, anon, authenticated;
