-- requires: ledger/attempt.sql
-- requires: ledger/with_verb.sql
-- Carries out a batch of any verb. It is what every verb calls, and what the engine calls: the
-- outcomes are json as they were written, where the verbs answer jsonb for who works on in SQL.
--
-- A request by itself tries the straight road of its verb first, if there is one. Where something
-- is in the way there, or was wrong with the request, what was done is undone, and the way of a
-- batch has the word.
--
-- The planner settings keep plans the same for batches of one and of a thousand, on tables of ten
-- rows and of ten million: index look-ups only, planned once per session. Rows are made dear,
-- because a plan that was made while a table was small is kept while it grows.
CREATE OR REPLACE FUNCTION bursar.carry(p_verb text, p_requests jsonb) RETURNS json
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
SET cpu_tuple_cost = 1
SET cpu_index_tuple_cost = 1
AS $$
DECLARE
    v_patience integer := 1;
    v_unbounded CONSTANT boolean := current_setting('lock_timeout') = '0';
    v_lone boolean;
    v_entered boolean;
    v_detail text;
    v_outcomes json;
BEGIN
    -- Whoever calls in another isolation level is told so at the gate.
    v_lone := jsonb_typeof(p_requests) = 'array' AND jsonb_array_length(p_requests) = 1
        AND current_setting('transaction_isolation') = 'read committed';
    IF v_unbounded THEN
        -- Below the second after which PostgreSQL looks for deadlocks, and may choose an operator's
        -- transaction as the victim. A lone request waits again: whoever is ahead in the line may
        -- be a fresh session that plans everything for the first time while it holds the lock.
        v_detail := set_config('lock_timeout', '900ms', true);
        v_patience := CASE WHEN v_lone THEN 4 ELSE 1 END;
    END IF;
    IF v_lone THEN
        BEGIN
            -- Inside the block, because what is undone lets go of the gate too. Its flag is read
            -- where the wallets are locked.
            LOCK TABLE bursar.gate IN ROW EXCLUSIVE MODE;
            v_entered := true;
            v_outcomes := bursar.straight(p_verb, p_requests -> 0);
            IF v_outcomes IS NOT NULL THEN
                v_outcomes := json_build_array(v_outcomes);
            END IF;
        EXCEPTION
            WHEN SQLSTATE 'UBX02' OR unique_violation OR foreign_key_violation
                OR invalid_text_representation
            THEN
                NULL;
            WHEN lock_not_available OR deadlock_detected THEN
                v_patience := v_patience - 1;
                IF v_entered IS NULL THEN
                    v_outcomes := array_to_json(
                        bursar.refused_all(p_requests, 'BUSY', nullif(p_verb, 'batch')));
                END IF;
        END;
    END IF;

    IF v_outcomes IS NULL THEN
        v_outcomes := CASE
            WHEN p_verb = 'batch' THEN bursar.attempt('carry_out', p_requests, NULL, v_patience)
            WHEN p_verb IN ('grant', 'spend', 'transfer', 'hold', 'capture', 'release', 'refund',
                'adjust', 'freeze')
            THEN bursar.attempt(
                'carry_out', bursar.with_verb(p_requests, p_verb), NULL, v_patience)
            ELSE bursar.attempt(p_verb || '_batch', p_requests, p_verb, v_patience) END;
    END IF;
    IF v_unbounded THEN
        -- What the caller's transaction does after this waits as it did before.
        v_detail := set_config('lock_timeout', '0', true);
    END IF;
    RETURN v_outcomes;
END
$$;

COMMENT ON FUNCTION bursar.carry(text, jsonb) IS 'Carries out a batch of any verb.';
REVOKE ALL ON FUNCTION bursar.carry(text, jsonb) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.carry(text, jsonb) TO service_role, bursar_service;
