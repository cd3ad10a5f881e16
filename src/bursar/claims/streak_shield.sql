-- requires: ledger/register_asset.sql
-- requires: ledger/stop_at_closed_gate.sql
-- requires: claims/booster_change.sql
-- requires: ledger/cap_window.sql
-- The asset of the shop, the booster that runs beside it, and who sees what.
SELECT bursar.register_asset(
    'streak_shield', 'public.user_wallet_balances', 'user_id', 'streakshield_count');

-- Triggers fire in the order of their names: these come after the ledger's own.
CREATE OR REPLACE TRIGGER zz_claims_booster BEFORE INSERT OR UPDATE ON public.user_wallet_balances
    FOR EACH ROW EXECUTE FUNCTION bursar.keep_booster();
CREATE OR REPLACE TRIGGER zz_claims_booster_inserted AFTER INSERT ON public.user_wallet_balances
    FOR EACH ROW WHEN (NEW.xp_booster_until IS NOT NULL)
    EXECUTE FUNCTION bursar.record_booster_row();
CREATE OR REPLACE TRIGGER zz_claims_booster_deleted AFTER DELETE ON public.user_wallet_balances
    FOR EACH ROW WHEN (OLD.xp_booster_until IS NOT NULL)
    EXECUTE FUNCTION bursar.record_booster_row();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON public.booster_changes FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON public.purchase_transfers FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();
CREATE OR REPLACE TRIGGER zone_exists BEFORE INSERT OR UPDATE ON public.user_time_zones
    FOR EACH ROW EXECUTE FUNCTION bursar.refuse_unknown_zone();
CREATE OR REPLACE TRIGGER zone_exists BEFORE INSERT OR UPDATE ON public.sku_caps
    FOR EACH ROW EXECUTE FUNCTION bursar.refuse_unknown_zone();

-- A user reads their own; everybody reads what is for sale and how the shop stands; the service and
-- the operator read everything. Users are texts here, so the token's subject is taken as it is.
DROP POLICY IF EXISTS user_wallet_balances_read ON public.user_wallet_balances;
CREATE POLICY user_wallet_balances_read ON public.user_wallet_balances FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.jwt() ->> 'sub'));
DROP POLICY IF EXISTS purchase_claims_read ON public.purchase_claims;
CREATE POLICY purchase_claims_read ON public.purchase_claims FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.jwt() ->> 'sub'));
DROP POLICY IF EXISTS claims_over_cap_read ON public.claims_over_cap;
CREATE POLICY claims_over_cap_read ON public.claims_over_cap FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.jwt() ->> 'sub'));
DROP POLICY IF EXISTS booster_changes_read ON public.booster_changes;
CREATE POLICY booster_changes_read ON public.booster_changes FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.jwt() ->> 'sub'));

DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['skus', 'sku_caps', 'store_config'] LOOP
        EXECUTE format('DROP POLICY IF EXISTS %I ON public.%I', v_table || '_read', v_table);
        EXECUTE format('CREATE POLICY %I ON public.%I FOR SELECT TO anon, authenticated
            USING (true)', v_table || '_read', v_table);
    END LOOP;
    FOREACH v_table IN ARRAY ARRAY['skus', 'sku_caps', 'user_time_zones', 'user_wallet_balances',
        'booster_changes', 'audit_purchases', 'purchase_transfers', 'purchase_claims',
        'claims_over_cap', 'claim_queue', 'store_config', 'store_config_changes',
        'function_metrics']
    LOOP
        EXECUTE format('DROP POLICY IF EXISTS %I ON public.%I', v_table || '_service', v_table);
        EXECUTE format('CREATE POLICY %I ON public.%I TO service_role, bursar_operator
            USING (true) WITH CHECK (true)', v_table || '_service', v_table);
    END LOOP;
END
$$;
