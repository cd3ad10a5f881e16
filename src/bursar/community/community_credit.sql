-- requires: ledger/register_asset.sql
-- requires: ledger/stop_at_closed_gate.sql
-- requires: ledger/append_only.sql
-- The asset of the community, whose wallets are the ledger's own, and who sees and writes what.
SELECT bursar.register_asset('community_credit');

-- Reactions are permanent. That a post goes may empty their reference; nothing else touches them.
CREATE OR REPLACE FUNCTION public.reactions_are_permanent() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION 'Reactions are permanent: % of % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'Hide the post instead.';
END
$$;

COMMENT ON FUNCTION public.reactions_are_permanent() IS 'Trigger: nobody takes a reaction back.';
REVOKE ALL ON FUNCTION public.reactions_are_permanent()
    FROM PUBLIC, anon, authenticated, service_role;

CREATE OR REPLACE TRIGGER reactions_are_permanent BEFORE DELETE ON public.post_reactions
    FOR EACH ROW EXECUTE FUNCTION public.reactions_are_permanent();
CREATE OR REPLACE TRIGGER reactions_are_permanent_all BEFORE TRUNCATE ON public.post_reactions
    FOR EACH STATEMENT EXECUTE FUNCTION public.reactions_are_permanent();
CREATE OR REPLACE TRIGGER reactions_are_permanent_as_they_are BEFORE UPDATE ON public.post_reactions
    FOR EACH ROW WHEN (NEW.post_id IS NOT NULL
        OR (NEW.id, NEW.user_id, NEW.reaction_type, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.user_id, OLD.reaction_type, OLD.created_at))
    EXECUTE FUNCTION public.reactions_are_permanent();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.credit_txns
    FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON public.moderation_actions FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();

DO $$
DECLARE
    v_table text;
BEGIN
    FOREACH v_table IN ARRAY ARRAY['users', 'posts', 'post_reactions', 'scores', 'games',
        'milestones', 'awards', 'credit_txns', 'moderation_actions']
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER a_bursar_gate BEFORE INSERT OR UPDATE OR DELETE
            ON public.%I FOR EACH STATEMENT EXECUTE FUNCTION bursar.stop_at_closed_gate()',
            v_table);
        EXECUTE format('DROP POLICY IF EXISTS %I ON public.%I', v_table || '_service', v_table);
        EXECUTE format('CREATE POLICY %I ON public.%I TO service_role, bursar_operator
            USING (true) WITH CHECK (true)', v_table || '_service', v_table);
    END LOOP;
    FOREACH v_table IN ARRAY ARRAY['games', 'milestones', 'awards'] LOOP
        EXECUTE format('DROP POLICY IF EXISTS %I ON public.%I', v_table || '_read', v_table);
        EXECUTE format('CREATE POLICY %I ON public.%I FOR SELECT TO anon, authenticated
            USING (true)', v_table || '_read', v_table);
    END LOOP;
END
$$;
