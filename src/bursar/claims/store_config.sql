-- requires: ledger/caller.sql
-- requires: ledger/append_only.sql
-- requires: ledger/refused.sql
-- requires: claims/judge_claims.sql
-- The shop's switches. Plain SQL on store_config works as well and holds from the next claim on;
-- either way the change is written down.
CREATE OR REPLACE FUNCTION bursar.record_store_config() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_said CONSTANT jsonb := nullif(current_setting('bursar.said', true), '')::jsonb;
BEGIN
    INSERT INTO public.store_config_changes (key, old_value, new_value, actor, reason, changed_at)
    VALUES (coalesce(NEW.key, OLD.key), OLD.value, NEW.value,
        coalesce(v_said ->> 'actor', 'sql:' || bursar.caller_role()), v_said ->> 'reason',
        bursar.clock());
    IF TG_OP = 'UPDATE' AND NEW.updated_at = OLD.updated_at THEN
        UPDATE public.store_config SET updated_at = bursar.clock()
        WHERE key = NEW.key AND updated_at = OLD.updated_at AND pg_trigger_depth() < 2;
    END IF;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION bursar.record_store_config() IS 'Trigger: writes down who changed a switch.';
REVOKE ALL ON FUNCTION bursar.record_store_config() FROM PUBLIC, anon, authenticated;

CREATE OR REPLACE TRIGGER recorded AFTER INSERT OR DELETE ON public.store_config
    FOR EACH ROW EXECUTE FUNCTION bursar.record_store_config();
CREATE OR REPLACE TRIGGER recorded_change AFTER UPDATE ON public.store_config
    FOR EACH ROW WHEN (NEW.value IS DISTINCT FROM OLD.value OR NEW.key <> OLD.key)
    EXECUTE FUNCTION bursar.record_store_config();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON public.store_config_changes FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();

-- Sets a switch, for whoever says who they are and why. Answers the value before and after.
CREATE OR REPLACE FUNCTION bursar.set_store_config(
    p_key text, p_value jsonb, p_actor text, p_reason text
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_before CONSTANT jsonb := (SELECT value FROM public.store_config WHERE key = p_key);
BEGIN
    IF coalesce(btrim(p_reason), '') = '' OR coalesce(btrim(p_actor), '') = '' THEN
        RETURN bursar.refused('set_store_config', 'MALFORMED', '{"field": "reason"}',
            'A change of a switch needs an actor and a reason.');
    END IF;
    IF p_key IS NULL OR p_value IS NULL THEN
        RETURN bursar.refused('set_store_config', 'MALFORMED', '{"field": "value"}',
            'A switch needs a key and a value.');
    END IF;
    PERFORM set_config('bursar.said',
        jsonb_build_object('actor', p_actor, 'reason', p_reason)::text, true);
    INSERT INTO public.store_config AS c (key, value, updated_at)
    VALUES (p_key, p_value, bursar.clock())
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at;
    PERFORM set_config('bursar.said', '', true);
    RETURN jsonb_build_object('key', p_key, 'before', v_before, 'after', p_value);
END
$$;

COMMENT ON FUNCTION bursar.set_store_config(text, jsonb, text, text) IS
    'Sets a switch of the shop, and writes down who and why.';
REVOKE ALL ON FUNCTION bursar.set_store_config(text, jsonb, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.set_store_config(text, jsonb, text, text)
    TO service_role, bursar_service, bursar_operator;

-- Switches one product on or off, or all of them where `p_sku` is NULL. Read and written under the
-- row's lock, so that two operators do not undo each other's switch.
CREATE OR REPLACE FUNCTION bursar.switch_sku(
    p_sku jsonb, p_on jsonb, p_actor text, p_reason text
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_value jsonb;
BEGIN
    SELECT value INTO v_value FROM public.store_config WHERE key = 'sku_enabled' FOR UPDATE;
    IF p_sku IS NOT NULL AND NOT EXISTS (SELECT FROM public.skus WHERE sku = p_sku #>> '{}') THEN
        RETURN bursar.refused('switch_sku', 'MALFORMED', '{"field": "sku"}',
            'There is no such product.');
    END IF;
    v_value := CASE WHEN p_sku IS NOT NULL
            THEN coalesce(v_value, '{}') || jsonb_build_object(p_sku #>> '{}', p_on)
        WHEN p_on = 'true' THEN (SELECT jsonb_object_agg(s.sku, true) FROM public.skus AS s)
        ELSE '{}' END;
    RETURN bursar.set_store_config('sku_enabled', v_value, p_actor, p_reason);
END
$$;

COMMENT ON FUNCTION bursar.switch_sku(jsonb, jsonb, text, text) IS
    'Switches one product on or off, or all of them.';
REVOKE ALL ON FUNCTION bursar.switch_sku(jsonb, jsonb, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.switch_sku(jsonb, jsonb, text, text)
    TO service_role, bursar_service, bursar_operator;

-- What users are told: the operators' message, whether claims are granted at once, what is off.
CREATE OR REPLACE FUNCTION bursar.read_shop_status() RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object(
        'message', coalesce((SELECT value ->> 'text' FROM public.store_config
            WHERE key = 'status_message'), ''),
        'claims_mode', coalesce((SELECT value ->> 'mode' FROM public.store_config
            WHERE key = 'claims_mode'), 'open'),
        'claims_open_percent', coalesce((SELECT value -> 'percent' FROM public.store_config
            WHERE key = 'claims_mode'), '100'),
        'skus', (SELECT coalesce(jsonb_object_agg(s.sku, coalesce((SELECT c.value -> s.sku = 'true'
                FROM public.store_config AS c WHERE c.key = 'sku_enabled'), false)), '{}')
            FROM public.skus AS s),
        'titles', (SELECT coalesce(jsonb_object_agg(s.sku, s.title), '{}') FROM public.skus AS s),
        'waiting_claims', (SELECT count(*) FROM public.claim_queue WHERE status = 'waiting'),
        'waiting_events', (SELECT count(*) FROM bursar.inbox
            WHERE provider = 'revenuecat' AND status = 'waiting'))
$$;

COMMENT ON FUNCTION bursar.read_shop_status() IS 'How the shop stands, as users are told.';
REVOKE ALL ON FUNCTION bursar.read_shop_status() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_shop_status() TO service_role, bursar_service;
