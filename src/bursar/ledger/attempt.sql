-- requires: ledger/gate.sql
-- requires: ledger/refused.sql
-- requires: ledger/open_wallets.sql
-- requires: ledger/build_handlers.sql
-- Carries out a batch through `p_handler`, a function (requests jsonb, wait boolean) that locks,
-- reads, decides and posts, and answers the outcomes of the requests or of the first few of them;
-- the rest follow in another call, in the same transaction. `p_patience` is how often a lock is
-- waited for, each time for lock_timeout. It is called by bursar.carry, with its planner settings.
--
-- What may go wrong is undone to the start of the batch and tried again:
--   UBX01  wallets that will be credited do not exist: they are opened, in lock order, first; where
--          that is found out behind a cut, with wallets locked already, nobody is waited for;
--   UBX02  a claim was taken meanwhile by a request on another wallet: its outcome is there now;
--   a row that one of ours was to refer to was deleted meanwhile: it is not found now;
--   a lock was not had in time, or a raw UPDATE of many rows deadlocked with us: the batch goes on
--   without waiting, and only the requests whose wallet is busy are answered BUSY;
--   a wallet could not be opened in time: the requests go on one by one.
-- Anything else is a fault and undoes the whole call.
CREATE OR REPLACE FUNCTION bursar.attempt(
    p_handler text, p_requests jsonb, p_verb text, p_patience integer
) RETURNS json
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_all json[] := '{}';
    v_rest jsonb := p_requests;
    v_some json[];
    v_patience integer := p_patience;
    v_wait boolean := p_patience > 0;
    v_tries integer := 0;
    v_window integer := 1000;
    v_send jsonb;
    v_alone boolean := false;
    v_at_gate boolean;
    v_orphaned boolean := false;
    v_missing jsonb;
    v_timeout text;
    v_detail text;
BEGIN
    IF jsonb_typeof(p_requests) IS DISTINCT FROM 'array'
        OR jsonb_array_length(p_requests) NOT BETWEEN 1 AND 1000
    THEN
        RAISE EXCEPTION 'MALFORMED: The argument must be a JSON array of 1 to 1000 requests.'
            USING ERRCODE = 'UB001';
    END IF;
    LOOP
        v_tries := v_tries + 1;
        v_at_gate := true;
        BEGIN
            -- Inside the block, because what is undone lets go of the gate too.
            IF NOT bursar.enter_gate() THEN
                RETURN array_to_json(v_all || bursar.refused_all(v_rest, 'DEGRADED', p_verb));
            END IF;
            v_at_gate := false;
            IF v_missing IS NOT NULL THEN
                v_timeout := current_setting('lock_timeout');
                IF cardinality(v_all) > 0 THEN
                    v_detail := set_config('lock_timeout', '1ms', true);
                END IF;
                PERFORM bursar.open_wallets(v_missing);
                v_detail := set_config('lock_timeout', v_timeout, true);
                v_missing := NULL;
            END IF;
            v_send := CASE WHEN v_window >= jsonb_array_length(v_rest) THEN v_rest
                ELSE jsonb_path_query_array(v_rest, '$[0 to $last]',
                    jsonb_build_object('last', v_window - 1)) END;
            v_some := bursar.handle(p_handler, v_send, v_wait);
        EXCEPTION
            WHEN SQLSTATE 'UBX01' THEN
                GET STACKED DIAGNOSTICS v_detail = PG_EXCEPTION_DETAIL;
                v_missing := v_detail::jsonb;
                v_wait := v_wait AND cardinality(v_all) = 0;
                v_some := '{}';
            WHEN SQLSTATE 'UBX02' THEN
                v_some := '{}';
            WHEN foreign_key_violation THEN
                IF v_orphaned THEN
                    RAISE;
                END IF;
                v_orphaned := true;
                v_some := '{}';
            WHEN lock_not_available OR deadlock_detected THEN
                IF v_at_gate THEN
                    RETURN array_to_json(v_all || bursar.refused_all(v_rest, 'BUSY', p_verb));
                END IF;
                v_patience := v_patience - 1;
                v_wait := v_patience > 0;
                v_some := '{}';
                IF v_missing IS NOT NULL THEN
                    -- Somebody else is opening one of these wallets and does not finish. Which one
                    -- cannot be seen from here.
                    v_some := CASE v_window WHEN 1
                        THEN bursar.refused_all(v_send, 'BUSY', p_verb) ELSE '{}' END;
                    v_window := 1;
                    v_alone := true;
                    v_missing := NULL;
                END IF;
        END;
        IF cardinality(v_some) > 0 THEN
            v_tries := 0;
            v_orphaned := false;
        ELSIF v_tries > 5 THEN
            v_some := bursar.refused_all(v_send, 'BUSY', p_verb);
        END IF;
        v_all := v_all || v_some;
        EXIT WHEN cardinality(v_all) = jsonb_array_length(p_requests);
        IF cardinality(v_some) > 0 THEN
            -- The first call has locked every wallet, so what follows a cut may go in small steps.
            v_window := CASE WHEN v_alone THEN 1 ELSE greatest(4, 2 * cardinality(v_some)) END;
            v_rest := (SELECT jsonb_agg(q ORDER BY i)
                FROM jsonb_array_elements(v_rest) WITH ORDINALITY AS t (q, i)
                WHERE i > cardinality(v_some));
        END IF;
    END LOOP;
    RETURN array_to_json(v_all);
END
$$;

COMMENT ON FUNCTION bursar.attempt(text, jsonb, text, integer) IS
    'Carries out a batch through a handler, with everything that may have to be tried again.';
REVOKE ALL ON FUNCTION bursar.attempt(text, jsonb, text, integer) FROM PUBLIC, anon, authenticated;
