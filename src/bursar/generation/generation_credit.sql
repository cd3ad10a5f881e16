-- requires: ledger/register_asset.sql
-- requires: ledger/stop_at_closed_gate.sql
-- The asset of generation, and who sees what of it.
SELECT bursar.register_asset('generation_credit', 'public.profiles', 'id', 'credits');

CREATE OR REPLACE TRIGGER a_bursar_gate BEFORE INSERT OR UPDATE OR DELETE
    ON public.generation_products
    FOR EACH STATEMENT EXECUTE FUNCTION bursar.stop_at_closed_gate();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON public.generation_events FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();

-- A user reads their own; everybody reads what there is to generate; the service and the operator
-- read everything.
DROP POLICY IF EXISTS profiles_read ON public.profiles;
CREATE POLICY profiles_read ON public.profiles FOR SELECT TO authenticated
    USING (id = (SELECT auth.uid()));
DROP POLICY IF EXISTS generation_jobs_read ON public.generation_jobs;
CREATE POLICY generation_jobs_read ON public.generation_jobs FOR SELECT TO authenticated
    USING (user_id = (SELECT auth.uid()));
DROP POLICY IF EXISTS generation_products_read ON public.generation_products;
CREATE POLICY generation_products_read ON public.generation_products FOR SELECT
    TO anon, authenticated USING (is_active);

DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['profiles', 'generation_products', 'generation_jobs',
        'generation_outputs', 'generation_deductions', 'generation_events']
    LOOP
        EXECUTE format('DROP POLICY IF EXISTS %I ON public.%I', v_table || '_service', v_table);
        EXECUTE format('CREATE POLICY %I ON public.%I TO service_role, bursar_operator
            USING (true) WITH CHECK (true)', v_table || '_service', v_table);
    END LOOP;
END
$$;
