-- requires: ledger/clock.sql
-- The windows of caps. A calendar window is [start, end) between two midnights of a zone; each
-- window ends where the next begins, also where clocks are changed.

-- The first moment at which the clocks of a zone show `p_local`, or later where they skip it. Where
-- they show it twice, PostgreSQL answers the second time; the first is by the clocks as they were a
-- day before. Everything is reckoned in UTC, so that no day has 23 hours because of who asks.
CREATE OR REPLACE FUNCTION bursar.first_moment(p_local timestamp, p_zone text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_moment CONSTANT timestamptz := p_local AT TIME ZONE p_zone;
    v_day_before CONSTANT timestamptz := v_moment - interval '24 hours';
    v_earlier CONSTANT timestamptz := (v_day_before AT TIME ZONE 'UTC'
        + (p_local - v_day_before AT TIME ZONE p_zone)) AT TIME ZONE 'UTC';
BEGIN
    RETURN CASE WHEN v_earlier AT TIME ZONE p_zone >= p_local
        THEN least(v_earlier, v_moment) ELSE v_moment END;
END
$$;

COMMENT ON FUNCTION bursar.first_moment(timestamp, text) IS
    'The first moment at which the clocks of a zone show a time.';
REVOKE ALL ON FUNCTION bursar.first_moment(timestamp, text) FROM PUBLIC, anon, authenticated;

-- The window that holds `p_at`: its start, and its end, which is no part of it. Weeks begin on
-- Monday (ISO 8601). A rolling window is the stretch of so many seconds that ends now; a claim
-- leaves it exactly that long after it was made.
CREATE OR REPLACE FUNCTION bursar.cap_window(
    p_period text, p_rolling_seconds bigint, p_zone text, p_at timestamptz
) RETURNS timestamptz[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_step interval;
    v_midnight timestamp;
    v_start timestamptz;
    v_end timestamptz;
BEGIN
    IF p_period = 'rolling' THEN
        RETURN ARRAY[p_at - make_interval(secs => p_rolling_seconds), p_at];
    END IF;
    v_step := ('1 ' || p_period)::interval;
    v_midnight := date_trunc(p_period, p_at AT TIME ZONE p_zone);
    v_start := bursar.first_moment(v_midnight, p_zone);
    v_end := bursar.first_moment(v_midnight + v_step, p_zone);
    -- Clocks that are put back over midnight show yesterday once more, in the window of today.
    WHILE p_at >= v_end LOOP
        v_midnight := v_midnight + v_step;
        v_start := v_end;
        v_end := bursar.first_moment(v_midnight + v_step, p_zone);
    END LOOP;
    -- Clocks that are put forward over midnight show tomorrow before it began.
    WHILE p_at < v_start LOOP
        v_midnight := v_midnight - v_step;
        v_end := v_start;
        v_start := bursar.first_moment(v_midnight, p_zone);
    END LOOP;
    RETURN ARRAY[v_start, v_end];
END
$$;

COMMENT ON FUNCTION bursar.cap_window(text, bigint, text, timestamptz) IS
    'The window of a cap that holds a moment: its start and its end.';
REVOKE ALL ON FUNCTION bursar.cap_window(text, bigint, text, timestamptz)
    FROM PUBLIC, anon, authenticated;

-- A zone that no clock knows would be met only when somebody claims.
CREATE OR REPLACE FUNCTION bursar.refuse_unknown_zone() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    IF NEW.zone <> 'user' OR TG_TABLE_NAME <> 'sku_caps' THEN
        PERFORM clock_timestamp() AT TIME ZONE NEW.zone;
    END IF;
    RETURN NEW;
END
$$;

COMMENT ON FUNCTION bursar.refuse_unknown_zone() IS 'Trigger: refuses a zone that is none.';
REVOKE ALL ON FUNCTION bursar.refuse_unknown_zone() FROM PUBLIC, anon, authenticated;
