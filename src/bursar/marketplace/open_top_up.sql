-- requires: ledger/carry.sql
-- requires: ledger/claim.sql
-- requires: ledger/remember.sql
-- requires: ledger/value_shape.sql
-- requires: marketplace/card_mode.sql
-- requires: marketplace/workspace_credit.sql
-- open_top_up: notes that a workspace is about to buy credits by card. The credits come when the
-- card company's event says that they were paid.
--
-- Fields: workspace_id, credits, [mode: live | test], [key], [principal], [actor].
-- Refusals, in order: DEGRADED, MALFORMED, IDEMPOTENCY_MISMATCH.
CREATE OR REPLACE FUNCTION bursar.open_top_up_batch(p_requests jsonb, p_wait boolean)
RETURNS json[]
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_verb CONSTANT text := 'open_top_up';
    q CONSTANT jsonb := p_requests -> 0;
    v_now CONSTANT timestamptz := bursar.clock();
    v_principal CONSTANT text := coalesce(q ->> 'principal', 'service');
    v_config public.marketplace_config;
    v_mode text;
    v_field text;
    v_known bursar.idempotency;
    v_claim bursar.idempotency;
    v_id uuid := gen_random_uuid();
    v_amount bigint;
BEGIN
    SELECT * INTO v_config FROM public.marketplace_config;
    v_mode := coalesce(q ->> 'mode', bursar.card_mode());
    v_field := CASE
        WHEN NOT coalesce(bursar.is_uuid(q ->> 'workspace_id'), false) THEN 'workspace_id'
        -- A card payment has at most eight digits.
        WHEN NOT coalesce(bursar.is_whole(q -> 'credits', 1,
            99999999 / v_config.card_unit_amount), false) THEN 'credits'
        WHEN v_mode NOT IN ('live', 'test') THEN 'mode'
        WHEN NOT bursar.is_text(q -> 'key') OR NOT bursar.is_printable(q ->> 'key', 255) THEN 'key'
        WHEN v_principal NOT IN ('user', 'service', 'operator') THEN 'principal' END;
    IF v_field IS NOT NULL THEN
        RETURN ARRAY[bursar.refused(v_verb, 'MALFORMED', jsonb_build_object('field', v_field))];
    END IF;
    v_claim.claim := bursar.claim(lower(q ->> 'workspace_id'), v_principal, v_verb, q ->> 'key');
    v_claim.fingerprint := bursar.fingerprint(concat(q -> 'credits', ' ', v_mode));
    SELECT * INTO v_known FROM bursar.idempotency WHERE claim = v_claim.claim;
    IF v_known.claim IS NOT NULL THEN
        RETURN ARRAY[CASE WHEN v_known.fingerprint = v_claim.fingerprint
            THEN bursar.replayed(v_known.outcome)
            ELSE bursar.refused(v_verb, 'IDEMPOTENCY_MISMATCH') END];
    END IF;
    v_amount := (q ->> 'credits')::bigint * v_config.card_unit_amount;
    INSERT INTO public.card_payments (
        id, workspace_id, credits, amount, currency, mode, created_at)
    VALUES (v_id, (q ->> 'workspace_id')::uuid, (q ->> 'credits')::bigint, v_amount,
        v_config.card_currency, v_mode, v_now);
    v_claim.outcome := json_build_object('status', 'done', 'verb', v_verb, 'payment_id', v_id,
        'owner_id', lower(q ->> 'workspace_id'), 'credits', q -> 'credits', 'amount', v_amount,
        'currency', v_config.card_currency, 'replayed', false);
    v_claim.created_at := v_now;
    IF v_claim.claim IS NOT NULL THEN
        PERFORM bursar.remember(ARRAY[v_claim]);
    END IF;
    RETURN ARRAY[v_claim.outcome];
END
$$;

COMMENT ON FUNCTION bursar.open_top_up_batch(jsonb, boolean) IS 'Handler of open_top_up.';
REVOKE ALL ON FUNCTION bursar.open_top_up_batch(jsonb, boolean) FROM PUBLIC, anon, authenticated;

SELECT bursar.build_handlers();

CREATE OR REPLACE FUNCTION bursar.open_top_up(p_requests jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN bursar.carry('open_top_up', p_requests)::jsonb;
END
$$;

COMMENT ON FUNCTION bursar.open_top_up(jsonb) IS 'Notes top-ups that a card is to pay; a batch.';
REVOKE ALL ON FUNCTION bursar.open_top_up(jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.open_top_up(jsonb) TO service_role, bursar_service;
