-- requires: claims/streak_shield.sql
-- requires: claims/read_store_events.sql
-- What the events of a store's transaction come to. Every fact is a function of the set of events
-- and of the store's clock in them, so it does not matter in which order they came, nor how often.
--
-- Events of other types are kept, and change none of this.
--
--   who bought it, what, and when   the first event of a purchase; a refund tells it as well
--   provisional                     granted by the store for a day at most, and not confirmed since
--   refunded                        the last refund is later than the last that was reversed
--   owner                           the buyer, then by each later transfer from whoever owns it
--
-- Written to audit_purchases; answers its key, or NULL where nothing was bought.
CREATE OR REPLACE FUNCTION bursar.state_purchase_facts(
    p_store text, p_environment text, p_transaction_id text
) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_subject CONSTANT text := concat_ws(' ', p_store, p_environment, p_transaction_id);
    v_mode CONSTANT text := CASE p_environment WHEN 'SANDBOX' THEN 'test' ELSE 'live' END;
    v_first bursar.inbox;
    v_last_type text;
    v_refunded boolean;
    v_provisional boolean;
    v_tx_id text;
    e bursar.store_event;
BEGIN
    SELECT i.* INTO v_first FROM bursar.inbox AS i
    WHERE i.provider = 'revenuecat' AND i.subject = v_subject AND i.mode = v_mode
        AND bursar.tells_of_purchase(i.type)
    ORDER BY i.type IN ('INITIAL_PURCHASE', 'NON_RENEWING_PURCHASE', 'RENEWAL') DESC,
        i.type = 'TEMPORARY_ENTITLEMENT_GRANT', i.occurred_at, i.event_id
    LIMIT 1;
    IF v_first.event_id IS NULL THEN
        RETURN NULL;
    END IF;
    SELECT (array_agg(i.type ORDER BY i.occurred_at DESC, i.event_id DESC))[1],
        coalesce(max(i.occurred_at) FILTER (WHERE i.type = 'CANCELLATION'
                AND i.payload ->> 'cancel_reason' = 'CUSTOMER_SUPPORT')
            > coalesce(max(i.occurred_at) FILTER (WHERE i.type = 'REFUND_REVERSED'), '-infinity'),
            false),
        bool_and(i.type IN ('TEMPORARY_ENTITLEMENT_GRANT', 'EXPIRATION'))
    INTO v_last_type, v_refunded, v_provisional
    FROM bursar.inbox AS i
    WHERE i.provider = 'revenuecat' AND i.subject = v_subject AND i.mode = v_mode
        AND bursar.tells_of_purchase(i.type);

    e := (bursar.read_store_events(jsonb_build_array(
        jsonb_build_object('event', v_first.payload))))[1];
    v_tx_id := bursar.tx_id_of(p_store, p_environment, p_transaction_id);
    INSERT INTO public.audit_purchases AS a (tx_id, user_id, sku, purchased_at, status, store,
        environment, transaction_id, bought_by, aliases, is_refunded, is_provisional, raw)
    VALUES (v_tx_id, e.user_id, e.sku, coalesce(e.purchased_at, e.occurred_at), v_last_type,
        p_store, p_environment, nullif(p_transaction_id, v_tx_id), e.user_id, e.aliases,
        v_refunded, v_provisional, v_first.payload)
    ON CONFLICT (tx_id) DO UPDATE SET sku = excluded.sku, purchased_at = excluded.purchased_at,
        status = excluded.status, bought_by = excluded.bought_by,
        is_refunded = excluded.is_refunded, is_provisional = excluded.is_provisional,
        raw = excluded.raw;
    PERFORM bursar.state_owner(v_tx_id);
    RETURN v_tx_id;
END
$$;

COMMENT ON FUNCTION bursar.state_purchase_facts(text, text, text) IS
    'Writes what the events of a store''s transaction come to.';
REVOKE ALL ON FUNCTION bursar.state_purchase_facts(text, text, text)
    FROM PUBLIC, anon, authenticated;

-- Our id of a store's transaction: the store's, unless another store, or the sandbox, has given out
-- the same; then with these in front. An id that was given stays.
CREATE OR REPLACE FUNCTION bursar.tx_id_of(
    p_store text, p_environment text, p_transaction_id text
) RETURNS text
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN coalesce(
        (SELECT a.tx_id FROM public.audit_purchases AS a
            WHERE coalesce(a.transaction_id, a.tx_id) = p_transaction_id
                AND a.store = p_store AND a.environment = p_environment),
        CASE WHEN p_environment = 'PRODUCTION' AND (SELECT a.sku
                FROM public.audit_purchases AS a WHERE a.tx_id = p_transaction_id) IS NULL
            THEN p_transaction_id
            ELSE concat_ws(':', p_environment, p_store, p_transaction_id) END);
END
$$;

COMMENT ON FUNCTION bursar.tx_id_of(text, text, text) IS 'Our id of a store''s transaction.';
REVOKE ALL ON FUNCTION bursar.tx_id_of(text, text, text) FROM PUBLIC, anon, authenticated;

-- To whom a purchase belongs: transfers are followed in the order of the store's clock, from the
-- buyer, by whichever of their ids. `owners` has every id that it ever belonged to, and `aliases`
-- the other ids of the present owner.
CREATE OR REPLACE FUNCTION bursar.state_owner(p_tx_id text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    a public.audit_purchases;
    v_owner text;
    v_aliases text[];
    v_owners text[];
    v_step public.purchase_transfers;
    v_after timestamptz;
    v_after_id text := '';
BEGIN
    SELECT * INTO a FROM public.audit_purchases WHERE tx_id = p_tx_id;
    v_owner := coalesce(a.bought_by, a.user_id);
    v_aliases := array_remove(bursar.texts_of(a.raw -> 'aliases')
        || (a.raw ->> 'original_app_user_id'), NULL);
    v_owners := v_owner || v_aliases;
    v_after := a.purchased_at;
    LOOP
        SELECT * INTO v_step FROM public.purchase_transfers AS t
        WHERE t.from_user_id = ANY (v_owner || v_aliases)
            AND coalesce(t.environment, a.environment) = a.environment
            AND (t.transferred_at, t.event_id) > (v_after, v_after_id)
        ORDER BY t.transferred_at, t.event_id LIMIT 1;
        EXIT WHEN v_step.event_id IS NULL;
        v_owner := v_step.to_user_id;
        v_aliases := v_step.to_aliases;
        v_owners := v_owners || v_owner || v_aliases;
        v_after := v_step.transferred_at;
        v_after_id := v_step.event_id;
    END LOOP;
    UPDATE public.audit_purchases SET user_id = v_owner, owners = v_owners, aliases = v_aliases,
        bought_by = coalesce(bought_by, a.user_id)
    WHERE tx_id = p_tx_id
        AND (user_id, owners, aliases) IS DISTINCT FROM (v_owner, v_owners, v_aliases);
    RETURN FOUND;
END
$$;

COMMENT ON FUNCTION bursar.state_owner(text) IS 'Writes to whom a purchase belongs.';
REVOKE ALL ON FUNCTION bursar.state_owner(text) FROM PUBLIC, anon, authenticated;
