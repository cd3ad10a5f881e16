-- requires: ledger/register_asset.sql
-- requires: ledger/stop_at_closed_gate.sql
-- requires: marketplace/workspace_totals.sql
-- requires: marketplace/workspace_id.sql
-- requires: marketplace/restate_lead.sql
-- The asset of the marketplace, and who sees what of it.
SELECT bursar.register_asset(
    'workspace_credit', 'public.workspace_credits', 'workspace_id', 'balance');

-- Triggers fire in the order of their names: these come after the ledger's own, which turn a plain
-- UPDATE into an entry and move the sequence.
CREATE OR REPLACE TRIGGER zz_bursar_totals BEFORE UPDATE ON public.workspace_credits
    FOR EACH ROW WHEN (NEW.bursar_seq <> OLD.bursar_seq)
    EXECUTE FUNCTION bursar.keep_workspace_totals();
-- The kernel names no totals, so it never pays for this condition.
CREATE OR REPLACE TRIGGER zz_bursar_totals_said
    BEFORE UPDATE OF total_purchased, total_earned, total_used ON public.workspace_credits
    FOR EACH ROW WHEN (NEW.bursar_seq = OLD.bursar_seq
        AND (NEW.total_purchased, NEW.total_earned, NEW.total_used)
        IS DISTINCT FROM (OLD.total_purchased, OLD.total_earned, OLD.total_used))
    EXECUTE FUNCTION bursar.keep_workspace_totals();
CREATE OR REPLACE TRIGGER zz_bursar_totals_insert BEFORE INSERT ON public.workspace_credits
    FOR EACH ROW WHEN (NEW.bursar_seq > 0
        OR (NEW.total_purchased, NEW.total_earned, NEW.total_used) <> (0, 0, 0))
    EXECUTE FUNCTION bursar.keep_workspace_totals();

CREATE OR REPLACE TRIGGER a_bursar_gate BEFORE INSERT OR UPDATE OR DELETE ON public.leads
    FOR EACH STATEMENT EXECUTE FUNCTION bursar.stop_at_closed_gate();
CREATE OR REPLACE TRIGGER zz_bursar_restate BEFORE UPDATE OF max_sales ON public.leads
    FOR EACH ROW WHEN (NEW.max_sales <> OLD.max_sales)
    EXECUTE FUNCTION bursar.restate_lead();

-- A workspace reads its own, and what is on sale or was sold to it. The service and the operator
-- read everything.
DROP POLICY IF EXISTS leads_read ON public.leads;
CREATE POLICY leads_read ON public.leads FOR SELECT TO anon USING (is_marketplace_listed);
DROP POLICY IF EXISTS leads_read_own ON public.leads;
CREATE POLICY leads_read_own ON public.leads FOR SELECT TO authenticated
    USING (is_marketplace_listed OR seller_workspace_id = (SELECT bursar.workspace_id())
        OR EXISTS (SELECT FROM public.marketplace_purchase_items AS i
            WHERE i.lead_id = id AND i.status = 'sold'));
DROP POLICY IF EXISTS leads_create ON public.leads;
CREATE POLICY leads_create ON public.leads FOR INSERT TO authenticated
    WITH CHECK (seller_workspace_id = (SELECT bursar.workspace_id()));
DROP POLICY IF EXISTS leads_change ON public.leads;
CREATE POLICY leads_change ON public.leads FOR UPDATE TO authenticated
    USING (seller_workspace_id = (SELECT bursar.workspace_id()))
    WITH CHECK (seller_workspace_id = (SELECT bursar.workspace_id()));

DROP POLICY IF EXISTS marketplace_purchases_read ON public.marketplace_purchases;
CREATE POLICY marketplace_purchases_read ON public.marketplace_purchases FOR SELECT
    TO authenticated USING (buyer_workspace_id = (SELECT bursar.workspace_id()));
DROP POLICY IF EXISTS marketplace_purchase_items_read ON public.marketplace_purchase_items;
CREATE POLICY marketplace_purchase_items_read ON public.marketplace_purchase_items FOR SELECT
    TO authenticated USING (EXISTS (SELECT FROM public.marketplace_purchases AS p
        WHERE p.id = purchase_id AND p.buyer_workspace_id = (SELECT bursar.workspace_id())));
DROP POLICY IF EXISTS workspace_credits_read ON public.workspace_credits;
CREATE POLICY workspace_credits_read ON public.workspace_credits FOR SELECT TO authenticated
    USING (workspace_id = (SELECT bursar.workspace_id()));

DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['leads', 'workspace_credits', 'marketplace_purchases',
        'marketplace_purchase_items', 'card_payments', 'card_payouts', 'card_refunds',
        'audit_logs', 'marketplace_config']
    LOOP
        EXECUTE format('DROP POLICY IF EXISTS %I ON public.%I', v_table || '_service', v_table);
        EXECUTE format('CREATE POLICY %I ON public.%I TO service_role, bursar_operator
            USING (true) WITH CHECK (true)', v_table || '_service', v_table);
    END LOOP;
END
$$;
