-- requires: claims/lock_claims.sql
-- requires: claims/purchase_facts.sql
-- A transfer: what belonged to the one user belongs to the other from now on, as far as it was not
-- claimed; what was claimed stays where it was granted. Who is named together is one user, with
-- several ids; the first that an app has given is told as the owner. A transfer that names no
-- environment holds in each. A claim that was accepted, and refused because its purchase belonged
-- to somebody else until now, is carried out by the next replay.
CREATE OR REPLACE FUNCTION bursar.take_transfer(e bursar.store_event) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
-- Whom a purchase ever belonged to is looked up in an index that is only read by bitmap.
SET enable_bitmapscan = on
AS $$
DECLARE
    v_to CONSTANT text := (SELECT t.user_id FROM unnest(e.transferred_to) WITH ORDINALITY
            AS t (user_id, n) ORDER BY starts_with(t.user_id, '$RCAnonymousID:'), t.n LIMIT 1);
    v_tx_ids text[];
    v_tx_id text;
    v_names text[];
    v_moved public.audit_purchases;
BEGIN
    IF e.transferred_to = '{}' OR e.transferred_from = '{}' THEN
        RETURN 'ignored';
    END IF;
    INSERT INTO public.purchase_transfers (
        event_id, environment, from_user_id, to_user_id, to_aliases, transferred_at)
    SELECT e.event_id, CASE WHEN e.payload ? 'environment' THEN e.environment END, f.user_id,
        v_to, array_remove(e.transferred_to, v_to), e.occurred_at
    FROM unnest(e.transferred_from) AS f (user_id)
    WHERE f.user_id <> ALL (e.transferred_to)
    ON CONFLICT DO NOTHING;
    v_tx_ids := ARRAY(SELECT a.tx_id FROM public.audit_purchases AS a
            WHERE a.owners && e.transferred_from)
        || ARRAY(SELECT a.tx_id FROM public.audit_purchases AS a
            WHERE a.user_id = ANY (e.transferred_from));
    PERFORM bursar.lock_purchases(v_tx_ids, true);
    FOREACH v_tx_id IN ARRAY v_tx_ids LOOP
        PERFORM bursar.state_owner(v_tx_id);
        CONTINUE WHEN EXISTS (SELECT FROM public.purchase_claims AS c WHERE c.tx_id = v_tx_id);
        SELECT * INTO v_moved FROM public.audit_purchases WHERE tx_id = v_tx_id;
        v_names := array_remove(ARRAY[v_moved.tx_id, v_moved.transaction_id], NULL);
        UPDATE public.claim_queue SET status = 'waiting', waits_for = 'opening'
        -- Who holds one of them takes it up just now, and is not waited for: claims come last.
        WHERE id = ANY (ARRAY(SELECT k.id
            FROM (SELECT * FROM public.claim_queue AS t
                WHERE t.tx_id = ANY (v_names) OFFSET 0) AS k
            WHERE k.user_id = ANY (v_moved.user_id || v_moved.aliases) AND k.status = 'done'
                AND k.outcome ->> 'code' = 'TRANSACTION_OWNED_BY_OTHER'
                AND coalesce(k.store, v_moved.store) = v_moved.store
                AND coalesce(k.environment, v_moved.environment) = v_moved.environment
            FOR UPDATE SKIP LOCKED));
    END LOOP;
    RETURN 'applied';
END
$$;

COMMENT ON FUNCTION bursar.take_transfer(bursar.store_event) IS 'Takes a transfer of purchases.';
REVOKE ALL ON FUNCTION bursar.take_transfer(bursar.store_event) FROM PUBLIC, anon, authenticated;
