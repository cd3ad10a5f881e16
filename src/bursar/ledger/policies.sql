-- Who reads what of the ledger. A signed-in user sees the entries of their own wallets and, of the
-- transactions behind them, what a statement shows; the service and the operator see everything.
-- Nobody but the kernel writes: no table of this schema is granted for writing.
GRANT SELECT ON bursar.entry TO authenticated;
GRANT SELECT (id, verb, asset, reason, corrects, created_at) ON bursar.transaction TO authenticated;

DROP POLICY IF EXISTS entry_read ON bursar.entry;
CREATE POLICY entry_read ON bursar.entry FOR SELECT TO authenticated
    USING (owner_id = (SELECT auth.uid()::text));
DROP POLICY IF EXISTS transaction_read ON bursar.transaction;
CREATE POLICY transaction_read ON bursar.transaction FOR SELECT TO authenticated
    USING (EXISTS (SELECT FROM bursar.entry AS e
        WHERE e.transaction_id = id AND e.owner_id = (SELECT auth.uid()::text)));

-- Tables alone: who reads a view is said beside the view, and views may be there already when this
-- is applied again.
DO $$
DECLARE
    v_table regclass;
BEGIN
    FOR v_table IN SELECT oid FROM pg_class
        WHERE relnamespace = 'bursar'::regnamespace AND relkind = 'r' AND relrowsecurity
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO service_role, bursar_service, bursar_operator',
            v_table);
        EXECUTE format('DROP POLICY IF EXISTS service_read ON %s', v_table);
        EXECUTE format('CREATE POLICY service_read ON %s FOR SELECT
            TO service_role, bursar_service, bursar_operator USING (true)', v_table);
    END LOOP;
END
$$;
