-- requires: ops/look_around.sql
-- observe: looks around and keeps what it found, unless somebody has within `p_seconds`. Of several
-- processes that ask at once, one looks. Wallets are checked every five minutes at most, and at
-- most a hundredth of the time: a check that takes ten seconds comes every sixteen minutes.
-- Refunds are counted since counting began, up to ten seconds ago, when whoever writes one has
-- committed. Answers what was found last: {observed_at, age_seconds, figures}.
CREATE OR REPLACE FUNCTION bursar.observe(p_seconds integer DEFAULT 60) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_now timestamptz;
    v_last jsonb;
    v_wallets jsonb;
    v_figures jsonb;
    v_until timestamptz;
    v_refunds jsonb;
BEGIN
    -- The key is the name's own; whoever does not get it has somebody else who looks.
    IF pg_try_advisory_xact_lock(hashtextextended('bursar.observe', 0)) THEN
        v_now := bursar.clock();
        SELECT figures || jsonb_build_object('observed_at', observed_at) INTO v_last
        FROM bursar.observation ORDER BY observed_at DESC LIMIT 1;
        IF v_last IS NULL
            OR (v_last ->> 'observed_at')::timestamptz <= v_now - make_interval(secs => p_seconds)
        THEN
            IF v_last IS NULL OR (v_last ->> 'checked_at')::timestamptz <= v_now - greatest(
                interval '5 minutes',
                make_interval(secs => 100 * (v_last #>> '{wallets,seconds}')::double precision))
            THEN
                v_wallets := jsonb_build_object('wallets', bursar.check_wallets(),
                    'checked_at', v_now);
            ELSE
                v_wallets := jsonb_build_object('wallets', v_last -> 'wallets',
                    'checked_at', v_last -> 'checked_at');
            END IF;
            v_until := v_now - interval '10 seconds';
            v_refunds := bursar.count_refunds(
                coalesce((v_last ->> 'counted_until')::timestamptz, v_until), v_until);
            SELECT v_wallets || jsonb_build_object('counted_until', v_until,
                'waiting', bursar.count_waiting(),
                'refunds', (SELECT jsonb_object_agg(r.key, r.value::bigint
                        + coalesce((v_last #>> ARRAY['refunds', r.key])::bigint, 0))
                    FROM jsonb_each_text(v_refunds) AS r),
                'locks', bursar.count_locks())
            INTO v_figures;
            INSERT INTO bursar.observation (observed_at, figures) VALUES (v_now, v_figures)
            ON CONFLICT (observed_at) DO NOTHING;
        END IF;
    END IF;
    RETURN bursar.read_observation();
END
$$;

COMMENT ON FUNCTION bursar.observe(integer) IS
    'Looks around unless somebody just has; answers what was found last.';
REVOKE ALL ON FUNCTION bursar.observe(integer) FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.observe(integer) TO service_role, bursar_service;

-- What was found last, and how old it is; NULL where nobody has looked. Its text names the table
-- only when it runs: it is applied as well where the step of monitoring has been undone.
CREATE OR REPLACE FUNCTION bursar.read_observation() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('observed_at', o.observed_at,
            'age_seconds', round(extract(epoch FROM bursar.clock() - o.observed_at), 1),
            'figures', o.figures)
        FROM bursar.observation AS o ORDER BY o.observed_at DESC LIMIT 1);
END
$$;

COMMENT ON FUNCTION bursar.read_observation() IS
    'What was found last of how the database is, and how old that is.';
REVOKE ALL ON FUNCTION bursar.read_observation() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.read_observation()
    TO service_role, bursar_service, bursar_operator;
