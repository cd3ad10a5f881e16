-- requires: ledger/clock.sql
-- requires: ledger/degraded.sql
-- requires: ops/observe.sql
-- requires: ops/check_runs.sql
-- requires: ops/read_database.sql
-- What the console's first page is made of, in a few index look-ups: the gate, what was found of
-- the database last, the last audit that found nothing, the last seal, who was there. Steps of
-- monitoring and of sealing may have been left out or undone: then there is nothing of theirs.
CREATE OR REPLACE FUNCTION bursar.read_safety() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_minute CONSTANT timestamptz := date_trunc('minute', bursar.clock());
    v_found jsonb := jsonb_build_object('now', bursar.clock(), 'observation', NULL,
        'beat', NULL, 'processes', 0, 'seal', NULL, 'checkpoint', NULL, 'seals_kept', false,
        'database', bursar.read_database(), 'gate', bursar.read_gate(),
        'checks', bursar.read_check_heads());
BEGIN
    IF to_regclass('bursar.observation') IS NOT NULL THEN
        v_found := v_found || jsonb_build_object('observation', bursar.read_observation(),
            'beat', (SELECT max(minute) FROM bursar.heartbeat),
            'processes', (SELECT count(DISTINCT process) FROM bursar.heartbeat
                WHERE minute >= v_minute - interval '2 minutes'));
    END IF;
    IF to_regclass('bursar.seal') IS NOT NULL THEN
        v_found := v_found || jsonb_build_object('seals_kept', true,
            'seal', (SELECT jsonb_build_object('number', s.number, 'to_id', s.to_id,
                    'made_at', s.made_at, 'made_by', s.made_by,
                    'all', NOT EXISTS (SELECT FROM bursar.transaction AS t WHERE t.id > s.to_id))
                FROM bursar.seal AS s ORDER BY s.number DESC LIMIT 1),
            'checkpoint', (SELECT to_jsonb(c) - 'digest'
                FROM bursar.seal_checkpoint AS c ORDER BY c.seal DESC LIMIT 1));
    END IF;
    RETURN v_found;
END
$$;

COMMENT ON FUNCTION bursar.read_safety() IS 'What says whether money is safe, for one page.';
REVOKE ALL ON FUNCTION bursar.read_safety() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_safety() TO service_role, bursar_service;

-- The newest seals, and the seals up to which an audit found nothing. At most 1000 of each.
CREATE OR REPLACE FUNCTION bursar.read_seals(p_limit integer DEFAULT 20) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_limit CONSTANT integer := least(greatest(p_limit, 1), 1000);
BEGIN
    IF to_regclass('bursar.seal') IS NULL THEN
        RETURN '{"seals": [], "checkpoints": []}';
    END IF;
    RETURN jsonb_build_object(
        'seals', (SELECT coalesce(jsonb_agg(jsonb_build_object('number', s.number,
                'transactions', s.transactions, 'entries', s.entries,
                'digest', encode(s.digest, 'hex'), 'made_at', s.made_at, 'made_by', s.made_by)
                ORDER BY s.number DESC), '[]')
            FROM (SELECT * FROM bursar.seal ORDER BY number DESC LIMIT v_limit) AS s),
        'checkpoints', (SELECT coalesce(jsonb_agg(to_jsonb(c) - 'digest' ORDER BY c.seal DESC),
                '[]')
            FROM (SELECT * FROM bursar.seal_checkpoint ORDER BY seal DESC LIMIT v_limit) AS c));
END
$$;

COMMENT ON FUNCTION bursar.read_seals(integer) IS 'The newest seals and checkpoints.';
REVOKE ALL ON FUNCTION bursar.read_seals(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_seals(integer) TO service_role, bursar_service;

-- How the database was found over the last `p_minutes`, eight days at most, oldest first: lock
-- waits and what waits. Ago is in whole minutes.
CREATE OR REPLACE FUNCTION bursar.read_observations(p_minutes integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_until CONSTANT timestamptz := date_trunc('minute', bursar.clock() - interval '15 seconds');
BEGIN
    RETURN (SELECT coalesce(jsonb_agg(jsonb_build_object('at', o.observed_at,
            'ago', round(extract(epoch FROM v_until - date_trunc('minute', o.observed_at)) / 60),
            'waits', o.figures #> '{locks,waits}',
            'claims', o.figures #> '{waiting,claims}', 'inbox', o.figures #> '{waiting,inbox}',
            'generation', o.figures #> '{waiting,generation}',
            'card_refunds', o.figures #> '{waiting,card_refunds}') ORDER BY o.observed_at), '[]')
        FROM bursar.observation AS o
        WHERE o.observed_at >= v_until - make_interval(mins => least(p_minutes, 11520))
            AND o.observed_at < v_until);
END
$$;

COMMENT ON FUNCTION bursar.read_observations(integer) IS
    'Lock waits and what waits, over so many minutes.';
REVOKE ALL ON FUNCTION bursar.read_observations(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_observations(integer) TO service_role, bursar_service;
