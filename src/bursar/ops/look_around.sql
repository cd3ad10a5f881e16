-- requires: ledger/build_stores.sql
-- How the database is: what waits, who waits for locks, whether balances are sound. Cheap enough
-- for every few minutes, and never asked by a scrape; the audit is what proves.

-- Every wallet: its balance and what is held of it; of those that moved lately, whether the newest
-- entry says so too. One pass over the wallets, as of one moment.
CREATE OR REPLACE FUNCTION bursar.check_wallets() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_began CONSTANT timestamptz := clock_timestamp();
    v_found record;
BEGIN
    IF to_regclass('bursar.balance') IS NULL THEN
        RETURN '{"checked": 0, "negative": 0, "broken": 0, "seconds": 0}';
    END IF;
    WITH moved AS MATERIALIZED (
        SELECT DISTINCT e.asset, e.owner_id
        FROM bursar.entry AS e
        WHERE e.seq IS NOT NULL AND e.transaction_id > (
            SELECT max(id) - 2000 FROM bursar.transaction)
    ), newest AS MATERIALIZED (
        SELECT m.asset, m.owner_id, l.seq, l.balance_after
        FROM moved AS m
        CROSS JOIN LATERAL (SELECT e.seq, e.balance_after FROM bursar.entry AS e
            WHERE e.owner_id = m.owner_id AND e.asset = m.asset AND e.seq IS NOT NULL
            ORDER BY e.seq DESC LIMIT 1) AS l
    )
    SELECT count(*) AS checked,
        count(*) FILTER (WHERE (w.balance >= 0) IS NOT TRUE) AS negative,
        count(*) FILTER (WHERE (w.balance >= 0 AND w.held BETWEEN 0 AND w.balance) IS NOT TRUE
            OR (w.balance, w.seq) <> (n.balance_after, n.seq)) AS broken
    INTO v_found
    FROM bursar.balance AS w
    LEFT JOIN newest AS n ON n.asset = w.asset AND n.owner_id = w.owner_id;
    RETURN jsonb_build_object('checked', v_found.checked, 'negative', v_found.negative,
        'broken', v_found.broken,
        'seconds', round(extract(epoch FROM clock_timestamp() - v_began), 3));
END
$$;

COMMENT ON FUNCTION bursar.check_wallets() IS 'Whether balances are sound, by a cheap check.';
REVOKE ALL ON FUNCTION bursar.check_wallets() FROM PUBLIC, anon, authenticated;

-- What was accepted and waits. An app that is left out has nothing that waits.
CREATE OR REPLACE FUNCTION bursar.count_waiting() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_waiting jsonb := '{"claims": 0, "inbox": 0, "generation": 0, "card_refunds": 0,
        "card_refunds_failed": 0}';
    v_query text;
    v_one jsonb;
BEGIN
    FOREACH v_query IN ARRAY ARRAY[
        CASE WHEN to_regclass('public.claim_queue') IS NOT NULL THEN
            $q$SELECT jsonb_build_object('claims', count(*)) FROM public.claim_queue
                WHERE status = 'waiting'$q$ END,
        CASE WHEN to_regclass('bursar.inbox') IS NOT NULL THEN
            $q$SELECT jsonb_build_object('inbox', count(*)) FROM bursar.inbox
                WHERE status <> 'done'$q$ END,
        CASE WHEN to_regclass('public.generation_jobs') IS NOT NULL THEN
            $q$SELECT jsonb_build_object('generation', count(*)) FROM public.generation_jobs
                WHERE due_at <= bursar.clock()$q$ END,
        CASE WHEN to_regclass('public.card_refunds') IS NOT NULL THEN
            $q$SELECT jsonb_build_object('card_refunds', count(*), 'card_refunds_failed',
                count(*) FILTER (WHERE last_error IS NOT NULL)) FROM public.card_refunds
                WHERE status = 'owed'$q$ END]
    LOOP
        IF v_query IS NOT NULL THEN
            EXECUTE v_query INTO v_one;
            v_waiting := v_waiting || v_one;
        END IF;
    END LOOP;
    RETURN v_waiting;
END
$$;

COMMENT ON FUNCTION bursar.count_waiting() IS 'What was accepted and waits to be carried out.';
REVOKE ALL ON FUNCTION bursar.count_waiting() FROM PUBLIC, anon, authenticated;

-- Refunds from one moment until another: of the newest 100,000 events of generation, and of cards.
CREATE OR REPLACE FUNCTION bursar.count_refunds(p_from timestamptz, p_until timestamptz)
RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_refunds jsonb := '{"generation_done": 0, "generation_failed": 0, "card_done": 0}';
    v_one jsonb;
BEGIN
    IF to_regclass('public.generation_events') IS NOT NULL THEN
        EXECUTE $q$SELECT jsonb_build_object(
                'generation_done', count(*) FILTER (WHERE what = 'refunded'),
                'generation_failed', count(*) FILTER (WHERE what = 'refund_refused'))
            FROM public.generation_events
            WHERE id > (SELECT max(id) - 100000 FROM public.generation_events)
                AND happened_at >= $1 AND happened_at < $2$q$ INTO v_one USING p_from, p_until;
        v_refunds := v_refunds || v_one;
    END IF;
    IF to_regclass('public.card_refunds') IS NOT NULL THEN
        EXECUTE $q$SELECT jsonb_build_object('card_done', count(*)) FROM public.card_refunds
            WHERE status = 'issued' AND issued_at >= $1 AND issued_at < $2$q$
            INTO v_one USING p_from, p_until;
        v_refunds := v_refunds || v_one;
    END IF;
    RETURN v_refunds;
END
$$;

COMMENT ON FUNCTION bursar.count_refunds(timestamptz, timestamptz) IS
    'Refunds from one moment until another.';
REVOKE ALL ON FUNCTION bursar.count_refunds(timestamptz, timestamptz)
    FROM PUBLIC, anon, authenticated;

-- How many sessions of this database wait for a lock, and its deadlocks since it was made.
CREATE OR REPLACE FUNCTION bursar.count_locks() RETURNS jsonb
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    SELECT jsonb_build_object('waits', (SELECT count(DISTINCT l.pid) FROM pg_locks AS l
            JOIN pg_stat_activity AS a ON a.pid = l.pid
            WHERE NOT l.granted AND a.datname = current_database()),
        'deadlocks', (SELECT deadlocks FROM pg_stat_database
            WHERE datname = current_database()))
$$;

COMMENT ON FUNCTION bursar.count_locks() IS 'Sessions that wait for locks; deadlocks.';
REVOKE ALL ON FUNCTION bursar.count_locks() FROM PUBLIC, anon, authenticated;

-- Everything of it now, with the refunds of the last hour; nothing is written.
CREATE OR REPLACE FUNCTION bursar.look_around() RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, bursar, pg_temp
AS $$
BEGIN
    RETURN jsonb_build_object('wallets', bursar.check_wallets(),
        'checked_at', bursar.clock(), 'waiting', bursar.count_waiting(),
        'refunds', bursar.count_refunds(bursar.clock() - interval '1 hour', bursar.clock()),
        'locks', bursar.count_locks());
END
$$;

COMMENT ON FUNCTION bursar.look_around() IS 'How the database is now; nothing is written.';
REVOKE ALL ON FUNCTION bursar.look_around() FROM PUBLIC, anon, authenticated;
GRANT EXECUTE ON FUNCTION bursar.look_around() TO service_role, bursar_service, bursar_operator;
