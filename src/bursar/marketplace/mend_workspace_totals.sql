-- requires: ledger/gate.sql
-- requires: marketplace/workspace_totals.sql
-- Brings a workspace's totals to what its entries come to. Answers {status, before, after, [why]}.
CREATE OR REPLACE FUNCTION bursar.mend_workspace_totals(
    p_workspace_id uuid, p_reason text, p_actor text
) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_open CONSTANT boolean := bursar.enter_gate();
    w public.workspace_credits;
    v_before jsonb;
    v_totals bigint[];
BEGIN
    SELECT * INTO w FROM public.workspace_credits WHERE workspace_id = p_workspace_id
    FOR NO KEY UPDATE;
    v_before := to_jsonb(w);
    v_totals := bursar.count_workspace_entries(p_workspace_id, 0, w.bursar_seq);
    IF w.workspace_id IS NULL OR w.balance <> v_totals[1] + v_totals[2] - v_totals[3] THEN
        RETURN jsonb_build_object('status', 'refused', 'before', v_before,
            'why', 'its balance is not what its entries come to');
    ELSIF EXISTS (SELECT FROM bursar.entry AS e
        LEFT JOIN bursar.transaction AS t ON t.id = e.transaction_id
        LEFT JOIN bursar.transaction AS c ON c.id = t.corrects
        WHERE e.owner_id = p_workspace_id::text AND e.asset = 'workspace_credit'
            AND e.seq IS NOT NULL AND (t.id IS NULL OR t.corrects IS NOT NULL AND c.id IS NULL))
    THEN
        RETURN jsonb_build_object('status', 'refused', 'before', v_before,
            'why', 'a transaction of its entries, or one that they correct, is not there');
    END IF;
    UPDATE public.workspace_credits SET total_purchased = v_totals[1], total_earned = v_totals[2],
        total_used = v_totals[3]
    WHERE workspace_id = p_workspace_id
        AND (total_purchased, total_earned, total_used)
            <> (v_totals[1], v_totals[2], v_totals[3])
    RETURNING * INTO w;
    IF NOT FOUND THEN
        RETURN jsonb_build_object('status', 'unchanged', 'before', v_before, 'after', v_before);
    END IF;
    INSERT INTO public.audit_logs (action, actor, workspace_id, details, created_at)
    VALUES ('workspace_totals_counted', p_actor, p_workspace_id, jsonb_build_object(
        'reason', p_reason, 'before', v_before, 'after', to_jsonb(w)), bursar.clock());
    RETURN jsonb_build_object('status', 'done', 'before', v_before, 'after', to_jsonb(w));
END
$$;

COMMENT ON FUNCTION bursar.mend_workspace_totals(uuid, text, text) IS
    'Brings a workspace''s totals to what its entries come to.';
REVOKE ALL ON FUNCTION bursar.mend_workspace_totals(uuid, text, text)
    FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.mend_workspace_totals(uuid, text, text) TO bursar_operator;
