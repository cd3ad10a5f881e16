-- The schema that the migrations build, as a dump. Made by
-- python -m bursar.ops.migrate.lock; never edited by hand.

--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: auth; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA auth;

--
-- Name: bursar; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA bursar;

--
-- Name: SCHEMA bursar; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA bursar IS 'The ledger: assets, wallets, transactions, entries, holds.';

--
-- Name: bursar_meta; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA bursar_meta;

--
-- Name: change; Type: DOMAIN; Schema: bursar; Owner: -
--

CREATE DOMAIN bursar.change AS bigint
	CONSTRAINT change_not_zero CHECK ((VALUE <> 0));

--
-- Name: instruction; Type: TYPE; Schema: bursar; Owner: -
--

CREATE TYPE bursar.instruction AS (
	n integer,
	verb text,
	owner_id text,
	asset text,
	amount bigint,
	reason text,
	actor text,
	metadata jsonb,
	claim bytea,
	fingerprint bytea,
	to_owner_id text,
	bucket text,
	hold_id bigint,
	expires_in_seconds integer,
	over_run text,
	final boolean,
	transaction_id bigint,
	shortfall text,
	wallet_status text,
	external jsonb,
	refusal text,
	details jsonb,
	hold_left bigint,
	refunded bigint,
	parent_verb text,
	parent_amount bigint
);

--
-- Name: leg; Type: TYPE; Schema: bursar; Owner: -
--

CREATE TYPE bursar.leg AS (
	n integer,
	asset text,
	owner_id text,
	amount bigint,
	held bigint,
	bucket text
);

--
-- Name: place; Type: DOMAIN; Schema: bursar; Owner: -
--

CREATE DOMAIN bursar.place AS bigint
	CONSTRAINT place_positive CHECK ((VALUE > 0));

--
-- Name: posted_balance; Type: DOMAIN; Schema: bursar; Owner: -
--

CREATE DOMAIN bursar.posted_balance AS bigint
	CONSTRAINT posted_balance_non_negative CHECK ((VALUE >= 0));

--
-- Name: wallet_state; Type: TYPE; Schema: bursar; Owner: -
--

CREATE TYPE bursar.wallet_state AS (
	asset text,
	owner_id text,
	balance bigint,
	held bigint,
	seq bigint,
	status text
);

SET default_table_access_method = heap;

--
-- Name: entry; Type: TABLE; Schema: bursar; Owner: -
--

CREATE TABLE bursar.entry (
    transaction_id bigint NOT NULL,
    line smallint NOT NULL,
    asset text NOT NULL,
    owner_id text NOT NULL,
    amount bursar.change NOT NULL,
    seq bursar.place,
    balance_after bursar.posted_balance,
    bucket text NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='50000', autovacuum_vacuum_insert_scale_factor='0', autovacuum_freeze_min_age='0');

--
-- Name: idempotency; Type: TABLE; Schema: bursar; Owner: -
--

CREATE TABLE bursar.idempotency (
    claim bytea NOT NULL,
    fingerprint bytea NOT NULL,
    outcome json NOT NULL,
    created_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='50000', autovacuum_vacuum_insert_scale_factor='0', autovacuum_freeze_min_age='0');

--
-- Name: transaction; Type: TABLE; Schema: bursar; Owner: -
--

CREATE TABLE bursar.transaction (
    id bigint NOT NULL,
    verb text NOT NULL,
    asset text NOT NULL,
    owner_id text NOT NULL,
    amount bigint NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    corrects bigint,
    hold_id bigint,
    metadata jsonb,
    created_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='50000', autovacuum_vacuum_insert_scale_factor='0', autovacuum_freeze_min_age='0');

--
-- Name: plan; Type: TYPE; Schema: bursar; Owner: -
--

CREATE TYPE bursar.plan AS (
	outcomes json[],
	transaction_ids bigint[],
	transactions bursar.transaction[],
	entries bursar.entry[],
	wallets bursar.wallet_state[],
	debts bursar.wallet_state[],
	claims bursar.idempotency[]
);

--
-- Name: posted; Type: TYPE; Schema: bursar; Owner: -
--

CREATE TYPE bursar.posted AS (
	outcomes json[],
	transaction_ids bigint[]
);

--
-- Name: purchase; Type: TYPE; Schema: bursar; Owner: -
--

CREATE TYPE bursar.purchase AS (
	n integer,
	reward_id uuid,
	collector_id uuid,
	creator_id uuid,
	expected_price bigint,
	actor text,
	claim bytea,
	fingerprint bytea,
	refusal text,
	details jsonb
);

--
-- Name: request; Type: TYPE; Schema: bursar; Owner: -
--

CREATE TYPE bursar.request AS (
	n integer,
	legs integer,
	verb text,
	asset text,
	owner_id text,
	amount bigint,
	reason text,
	actor text,
	corrects bigint,
	hold_id bigint,
	metadata jsonb,
	claim bytea,
	fingerprint bytea,
	shortfall text,
	new_status text,
	refusal text,
	details jsonb,
	extra json
);

--
-- Name: wallet_status; Type: DOMAIN; Schema: bursar; Owner: -
--

CREATE DOMAIN bursar.wallet_status AS text
	CONSTRAINT wallet_status_known CHECK ((VALUE = ANY (ARRAY['open'::text, 'frozen'::text, 'closed'::text])));

--
-- Name: jwt(); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.jwt() RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb$$;

--
-- Name: role(); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.role() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb
                ->> 'role'$$;

--
-- Name: uid(); Type: FUNCTION; Schema: auth; Owner: -
--

CREATE FUNCTION auth.uid() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb
                ->> 'sub')::uuid$$;

--
-- Name: adjust(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.adjust(p_requests jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN bursar.carry('adjust', p_requests)::jsonb;
END
$$;

--
-- Name: FUNCTION adjust(p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.adjust(p_requests jsonb) IS 'Corrects wallets, up or down; a batch.';

--
-- Name: adjust_legs(bursar.instruction); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.adjust_legs(q bursar.instruction) RETURNS bursar.leg[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[ROW((q).n, (q).asset, (q).owner_id, (q).amount, (0)::bigint, 'adjusted'::text)::bursar.leg, ROW((q).n, (q).asset, 'system:adjustment'::text, (- (q).amount), (0)::bigint, 'adjusted'::text)::bursar.leg];

--
-- Name: FUNCTION adjust_legs(q bursar.instruction); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.adjust_legs(q bursar.instruction) IS 'What a adjust does to each wallet.';

--
-- Name: attach_guards(text, regclass, name, name); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.attach_guards(p_asset text, p_store regclass, p_owner_column name, p_balance_column name) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $_$
DECLARE
    v_arguments CONSTANT text := format('%L, %L, %L', p_asset, p_owner_column, p_balance_column);
    v_stranger text;
    v_template text;
BEGIN
    -- The kernel writes as the role that owns its functions; everybody else is asked who they are.
    -- A WHEN clause is read anew for every statement, so it is short.
    v_stranger := format('current_user <> %L', current_user);

    FOREACH v_template IN ARRAY ARRAY[
        'CREATE OR REPLACE TRIGGER a_bursar_writers_insert BEFORE INSERT ON %1$s FOR EACH ROW
            WHEN (NEW.%2$I <> 0 AND %4$s) EXECUTE FUNCTION bursar.refuse_raw_write()',
        'CREATE OR REPLACE TRIGGER a_bursar_writers_update BEFORE UPDATE
            OF %2$I, %5$I, bursar_held, bursar_seq, bursar_status ON %1$s FOR EACH STATEMENT
            WHEN (%4$s) EXECUTE FUNCTION bursar.refuse_raw_write()',
        'CREATE OR REPLACE TRIGGER a_bursar_writers_delete BEFORE DELETE ON %1$s FOR EACH ROW
            WHEN (OLD.%2$I <> 0 AND %4$s) EXECUTE FUNCTION bursar.refuse_raw_write()',
        'CREATE OR REPLACE TRIGGER enforce_non_negative_balance
            BEFORE INSERT OR UPDATE ON %1$s FOR EACH ROW
            WHEN (NEW.%2$I < 0) EXECUTE FUNCTION public.prevent_negative_balance(%2$L)',
        'CREATE OR REPLACE TRIGGER zz_bursar_raw_insert BEFORE INSERT ON %1$s FOR EACH ROW
            EXECUTE FUNCTION bursar.record_raw_write(%3$s)',
        'CREATE OR REPLACE TRIGGER zz_bursar_raw_inserted AFTER INSERT ON %1$s FOR EACH ROW
            EXECUTE FUNCTION bursar.record_raw_insert(%3$s)',
        'CREATE OR REPLACE TRIGGER zz_bursar_raw_update BEFORE UPDATE ON %1$s FOR EACH ROW
            WHEN (NEW.bursar_seq = OLD.bursar_seq AND NEW.%2$I IS DISTINCT FROM OLD.%2$I)
            EXECUTE FUNCTION bursar.record_raw_write(%3$s)',
        'CREATE OR REPLACE TRIGGER zz_bursar_raw_update_owner BEFORE UPDATE OF %5$I ON %1$s
            FOR EACH ROW WHEN (NEW.%5$I IS DISTINCT FROM OLD.%5$I)
            EXECUTE FUNCTION bursar.record_raw_write(%3$s)',
        'CREATE OR REPLACE TRIGGER zz_bursar_raw_delete BEFORE DELETE ON %1$s FOR EACH ROW
            EXECUTE FUNCTION bursar.record_raw_write(%3$s)',
        'CREATE OR REPLACE TRIGGER zz_bursar_truncate BEFORE TRUNCATE ON %1$s FOR EACH STATEMENT
            EXECUTE FUNCTION bursar.refuse_truncate()']
    LOOP
        EXECUTE format(
            v_template, p_store, p_balance_column, v_arguments, v_stranger, p_owner_column);
    END LOOP;
END
$_$;

--
-- Name: FUNCTION attach_guards(p_asset text, p_store regclass, p_owner_column name, p_balance_column name); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.attach_guards(p_asset text, p_store regclass, p_owner_column name, p_balance_column name) IS 'Puts the ledger''s triggers on an asset''s store.';

--
-- Name: attempt(text, jsonb, text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.attempt(p_handler text, p_requests jsonb, p_verb text DEFAULT NULL::text) RETURNS json
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    SET cpu_tuple_cost TO '1'
    SET cpu_index_tuple_cost TO '1'
    AS $_$
DECLARE
    v_all json[] := '{}';
    v_rest jsonb := p_requests;
    v_some json[];
    v_one json;
    v_wait boolean := true;
    v_patience integer := 1;  -- how often a lock is waited for, each time for lock_timeout
    v_tries integer := 0;
    v_window integer := 1000;
    v_send jsonb;
    v_alone boolean := false;
    v_lone boolean;           -- a request by itself, which has not tried the straight road yet
    v_at_gate boolean;
    v_missing jsonb;
    v_detail text;
BEGIN
    IF jsonb_typeof(p_requests) IS DISTINCT FROM 'array'
        OR jsonb_array_length(p_requests) NOT BETWEEN 1 AND 1000
    THEN
        RAISE EXCEPTION 'MALFORMED: The argument must be a JSON array of 1 to 1000 requests.'
            USING ERRCODE = 'UB001';
    END IF;
    -- Whoever calls in another isolation level is told so at the gate.
    v_lone := jsonb_array_length(p_requests) = 1
        AND current_setting('transaction_isolation') = 'read committed';
    IF current_setting('lock_timeout') = '0' THEN
        -- Below the second after which PostgreSQL looks for deadlocks, and may choose an operator's
        -- transaction as the victim. A lone request waits again: whoever is ahead in the line may
        -- be a fresh session that plans everything for the first time while it holds the lock.
        v_detail := set_config('lock_timeout', '900ms', true);
        v_patience := CASE WHEN v_lone THEN 4 ELSE 1 END;
    END IF;
    LOOP
        v_tries := v_tries + 1;
        v_at_gate := true;
        BEGIN
            -- Inside the block, because what is undone lets go of the gate too. On the straight
            -- road the gate's flag is read where the wallets are locked.
            IF v_lone THEN
                v_lone := false;
                LOCK TABLE bursar.gate IN ROW EXCLUSIVE MODE;
                v_at_gate := false;
                v_one := bursar.handle_lone(p_handler, p_requests -> 0);
                IF v_one IS NOT NULL THEN
                    RETURN array_to_json(ARRAY[v_one]);
                END IF;
            END IF;
            IF NOT bursar.enter_gate() THEN
                RETURN array_to_json(v_all || bursar.refused_all(v_rest, 'DEGRADED', p_verb));
            END IF;
            v_at_gate := false;
            IF v_missing IS NOT NULL THEN
                PERFORM bursar.open_wallets(v_missing);
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
                v_some := '{}';
            WHEN SQLSTATE 'UBX02' THEN
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
$_$;

--
-- Name: FUNCTION attempt(p_handler text, p_requests jsonb, p_verb text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.attempt(p_handler text, p_requests jsonb, p_verb text) IS 'Carries out a batch through a handler, with everything that may have to be tried again.';

--
-- Name: batch(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.batch(p_requests jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN bursar.carry('batch', p_requests)::jsonb;
END
$$;

--
-- Name: FUNCTION batch(p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.batch(p_requests jsonb) IS 'Requests of any ledger verbs, in order; a batch.';

--
-- Name: build_choice(text, text, text, text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.build_choice(p_verb text, p_parameters text, p_returns text, p_branches text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $_$
DECLARE
    v_types text := regexp_replace(p_parameters, 'p_[a-z_]+ ', '', 'g');
BEGIN
    EXECUTE format($f$
CREATE OR REPLACE FUNCTION bursar.%1$I(p_asset text, %2$s) RETURNS %3$s
LANGUAGE plpgsql SET search_path = pg_catalog, bursar, pg_temp AS $b$
BEGIN%4$s
    RETURN NULL;
END
$b$$f$, p_verb || '_asset', p_parameters, p_returns, p_branches);
    EXECUTE format('REVOKE ALL ON FUNCTION bursar.%I(text, %s) FROM PUBLIC, anon, authenticated',
        p_verb || '_asset', v_types);
    EXECUTE format('COMMENT ON FUNCTION bursar.%I(text, %s) IS %L',
        p_verb || '_asset', v_types, 'Generated: chooses the store of an asset.');
END
$_$;

--
-- Name: FUNCTION build_choice(p_verb text, p_parameters text, p_returns text, p_branches text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.build_choice(p_verb text, p_parameters text, p_returns text, p_branches text) IS 'Writes one of the functions that choose a store by the asset''s name.';

--
-- Name: build_handlers(); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.build_handlers() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $_$
DECLARE
    v_template CONSTANT text := $f$
CREATE OR REPLACE FUNCTION bursar.%s RETURNS %s
LANGUAGE plpgsql SET search_path = pg_catalog, bursar, pg_temp AS $b$
BEGIN%s
    %s
END
$b$$f$;
    v_branch CONSTANT text := E'\n    IF p_handler = %L THEN RETURN bursar.%I(%s); END IF;';
BEGIN
    EXECUTE format(v_template, 'handle(p_handler text, p_requests jsonb, p_wait boolean)',
        'json[]', (SELECT string_agg(format(v_branch, proname, proname, 'p_requests, p_wait'), ''
            ORDER BY proname COLLATE "C")
        FROM pg_proc
        WHERE pronamespace = 'bursar'::regnamespace AND prorettype = 'json[]'::regtype
            AND proargtypes = ARRAY['jsonb'::regtype::oid, 'boolean'::regtype::oid]::oidvector),
        'RAISE EXCEPTION ''There is no such verb: %.'', p_handler
        USING ERRCODE = ''undefined_function'';');
    EXECUTE format(v_template, 'handle_lone(p_handler text, p_request jsonb)', 'json', (
        SELECT string_agg(format(v_branch, regexp_replace(proname, '_straight$', '_batch'),
            proname, 'p_request'), '' ORDER BY proname COLLATE "C")
        FROM pg_proc
        WHERE pronamespace = 'bursar'::regnamespace AND prorettype = 'json'::regtype
            AND proname ~ '_straight$'), 'RETURN NULL;');
    REVOKE ALL ON FUNCTION bursar.handle(text, jsonb, boolean) FROM PUBLIC, anon, authenticated;
    REVOKE ALL ON FUNCTION bursar.handle_lone(text, jsonb) FROM PUBLIC, anon, authenticated;
    COMMENT ON FUNCTION bursar.handle(text, jsonb, boolean) IS 'Generated: chooses a handler.';
    COMMENT ON FUNCTION bursar.handle_lone(text, jsonb) IS 'Generated: chooses a straight road.';
END
$_$;

--
-- Name: FUNCTION build_handlers(); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.build_handlers() IS 'Writes the functions that choose a handler by name.';

--
-- Name: build_store(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.build_store(p jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $_$
DECLARE
    v_text text;
    v_name text;
    v_own CONSTANT text := CASE p ->> 'asset_column' WHEN '' THEN ''
        ELSE 'w.' || (p ->> 'own') || ' AND' END;
    v_parts CONSTANT text[] := ARRAY[p ->> 'asset', p ->> 'store',
        quote_ident(p ->> 'owner_column'), quote_ident(p ->> 'balance_column'),
        p ->> 'owner_type', p ->> 'own', p ->> 'asset_column', p ->> 'asset_value',
        p ->> 'balance_type', p ->> 'suffix'];
BEGIN
    FOREACH v_text IN ARRAY ARRAY[$f$
CREATE OR REPLACE FUNCTION bursar.lock_%10$s(p_owner_ids text[], p_wait boolean)
RETURNS bursar.wallet_state[]
LANGUAGE plpgsql SET search_path = pg_catalog, bursar, pg_temp AS $b$
DECLARE
    v_states bursar.wallet_state[];
BEGIN
    -- One look-up after the other, in the order given: that order is the lock order.
    IF p_wait THEN
        SELECT array_agg(ROW('%1$s', l.o, l.b, l.h, l.q, l.s)::bursar.wallet_state ORDER BY t.i)
        INTO v_states
        FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
        CROSS JOIN LATERAL (SELECT w.%3$s::text AS o, w.%4$s AS b, w.bursar_held AS h,
            w.bursar_seq AS q, w.bursar_status AS s FROM %2$s AS w
            WHERE %11$s w.%3$s = t.o::%5$s FOR NO KEY UPDATE) AS l;
    ELSE
        SELECT array_agg(ROW('%1$s', l.o, l.b, l.h, l.q, l.s)::bursar.wallet_state ORDER BY t.i)
        INTO v_states
        FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
        CROSS JOIN LATERAL (SELECT w.%3$s::text AS o, w.%4$s AS b, w.bursar_held AS h,
            w.bursar_seq AS q, w.bursar_status AS s FROM %2$s AS w
            WHERE %11$s w.%3$s = t.o::%5$s FOR NO KEY UPDATE SKIP LOCKED) AS l;
    END IF;
    IF v_states IS NULL OR cardinality(v_states) < cardinality(p_owner_ids) THEN
        SELECT array_agg(ROW('%1$s', t.o, coalesce(l.balance, 0), coalesce(l.held, 0),
            coalesce(l.seq, 0), CASE WHEN l.owner_id IS NOT NULL THEN l.status
                WHEN p_wait OR w.%3$s IS NULL THEN 'missing' ELSE 'busy' END)::bursar.wallet_state
            ORDER BY t.i) INTO v_states
        FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
        LEFT JOIN unnest(v_states) AS l ON l.owner_id = t.o
        LEFT JOIN %2$s AS w ON %11$s w.%3$s = t.o::%5$s;
    END IF;
    RETURN v_states;
END
$b$$f$, $f$
CREATE OR REPLACE FUNCTION bursar.write_%10$s(p_states bursar.wallet_state[]) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, bursar, pg_temp AS $b$
BEGIN
    UPDATE %2$s AS w SET %4$s = s.balance::%9$s, bursar_held = s.held, bursar_seq = s.seq,
        bursar_status = s.status
    FROM unnest(p_states) AS s
    -- By a plan made while the table had one row, it would be read whole for each state.
    CROSS JOIN LATERAL (SELECT w.ctid AS at FROM %2$s AS w
        WHERE %11$s w.%3$s = s.owner_id::%5$s LIMIT 1) AS c
    WHERE w.ctid = c.at AND %11$s w.%3$s = s.owner_id::%5$s AND s.asset = '%1$s';
    RETURN FOUND;
END
$b$$f$, $f$
CREATE OR REPLACE FUNCTION bursar.pay_%10$s(
    p_id bigint, p_verb text, p_payer text, p_payee text, p_amount bigint, p_bucket text,
    p_reason text, p_actor text, p_claim bytea, p_fingerprint bytea, p_extra json
) RETURNS json
LANGUAGE plpgsql SET search_path = pg_catalog, bursar, pg_temp AS $b$
DECLARE
    v_low CONSTANT text := least(p_payer COLLATE "C", p_payee);
    v_high CONSTANT text := greatest(p_payer COLLATE "C", p_payee);
    v_outcome json;
BEGIN%13$s
    WITH moved AS (
        UPDATE %2$s AS w SET %4$s = (w.%4$s + m.amount)::%9$s, bursar_seq = w.bursar_seq + 1
        FROM (SELECT o.owner_id, CASE o.owner_id WHEN p_payer THEN -p_amount ELSE p_amount END
            FROM (VALUES (v_low), (v_high)) AS o (owner_id)) AS m (owner_id, amount)
        WHERE %11$s w.%3$s = m.owner_id::%5$s
            -- Else a plan made while the table had one row would read it whole.
            AND w.%3$s IN (v_low::%5$s, v_high::%5$s)
            AND w.bursar_held = 0 AND w.bursar_status = 'open'
            AND w.%4$s + m.amount BETWEEN 0 AND %12$s AND NOT (SELECT degraded FROM bursar.gate)
        RETURNING m.owner_id, m.amount, w.bursar_seq AS seq, w.%4$s AS balance
    ), entries AS (
        INSERT INTO bursar.entry
        SELECT p_id, CASE m.owner_id WHEN p_payer THEN 1 ELSE 2 END, '%1$s', m.owner_id, m.amount,
            m.seq, m.balance, CASE m.owner_id WHEN p_payer THEN 'used' ELSE p_bucket END
        FROM moved AS m
    ), event AS (
        INSERT INTO bursar.transaction (
            id, verb, asset, owner_id, amount, reason, actor, created_at)
        -- The count waits for both locks, so that the clock is read after them.
        SELECT p_id, p_verb, '%1$s', p_payer, p_amount, p_reason, p_actor, bursar.clock()
        WHERE (SELECT count(*) FROM moved) = 2
    )
    INSERT INTO bursar.idempotency
    SELECT p_claim, p_fingerprint, bursar.done(
        p_id, p_verb, '%1$s', p_payer, p_amount, m.balance, 0, 0, p_extra), bursar.clock()
    FROM moved AS m WHERE m.owner_id = p_payer AND (SELECT count(*) FROM moved) = 2
    ON CONFLICT (claim) DO NOTHING
    RETURNING outcome INTO v_outcome;
    IF v_outcome IS NULL OR EXISTS (SELECT FROM bursar.wallet AS o
        WHERE o.asset = '%1$s:owed' AND o.owner_id = p_payee)
    THEN
        RAISE EXCEPTION 'Something is in the way.' USING ERRCODE = 'UBX02';
    END IF;
    RETURN v_outcome;
END
$b$$f$, $f$
CREATE OR REPLACE FUNCTION bursar.open_%10$s(p_owner_ids text[]) RETURNS bigint
LANGUAGE sql SET search_path = pg_catalog, bursar, pg_temp AS $b$
    WITH opened AS (INSERT INTO %2$s (%7$s%3$s, %4$s)
    SELECT %8$so::%5$s, 0 FROM unnest(p_owner_ids) AS o ORDER BY o COLLATE "C"
    ON CONFLICT (%7$s%3$s) DO NOTHING RETURNING 1)
    SELECT count(*) FROM opened
$b$$f$, $f$
CREATE OR REPLACE FUNCTION bursar.look_%10$s(p_owner_id text) RETURNS bursar.wallet_state
LANGUAGE sql STABLE SET search_path = pg_catalog, bursar, pg_temp AS $b$
    SELECT '%1$s', %3$s::text, %4$s::bigint, bursar_held, bursar_seq, bursar_status
    FROM %2$s WHERE %6$s AND %3$s = p_owner_id::%5$s
$b$$f$] LOOP
        EXECUTE format(v_text, VARIADIC v_parts || ARRAY[
            v_own,
            p ->> 'balance_max',
            -- An index on uuids has the lock order, one on texts has that of its collation.
            CASE p ->> 'owner_type' WHEN 'text' THEN format('
    PERFORM FROM %1$s AS w WHERE %2$s w.%3$I = v_low FOR NO KEY UPDATE;
    PERFORM FROM %1$s AS w WHERE %2$s w.%3$I = v_high FOR NO KEY UPDATE;',
                p ->> 'store', v_own, p ->> 'owner_column') ELSE '' END]);
    END LOOP;
    FOREACH v_name IN ARRAY ARRAY['lock_%s(text[], boolean)', 'write_%s(bursar.wallet_state[])',
        'open_%s(text[])', 'look_%s(text)',
        'pay_%s(bigint, text, text, text, bigint, text, text, text, bytea, bytea, json)']
    LOOP
        v_name := format(v_name, p ->> 'suffix');
        EXECUTE format('REVOKE ALL ON FUNCTION bursar.%s FROM PUBLIC, anon, authenticated', v_name);
        EXECUTE format('COMMENT ON FUNCTION bursar.%s IS %L', v_name,
            format('Generated: wallets of asset %s live in %s.', p ->> 'asset', p ->> 'store'));
    END LOOP;
END
$_$;

--
-- Name: FUNCTION build_store(p jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.build_store(p jsonb) IS 'Writes the functions of one asset''s store.';

--
-- Name: build_stores(); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.build_stores() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $_$
DECLARE
    a record;
    v_branches jsonb := '{"lock": "", "write": "", "open": "", "look": ""}';
    v_verb text;
    v_balances text := '';
BEGIN
    FOR a IN
        SELECT asset, replace(asset, ':', '_') AS suffix, coalesce(store, 'bursar.wallet') AS store,
            coalesce(owner_column, 'owner_id') AS owner_column, owner_type,
            coalesce(balance_column, 'balance') AS balance_column, balance_max,
            CASE WHEN store IS NULL THEN format('asset = %L', asset) ELSE 'true' END AS own,
            CASE WHEN store IS NULL THEN 'asset, ' ELSE '' END AS asset_column,
            CASE WHEN store IS NULL THEN quote_literal(asset) || ', ' ELSE '' END AS asset_value,
            (SELECT format_type(atttypid, NULL) FROM pg_attribute
                WHERE attrelid = coalesce(store, 'bursar.wallet')
                AND attname = coalesce(balance_column, 'balance')) AS balance_type
        FROM bursar.asset ORDER BY asset COLLATE "C"
    LOOP
        PERFORM bursar.build_store(to_jsonb(a) || jsonb_build_object('store', a.store::text));
        FOREACH v_verb IN ARRAY ARRAY['lock', 'write', 'open', 'look'] LOOP
            v_branches := jsonb_set(v_branches, ARRAY[v_verb], to_jsonb((v_branches ->> v_verb)
                || format(E'\n    IF p_asset = %L THEN RETURN bursar.%I(%s); END IF;', a.asset,
                    v_verb || '_' || a.suffix,
                    CASE v_verb WHEN 'lock' THEN 'p_owner_ids, p_wait' WHEN 'write' THEN 'p_states'
                    WHEN 'open' THEN 'p_owner_ids' ELSE 'p_owner_id' END)));
        END LOOP;
        v_balances := v_balances || CASE v_balances WHEN '' THEN '' ELSE E'\nUNION ALL\n' END
            || format('SELECT %L::text AS asset, %I::text AS owner_id, %I::bigint AS balance,
                bursar_held AS held, %3$I - bursar_held AS available, bursar_seq AS seq,
                bursar_status AS status FROM %s WHERE %s',
                a.asset, a.owner_column, a.balance_column, a.store, a.own);
    END LOOP;

    IF v_balances = '' THEN
        RETURN;  -- There is no asset yet, hence nothing to choose between.
    END IF;
    PERFORM bursar.build_choice('lock', 'p_owner_ids text[], p_wait boolean',
        'bursar.wallet_state[]', v_branches ->> 'lock');
    PERFORM bursar.build_choice('write', 'p_states bursar.wallet_state[]', 'boolean',
        v_branches ->> 'write');
    PERFORM bursar.build_choice('open', 'p_owner_ids text[]', 'bigint', v_branches ->> 'open');
    PERFORM bursar.build_choice('look', 'p_owner_id text', 'bursar.wallet_state',
        v_branches ->> 'look');
    EXECUTE 'CREATE OR REPLACE VIEW bursar.balance WITH (security_invoker = true) AS '
        || v_balances;
    EXECUTE 'COMMENT ON VIEW bursar.balance IS ''Every wallet, wherever it lives.''';
    EXECUTE 'GRANT SELECT ON bursar.balance TO service_role, bursar_operator';
END
$_$;

--
-- Name: FUNCTION build_stores(); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.build_stores() IS 'Writes the functions that know where wallets live, from bursar.asset.';

--
-- Name: caller(); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.caller() RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    SELECT CASE
        WHEN pg_has_role(bursar.caller_role(), 'service_role', 'MEMBER')
        THEN jsonb_build_object('role', 'service_role')
        ELSE jsonb_build_object('role', bursar.caller_role(), 'sub', auth.uid())
    END
$$;

--
-- Name: FUNCTION caller(); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.caller() IS 'Role and subject of the caller, as the verbs want it.';

--
-- Name: caller_role(); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.caller_role() RETURNS name
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE current_setting('role'::text) WHEN 'none'::text THEN SESSION_USER ELSE (current_setting('role'::text))::name END;

--
-- Name: FUNCTION caller_role(); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.caller_role() IS 'The role the session acts as, also inside SECURITY DEFINER functions.';

--
-- Name: canonical_owner(text, text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.canonical_owner(p_owner_id text, p_asset text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM bursar.asset WHERE asset = p_asset AND owner_type = 'uuid')
        THEN lower(p_owner_id) ELSE p_owner_id END
$$;

--
-- Name: FUNCTION canonical_owner(p_owner_id text, p_asset text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.canonical_owner(p_owner_id text, p_asset text) IS 'An owner''s id as the ledger writes it.';

--
-- Name: capture(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.capture(p_requests jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN bursar.carry('capture', p_requests)::jsonb;
END
$$;

--
-- Name: FUNCTION capture(p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.capture(p_requests jsonb) IS 'Takes what holds set aside; a batch.';

--
-- Name: capture_legs(bursar.instruction); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.capture_legs(q bursar.instruction) RETURNS bursar.leg[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (ARRAY[ROW((q).n, (q).asset, (q).owner_id, (- LEAST((q).amount, (q).hold_left)), (- CASE WHEN (q).final THEN (q).hold_left ELSE LEAST((q).amount, (q).hold_left) END), 'used'::text)::bursar.leg, ROW((q).n, (q).asset, COALESCE((q).to_owner_id, 'system:revenue'::text), (q).amount, (0)::bigint, CASE WHEN ((q).to_owner_id IS NULL) THEN 'used'::text ELSE 'earned'::text END)::bursar.leg] || CASE WHEN ((q).amount > (q).hold_left) THEN ARRAY[ROW((q).n, (q).asset, (q).owner_id, ((q).hold_left - (q).amount), (0)::bigint, 'over_run'::text)::bursar.leg] ELSE NULL::bursar.leg[] END);

--
-- Name: FUNCTION capture_legs(q bursar.instruction); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.capture_legs(q bursar.instruction) IS 'What a capture does to each wallet.';

--
-- Name: carry(text, jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.carry(p_verb text, p_requests jsonb) RETURNS json
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    IF p_verb = 'batch' THEN
        RETURN bursar.attempt('carry_out', p_requests);
    ELSIF p_verb IN ('grant', 'spend', 'transfer', 'hold', 'capture', 'release', 'refund', 'adjust',
        'freeze')
    THEN
        RETURN bursar.attempt('carry_out', bursar.with_verb(p_requests, p_verb));
    END IF;
    RETURN bursar.attempt(p_verb || '_batch', p_requests, p_verb);
END
$$;

--
-- Name: FUNCTION carry(p_verb text, p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.carry(p_verb text, p_requests jsonb) IS 'Carries out a batch of any verb.';

--
-- Name: carry_out(jsonb, boolean); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.carry_out(p_requests jsonb, p_wait boolean) RETURNS json[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_in bursar.instruction[] := bursar.read_instructions(p_requests);
    v_assets text[]; v_owner_ids text[];
    v_wallets bursar.wallet_state[];
    v_requests bursar.request[]; v_legs bursar.leg[]; v_outcomes json[];
    v_holds boolean;
BEGIN
    SELECT array_agg(l.asset), array_agg(l.owner_id) INTO v_assets, v_owner_ids
    FROM unnest(v_in) AS q
    CROSS JOIN LATERAL (
        SELECT q.asset, q.owner_id
        UNION ALL SELECT q.asset, q.to_owner_id WHERE q.to_owner_id IS NOT NULL
        UNION ALL SELECT e.asset, e.owner_id FROM bursar.entry AS e
            WHERE q.verb = 'refund' AND e.transaction_id = q.transaction_id AND e.bucket <> 'debt'
    ) AS l
    WHERE q.refusal IS NULL;
    v_wallets := bursar.lock_wallets(v_assets, v_owner_ids, p_wait);

    IF cardinality(v_in) > 1 THEN
        v_in := v_in[:(SELECT least(
            bursar.count_before_repeat(array_agg(q.claim ORDER BY q.n)),
            bursar.count_before_repeat(array_agg(coalesce('hold ' || q.hold_id,
                'parent ' || q.transaction_id, 'external ' || (q.external ->> 'provider') || ' '
                    || (q.external ->> 'account') || ' ' || (q.external ->> 'mode') || ' '
                    || (q.external ->> 'id')) ORDER BY q.n)))
            FROM unnest(v_in) AS q)];
    END IF;
    v_holds := EXISTS (SELECT FROM unnest(v_in) AS q WHERE q.hold_id IS NOT NULL
        OR q.transaction_id IS NOT NULL OR q.external IS NOT NULL OR q.verb = 'hold');
    IF v_holds THEN
        v_in := bursar.read_parents(v_in, p_wait);
    END IF;

    SELECT array_agg(l ORDER BY q.n, t.i) INTO v_legs
    FROM unnest(v_in) AS q
    CROSS JOIN LATERAL unnest(bursar.legs(q)) WITH ORDINALITY
        AS t (n, asset, owner_id, amount, held, bucket, i)
    CROSS JOIN LATERAL (
        SELECT ROW(t.n, t.asset, t.owner_id, t.amount, t.held, t.bucket)::bursar.leg) AS x (l)
    WHERE q.refusal IS NULL;

    SELECT array_agg(ROW(q.n,
        CASE WHEN q.refusal IS NULL THEN cardinality(bursar.legs(q)) ELSE 0 END,
        q.verb, q.asset, q.owner_id, coalesce(q.amount, 0), q.reason, q.actor,
        q.transaction_id, q.hold_id, q.metadata, q.claim, q.fingerprint,
        CASE WHEN q.verb = 'refund' OR q.over_run = 'overdraft' THEN 'debt'
            ELSE coalesce(q.shortfall, 'refuse') END,
        q.wallet_status, q.refusal, q.details,
        CASE WHEN q.verb = 'freeze' THEN json_build_object('wallet_status', q.wallet_status)
            WHEN q.hold_id IS NOT NULL THEN json_build_object('hold_id', q.hold_id)
            WHEN q.transaction_id IS NOT NULL THEN json_build_object('corrects', q.transaction_id)
            END)::bursar.request ORDER BY q.n)
    INTO v_requests FROM unnest(v_in) AS q;

    v_outcomes := (bursar.post(v_wallets, v_requests, v_legs)).outcomes;
    IF v_holds THEN
        v_outcomes := bursar.write_parents(v_in, v_outcomes);
    END IF;
    RETURN v_outcomes;
END
$$;

--
-- Name: FUNCTION carry_out(p_requests jsonb, p_wait boolean); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.carry_out(p_requests jsonb, p_wait boolean) IS 'Handler of the ledger verbs: answers the outcomes of the first few requests, or of all.';

--
-- Name: claim(text, text, text, text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.claim(p_owner_id text, p_principal text, p_verb text, p_key text) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN substr(sha256(convert_to(((((((p_owner_id || ''::text) || p_principal) || ''::text) || p_verb) || ''::text) || p_key), 'UTF8'::name)), 1, 16);

--
-- Name: FUNCTION claim(p_owner_id text, p_principal text, p_verb text, p_key text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.claim(p_owner_id text, p_principal text, p_verb text, p_key text) IS 'The digest under which the outcome of a key is remembered.';

--
-- Name: clock(); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.clock() RETURNS timestamp with time zone
    LANGUAGE sql
    RETURN clock_timestamp();

--
-- Name: FUNCTION clock(); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.clock() IS 'The time by which the ledger decides.';

--
-- Name: count_before_repeat(anyarray); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.count_before_repeat(p_names anyarray) RETURNS integer
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN (
        SELECT coalesce(min(r.n) - 1, cardinality(p_names))
        FROM (SELECT t.n, row_number() OVER (PARTITION BY t.name ORDER BY t.n) AS place
            FROM unnest(p_names) WITH ORDINALITY AS t (name, n) WHERE t.name IS NOT NULL) AS r
        WHERE r.place > 1);
END
$$;

--
-- Name: FUNCTION count_before_repeat(p_names anyarray); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.count_before_repeat(p_names anyarray) IS 'How many requests can be decided together.';

--
-- Name: decide(bursar.wallet_state[], bursar.request[], bursar.leg[], jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.decide(p_wallets bursar.wallet_state[], p_requests bursar.request[], p_legs bursar.leg[], p_sentences jsonb) RETURNS bursar.plan
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    -- Wallets, by place in the lock order. A plain one is open, without debt.
    w_balance bigint[]; w_held bigint[]; w_seq bigint[]; w_balance_max bigint[]; w_plain boolean[];
    -- The rest of them, read when the first request out of the ordinary comes.
    w_status text[]; w_owed bigint[]; w_owed_seq bigint[]; w_repays boolean[]; w_sought boolean[];
    w_owes boolean[];
    -- Legs: the place of the leg's wallet, 0 for a system wallet; then what was decided.
    l_wallet integer[]; l_amount bigint[]; l_held bigint[]; l_seq bigint[]; l_after bigint[];
    -- Requests: the first of their legs, and if they are carried out their transaction, with what
    -- their owner has then.
    r_legs integer[]; r_plain boolean[]; r_first integer[]; r_id bigint[]; r_balance bigint[];
    r_held bigint[];
    -- What the others come to.
    v_outcomes json[]; v_transactions bursar.transaction[]; v_entries bursar.entry[];
    r_remembered boolean[]; v_missing jsonb := '[]';
    v_plan bursar.plan;
    v_precedence CONSTANT text[] := ARRAY['BUSY', 'WALLET_NOT_FOUND', 'WALLET_CLOSED',
        'WALLET_FROZEN', 'WALLET_NOT_EMPTY', 'INSUFFICIENT_FUNDS', 'BALANCE_LIMIT'];
    v_legs bursar.leg[]; r bursar.request; l bursar.leg; known bursar.idempotency;
    w integer;
    v_decided integer := cardinality(p_requests);
    v_next integer := 1; v_first integer; v_subject integer; v_line smallint;
    v_code text; v_details jsonb; v_reason text; v_need bigint; v_amount bigint; v_owes bigint;
    v_id bigint;
BEGIN
    SELECT wallet.balance, wallet.held, wallet.seq, wallet.balance_max, wallet.plain,
        leg.wallet, leg.amount, leg.held, request.legs, request.plain
    INTO w_balance, w_held, w_seq, w_balance_max, w_plain, l_wallet, l_amount, l_held, r_legs,
        r_plain
    FROM (
        SELECT array_agg(s.balance ORDER BY s.i) AS balance, array_agg(s.held ORDER BY s.i) AS held,
            array_agg(s.seq ORDER BY s.i) AS seq,
            array_agg(a.balance_max ORDER BY s.i) AS balance_max,
            array_agg(s.status = 'open' AND d.owner_id IS NULL ORDER BY s.i) AS plain
        FROM unnest(p_wallets) WITH ORDINALITY AS s (asset, owner_id, balance, held, seq, status, i)
        JOIN bursar.asset AS a ON a.asset = s.asset
        -- Without the LIMITs the planner may read whole tables that were small when it planned.
        LEFT JOIN LATERAL (SELECT o.owner_id FROM bursar.wallet AS o
            WHERE o.asset = s.asset || ':owed' AND o.owner_id = s.owner_id LIMIT 1) AS d ON true
    ) AS wallet, (
        -- No asset's name has a character below the separator, so the names are sorted as the
        -- wallets are, and the place of one is found by bisection.
        SELECT array_agg(CASE WHEN starts_with(t.owner_id, 'system:') THEN 0
                ELSE width_bucket((t.asset || E'\x1f' || t.owner_id) COLLATE "C", ARRAY(
                    SELECT s.asset || E'\x1f' || s.owner_id FROM unnest(p_wallets) AS s)) END
                ORDER BY t.i) AS wallet,
            array_agg(t.amount ORDER BY t.i) AS amount, array_agg(t.held ORDER BY t.i) AS held
        FROM unnest(p_legs) WITH ORDINALITY AS t (n, asset, owner_id, amount, held, bucket, i)
    ) AS leg, (
        SELECT array_agg(q.legs ORDER BY q.n) AS legs,
            array_agg(q.refusal IS NULL AND q.shortfall = 'refuse' AND q.new_status IS NULL
                AND k.claim IS NULL ORDER BY q.n) AS plain
        FROM unnest(p_requests) AS q
        LEFT JOIN LATERAL (SELECT o.claim FROM bursar.idempotency AS o
            WHERE o.claim = q.claim LIMIT 1) AS k ON true
    ) AS request;

    FOR n IN 1 .. cardinality(r_plain) LOOP
        v_first := v_next;
        v_next := v_next + r_legs[n];
        v_subject := NULL;
        IF r_plain[n] THEN
            FOR i IN v_first .. v_next - 1 LOOP
                w := l_wallet[i];
                CONTINUE WHEN w = 0;
                v_amount := w_balance[w] + l_amount[i];
                IF v_amount < w_held[w] OR v_amount > w_balance_max[w] OR l_held[i] <> 0
                    OR NOT w_plain[w]
                THEN
                    v_subject := NULL;
                    EXIT;
                END IF;
                v_subject := coalesce(v_subject, w);
            END LOOP;
        END IF;
        IF v_subject IS NOT NULL THEN
            r_first[n] := v_first;
            r_id[n] := nextval('bursar.transaction_id_seq');
            FOR i IN v_first .. v_next - 1 LOOP
                w := l_wallet[i];
                CONTINUE WHEN w = 0;
                w_balance[w] := w_balance[w] + l_amount[i];
                w_seq[w] := w_seq[w] + 1;
                l_after[i] := w_balance[w];
                l_seq[i] := w_seq[w];
            END LOOP;
            r_balance[n] := w_balance[v_subject];
            r_held[n] := w_held[v_subject];
            CONTINUE;
        END IF;

        -- Out of the ordinary.
        r := p_requests[n];
        r_plain[n] := false;
        r_id[n] := NULL;
        SELECT * INTO known FROM bursar.idempotency AS k WHERE k.claim = r.claim;
        IF known.claim IS NOT NULL THEN
            v_outcomes[n] := CASE WHEN known.fingerprint = r.fingerprint
                THEN bursar.replayed(known.outcome)
                ELSE bursar.refused(r.verb, 'IDEMPOTENCY_MISMATCH') END;
            CONTINUE;
        END IF;
        IF v_legs IS NULL THEN
            v_legs := ARRAY(SELECT t FROM unnest(p_legs) AS t);
            SELECT array_agg(s.status ORDER BY s.i), array_agg(coalesce(d.balance, 0) ORDER BY s.i),
                array_agg(coalesce(d.bursar_seq, 0) ORDER BY s.i),
                array_agg(a.debt_policy = 'repay_first' ORDER BY s.i)
            INTO w_status, w_owed, w_owed_seq, w_repays
            FROM unnest(p_wallets) WITH ORDINALITY
                AS s (asset, owner_id, balance, held, seq, status, i)
            JOIN bursar.asset AS a ON a.asset = s.asset
            LEFT JOIN LATERAL (SELECT o.balance, o.bursar_seq FROM bursar.wallet AS o
                WHERE o.asset = s.asset || ':owed' AND o.owner_id = s.owner_id LIMIT 1) AS d
                ON true;
        END IF;

        v_code := r.refusal;
        v_details := r.details;
        IF v_code IS NULL THEN
            FOR i IN v_first .. v_next - 1 LOOP
                w := l_wallet[i];
                CONTINUE WHEN w = 0;
                v_need := l_held[i] - l_amount[i];
                v_reason := bursar.reason_to_refuse(r.shortfall, r.new_status, v_need, l_amount[i],
                    w_status[w], w_balance[w], w_held[w], w_balance_max[w], w_owed[w]);
                -- Of several wallets' reasons the first in the order of precedence is told.
                CONTINUE WHEN v_reason IS NULL OR array_position(v_precedence, v_reason)
                    >= array_position(v_precedence, v_code);
                v_code := v_reason;
                v_details := jsonb_build_object(
                    'owner_id', v_legs[i].owner_id, 'asset', v_legs[i].asset);
                IF v_reason = 'INSUFFICIENT_FUNDS' THEN
                    v_details := v_details || jsonb_build_object(
                        'available', w_balance[w] - w_held[w], 'needed', v_need);
                ELSIF v_reason = 'WALLET_NOT_FOUND' THEN
                    w_sought[w] := true;
                END IF;
            END LOOP;
        END IF;

        IF v_code IS NOT NULL THEN
            v_outcomes[n] := bursar.refused(r.verb, v_code, v_details, p_sentences ->> v_code);
            r_remembered[n] := (SELECT remembered FROM bursar.refusal WHERE code = v_code);
            CONTINUE;
        END IF;

        -- A wallet that an earlier request did not find may be opened only after that refusal.
        IF w_sought IS NOT NULL AND EXISTS (
            SELECT FROM unnest(l_wallet[v_first:v_next - 1]) AS t (w) WHERE w_sought[t.w])
        THEN
            v_decided := n - 1;
            EXIT;
        END IF;

        v_id := nextval('bursar.transaction_id_seq');
        r_id[n] := v_id;
        v_transactions := v_transactions || ROW(v_id, r.verb, r.asset, r.owner_id, r.amount,
            r.reason, r.actor, r.corrects, r.hold_id, r.metadata, v_now)::bursar.transaction;
        v_line := 0;
        FOR i IN v_first .. v_next - 1 LOOP
            w := l_wallet[i];
            l := v_legs[i];
            v_amount := l.amount;
            IF w = 0 THEN
                v_line := v_line + 1;
                v_entries := v_entries || ROW(v_id, v_line, l.asset, l.owner_id, v_amount, NULL,
                    NULL, l.bucket)::bursar.entry;
                CONTINUE;
            END IF;
            IF w_status[w] = 'missing' THEN
                v_missing := v_missing || jsonb_build_object(
                    'asset', l.asset, 'owner_id', l.owner_id);
            END IF;
            IF v_subject IS NULL AND l.owner_id = r.owner_id THEN
                v_subject := w;
            END IF;

            -- What a debit cannot take becomes debt; what a credit brings repays it first.
            v_owes := 0;
            IF v_amount < 0 AND r.shortfall = 'debt' THEN
                v_owes := least(-v_amount,
                    greatest(0, l.held - v_amount - greatest(0, w_balance[w] - w_held[w])));
                v_amount := v_amount + v_owes;
            ELSIF v_amount > 0 AND w_owed[w] > 0 AND w_repays[w] THEN
                v_owes := -least(w_owed[w], v_amount);
            END IF;

            w_held[w] := w_held[w] + l.held;
            w_status[w] := coalesce(r.new_status, w_status[w]);
            IF v_amount <> 0 THEN
                v_line := v_line + 1;
                w_balance[w] := w_balance[w] + v_amount;
                w_seq[w] := w_seq[w] + 1;
                v_entries := v_entries || ROW(v_id, v_line, l.asset, l.owner_id, v_amount,
                    w_seq[w], w_balance[w], l.bucket)::bursar.entry;
            END IF;
            IF v_owes < 0 THEN
                v_line := v_line + 1;
                w_balance[w] := w_balance[w] + v_owes;
                w_seq[w] := w_seq[w] + 1;
                v_entries := v_entries || ROW(v_id, v_line, l.asset, l.owner_id, v_owes,
                    w_seq[w], w_balance[w], 'debt')::bursar.entry;
            END IF;
            IF v_owes <> 0 THEN
                w_owed[w] := w_owed[w] + v_owes;
                w_owed_seq[w] := w_owed_seq[w] + 1;
                w_owes[w] := true;
                v_entries := v_entries || ARRAY[
                    ROW(v_id, v_line + 1, l.asset, 'system:debt', -v_owes, NULL, NULL, 'debt'),
                    ROW(v_id, v_line + 2, l.asset || ':owed', l.owner_id, v_owes,
                        w_owed_seq[w], w_owed[w], 'debt'),
                    ROW(v_id, v_line + 3, l.asset || ':owed', 'system:debt', -v_owes,
                        NULL, NULL, 'debt')]::bursar.entry[];
                v_line := v_line + 3;
            END IF;
            w_plain[w] := w_status[w] = 'open' AND w_owed[w] = 0;
        END LOOP;

        v_outcomes[n] := bursar.done(v_id, r.verb, r.asset, r.owner_id, r.amount,
            w_balance[v_subject], w_held[v_subject], w_owed[v_subject], r.extra);
        r_remembered[n] := true;
    END LOOP;

    IF v_missing <> '[]' THEN
        -- Wallets that will be credited must be opened before any lock is taken: start over.
        RAISE EXCEPTION 'Wallets have to be opened first.'
            USING ERRCODE = 'UBX01', DETAIL = v_missing::text;
    END IF;

    SELECT request.outcomes, request.transactions || v_transactions, request.claims,
        leg.entries || v_entries, wallet.states, wallet.debts
    INTO v_plan.outcomes, v_plan.transactions, v_plan.claims, v_plan.entries, v_plan.wallets,
        v_plan.debts
    FROM (
        SELECT array_agg(o.outcome ORDER BY q.n) AS outcomes,
            array_agg(ROW(r_id[q.n], q.verb, q.asset, q.owner_id, q.amount, q.reason, q.actor,
                q.corrects, q.hold_id, q.metadata, v_now)::bursar.transaction ORDER BY q.n)
                FILTER (WHERE r_plain[q.n]) AS transactions,
            array_agg(ROW(q.claim, q.fingerprint, o.outcome, v_now)::bursar.idempotency)
                FILTER (WHERE q.claim IS NOT NULL AND (r_plain[q.n] OR r_remembered[q.n])) AS claims
        FROM unnest(p_requests) AS q
        CROSS JOIN LATERAL (SELECT CASE WHEN r_plain[q.n] THEN bursar.done(r_id[q.n], q.verb,
                q.asset, q.owner_id, q.amount, r_balance[q.n], r_held[q.n], 0, q.extra)
            ELSE v_outcomes[q.n] END AS outcome OFFSET 0) AS o
        WHERE q.n <= v_decided
    ) AS request, (
        SELECT array_agg(ROW(r_id[t.n], t.i - r_first[t.n] + 1, t.asset, t.owner_id, t.amount,
            l_seq[t.i], l_after[t.i], t.bucket)::bursar.entry ORDER BY t.i) AS entries
        FROM unnest(p_legs) WITH ORDINALITY AS t (n, asset, owner_id, amount, held, bucket, i)
        WHERE t.n <= v_decided AND r_plain[t.n]
    ) AS leg, (
        SELECT array_agg(ROW(s.asset, s.owner_id, w_balance[s.i], w_held[s.i], w_seq[s.i],
                coalesce(w_status[s.i], s.status))::bursar.wallet_state ORDER BY s.i)
                FILTER (WHERE w_seq[s.i] <> s.seq OR w_held[s.i] <> s.held
                    OR w_status[s.i] <> s.status) AS states,
            array_agg(ROW(s.asset || ':owed', s.owner_id, w_owed[s.i], 0, w_owed_seq[s.i], 'open')
                ::bursar.wallet_state ORDER BY s.i) FILTER (WHERE w_owes[s.i]) AS debts
        FROM unnest(p_wallets) WITH ORDINALITY AS s (asset, owner_id, balance, held, seq, status, i)
    ) AS wallet;
    v_plan.transaction_ids := r_id;
    RETURN v_plan;
END
$$;

--
-- Name: FUNCTION decide(p_wallets bursar.wallet_state[], p_requests bursar.request[], p_legs bursar.leg[], p_sentences jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.decide(p_wallets bursar.wallet_state[], p_requests bursar.request[], p_legs bursar.leg[], p_sentences jsonb) IS 'Decides a batch over locked wallets; writes nothing.';

--
-- Name: done(bigint, text, text, text, bigint, bigint, bigint, bigint, json); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.done(p_transaction_id bigint, p_verb text, p_asset text, p_owner_id text, p_amount bigint, p_balance bigint, p_held bigint, p_owed bigint, p_extra json) RETURNS json
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (concat('{"status":"done","verb":"', p_verb, '","transaction_id":', p_transaction_id, ',"owner_id":', to_json(p_owner_id), ',"asset":"', p_asset, '","amount":', p_amount, ',"balance":', p_balance, ',"held":', p_held, ',"available":', (p_balance - p_held), (',"owed":'::text || NULLIF(p_owed, 0)), (','::text || substr((p_extra)::text, 2, (length((p_extra)::text) - 2))), ',"replayed":false}'))::json;

--
-- Name: FUNCTION done(p_transaction_id bigint, p_verb text, p_asset text, p_owner_id text, p_amount bigint, p_balance bigint, p_held bigint, p_owed bigint, p_extra json); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.done(p_transaction_id bigint, p_verb text, p_asset text, p_owner_id text, p_amount bigint, p_balance bigint, p_held bigint, p_owed bigint, p_extra json) IS 'A request that was carried out, as an outcome.';

--
-- Name: enter_gate(); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.enter_gate() RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'Bursar writes in READ COMMITTED transactions only.'
            USING ERRCODE = 'feature_not_supported',
            HINT = 'Call outside of a transaction, or begin it with READ COMMITTED.';
    END IF;
    LOCK TABLE bursar.gate IN ROW EXCLUSIVE MODE;
    RETURN (SELECT NOT degraded FROM bursar.gate);
END
$$;

--
-- Name: FUNCTION enter_gate(); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.enter_gate() IS 'Takes the writers'' side of the gate and answers whether it is open.';

--
-- Name: expire_holds(integer); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.expire_holds(p_limit integer DEFAULT 500) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_assets text[];
    v_owner_ids text[];
    v_before bigint[];
BEGIN
    IF NOT bursar.enter_gate() THEN
        RETURN 0;
    END IF;
    SELECT array_agg(h.asset), array_agg(h.owner_id), array_agg(h.id)
    INTO v_assets, v_owner_ids, v_before
    FROM (SELECT asset, owner_id, id FROM bursar.hold
        WHERE status = 'open' AND expires_at <= bursar.clock()
        ORDER BY expires_at LIMIT p_limit) AS h;
    IF v_assets IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM bursar.lock_wallets(v_assets, v_owner_ids, false);
    RETURN (SELECT count(*) FROM bursar.hold WHERE id = ANY (v_before) AND status = 'expired');
END
$$;

--
-- Name: FUNCTION expire_holds(p_limit integer); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.expire_holds(p_limit integer) IS 'Expires lapsed holds; answers how many.';

--
-- Name: expire_lapsed(bursar.wallet_state[]); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.expire_lapsed(p_states bursar.wallet_state[]) RETURNS bursar.wallet_state[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_now CONSTANT timestamptz := bursar.clock();
    v_states bursar.wallet_state[] := p_states;
    v_hold record;
    v_left bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM unnest(p_states) AS s WHERE s.held > 0) THEN
        RETURN p_states;
    END IF;
    FOR v_hold IN
        SELECT h.*, s.i AS place
        FROM unnest(p_states) WITH ORDINALITY AS s (asset, owner_id, balance, held, seq, status, i)
        JOIN bursar.hold AS h ON h.owner_id = s.owner_id AND h.asset = s.asset
        WHERE s.held > 0 AND s.status <> 'busy' AND h.status = 'open' AND h.expires_at <= v_now
        ORDER BY h.id
        FOR NO KEY UPDATE OF h
    LOOP
        v_left := v_hold.amount - v_hold.captured - v_hold.released;
        UPDATE bursar.hold SET expired = v_left, status = 'expired', ended_at = v_now
        WHERE id = v_hold.id;
        INSERT INTO bursar.transaction (
            verb, asset, owner_id, amount, reason, actor, hold_id, created_at)
        VALUES ('expire', v_hold.asset, v_hold.owner_id, v_left, 'hold lapsed', 'system',
            v_hold.id, v_now);
        v_states[v_hold.place].held := v_states[v_hold.place].held - v_left;
    END LOOP;
    IF v_states IS DISTINCT FROM p_states THEN
        PERFORM bursar.write_wallets((
            SELECT array_agg(s) FROM unnest(v_states) AS s
            WHERE s.status NOT IN ('busy', 'missing')));
    END IF;
    RETURN v_states;
END
$$;

--
-- Name: FUNCTION expire_lapsed(p_states bursar.wallet_state[]); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.expire_lapsed(p_states bursar.wallet_state[]) IS 'Expires the lapsed holds of locked wallets and answers the wallets'' new states.';

--
-- Name: explain(text, text, integer); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.explain(p_owner_id text, p_asset text, p_limit integer DEFAULT 20) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    WITH wallet AS (SELECT bursar.read_wallet(p_owner_id, p_asset) AS state),
    own AS (
        SELECT e.*, t.verb, lag(e.balance_after, 1, 0::bigint) OVER (ORDER BY e.seq) AS before,
            lag(e.seq, 1, 0::bigint) OVER (ORDER BY e.seq) AS seq_before
        FROM bursar.entry AS e JOIN bursar.transaction AS t ON t.id = e.transaction_id
        WHERE e.owner_id = (SELECT state ->> 'owner_id' FROM wallet) AND e.asset = p_asset
            AND e.seq IS NOT NULL
    ),
    total AS (
        SELECT count(*) AS entries, coalesce(sum(amount), 0) AS amount,
            coalesce(bool_and(balance_after = before + amount AND seq = seq_before + 1), true)
                AS unbroken
        FROM own
    ),
    holds AS (
        SELECT coalesce(sum(amount - captured - released), 0) AS amount,
            coalesce(jsonb_agg(bursar.read_hold(id) ORDER BY id), '[]') AS list
        FROM bursar.hold
        WHERE owner_id = (SELECT state ->> 'owner_id' FROM wallet) AND asset = p_asset
            AND status = 'open'
    )
    SELECT wallet.state || jsonb_build_object(
        'entries', total.entries,
        'sum_of_entries', total.amount,
        'sum_of_holds', holds.amount,
        'agrees', total.unbroken AND total.amount = (wallet.state ->> 'balance')::bigint
            AND holds.amount = (wallet.state ->> 'held')::bigint
            AND total.entries = (wallet.state ->> 'seq')::bigint,
        'by_verb', (SELECT coalesce(jsonb_object_agg(s.verb, s.amount), '{}')
            FROM (SELECT verb, sum(amount) AS amount FROM own GROUP BY verb) AS s),
        'by_bucket', (SELECT coalesce(jsonb_object_agg(s.bucket, s.amount), '{}')
            FROM (SELECT bucket, sum(amount) AS amount FROM own GROUP BY bucket) AS s),
        'open_holds', holds.list,
        'latest', bursar.read_statement(wallet.state ->> 'owner_id', p_asset, NULL, p_limit))
    FROM wallet, total, holds
    WHERE wallet.state IS NOT NULL
$$;

--
-- Name: FUNCTION explain(p_owner_id text, p_asset text, p_limit integer); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.explain(p_owner_id text, p_asset text, p_limit integer) IS 'Why a balance is what it is.';

--
-- Name: fingerprint(text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.fingerprint(p_fields text) RETURNS bytea
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN ('\x01'::bytea || substr(sha256(convert_to(p_fields, 'UTF8'::name)), 1, 15));

--
-- Name: FUNCTION fingerprint(p_fields text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.fingerprint(p_fields text) IS 'The versioned fingerprint of a request''s fields.';

--
-- Name: forget_asset(text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.forget_asset(p_asset text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_suffix text;
    v_verb text;
BEGIN
    DELETE FROM bursar.asset WHERE asset IN (p_asset, p_asset || ':owed')
        AND NOT EXISTS (SELECT FROM bursar.wallet AS w WHERE w.asset = bursar.asset.asset);
    DROP VIEW IF EXISTS bursar.balance;
    FOREACH v_suffix IN ARRAY ARRAY[p_asset, p_asset || '_owed'] LOOP
        FOREACH v_verb IN ARRAY ARRAY['lock_', 'write_', 'open_', 'look_', 'pay_'] LOOP
            EXECUTE format('DROP ROUTINE IF EXISTS bursar.%I', v_verb || v_suffix);
        END LOOP;
    END LOOP;
    PERFORM bursar.build_stores();
END
$$;

--
-- Name: FUNCTION forget_asset(p_asset text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.forget_asset(p_asset text) IS 'Forgets an asset; its store and entries stay.';

--
-- Name: freeze(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar."freeze"(p_requests jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN bursar.carry('freeze', p_requests)::jsonb;
END
$$;

--
-- Name: FUNCTION "freeze"(p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar."freeze"(p_requests jsonb) IS 'Freezes, closes or opens wallets; a batch.';

--
-- Name: freeze_legs(bursar.instruction); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.freeze_legs(q bursar.instruction) RETURNS bursar.leg[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[ROW((q).n, (q).asset, (q).owner_id, (0)::bigint, (0)::bigint, NULL::text)::bursar.leg];

--
-- Name: FUNCTION freeze_legs(q bursar.instruction); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.freeze_legs(q bursar.instruction) IS 'What a freeze does to each wallet.';

--
-- Name: grant(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar."grant"(p_requests jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN bursar.carry('grant', p_requests)::jsonb;
END
$$;

--
-- Name: FUNCTION "grant"(p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar."grant"(p_requests jsonb) IS 'Credits wallets from outside; a batch.';

--
-- Name: grant_legs(bursar.instruction); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.grant_legs(q bursar.instruction) RETURNS bursar.leg[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[ROW((q).n, (q).asset, CASE WHEN ((q).external IS NULL) THEN 'system:issuance'::text ELSE 'system:external'::text END, (- (q).amount), (0)::bigint, COALESCE((q).bucket, 'granted'::text))::bursar.leg, ROW((q).n, (q).asset, (q).owner_id, (q).amount, (0)::bigint, COALESCE((q).bucket, CASE WHEN ((q).external IS NULL) THEN 'promotional'::text ELSE 'purchased'::text END))::bursar.leg];

--
-- Name: FUNCTION grant_legs(q bursar.instruction); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.grant_legs(q bursar.instruction) IS 'What a grant does to each wallet.';

--
-- Name: guard_store(text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.guard_store(p_asset text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $_$
DECLARE
    a bursar.asset;
    v_table name;
    v_check record;
BEGIN
    SELECT * INTO STRICT a FROM bursar.asset WHERE asset = p_asset;
    v_table := (SELECT relname FROM pg_class WHERE oid = a.store);
    EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', a.store);
    EXECUTE format('ALTER TABLE %s
        ADD COLUMN IF NOT EXISTS bursar_held bigint NOT NULL DEFAULT 0,
        ADD COLUMN IF NOT EXISTS bursar_seq bigint NOT NULL DEFAULT 0,
        ADD COLUMN IF NOT EXISTS bursar_status bursar.wallet_status NOT NULL
            DEFAULT ''open''', a.store);
    FOR v_check IN
        SELECT * FROM (VALUES
            (v_table || '_' || a.balance_column || '_non_negative', '%1$I >= 0'),
            (v_table || '_bursar_held', 'bursar_held BETWEEN 0 AND %1$I')
        ) AS wanted (name, condition)
        WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conrelid = a.store AND conname = name)
    LOOP
        EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I CHECK (%s)',
            a.store, v_check.name, format(v_check.condition, a.balance_column));
    END LOOP;
    PERFORM bursar.attach_guards(a.asset, a.store, a.owner_column, a.balance_column);
    -- Moving the sequence along with it makes this no raw write; the entry is recorded right here.
    EXECUTE format(
        'WITH opened AS (
            UPDATE %1$s SET bursar_seq = 1 WHERE %3$I <> 0 AND bursar_seq = 0
            RETURNING %2$I::text AS owner_id, %3$I AS balance)
        SELECT count(bursar.record_raw(%4$L, owner_id, balance, 1, balance, ''opening balance''))
        FROM opened', a.store, a.owner_column, a.balance_column, p_asset);
END
$_$;

--
-- Name: FUNCTION guard_store(p_asset text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.guard_store(p_asset text) IS 'Adds the kernel''s columns, checks and triggers to an asset''s store.';

--
-- Name: handle(text, jsonb, boolean); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.handle(p_handler text, p_requests jsonb, p_wait boolean) RETURNS json[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    IF p_handler = 'carry_out' THEN RETURN bursar.carry_out(p_requests, p_wait); END IF;
    IF p_handler = 'purchase_reward_batch' THEN RETURN bursar.purchase_reward_batch(p_requests, p_wait); END IF;
    RAISE EXCEPTION 'There is no such verb: %.', p_handler
        USING ERRCODE = 'undefined_function';
END
$$;

--
-- Name: FUNCTION handle(p_handler text, p_requests jsonb, p_wait boolean); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.handle(p_handler text, p_requests jsonb, p_wait boolean) IS 'Generated: chooses a handler.';

--
-- Name: handle_lone(text, jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.handle_lone(p_handler text, p_request jsonb) RETURNS json
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    IF p_handler = 'purchase_reward_batch' THEN RETURN bursar.purchase_reward_straight(p_request); END IF;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION handle_lone(p_handler text, p_request jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.handle_lone(p_handler text, p_request jsonb) IS 'Generated: chooses a straight road.';

--
-- Name: hold(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.hold(p_requests jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN bursar.carry('hold', p_requests)::jsonb;
END
$$;

--
-- Name: FUNCTION hold(p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.hold(p_requests jsonb) IS 'Sets amounts aside; a batch.';

--
-- Name: hold_legs(bursar.instruction); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.hold_legs(q bursar.instruction) RETURNS bursar.leg[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[ROW((q).n, (q).asset, (q).owner_id, (0)::bigint, (q).amount, NULL::text)::bursar.leg];

--
-- Name: FUNCTION hold_legs(q bursar.instruction); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.hold_legs(q bursar.instruction) IS 'What a hold does to each wallet.';

--
-- Name: is_printable(text, integer); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.is_printable(p_value text, p_max integer) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (((octet_length(p_value) >= 1) AND (octet_length(p_value) <= p_max)) AND (p_value !~ '[^\x20-\x7e]'::text));

--
-- Name: FUNCTION is_printable(p_value text, p_max integer); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.is_printable(p_value text, p_max integer) IS 'Whether a text is printable ASCII and not too long.';

--
-- Name: is_text(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.is_text(p_value jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE((jsonb_typeof(p_value) = ANY (ARRAY['string'::text, 'null'::text])), true);

--
-- Name: FUNCTION is_text(p_value jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.is_text(p_value jsonb) IS 'Whether a JSON value is text, null or absent.';

--
-- Name: is_external(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.is_external(p_value jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((jsonb_typeof(p_value) = 'object'::text) AND bursar.is_text((p_value -> 'provider'::text)) AND bursar.is_text((p_value -> 'account'::text)) AND bursar.is_text((p_value -> 'mode'::text)) AND bursar.is_text((p_value -> 'id'::text)) AND COALESCE(bursar.is_printable((p_value ->> 'provider'::text), 100), false) AND COALESCE(bursar.is_printable((p_value ->> 'account'::text), 255), false) AND COALESCE(((p_value ->> 'mode'::text) = ANY (ARRAY['live'::text, 'test'::text])), false) AND COALESCE(bursar.is_printable((p_value ->> 'id'::text), 255), false));

--
-- Name: FUNCTION is_external(p_value jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.is_external(p_value jsonb) IS 'Whether a JSON value names an external transaction.';

--
-- Name: is_uuid(text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.is_uuid(p_value text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((p_value ~~ '________-____-____-____-____________'::text) AND (length(replace(p_value, '-'::text, ''::text)) = 32) AND (p_value !~ '[^-0-9a-fA-F]'::text));

--
-- Name: FUNCTION is_uuid(p_value text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.is_uuid(p_value text) IS 'Whether a text is a uuid in its usual form.';

--
-- Name: is_owner(text, text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.is_owner(p_owner_id text, p_owner_type text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (p_owner_type = 'uuid'::text) THEN bursar.is_uuid(p_owner_id) ELSE (bursar.is_printable(p_owner_id, 255) AND (p_owner_id = btrim(p_owner_id)) AND (p_owner_id !~~ 'system:%'::text)) END;

--
-- Name: FUNCTION is_owner(p_owner_id text, p_owner_type text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.is_owner(p_owner_id text, p_owner_type text) IS 'Whether a text is an owner''s id.';

--
-- Name: is_whole(jsonb, bigint, bigint); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.is_whole(p_value jsonb, p_min bigint, p_max bigint) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (jsonb_typeof(p_value) = 'number'::text) THEN ((((p_value)::numeric >= (p_min)::numeric) AND ((p_value)::numeric <= (p_max)::numeric)) AND (scale((p_value)::numeric) = 0)) ELSE false END;

--
-- Name: FUNCTION is_whole(p_value jsonb, p_min bigint, p_max bigint); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.is_whole(p_value jsonb, p_min bigint, p_max bigint) IS 'Whether a JSON value is a whole number within bounds.';

--
-- Name: refund_legs(bursar.instruction); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.refund_legs(q bursar.instruction) RETURNS bursar.leg[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    SELECT CASE WHEN q.parent_verb = 'grant' THEN ARRAY[
            ROW(q.n, q.asset, q.owner_id, -q.amount, 0, 'refund'),
            ROW(q.n, q.asset, (SELECT e.owner_id FROM bursar.entry AS e
                WHERE e.transaction_id = q.transaction_id AND e.line = 1), q.amount, 0, 'refund')
        ]::bursar.leg[]
        ELSE ARRAY[ROW(q.n, q.asset, q.owner_id, q.amount, 0, 'refund')]::bursar.leg[] || (
            SELECT array_agg(ROW(q.n, q.asset, s.owner_id,
                -(least(s.upto, q.refunded + q.amount) - greatest(s.upto - s.amount, q.refunded)),
                0, 'refund')::bursar.leg ORDER BY s.line)
            FROM (
                SELECT e.line, e.owner_id, e.amount,
                    sum(e.amount) OVER (ORDER BY e.line)::bigint AS upto
                FROM bursar.entry AS e
                WHERE e.transaction_id = q.transaction_id AND e.asset = q.asset AND e.amount > 0
                    AND e.bucket <> 'debt'
            ) AS s
            WHERE s.upto > q.refunded AND s.upto - s.amount < q.refunded + q.amount)
        END
$$;

--
-- Name: FUNCTION refund_legs(q bursar.instruction); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.refund_legs(q bursar.instruction) IS 'What a refund does to each wallet.';

--
-- Name: release_legs(bursar.instruction); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.release_legs(q bursar.instruction) RETURNS bursar.leg[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[ROW((q).n, (q).asset, (q).owner_id, (0)::bigint, (- (q).amount), NULL::text)::bursar.leg];

--
-- Name: FUNCTION release_legs(q bursar.instruction); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.release_legs(q bursar.instruction) IS 'What a release does to each wallet.';

--
-- Name: spend_legs(bursar.instruction); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.spend_legs(q bursar.instruction) RETURNS bursar.leg[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[ROW((q).n, (q).asset, (q).owner_id, (- (q).amount), (0)::bigint, COALESCE((q).bucket, 'used'::text))::bursar.leg, ROW((q).n, (q).asset, 'system:revenue'::text, (q).amount, (0)::bigint, COALESCE((q).bucket, 'used'::text))::bursar.leg];

--
-- Name: FUNCTION spend_legs(q bursar.instruction); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.spend_legs(q bursar.instruction) IS 'What a spend does to each wallet.';

--
-- Name: transfer_legs(bursar.instruction); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.transfer_legs(q bursar.instruction) RETURNS bursar.leg[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY[ROW((q).n, (q).asset, (q).owner_id, (- (q).amount), (0)::bigint, COALESCE((q).bucket, 'used'::text))::bursar.leg, ROW((q).n, (q).asset, (q).to_owner_id, (q).amount, (0)::bigint, COALESCE((q).bucket, 'earned'::text))::bursar.leg];

--
-- Name: FUNCTION transfer_legs(q bursar.instruction); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.transfer_legs(q bursar.instruction) IS 'What a transfer does to each wallet.';

--
-- Name: legs(bursar.instruction); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.legs(q bursar.instruction) RETURNS bursar.leg[]
    LANGUAGE sql STABLE
    RETURN CASE (q).verb WHEN 'grant'::text THEN bursar.grant_legs(q) WHEN 'spend'::text THEN bursar.spend_legs(q) WHEN 'transfer'::text THEN bursar.transfer_legs(q) WHEN 'adjust'::text THEN bursar.adjust_legs(q) WHEN 'hold'::text THEN bursar.hold_legs(q) WHEN 'capture'::text THEN bursar.capture_legs(q) WHEN 'release'::text THEN bursar.release_legs(q) WHEN 'refund'::text THEN bursar.refund_legs(q) WHEN 'freeze'::text THEN bursar.freeze_legs(q) ELSE NULL::bursar.leg[] END;

--
-- Name: FUNCTION legs(q bursar.instruction); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.legs(q bursar.instruction) IS 'What a request does to each wallet.';

--
-- Name: lock_asset(text, text[], boolean); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.lock_asset(p_asset text, p_owner_ids text[], p_wait boolean) RETURNS bursar.wallet_state[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    IF p_asset = 'credit' THEN RETURN bursar.lock_credit(p_owner_ids, p_wait); END IF;
    IF p_asset = 'credit:owed' THEN RETURN bursar.lock_credit_owed(p_owner_ids, p_wait); END IF;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION lock_asset(p_asset text, p_owner_ids text[], p_wait boolean); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.lock_asset(p_asset text, p_owner_ids text[], p_wait boolean) IS 'Generated: chooses the store of an asset.';

--
-- Name: lock_credit(text[], boolean); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.lock_credit(p_owner_ids text[], p_wait boolean) RETURNS bursar.wallet_state[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_states bursar.wallet_state[];
BEGIN
    -- One look-up after the other, in the order given: that order is the lock order.
    IF p_wait THEN
        SELECT array_agg(ROW('credit', l.o, l.b, l.h, l.q, l.s)::bursar.wallet_state ORDER BY t.i)
        INTO v_states
        FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
        CROSS JOIN LATERAL (SELECT w.user_id::text AS o, w.balance AS b, w.bursar_held AS h,
            w.bursar_seq AS q, w.bursar_status AS s FROM public.user_credits AS w
            WHERE  w.user_id = t.o::uuid FOR NO KEY UPDATE) AS l;
    ELSE
        SELECT array_agg(ROW('credit', l.o, l.b, l.h, l.q, l.s)::bursar.wallet_state ORDER BY t.i)
        INTO v_states
        FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
        CROSS JOIN LATERAL (SELECT w.user_id::text AS o, w.balance AS b, w.bursar_held AS h,
            w.bursar_seq AS q, w.bursar_status AS s FROM public.user_credits AS w
            WHERE  w.user_id = t.o::uuid FOR NO KEY UPDATE SKIP LOCKED) AS l;
    END IF;
    IF v_states IS NULL OR cardinality(v_states) < cardinality(p_owner_ids) THEN
        SELECT array_agg(ROW('credit', t.o, coalesce(l.balance, 0), coalesce(l.held, 0),
            coalesce(l.seq, 0), CASE WHEN l.owner_id IS NOT NULL THEN l.status
                WHEN p_wait OR w.user_id IS NULL THEN 'missing' ELSE 'busy' END)::bursar.wallet_state
            ORDER BY t.i) INTO v_states
        FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
        LEFT JOIN unnest(v_states) AS l ON l.owner_id = t.o
        LEFT JOIN public.user_credits AS w ON  w.user_id = t.o::uuid;
    END IF;
    RETURN v_states;
END
$$;

--
-- Name: FUNCTION lock_credit(p_owner_ids text[], p_wait boolean); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.lock_credit(p_owner_ids text[], p_wait boolean) IS 'Generated: wallets of asset credit live in public.user_credits.';

--
-- Name: lock_credit_owed(text[], boolean); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.lock_credit_owed(p_owner_ids text[], p_wait boolean) RETURNS bursar.wallet_state[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_states bursar.wallet_state[];
BEGIN
    -- One look-up after the other, in the order given: that order is the lock order.
    IF p_wait THEN
        SELECT array_agg(ROW('credit:owed', l.o, l.b, l.h, l.q, l.s)::bursar.wallet_state ORDER BY t.i)
        INTO v_states
        FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
        CROSS JOIN LATERAL (SELECT w.owner_id::text AS o, w.balance AS b, w.bursar_held AS h,
            w.bursar_seq AS q, w.bursar_status AS s FROM wallet AS w
            WHERE w.asset = 'credit:owed' AND w.owner_id = t.o::text FOR NO KEY UPDATE) AS l;
    ELSE
        SELECT array_agg(ROW('credit:owed', l.o, l.b, l.h, l.q, l.s)::bursar.wallet_state ORDER BY t.i)
        INTO v_states
        FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
        CROSS JOIN LATERAL (SELECT w.owner_id::text AS o, w.balance AS b, w.bursar_held AS h,
            w.bursar_seq AS q, w.bursar_status AS s FROM wallet AS w
            WHERE w.asset = 'credit:owed' AND w.owner_id = t.o::text FOR NO KEY UPDATE SKIP LOCKED) AS l;
    END IF;
    IF v_states IS NULL OR cardinality(v_states) < cardinality(p_owner_ids) THEN
        SELECT array_agg(ROW('credit:owed', t.o, coalesce(l.balance, 0), coalesce(l.held, 0),
            coalesce(l.seq, 0), CASE WHEN l.owner_id IS NOT NULL THEN l.status
                WHEN p_wait OR w.owner_id IS NULL THEN 'missing' ELSE 'busy' END)::bursar.wallet_state
            ORDER BY t.i) INTO v_states
        FROM unnest(p_owner_ids) WITH ORDINALITY AS t (o, i)
        LEFT JOIN unnest(v_states) AS l ON l.owner_id = t.o
        LEFT JOIN wallet AS w ON w.asset = 'credit:owed' AND w.owner_id = t.o::text;
    END IF;
    RETURN v_states;
END
$$;

--
-- Name: FUNCTION lock_credit_owed(p_owner_ids text[], p_wait boolean); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.lock_credit_owed(p_owner_ids text[], p_wait boolean) IS 'Generated: wallets of asset credit:owed live in wallet.';

--
-- Name: lock_owners(text, text[], boolean); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.lock_owners(p_asset text, p_owner_ids text[], p_wait boolean) RETURNS bursar.wallet_state[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN bursar.lock_asset(p_asset, ARRAY(
        SELECT DISTINCT t.owner_id COLLATE "C" FROM unnest(p_owner_ids) AS t (owner_id)
        WHERE NOT starts_with(t.owner_id, 'system:') ORDER BY 1), p_wait);
END
$$;

--
-- Name: FUNCTION lock_owners(p_asset text, p_owner_ids text[], p_wait boolean); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.lock_owners(p_asset text, p_owner_ids text[], p_wait boolean) IS 'Locks wallets of one asset, sorted, and answers their states.';

--
-- Name: lock_wallets(text[], text[], boolean); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.lock_wallets(p_assets text[], p_owner_ids text[], p_wait boolean) RETURNS bursar.wallet_state[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_states bursar.wallet_state[];
    v_asset text;
BEGIN
    FOREACH v_asset IN ARRAY ARRAY(
        SELECT DISTINCT t.asset COLLATE "C" FROM unnest(p_assets) AS t (asset) ORDER BY 1)
    LOOP
        v_states := v_states || bursar.lock_owners(v_asset, ARRAY(
            SELECT t.owner_id FROM unnest(p_assets, p_owner_ids) AS t (asset, owner_id)
            WHERE t.asset = v_asset), p_wait);
    END LOOP;
    RETURN bursar.expire_lapsed(v_states);
END
$$;

--
-- Name: FUNCTION lock_wallets(p_assets text[], p_owner_ids text[], p_wait boolean); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.lock_wallets(p_assets text[], p_owner_ids text[], p_wait boolean) IS 'Locks wallets in the one lock order and answers their states.';

--
-- Name: lock_wallets_of(text, text[], boolean); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.lock_wallets_of(p_asset text, p_owner_ids text[], p_wait boolean) RETURNS bursar.wallet_state[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN bursar.expire_lapsed(bursar.lock_owners(p_asset, p_owner_ids, p_wait));
END
$$;

--
-- Name: FUNCTION lock_wallets_of(p_asset text, p_owner_ids text[], p_wait boolean); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.lock_wallets_of(p_asset text, p_owner_ids text[], p_wait boolean) IS 'Locks wallets of one asset in the one lock order and answers their states.';

--
-- Name: look_asset(text, text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.look_asset(p_asset text, p_owner_id text) RETURNS bursar.wallet_state
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    IF p_asset = 'credit' THEN RETURN bursar.look_credit(p_owner_id); END IF;
    IF p_asset = 'credit:owed' THEN RETURN bursar.look_credit_owed(p_owner_id); END IF;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION look_asset(p_asset text, p_owner_id text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.look_asset(p_asset text, p_owner_id text) IS 'Generated: chooses the store of an asset.';

--
-- Name: look_credit(text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.look_credit(p_owner_id text) RETURNS bursar.wallet_state
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    SELECT 'credit', user_id::text, balance::bigint, bursar_held, bursar_seq, bursar_status
    FROM public.user_credits WHERE true AND user_id = p_owner_id::uuid
$$;

--
-- Name: FUNCTION look_credit(p_owner_id text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.look_credit(p_owner_id text) IS 'Generated: wallets of asset credit live in public.user_credits.';

--
-- Name: look_credit_owed(text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.look_credit_owed(p_owner_id text) RETURNS bursar.wallet_state
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    SELECT 'credit:owed', owner_id::text, balance::bigint, bursar_held, bursar_seq, bursar_status
    FROM wallet WHERE asset = 'credit:owed' AND owner_id = p_owner_id::text
$$;

--
-- Name: FUNCTION look_credit_owed(p_owner_id text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.look_credit_owed(p_owner_id text) IS 'Generated: wallets of asset credit:owed live in wallet.';

--
-- Name: open_asset(text, text[]); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.open_asset(p_asset text, p_owner_ids text[]) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    IF p_asset = 'credit' THEN RETURN bursar.open_credit(p_owner_ids); END IF;
    IF p_asset = 'credit:owed' THEN RETURN bursar.open_credit_owed(p_owner_ids); END IF;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION open_asset(p_asset text, p_owner_ids text[]); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.open_asset(p_asset text, p_owner_ids text[]) IS 'Generated: chooses the store of an asset.';

--
-- Name: open_credit(text[]); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.open_credit(p_owner_ids text[]) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    WITH opened AS (INSERT INTO public.user_credits (user_id, balance)
    SELECT o::uuid, 0 FROM unnest(p_owner_ids) AS o ORDER BY o COLLATE "C"
    ON CONFLICT (user_id) DO NOTHING RETURNING 1)
    SELECT count(*) FROM opened
$$;

--
-- Name: FUNCTION open_credit(p_owner_ids text[]); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.open_credit(p_owner_ids text[]) IS 'Generated: wallets of asset credit live in public.user_credits.';

--
-- Name: open_credit_owed(text[]); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.open_credit_owed(p_owner_ids text[]) RETURNS bigint
    LANGUAGE sql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    WITH opened AS (INSERT INTO wallet (asset, owner_id, balance)
    SELECT 'credit:owed', o::text, 0 FROM unnest(p_owner_ids) AS o ORDER BY o COLLATE "C"
    ON CONFLICT (asset, owner_id) DO NOTHING RETURNING 1)
    SELECT count(*) FROM opened
$$;

--
-- Name: FUNCTION open_credit_owed(p_owner_ids text[]); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.open_credit_owed(p_owner_ids text[]) IS 'Generated: wallets of asset credit:owed live in wallet.';

--
-- Name: open_wallets(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.open_wallets(p_wallets jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v record;
BEGIN
    FOR v IN
        SELECT w.asset, array_agg(DISTINCT w.owner_id) AS owner_ids
        FROM jsonb_to_recordset(p_wallets) AS w (asset text, owner_id text)
        GROUP BY w.asset ORDER BY w.asset COLLATE "C"
    LOOP
        PERFORM bursar.open_asset(v.asset, v.owner_ids);
    END LOOP;
END
$$;

--
-- Name: FUNCTION open_wallets(p_wallets jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.open_wallets(p_wallets jsonb) IS 'Opens missing wallets, in lock order.';

--
-- Name: pay_credit(bigint, text, text, text, bigint, text, text, text, bytea, bytea, json); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.pay_credit(p_id bigint, p_verb text, p_payer text, p_payee text, p_amount bigint, p_bucket text, p_reason text, p_actor text, p_claim bytea, p_fingerprint bytea, p_extra json) RETURNS json
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_low CONSTANT text := least(p_payer COLLATE "C", p_payee);
    v_high CONSTANT text := greatest(p_payer COLLATE "C", p_payee);
    v_outcome json;
BEGIN
    WITH moved AS (
        UPDATE public.user_credits AS w SET balance = (w.balance + m.amount)::bigint, bursar_seq = w.bursar_seq + 1
        FROM (SELECT o.owner_id, CASE o.owner_id WHEN p_payer THEN -p_amount ELSE p_amount END
            FROM (VALUES (v_low), (v_high)) AS o (owner_id)) AS m (owner_id, amount)
        WHERE  w.user_id = m.owner_id::uuid
            -- Else a plan made while the table had one row would read it whole.
            AND w.user_id IN (v_low::uuid, v_high::uuid)
            AND w.bursar_held = 0 AND w.bursar_status = 'open'
            AND w.balance + m.amount BETWEEN 0 AND 1000000000000000000 AND NOT (SELECT degraded FROM bursar.gate)
        RETURNING m.owner_id, m.amount, w.bursar_seq AS seq, w.balance AS balance
    ), entries AS (
        INSERT INTO bursar.entry
        SELECT p_id, CASE m.owner_id WHEN p_payer THEN 1 ELSE 2 END, 'credit', m.owner_id, m.amount,
            m.seq, m.balance, CASE m.owner_id WHEN p_payer THEN 'used' ELSE p_bucket END
        FROM moved AS m
    ), event AS (
        INSERT INTO bursar.transaction (
            id, verb, asset, owner_id, amount, reason, actor, created_at)
        -- The count waits for both locks, so that the clock is read after them.
        SELECT p_id, p_verb, 'credit', p_payer, p_amount, p_reason, p_actor, bursar.clock()
        WHERE (SELECT count(*) FROM moved) = 2
    )
    INSERT INTO bursar.idempotency
    SELECT p_claim, p_fingerprint, bursar.done(
        p_id, p_verb, 'credit', p_payer, p_amount, m.balance, 0, 0, p_extra), bursar.clock()
    FROM moved AS m WHERE m.owner_id = p_payer AND (SELECT count(*) FROM moved) = 2
    ON CONFLICT (claim) DO NOTHING
    RETURNING outcome INTO v_outcome;
    IF v_outcome IS NULL OR EXISTS (SELECT FROM bursar.wallet AS o
        WHERE o.asset = 'credit:owed' AND o.owner_id = p_payee)
    THEN
        RAISE EXCEPTION 'Something is in the way.' USING ERRCODE = 'UBX02';
    END IF;
    RETURN v_outcome;
END
$$;

--
-- Name: FUNCTION pay_credit(p_id bigint, p_verb text, p_payer text, p_payee text, p_amount bigint, p_bucket text, p_reason text, p_actor text, p_claim bytea, p_fingerprint bytea, p_extra json); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.pay_credit(p_id bigint, p_verb text, p_payer text, p_payee text, p_amount bigint, p_bucket text, p_reason text, p_actor text, p_claim bytea, p_fingerprint bytea, p_extra json) IS 'Generated: wallets of asset credit live in public.user_credits.';

--
-- Name: pay_credit_owed(bigint, text, text, text, bigint, text, text, text, bytea, bytea, json); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.pay_credit_owed(p_id bigint, p_verb text, p_payer text, p_payee text, p_amount bigint, p_bucket text, p_reason text, p_actor text, p_claim bytea, p_fingerprint bytea, p_extra json) RETURNS json
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_low CONSTANT text := least(p_payer COLLATE "C", p_payee);
    v_high CONSTANT text := greatest(p_payer COLLATE "C", p_payee);
    v_outcome json;
BEGIN
    PERFORM FROM wallet AS w WHERE w.asset = 'credit:owed' AND w.owner_id = v_low FOR NO KEY UPDATE;
    PERFORM FROM wallet AS w WHERE w.asset = 'credit:owed' AND w.owner_id = v_high FOR NO KEY UPDATE;
    WITH moved AS (
        UPDATE wallet AS w SET balance = (w.balance + m.amount)::bigint, bursar_seq = w.bursar_seq + 1
        FROM (SELECT o.owner_id, CASE o.owner_id WHEN p_payer THEN -p_amount ELSE p_amount END
            FROM (VALUES (v_low), (v_high)) AS o (owner_id)) AS m (owner_id, amount)
        WHERE w.asset = 'credit:owed' AND w.owner_id = m.owner_id::text
            -- Else a plan made while the table had one row would read it whole.
            AND w.owner_id IN (v_low::text, v_high::text)
            AND w.bursar_held = 0 AND w.bursar_status = 'open'
            AND w.balance + m.amount BETWEEN 0 AND 1000000000000000000 AND NOT (SELECT degraded FROM bursar.gate)
        RETURNING m.owner_id, m.amount, w.bursar_seq AS seq, w.balance AS balance
    ), entries AS (
        INSERT INTO bursar.entry
        SELECT p_id, CASE m.owner_id WHEN p_payer THEN 1 ELSE 2 END, 'credit:owed', m.owner_id, m.amount,
            m.seq, m.balance, CASE m.owner_id WHEN p_payer THEN 'used' ELSE p_bucket END
        FROM moved AS m
    ), event AS (
        INSERT INTO bursar.transaction (
            id, verb, asset, owner_id, amount, reason, actor, created_at)
        -- The count waits for both locks, so that the clock is read after them.
        SELECT p_id, p_verb, 'credit:owed', p_payer, p_amount, p_reason, p_actor, bursar.clock()
        WHERE (SELECT count(*) FROM moved) = 2
    )
    INSERT INTO bursar.idempotency
    SELECT p_claim, p_fingerprint, bursar.done(
        p_id, p_verb, 'credit:owed', p_payer, p_amount, m.balance, 0, 0, p_extra), bursar.clock()
    FROM moved AS m WHERE m.owner_id = p_payer AND (SELECT count(*) FROM moved) = 2
    ON CONFLICT (claim) DO NOTHING
    RETURNING outcome INTO v_outcome;
    IF v_outcome IS NULL OR EXISTS (SELECT FROM bursar.wallet AS o
        WHERE o.asset = 'credit:owed:owed' AND o.owner_id = p_payee)
    THEN
        RAISE EXCEPTION 'Something is in the way.' USING ERRCODE = 'UBX02';
    END IF;
    RETURN v_outcome;
END
$$;

--
-- Name: FUNCTION pay_credit_owed(p_id bigint, p_verb text, p_payer text, p_payee text, p_amount bigint, p_bucket text, p_reason text, p_actor text, p_claim bytea, p_fingerprint bytea, p_extra json); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.pay_credit_owed(p_id bigint, p_verb text, p_payer text, p_payee text, p_amount bigint, p_bucket text, p_reason text, p_actor text, p_claim bytea, p_fingerprint bytea, p_extra json) IS 'Generated: wallets of asset credit:owed live in wallet.';

--
-- Name: post(bursar.wallet_state[], bursar.request[], bursar.leg[], jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.post(p_wallets bursar.wallet_state[], p_requests bursar.request[], p_legs bursar.leg[], p_sentences jsonb DEFAULT '{}'::jsonb) RETURNS bursar.posted
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_plan bursar.plan := bursar.decide(p_wallets, p_requests, p_legs, p_sentences);
    v_posted bursar.posted;
    v_written bigint;
BEGIN
    IF v_plan.transactions IS NOT NULL THEN
        INSERT INTO bursar.transaction SELECT * FROM unnest(v_plan.transactions);
    END IF;
    IF v_plan.wallets IS NOT NULL THEN
        PERFORM bursar.write_wallets(v_plan.wallets);
    END IF;
    IF v_plan.debts IS NOT NULL THEN
        -- A debt is only ever written under the lock of the wallet it belongs to. It is opened
        -- before its entries are there, since a wallet that is opened goes on where its entries
        -- ended.
        PERFORM bursar.open_wallets((SELECT jsonb_agg(to_jsonb(d)) FROM unnest(v_plan.debts) AS d));
        PERFORM bursar.write_wallets(v_plan.debts);
    END IF;
    IF v_plan.entries IS NOT NULL THEN
        INSERT INTO bursar.entry SELECT * FROM unnest(v_plan.entries);
    END IF;
    IF v_plan.claims IS NOT NULL THEN
        INSERT INTO bursar.idempotency
        SELECT * FROM unnest(v_plan.claims) AS c ORDER BY c.claim
        ON CONFLICT (claim) DO NOTHING;
        GET DIAGNOSTICS v_written = ROW_COUNT;
        IF v_written < cardinality(v_plan.claims) THEN
            RAISE EXCEPTION 'A claim of this batch was taken meanwhile.' USING ERRCODE = 'UBX02';
        END IF;
    END IF;
    v_posted.outcomes := v_plan.outcomes;
    v_posted.transaction_ids := v_plan.transaction_ids;
    RETURN v_posted;
END
$$;

--
-- Name: FUNCTION post(p_wallets bursar.wallet_state[], p_requests bursar.request[], p_legs bursar.leg[], p_sentences jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.post(p_wallets bursar.wallet_state[], p_requests bursar.request[], p_legs bursar.leg[], p_sentences jsonb) IS 'Decides a batch over locked wallets and writes what was decided.';

--
-- Name: prune_idempotency(interval, integer); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.prune_idempotency(p_keep interval DEFAULT '30 days'::interval, p_limit integer DEFAULT 10000) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    WITH pruned AS (
        DELETE FROM bursar.idempotency
        WHERE claim IN (
            SELECT claim FROM bursar.idempotency
            WHERE created_at < bursar.clock() - greatest(p_keep, interval '30 days')
            LIMIT p_limit)
        RETURNING 1)
    SELECT count(*) FROM pruned
$$;

--
-- Name: FUNCTION prune_idempotency(p_keep interval, p_limit integer); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.prune_idempotency(p_keep interval, p_limit integer) IS 'Forgets outcomes older than 30 days or more; answers how many.';

--
-- Name: purchase_reward(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.purchase_reward(p_requests jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN bursar.carry('purchase_reward', p_requests)::jsonb;
END
$$;

--
-- Name: FUNCTION purchase_reward(p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.purchase_reward(p_requests jsonb) IS 'Purchases rewards; a batch.';

--
-- Name: purchase_reward_batch(jsonb, boolean); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.purchase_reward_batch(p_requests jsonb, p_wait boolean) RETURNS json[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_in bursar.purchase[];
    v_wallets bursar.wallet_state[];
    v_requests bursar.request[];
    v_legs bursar.leg[];
    v_prices bigint[];
    v_posted bursar.posted;
    v_ids bigint[];
    v_now timestamptz;
BEGIN
    v_in := bursar.read_purchases(p_requests);
    v_wallets := bursar.lock_wallets_of('credit', ARRAY(
        SELECT o.owner_id::text FROM unnest(v_in) AS q
        CROSS JOIN LATERAL (VALUES (q.collector_id), (q.creator_id)) AS o (owner_id)
        WHERE q.refusal IS NULL), p_wait);

    IF (SELECT count(DISTINCT q.claim) < count(q.claim)
            OR count(DISTINCT uuid_send(q.collector_id) || uuid_send(q.reward_id)) < count(*)
        FROM unnest(v_in) AS q)
    THEN
        v_in := v_in[:(SELECT least(
            bursar.count_before_repeat(array_agg(q.claim ORDER BY q.n)),
            bursar.count_before_repeat(array_agg(
                uuid_send(q.collector_id) || uuid_send(q.reward_id) ORDER BY q.n)))
            FROM unnest(v_in) AS q)];
    END IF;

    SELECT array_agg(ROW(q.n, CASE WHEN x.refusal IS NULL THEN 2 ELSE 0 END, 'purchase_reward',
            'credit', q.collector_id::text, coalesce(r.cost, 0), 'reward ' || q.reward_id, q.actor,
            NULL, NULL, NULL,
            -- Whoever may not ask is not told either what the key's outcome was.
            CASE WHEN x.refusal IS DISTINCT FROM 'NOT_AUTHORIZED' THEN q.claim END,
            q.fingerprint, 'refuse', NULL, x.refusal,
            CASE WHEN x.refusal = 'PRICE_CHANGED'
                THEN jsonb_build_object('expected', q.expected_price, 'price', r.cost)
                WHEN x.refusal = 'MALFORMED' THEN q.details
                WHEN x.refusal IS NOT NULL THEN jsonb_build_object('reward_id', q.reward_id) END,
            json_build_object('reward_id', q.reward_id, 'price', r.cost))::bursar.request
            ORDER BY q.n),
        array_agg(ARRAY[
            ROW(q.n, 'credit', q.collector_id::text, -r.cost, 0, 'used'),
            ROW(q.n, 'credit', q.creator_id::text, r.cost, 0, 'earned')]::bursar.leg[] ORDER BY q.n)
            FILTER (WHERE x.refusal IS NULL),
        array_agg(r.cost ORDER BY q.n)
    INTO v_requests, v_legs, v_prices
    FROM unnest(v_in) AS q
    -- Without the LIMITs the planner may read whole tables that were small when it planned.
    LEFT JOIN LATERAL (SELECT * FROM public.rewards AS t
        WHERE t.id = q.reward_id LIMIT 1) AS r ON true
    LEFT JOIN LATERAL (SELECT t.reward_id FROM public.collected_rewards AS t
        WHERE t.collector_id = q.collector_id AND t.reward_id = q.reward_id LIMIT 1) AS c ON true
    CROSS JOIN LATERAL (SELECT CASE
        WHEN q.refusal IS NOT NULL THEN q.refusal
        WHEN c.reward_id IS NOT NULL THEN 'ALREADY_COLLECTED'
        WHEN NOT r.is_active THEN 'REWARD_INACTIVE'
        WHEN q.expected_price <> r.cost THEN 'PRICE_CHANGED'
        -- The reward changed hands between the look-up and the lock: ask again.
        WHEN r.creator_id IS DISTINCT FROM q.creator_id THEN 'BUSY' END AS refusal) AS x;

    v_posted := bursar.post(v_wallets, v_requests, v_legs,
        '{"INSUFFICIENT_FUNDS": "Insufficient credits to purchase this reward."}');
    v_ids := v_posted.transaction_ids;
    v_now := bursar.clock();

    INSERT INTO public.collected_rewards (
        reward_id, collector_id, price, transaction_id, collected_at)
    SELECT q.reward_id, q.collector_id, v_prices[q.n], v_ids[q.n], v_now
    FROM unnest(v_in) AS q
    WHERE v_ids[q.n] IS NOT NULL;
    RETURN v_posted.outcomes;
END
$$;

--
-- Name: FUNCTION purchase_reward_batch(p_requests jsonb, p_wait boolean); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.purchase_reward_batch(p_requests jsonb, p_wait boolean) IS 'Handler of purchase_reward: answers the outcomes of the first few requests, or of all.';

--
-- Name: purchase_reward_straight(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.purchase_reward_straight(q jsonb) RETURNS json
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_key CONSTANT text := q ->> 'key';
    v_actor text := q ->> 'actor';
    v_principal text := q ->> 'principal';
    v_role CONSTANT text := q #>> '{caller,role}';
    v_collector_id CONSTANT text := lower(q ->> 'collector_id');
    v_ids CONSTANT text := concat(q ->> 'reward_id', v_collector_id);
    v_expected jsonb := q -> 'expected_price';
    v_reward_id uuid;
    v_creator_id text;
    v_price bigint;
    v_id bigint;
    v_outcome json;
BEGIN
    IF v_ids NOT LIKE '________-____-____-____-____________________-____-____-____-____________'
        OR length(replace(v_ids, '-', '')) <> 64 OR v_ids ~ '[^-0-9a-fA-F]'
    THEN
        RETURN NULL;
    END IF;
    IF v_role IS DISTINCT FROM 'service_role' THEN
        IF v_role IS NULL OR v_role = 'anon'
            OR lower(q #>> '{caller,sub}') IS DISTINCT FROM v_collector_id
        THEN
            RETURN NULL;
        END IF;
    END IF;
    -- Only who came without the engine has no key.
    IF v_key IS NULL OR jsonb_typeof(q -> 'key') <> 'string'
        OR NOT bursar.is_printable(v_key, 255)
    THEN
        RETURN NULL;
    END IF;
    IF v_principal IS NULL THEN
        v_principal := 'service';
    ELSIF v_principal NOT IN ('user', 'service', 'operator') THEN
        RETURN NULL;
    END IF;
    IF v_actor IS NULL THEN
        v_actor := v_principal;
    ELSIF jsonb_typeof(q -> 'actor') <> 'string' OR NOT bursar.is_printable(v_actor, 255) THEN
        RETURN NULL;
    END IF;
    IF v_expected IS NOT NULL THEN
        v_expected := nullif(v_expected, 'null');
        IF v_expected IS NOT NULL AND NOT bursar.is_whole(v_expected, 1, 1000000000000000) THEN
            RETURN NULL;
        END IF;
    END IF;

    v_reward_id := q ->> 'reward_id';
    SELECT r.creator_id, r.cost INTO v_creator_id, v_price
    FROM public.rewards AS r
    WHERE r.id = v_reward_id AND r.is_active AND NOT EXISTS (
        SELECT FROM public.collected_rewards AS c
        WHERE c.collector_id = v_collector_id::uuid AND c.reward_id = v_reward_id);
    IF v_creator_id IS NULL OR v_creator_id = v_collector_id THEN
        RETURN NULL;
    END IF;
    IF v_expected IS NOT NULL THEN
        IF v_expected::bigint <> v_price THEN
            RETURN NULL;
        END IF;
    END IF;

    v_id := nextval('bursar.transaction_id_seq');
    v_outcome := bursar.pay_credit(v_id, 'purchase_reward', v_collector_id, v_creator_id, v_price,
        'earned', 'reward ' || v_reward_id, v_actor,
        bursar.claim(v_collector_id, v_principal, 'purchase_reward', v_key),
        bursar.fingerprint(concat(v_reward_id, ' ', v_expected)),
        json_build_object('reward_id', v_reward_id, 'price', v_price));
    -- Both wallets are locked now: what was read before must still hold.
    INSERT INTO public.collected_rewards (
        reward_id, collector_id, price, transaction_id, collected_at)
    SELECT r.id, v_collector_id::uuid, v_price, v_id, bursar.clock()
    FROM public.rewards AS r
    WHERE r.id = v_reward_id AND r.is_active AND r.cost = v_price
        AND r.creator_id = v_creator_id::uuid
    ON CONFLICT (collector_id, reward_id) DO NOTHING;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'Something changed meanwhile.' USING ERRCODE = 'UBX02';
    END IF;
    RETURN v_outcome;
END
$$;

--
-- Name: FUNCTION purchase_reward_straight(q jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.purchase_reward_straight(q jsonb) IS 'A lone purchase where nothing is in the way; NULL where something is.';

--
-- Name: raise_refusal(json); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.raise_refusal(p_outcome json) RETURNS json
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_refusal bursar.refusal;
BEGIN
    IF p_outcome ->> 'status' = 'refused' THEN
        SELECT * INTO STRICT v_refusal FROM bursar.refusal WHERE code = p_outcome ->> 'code';
        RAISE EXCEPTION USING
            ERRCODE = v_refusal.sqlstate,
            MESSAGE = p_outcome ->> 'message',
            DETAIL = (p_outcome -> 'details')::text,
            HINT = v_refusal.hint;
    END IF;
    RETURN p_outcome;
END
$$;

--
-- Name: FUNCTION raise_refusal(p_outcome json); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.raise_refusal(p_outcome json) IS 'Raises a refused outcome with its SQLSTATE; returns a done one.';

--
-- Name: read_hold(bigint); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.read_hold(p_hold_id bigint) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    SELECT to_jsonb(h) || jsonb_build_object(
        'left', CASE h.status WHEN 'open' THEN h.amount - h.captured - h.released ELSE 0 END,
        'lapsed', h.status = 'open' AND h.expires_at <= bursar.clock())
    FROM bursar.hold AS h WHERE h.id = p_hold_id
$$;

--
-- Name: FUNCTION read_hold(p_hold_id bigint); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.read_hold(p_hold_id bigint) IS 'One hold, and what is left of it.';

--
-- Name: read_instructions(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.read_instructions(p_requests jsonb) RETURNS bursar.instruction[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
RETURN (SELECT array_agg(ROW(
    t.n, f.verb, w.owner_id, w.asset,
    CASE WHEN c.field IS NULL THEN f.amount::bigint END,
    coalesce(f.reason, f.verb), coalesce(f.actor, w.principal),
    nullif(t.q -> 'metadata', 'null'),
    CASE WHEN c.field IS NULL THEN bursar.claim(w.owner_id, w.principal, f.verb, f.key) END,
    bursar.fingerprint(jsonb_build_array(f.verb, w.owner_id, w.asset, f.amount, w.to_owner_id,
        f.bucket, f.hold_id, f.expires_in_seconds, f.over_run, f.final, f.transaction_id,
        f.shortfall, f.wallet_status, f.external)::text),
    w.to_owner_id, f.bucket,
    CASE WHEN c.field IS NULL THEN f.hold_id::bigint END,
    CASE WHEN c.field IS NULL THEN f.expires_in_seconds::integer END,
    f.over_run,
    CASE WHEN c.field IS NULL THEN f.final::boolean END,
    CASE WHEN c.field IS NULL THEN f.transaction_id::bigint END,
    f.shortfall, f.wallet_status, f.external,
    CASE WHEN c.field IS NOT NULL THEN 'MALFORMED'
        WHEN f.verb IN ('capture', 'release') AND h.id IS NULL THEN 'HOLD_NOT_FOUND'
        WHEN f.verb = 'refund' AND p.id IS NULL THEN 'TRANSACTION_NOT_FOUND'
        WHEN a.asset IS NULL THEN 'ASSET_NOT_FOUND'
        WHEN f.verb IN ('transfer', 'capture') AND w.to_owner_id = w.owner_id
            THEN 'SELF_TRANSFER' END,
    CASE WHEN c.field IS NOT NULL THEN jsonb_build_object('field', c.field) END,
    NULL, NULL, p.verb, p.amount)::bursar.instruction ORDER BY t.n)
FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, n)
CROSS JOIN LATERAL jsonb_to_record(
    CASE jsonb_typeof(t.q) WHEN 'object' THEN jsonb_strip_nulls(t.q) ELSE '{}' END
) AS f (verb text, owner_id text, asset text, amount jsonb, reason text, actor text,
    metadata jsonb, key text, principal text, to_owner_id text, bucket text, hold_id jsonb,
    expires_in_seconds jsonb, over_run text, final jsonb, transaction_id jsonb, shortfall text,
    wallet_status text, external jsonb)
-- Without the LIMITs the planner may read whole tables that were small when it planned.
LEFT JOIN LATERAL (SELECT * FROM bursar.hold AS x WHERE f.verb IN ('capture', 'release')
    AND x.id = CASE WHEN bursar.is_whole(f.hold_id, 1, 9007199254740991)
        THEN f.hold_id::bigint END LIMIT 1) AS h ON true
LEFT JOIN LATERAL (SELECT * FROM bursar.transaction AS x WHERE f.verb = 'refund'
    AND x.id = CASE WHEN bursar.is_whole(f.transaction_id, 1, 9007199254740991)
        THEN f.transaction_id::bigint END LIMIT 1) AS p ON true
LEFT JOIN bursar.asset AS a ON a.asset = coalesce(h.asset, p.asset, f.asset)
    AND a.asset NOT LIKE '%:owed'
CROSS JOIN LATERAL (SELECT
    coalesce(a.asset, f.asset) AS asset,
    coalesce(f.principal, 'service') AS principal,
    coalesce(h.owner_id, p.owner_id,
        CASE a.owner_type WHEN 'uuid' THEN lower(f.owner_id) ELSE f.owner_id END) AS owner_id,
    CASE a.owner_type WHEN 'uuid' THEN lower(f.to_owner_id) ELSE f.to_owner_id END AS to_owner_id
    OFFSET 0
) AS w
CROSS JOIN LATERAL (SELECT CASE
    WHEN jsonb_typeof(t.q) <> 'object' THEN 'request'
    WHEN f.verb IS NULL OR f.verb NOT IN ('grant', 'spend', 'transfer', 'hold', 'capture',
        'release', 'refund', 'adjust', 'freeze') THEN 'verb'
    WHEN NOT bursar.is_text(t.q -> 'key') OR NOT bursar.is_printable(f.key, 255) THEN 'key'
    WHEN w.principal NOT IN ('user', 'service', 'operator') THEN 'principal'
    WHEN NOT bursar.is_text(t.q -> 'actor') OR NOT bursar.is_printable(f.actor, 255) THEN 'actor'
    WHEN NOT bursar.is_text(t.q -> 'reason') OR length(f.reason) NOT BETWEEN 1 AND 200
        THEN 'reason'
    WHEN f.metadata IS NOT NULL AND (jsonb_typeof(f.metadata) <> 'object'
        OR pg_column_size(t.q -> 'metadata') > 8192) THEN 'metadata'
    -- The kernel's own entries of debts are told by their bucket.
    WHEN f.bucket IS NOT NULL AND (f.verb NOT IN ('grant', 'spend', 'transfer')
        OR NOT bursar.is_text(t.q -> 'bucket') OR f.bucket ~ '[^a-z_]' OR f.bucket = 'debt'
        OR length(f.bucket) NOT BETWEEN 1 AND 30) THEN 'bucket'
    WHEN f.verb NOT IN ('capture', 'release', 'refund') AND (f.owner_id IS NULL
        OR NOT bursar.is_text(t.q -> 'owner_id')
        OR NOT bursar.is_owner(f.owner_id, a.owner_type)) THEN 'owner_id'
    WHEN f.verb NOT IN ('capture', 'release', 'refund')
        AND (f.asset IS NULL OR NOT bursar.is_text(t.q -> 'asset')) THEN 'asset'
    WHEN CASE WHEN f.verb IN ('capture', 'release')
        THEN NOT bursar.is_whole(f.hold_id, 1, 9007199254740991)
        ELSE f.hold_id IS NOT NULL END THEN 'hold_id'
    WHEN CASE f.verb WHEN 'refund'
        THEN NOT bursar.is_whole(f.transaction_id, 1, 9007199254740991)
        ELSE f.transaction_id IS NOT NULL END THEN 'transaction_id'
    WHEN f.verb = 'adjust' AND NOT (bursar.is_whole(f.amount, 1, 1000000000000000)
        OR bursar.is_whole(f.amount, -1000000000000000, -1)) THEN 'amount'
    WHEN f.verb IN ('grant', 'spend', 'transfer', 'hold')
        AND NOT bursar.is_whole(f.amount, 1, 1000000000000000) THEN 'amount'
    WHEN f.verb IN ('capture', 'release', 'refund') AND f.amount IS NOT NULL
        AND NOT bursar.is_whole(f.amount, 1, 1000000000000000) THEN 'amount'
    WHEN f.verb = 'freeze' AND f.amount IS NOT NULL THEN 'amount'
    WHEN f.verb = 'transfer' AND f.to_owner_id IS NULL THEN 'to_owner_id'
    WHEN f.to_owner_id IS NOT NULL AND (f.verb NOT IN ('transfer', 'capture')
        OR NOT bursar.is_text(t.q -> 'to_owner_id')
        OR NOT bursar.is_owner(f.to_owner_id, a.owner_type)) THEN 'to_owner_id'
    WHEN f.expires_in_seconds IS NOT NULL AND (f.verb <> 'hold'
        OR NOT bursar.is_whole(f.expires_in_seconds, 1, 86400)) THEN 'expires_in_seconds'
    WHEN f.over_run IS NOT NULL AND (f.verb <> 'capture'
        OR f.over_run NOT IN ('reject', 'cap', 'overdraft')) THEN 'over_run'
    WHEN f.final IS NOT NULL AND (f.verb <> 'capture' OR jsonb_typeof(f.final) <> 'boolean')
        THEN 'final'
    WHEN f.shortfall IS NOT NULL AND (f.verb <> 'adjust'
        OR f.shortfall NOT IN ('refuse', 'debt')) THEN 'shortfall'
    WHEN CASE f.verb WHEN 'freeze'
        THEN coalesce(f.wallet_status NOT IN ('open', 'frozen', 'closed'), true)
        ELSE f.wallet_status IS NOT NULL END THEN 'wallet_status'
    WHEN f.external IS NOT NULL AND (f.verb <> 'grant' OR NOT bursar.is_external(f.external))
        THEN 'external'
    END AS field
    -- Without the OFFSET the planner would paste these checks into each place that asks for them.
    OFFSET 0
) AS c);
END
$$;

--
-- Name: FUNCTION read_instructions(p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.read_instructions(p_requests jsonb) IS 'Reads and checks requests of ledger verbs.';

--
-- Name: read_parents(bursar.instruction[], boolean); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.read_parents(p_in bursar.instruction[], p_wait boolean) RETURNS bursar.instruction[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    q bursar.instruction;
    v_out bursar.instruction[];
    v_known bursar.external_reference;
BEGIN
    -- Without waiting, what is locked belongs to wallets that are busy, and so are its requests.
    IF p_wait THEN
        PERFORM FROM bursar.hold
        WHERE id IN (SELECT i.hold_id FROM unnest(p_in) AS i) ORDER BY id FOR NO KEY UPDATE;
        PERFORM FROM bursar.transaction
        WHERE id IN (SELECT i.transaction_id FROM unnest(p_in) AS i) ORDER BY id
        FOR NO KEY UPDATE;
    END IF;

    FOREACH q IN ARRAY p_in LOOP
        IF q.refusal IS NULL AND q.verb = 'hold' THEN
            q.hold_id := nextval('bursar.hold_id_seq');
        ELSIF q.refusal IS NULL AND q.hold_id IS NOT NULL THEN
            q.hold_left := (SELECT CASE status WHEN 'open' THEN amount - captured - released
                ELSE 0 END FROM bursar.hold WHERE id = q.hold_id);
            IF q.over_run = 'cap' THEN
                q.amount := least(q.amount, q.hold_left);
            END IF;
            q.amount := coalesce(q.amount, q.hold_left);
            q.final := coalesce(q.final, true);
            q.refusal := CASE
                WHEN q.hold_left = 0 THEN 'HOLD_ENDED'
                WHEN q.amount > q.hold_left AND coalesce(q.over_run, 'reject') = 'reject'
                    THEN 'HOLD_EXCEEDED' END;
            q.details := jsonb_build_object('hold_id', q.hold_id, 'left', q.hold_left);
        ELSIF q.refusal IS NULL AND q.transaction_id IS NOT NULL THEN
            q.refunded := (SELECT coalesce(sum(amount), 0) FROM bursar.transaction
                WHERE corrects = q.transaction_id AND verb = 'refund');
            q.amount := coalesce(q.amount, q.parent_amount - q.refunded);
            q.refusal := CASE
                WHEN q.parent_verb IN ('hold', 'release', 'expire', 'freeze', 'refund', 'adjust')
                    THEN 'NOT_REFUNDABLE'
                WHEN q.amount = 0 OR q.amount > q.parent_amount - q.refunded
                    THEN 'REFUND_EXCEEDED' END;
            q.details := jsonb_build_object('transaction_id', q.transaction_id,
                'charged', q.parent_amount, 'refunded', q.refunded);
        ELSIF q.refusal IS NULL AND q.external IS NOT NULL THEN
            SELECT * INTO v_known FROM bursar.external_reference
            WHERE provider = q.external ->> 'provider' AND account = q.external ->> 'account'
                AND mode = q.external ->> 'mode' AND external_id = q.external ->> 'id';
            IF FOUND THEN
                -- The same grant again is a replay; write_parents answers it from what is known.
                q.refusal := 'EXTERNAL_ID_TAKEN';
                q.details := jsonb_build_object('external', q.external);
                IF v_known.fingerprint = q.fingerprint THEN
                    q.details := q.details || jsonb_build_object('known', v_known.outcome);
                    q.claim := (SELECT claim FROM bursar.idempotency WHERE claim = q.claim);
                END IF;
            END IF;
        END IF;
        v_out := v_out || q;
    END LOOP;
    RETURN v_out;
END
$$;

--
-- Name: FUNCTION read_parents(p_in bursar.instruction[], p_wait boolean); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.read_parents(p_in bursar.instruction[], p_wait boolean) IS 'Locks and reads the holds, parents and external ids that requests refer to.';

--
-- Name: read_purchases(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.read_purchases(p_requests jsonb) RETURNS bursar.purchase[]
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
RETURN (SELECT array_agg(ROW(
    t.n, c.reward_id, c.collector_id, s.creator_id,
    CASE WHEN m.field IS NULL THEN f.expected_price::bigint END,
    coalesce(f.actor, f.principal, 'service'),
    CASE WHEN m.field IS NULL THEN bursar.claim(
        c.collector_id::text, coalesce(f.principal, 'service'), 'purchase_reward', f.key) END,
    bursar.fingerprint(c.reward_id || ' ' || coalesce(f.expected_price::text, '')),
    CASE WHEN m.field IS NOT NULL THEN 'MALFORMED'
        WHEN f.caller ->> 'role' IS DISTINCT FROM 'service_role'
            AND (f.caller ->> 'role' IS NOT DISTINCT FROM 'anon'
                OR lower(f.caller ->> 'sub') IS DISTINCT FROM c.collector_id::text)
            THEN 'NOT_AUTHORIZED'
        WHEN s.id IS NULL THEN 'REWARD_NOT_FOUND'
        WHEN s.creator_id = c.collector_id THEN 'SELF_PURCHASE' END,
    jsonb_build_object('field', m.field))::bursar.purchase ORDER BY t.n)
FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, n)
CROSS JOIN LATERAL jsonb_to_record(
    CASE jsonb_typeof(t.q) WHEN 'object' THEN jsonb_strip_nulls(t.q) ELSE '{}' END
) AS f (reward_id text, collector_id text, expected_price jsonb, caller jsonb, key text,
    principal text, actor text)
CROSS JOIN LATERAL (SELECT CASE
    WHEN f.reward_id IS NULL OR NOT bursar.is_uuid(f.reward_id) THEN 'reward_id'
    WHEN f.collector_id IS NULL OR NOT bursar.is_uuid(f.collector_id) THEN 'collector_id'
    WHEN f.expected_price IS NOT NULL
        AND NOT bursar.is_whole(f.expected_price, 1, 1000000000000000) THEN 'expected_price'
    WHEN NOT bursar.is_text(t.q -> 'key') OR NOT bursar.is_printable(f.key, 255) THEN 'key'
    WHEN f.principal NOT IN ('user', 'service', 'operator') THEN 'principal'
    WHEN NOT bursar.is_text(t.q -> 'actor') OR NOT bursar.is_printable(f.actor, 255)
        THEN 'actor' END AS field
    -- Without the OFFSET the planner would paste these checks into each place that asks for them.
    OFFSET 0) AS m
CROSS JOIN LATERAL (SELECT CASE WHEN m.field IS NULL THEN f.reward_id::uuid END AS reward_id,
    CASE WHEN m.field IS NULL THEN f.collector_id::uuid END AS collector_id OFFSET 0) AS c
LEFT JOIN LATERAL (SELECT r.id, r.creator_id FROM public.rewards AS r
    WHERE r.id = c.reward_id LIMIT 1) AS s ON true);
END
$$;

--
-- Name: FUNCTION read_purchases(p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.read_purchases(p_requests jsonb) IS 'Reads and checks requests to purchase rewards.';

--
-- Name: read_statement(text, text, bigint, integer); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.read_statement(p_owner_id text, p_asset text, p_before_seq bigint DEFAULT NULL::bigint, p_limit integer DEFAULT 50) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'seq', s.seq, 'transaction_id', s.transaction_id, 'verb', t.verb, 'reason', t.reason,
        'amount', s.amount, 'balance_after', s.balance_after, 'bucket', s.bucket,
        'counterparties', (SELECT coalesce(jsonb_agg(DISTINCT o.owner_id), '[]')
            FROM bursar.entry AS o WHERE o.transaction_id = s.transaction_id
            AND o.owner_id <> s.owner_id),
        'corrects', t.corrects, 'actor', t.actor, 'metadata', t.metadata,
        'created_at', t.created_at) ORDER BY s.seq DESC), '[]')
    FROM (
        SELECT * FROM bursar.entry
        WHERE asset = p_asset AND owner_id = bursar.canonical_owner(p_owner_id, p_asset)
            AND seq < coalesce(p_before_seq, 9223372036854775807)
        ORDER BY seq DESC
        LIMIT least(greatest(p_limit, 1), 1000)
    ) AS s
    JOIN bursar.transaction AS t ON t.id = s.transaction_id
$$;

--
-- Name: FUNCTION read_statement(p_owner_id text, p_asset text, p_before_seq bigint, p_limit integer); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.read_statement(p_owner_id text, p_asset text, p_before_seq bigint, p_limit integer) IS 'One page of a wallet''s statement, newest first.';

--
-- Name: read_transaction(bigint); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.read_transaction(p_transaction_id bigint) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    SELECT to_jsonb(t) || jsonb_build_object(
        'entries', (SELECT coalesce(jsonb_agg(
            to_jsonb(e) - 'transaction_id' ORDER BY e.line), '[]')
            FROM bursar.entry AS e WHERE e.transaction_id = t.id),
        'corrected_by', (SELECT coalesce(jsonb_agg(c.id ORDER BY c.id), '[]')
            FROM bursar.transaction AS c WHERE c.corrects = t.id))
    FROM bursar.transaction AS t WHERE t.id = p_transaction_id
$$;

--
-- Name: FUNCTION read_transaction(p_transaction_id bigint); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.read_transaction(p_transaction_id bigint) IS 'One transaction, with its entries.';

--
-- Name: read_wallet(text, text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.read_wallet(p_owner_id text, p_asset text) RETURNS jsonb
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_asset bursar.asset;
    v_wallet bursar.wallet_state;
BEGIN
    SELECT * INTO v_asset FROM bursar.asset WHERE asset = p_asset AND asset NOT LIKE '%:owed';
    IF NOT FOUND OR NOT bursar.is_owner(p_owner_id, v_asset.owner_type) THEN
        RETURN NULL;
    END IF;
    v_wallet := bursar.look_asset(p_asset, p_owner_id);
    IF v_wallet.owner_id IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN jsonb_build_object('owner_id', v_wallet.owner_id, 'asset', p_asset,
        'balance', v_wallet.balance, 'held', v_wallet.held,
        'available', v_wallet.balance - v_wallet.held,
        'owed', coalesce((SELECT balance FROM bursar.wallet
            WHERE asset = p_asset || ':owed' AND owner_id = v_wallet.owner_id), 0),
        'status', v_wallet.status, 'seq', v_wallet.seq);
END
$$;

--
-- Name: FUNCTION read_wallet(p_owner_id text, p_asset text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.read_wallet(p_owner_id text, p_asset text) IS 'What one wallet holds now.';

--
-- Name: reason_to_refuse(text, text, bigint, bigint, text, bigint, bigint, bigint, bigint); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.reason_to_refuse(p_shortfall text, p_new_status text, p_need bigint, p_amount bigint, p_status text, p_balance bigint, p_held bigint, p_balance_max bigint, p_owed bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (p_status = 'busy'::text) THEN 'BUSY'::text WHEN ((p_status = 'missing'::text) AND (p_new_status IS NOT NULL)) THEN 'WALLET_NOT_FOUND'::text WHEN ((p_status = 'closed'::text) AND (p_new_status IS NULL)) THEN 'WALLET_CLOSED'::text WHEN ((p_status = 'frozen'::text) AND (p_need > 0) AND (p_shortfall = 'refuse'::text)) THEN 'WALLET_FROZEN'::text WHEN ((p_new_status = 'closed'::text) AND ((p_balance > 0) OR (p_owed > 0))) THEN 'WALLET_NOT_EMPTY'::text WHEN ((p_need > GREATEST((0)::bigint, (p_balance - p_held))) AND (p_shortfall = 'refuse'::text)) THEN 'INSUFFICIENT_FUNDS'::text WHEN (p_amount > (p_balance_max - p_balance)) THEN 'BALANCE_LIMIT'::text WHEN ((p_shortfall = 'debt'::text) AND (p_need > ('1000000000000000000'::bigint - p_owed))) THEN 'BALANCE_LIMIT'::text ELSE NULL::text END;

--
-- Name: FUNCTION reason_to_refuse(p_shortfall text, p_new_status text, p_need bigint, p_amount bigint, p_status text, p_balance bigint, p_held bigint, p_balance_max bigint, p_owed bigint); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.reason_to_refuse(p_shortfall text, p_new_status text, p_need bigint, p_amount bigint, p_status text, p_balance bigint, p_held bigint, p_balance_max bigint, p_owed bigint) IS 'Why a wallet stands in the way of one leg.';

--
-- Name: record_metrics(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.record_metrics(p_rows jsonb) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    INSERT INTO bursar.metric_minute AS m
    SELECT date_trunc('minute', r.minute), r.process, r.verb, r.outcome, r.requests,
        r.duration_ms_sum, r.duration_ms_max, coalesce(r.buckets, '{}')
    FROM jsonb_to_recordset(p_rows) AS r (minute timestamptz, process text, verb text, outcome text,
        requests bigint, duration_ms_sum double precision, duration_ms_max double precision,
        buckets jsonb)
    ORDER BY 1, 2, 3, 4
    ON CONFLICT (minute, process, verb, outcome) DO UPDATE SET
        requests = m.requests + EXCLUDED.requests,
        duration_ms_sum = m.duration_ms_sum + EXCLUDED.duration_ms_sum,
        duration_ms_max = greatest(m.duration_ms_max, EXCLUDED.duration_ms_max),
        buckets = (
            SELECT coalesce(jsonb_object_agg(b.bound, b.count), '{}') FROM (
                SELECT u.key AS bound, sum(u.value::bigint) AS count
                FROM (SELECT * FROM jsonb_each_text(m.buckets)
                    UNION ALL SELECT * FROM jsonb_each_text(EXCLUDED.buckets)) AS u
                GROUP BY u.key) AS b)
$$;

--
-- Name: FUNCTION record_metrics(p_rows jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.record_metrics(p_rows jsonb) IS 'Adds what a process counted to its minutes.';

--
-- Name: record_raw(text, text, bigint, bigint, bigint, text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.record_raw(p_asset text, p_owner_id text, p_amount bigint, p_seq bigint, p_balance bigint, p_reason text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_id bigint := nextval('bursar.transaction_id_seq');
BEGIN
    INSERT INTO bursar.transaction (
        id, verb, asset, owner_id, amount, reason, actor, created_at)
    VALUES (v_id, 'adjust', p_asset, p_owner_id, p_amount, p_reason,
        'sql:' || bursar.caller_role(), bursar.clock());
    INSERT INTO bursar.entry
    VALUES (v_id, 1, p_asset, p_owner_id, p_amount, p_seq, p_balance, 'adjusted'),
        (v_id, 2, p_asset, 'system:adjustment', -p_amount, NULL, NULL, 'adjusted');
    RETURN v_id;
END
$$;

--
-- Name: FUNCTION record_raw(p_asset text, p_owner_id text, p_amount bigint, p_seq bigint, p_balance bigint, p_reason text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.record_raw(p_asset text, p_owner_id text, p_amount bigint, p_seq bigint, p_balance bigint, p_reason text) IS 'Records a change of a balance that plain SQL made.';

--
-- Name: record_raw_insert(); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.record_raw_insert() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_asset CONSTANT text := coalesce(nullif(TG_ARGV[0], ''), to_jsonb(NEW) ->> 'asset');
    v_owner_id CONSTANT text := to_jsonb(NEW) ->> TG_ARGV[1];
    v_balance CONSTANT bigint := (to_jsonb(NEW) ->> TG_ARGV[2])::bigint;
    v_seq bigint := (SELECT coalesce(max(seq), 0) FROM bursar.entry
        WHERE owner_id = v_owner_id AND asset = v_asset AND seq IS NOT NULL);
BEGIN
    IF v_balance <> 0 THEN
        v_seq := v_seq + 1;
        PERFORM bursar.record_raw(
            v_asset, v_owner_id, v_balance, v_seq, v_balance, 'inserted by SQL');
    END IF;
    IF v_seq <> NEW.bursar_seq THEN
        PERFORM bursar.write_asset(v_asset, ARRAY[ROW(
            v_asset, v_owner_id, v_balance, 0, v_seq, NEW.bursar_status)::bursar.wallet_state]);
    END IF;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION record_raw_insert(); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.record_raw_insert() IS 'Trigger of every store: the entry of an opening balance.';

--
-- Name: record_raw_write(); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.record_raw_write() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_row CONSTANT jsonb := CASE TG_OP WHEN 'DELETE' THEN to_jsonb(OLD) ELSE to_jsonb(NEW) END;
    v_asset CONSTANT text := coalesce(nullif(TG_ARGV[0], ''), v_row ->> 'asset');
    v_owner_id CONSTANT text := v_row ->> TG_ARGV[1];
    v_balance bigint := (v_row ->> TG_ARGV[2])::bigint;
    v_change bigint;
BEGIN
    -- Operators go on working while changes are paused; everybody else stops here.
    IF NOT pg_has_role(bursar.caller_role(), 'bursar_operator', 'MEMBER')
        AND NOT bursar.enter_gate()
    THEN
        PERFORM bursar.raise_refusal(bursar.refused(lower(TG_OP), 'DEGRADED'));
    END IF;

    IF TG_OP = 'INSERT' THEN
        -- A wallet that was deleted and comes back goes on where its entries ended.
        NEW.bursar_held := 0;
        NEW.bursar_seq := (SELECT coalesce(max(seq), 0) FROM bursar.entry
            WHERE owner_id = v_owner_id AND asset = v_asset AND seq IS NOT NULL)
            + (v_balance <> 0)::integer;
        RETURN NEW;
    ELSIF TG_OP = 'DELETE' THEN
        IF OLD.bursar_held > 0 THEN
            RAISE EXCEPTION 'The wallet of % has an open hold and cannot be deleted.', v_owner_id
                USING ERRCODE = 'restrict_violation', HINT = 'Release its holds first.';
        END IF;
        IF v_balance <> 0 THEN
            PERFORM bursar.record_raw(
                v_asset, v_owner_id, -v_balance, OLD.bursar_seq + 1, 0, 'deleted by SQL');
        END IF;
        RETURN OLD;
    END IF;

    IF to_jsonb(OLD) ->> TG_ARGV[1] IS DISTINCT FROM v_owner_id THEN
        RAISE EXCEPTION 'A wallet cannot change its owner.'
            USING ERRCODE = 'restrict_violation', HINT = 'Use bursar.transfer.';
    END IF;
    v_change := v_balance - (to_jsonb(OLD) ->> TG_ARGV[2])::bigint;
    IF v_change <> 0 THEN
        NEW.bursar_seq := OLD.bursar_seq + 1;
        PERFORM bursar.record_raw(
            v_asset, v_owner_id, v_change, NEW.bursar_seq, v_balance, 'updated by SQL');
    END IF;
    RETURN NEW;
END
$$;

--
-- Name: FUNCTION record_raw_write(); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.record_raw_write() IS 'Trigger of every store: turns a raw change of a balance into an entry.';

--
-- Name: refund(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.refund(p_requests jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN bursar.carry('refund', p_requests)::jsonb;
END
$$;

--
-- Name: FUNCTION refund(p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.refund(p_requests jsonb) IS 'Takes charges or grants back; a batch.';

--
-- Name: refuse_change(); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION '% of %.% is refused: its rows are append-only.',
        TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
        HINT = 'Correct with a new transaction: bursar.refund or bursar.adjust.';
END
$$;

--
-- Name: FUNCTION refuse_change(); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.refuse_change() IS 'Trigger: rows of this table are append-only.';

--
-- Name: refuse_raw_write(); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.refuse_raw_write() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    IF NOT (pg_has_role(current_user, 'bursar_operator', 'MEMBER')
        OR pg_has_role(current_user, 'service_role', 'MEMBER')
        OR pg_has_role(current_user,
            (SELECT relowner FROM pg_class WHERE oid = TG_RELID), 'MEMBER'))
    THEN
        RAISE EXCEPTION 'Role % may not write balances of %.', current_user, TG_TABLE_NAME
            USING ERRCODE = 'insufficient_privilege',
            HINT = 'Balances are changed through functions such as purchase_reward.';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;

--
-- Name: FUNCTION refuse_raw_write(); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.refuse_raw_write() IS 'Trigger of every store: refuses writers who are neither operator nor service.';

--
-- Name: refuse_truncate(); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.refuse_truncate() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE of % is refused: it holds wallets.', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'DELETE rows; each deletion becomes an entry.';
END
$$;

--
-- Name: FUNCTION refuse_truncate(); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.refuse_truncate() IS 'Trigger of every store: refuses TRUNCATE.';

--
-- Name: refused(text, text, jsonb, text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.refused(p_verb text, p_code text, p_details jsonb DEFAULT NULL::jsonb, p_sentence text DEFAULT NULL::text) RETURNS json
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    SELECT json_build_object(
        'status', 'refused',
        'verb', p_verb,
        'code', r.code,
        'message', r.code || ': ' || coalesce(p_sentence, r.sentence),
        'details', coalesce(p_details, '{}'),
        'replayed', false)
    FROM bursar.refusal AS r
    WHERE r.code = p_code
$$;

--
-- Name: FUNCTION refused(p_verb text, p_code text, p_details jsonb, p_sentence text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.refused(p_verb text, p_code text, p_details jsonb, p_sentence text) IS 'A refusal as an outcome.';

--
-- Name: refused_all(jsonb, text, text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.refused_all(p_requests jsonb, p_code text, p_verb text DEFAULT NULL::text) RETURNS json[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    SELECT array_agg(bursar.refused(coalesce(p_verb, q ->> 'verb'), p_code) ORDER BY i)
    FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, i)
$$;

--
-- Name: FUNCTION refused_all(p_requests jsonb, p_code text, p_verb text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.refused_all(p_requests jsonb, p_code text, p_verb text) IS 'One refusal for every request of a batch.';

--
-- Name: register_asset(text, regclass, name, name, text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.register_asset(p_asset text, p_store regclass DEFAULT NULL::regclass, p_owner_column name DEFAULT NULL::name, p_balance_column name DEFAULT NULL::name, p_debt_policy text DEFAULT 'repay_first'::text) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_owner_type text := 'text';
    v_balance_max bigint := 1000000000000000000;
BEGIN
    IF p_store IS NOT NULL THEN
        SELECT CASE format_type(atttypid, NULL) WHEN 'uuid' THEN 'uuid' ELSE 'text' END
        INTO STRICT v_owner_type FROM pg_attribute
        WHERE attrelid = p_store AND attname = p_owner_column AND NOT attisdropped;
        SELECT CASE format_type(atttypid, NULL) WHEN 'integer' THEN 2147483647
            ELSE v_balance_max END
        INTO STRICT v_balance_max FROM pg_attribute
        WHERE attrelid = p_store AND attname = p_balance_column AND NOT attisdropped
            AND format_type(atttypid, NULL) IN ('integer', 'bigint');
    END IF;
    INSERT INTO bursar.asset (
        asset, store, owner_column, owner_type, balance_column, balance_max, debt_policy)
    VALUES (p_asset, p_store, p_owner_column, v_owner_type, p_balance_column, v_balance_max,
        p_debt_policy), (p_asset || ':owed', NULL, NULL, 'text', NULL, 1000000000000000000,
        p_debt_policy)
    ON CONFLICT (asset) DO NOTHING;
    IF p_store IS NOT NULL THEN
        PERFORM bursar.guard_store(p_asset);
    END IF;
    PERFORM bursar.build_stores();
END
$$;

--
-- Name: FUNCTION register_asset(p_asset text, p_store regclass, p_owner_column name, p_balance_column name, p_debt_policy text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.register_asset(p_asset text, p_store regclass, p_owner_column name, p_balance_column name, p_debt_policy text) IS 'Registers an asset and the table and column that hold its balances.';

--
-- Name: release(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.release(p_requests jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN bursar.carry('release', p_requests)::jsonb;
END
$$;

--
-- Name: FUNCTION release(p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.release(p_requests jsonb) IS 'Gives back what holds set aside; a batch.';

--
-- Name: replayed(json); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.replayed(p_outcome json) RETURNS json
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (regexp_replace((p_outcome)::text, '"replayed" ?: ?false}$'::text, '"replayed":true}'::text))::json;

--
-- Name: FUNCTION replayed(p_outcome json); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.replayed(p_outcome json) IS 'An outcome that is answered again.';

--
-- Name: spend(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.spend(p_requests jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN bursar.carry('spend', p_requests)::jsonb;
END
$$;

--
-- Name: FUNCTION spend(p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.spend(p_requests jsonb) IS 'Takes amounts from wallets; a batch.';

--
-- Name: stop_at_closed_gate(); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.stop_at_closed_gate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    IF NOT bursar.enter_gate() THEN
        PERFORM bursar.raise_refusal(bursar.refused(lower(TG_OP), 'DEGRADED'));
    END IF;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION stop_at_closed_gate(); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.stop_at_closed_gate() IS 'Trigger: refuses a write while changes are paused.';

--
-- Name: transfer(jsonb); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.transfer(p_requests jsonb) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    RETURN bursar.carry('transfer', p_requests)::jsonb;
END
$$;

--
-- Name: FUNCTION transfer(p_requests jsonb); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.transfer(p_requests jsonb) IS 'Moves amounts between wallets; a batch.';

--
-- Name: with_verb(jsonb, text); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.with_verb(p_requests jsonb, p_verb text) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    SELECT CASE jsonb_typeof(p_requests) WHEN 'array' THEN (
        SELECT jsonb_agg(CASE jsonb_typeof(q) WHEN 'object'
            THEN q || jsonb_build_object('verb', p_verb) ELSE q END ORDER BY i)
        FROM jsonb_array_elements(p_requests) WITH ORDINALITY AS t (q, i)) END
$$;

--
-- Name: FUNCTION with_verb(p_requests jsonb, p_verb text); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.with_verb(p_requests jsonb, p_verb text) IS 'Writes a verb into each request of a batch.';

--
-- Name: write_asset(text, bursar.wallet_state[]); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.write_asset(p_asset text, p_states bursar.wallet_state[]) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    IF p_asset = 'credit' THEN RETURN bursar.write_credit(p_states); END IF;
    IF p_asset = 'credit:owed' THEN RETURN bursar.write_credit_owed(p_states); END IF;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION write_asset(p_asset text, p_states bursar.wallet_state[]); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.write_asset(p_asset text, p_states bursar.wallet_state[]) IS 'Generated: chooses the store of an asset.';

--
-- Name: write_credit(bursar.wallet_state[]); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.write_credit(p_states bursar.wallet_state[]) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    UPDATE public.user_credits AS w SET balance = s.balance::bigint, bursar_held = s.held, bursar_seq = s.seq,
        bursar_status = s.status
    FROM unnest(p_states) AS s
    -- By a plan made while the table had one row, it would be read whole for each state.
    CROSS JOIN LATERAL (SELECT w.ctid AS at FROM public.user_credits AS w
        WHERE  w.user_id = s.owner_id::uuid LIMIT 1) AS c
    WHERE w.ctid = c.at AND  w.user_id = s.owner_id::uuid AND s.asset = 'credit';
    RETURN FOUND;
END
$$;

--
-- Name: FUNCTION write_credit(p_states bursar.wallet_state[]); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.write_credit(p_states bursar.wallet_state[]) IS 'Generated: wallets of asset credit live in public.user_credits.';

--
-- Name: write_credit_owed(bursar.wallet_state[]); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.write_credit_owed(p_states bursar.wallet_state[]) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
BEGIN
    UPDATE wallet AS w SET balance = s.balance::bigint, bursar_held = s.held, bursar_seq = s.seq,
        bursar_status = s.status
    FROM unnest(p_states) AS s
    -- By a plan made while the table had one row, it would be read whole for each state.
    CROSS JOIN LATERAL (SELECT w.ctid AS at FROM wallet AS w
        WHERE w.asset = 'credit:owed' AND w.owner_id = s.owner_id::text LIMIT 1) AS c
    WHERE w.ctid = c.at AND w.asset = 'credit:owed' AND w.owner_id = s.owner_id::text AND s.asset = 'credit:owed';
    RETURN FOUND;
END
$$;

--
-- Name: FUNCTION write_credit_owed(p_states bursar.wallet_state[]); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.write_credit_owed(p_states bursar.wallet_state[]) IS 'Generated: wallets of asset credit:owed live in wallet.';

--
-- Name: write_parents(bursar.instruction[], json[]); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.write_parents(p_in bursar.instruction[], p_outcomes json[]) RETURNS json[]
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    q bursar.instruction;
    v_now CONSTANT timestamptz := bursar.clock();
    v_outcomes json[] := p_outcomes;
    v_outcome json;
    v_taken bigint;
    v_freed bigint;
    v_external integer[];
    v_written integer;
BEGIN
    FOREACH q IN ARRAY p_in LOOP
        EXIT WHEN q.n > cardinality(v_outcomes);
        v_outcome := v_outcomes[q.n];
        IF v_outcome #> '{details,known}' IS NOT NULL THEN
            -- As part of the details it has become jsonb, which orders members in its own way.
            v_outcomes[q.n] := (v_outcome::jsonb #> '{details,known}') || '{"replayed": true}';
        END IF;
        CONTINUE WHEN v_outcome ->> 'status' = 'refused' OR (v_outcome ->> 'replayed')::boolean;
        IF q.verb = 'hold' THEN
            INSERT INTO bursar.hold (id, transaction_id, asset, owner_id, amount, reason, actor,
                metadata, expires_at, created_at)
            VALUES (q.hold_id, (v_outcome ->> 'transaction_id')::bigint, q.asset, q.owner_id,
                q.amount, q.reason, q.actor, q.metadata,
                v_now + make_interval(secs => coalesce(q.expires_in_seconds, 3600)), v_now);
        ELSIF q.verb IN ('capture', 'release') THEN
            v_taken := CASE q.verb WHEN 'capture' THEN least(q.amount, q.hold_left) ELSE 0 END;
            v_freed := CASE WHEN q.verb = 'release' THEN q.amount
                WHEN q.final THEN q.hold_left - v_taken ELSE 0 END;
            UPDATE bursar.hold SET captured = captured + v_taken, released = released + v_freed,
                status = CASE WHEN v_taken + v_freed < q.hold_left THEN 'open'
                    WHEN q.verb = 'capture' THEN 'captured' ELSE 'released' END,
                ended_at = CASE WHEN v_taken + v_freed = q.hold_left THEN v_now END
            WHERE id = q.hold_id;
        ELSIF q.external IS NOT NULL THEN
            v_external := v_external || q.n;
        END IF;
    END LOOP;
    IF v_external IS NOT NULL THEN
        INSERT INTO bursar.external_reference
        SELECT e.external ->> 'provider', e.external ->> 'account', e.external ->> 'mode',
            e.external ->> 'id', e.owner_id, (v_outcomes[e.n] ->> 'transaction_id')::bigint,
            e.fingerprint, v_outcomes[e.n], v_now
        FROM unnest(p_in) AS e WHERE e.n = ANY (v_external)
        ORDER BY 1, 2, 3, 4
        ON CONFLICT (provider, account, mode, external_id) DO NOTHING;
        GET DIAGNOSTICS v_written = ROW_COUNT;
        IF v_written < cardinality(v_external) THEN
            RAISE EXCEPTION 'An external id of this batch was taken meanwhile.'
                USING ERRCODE = 'UBX02';
        END IF;
    END IF;
    RETURN v_outcomes;
END
$$;

--
-- Name: FUNCTION write_parents(p_in bursar.instruction[], p_outcomes json[]); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.write_parents(p_in bursar.instruction[], p_outcomes json[]) IS 'Writes holds and external ids after a batch was posted.';

--
-- Name: write_wallets(bursar.wallet_state[]); Type: FUNCTION; Schema: bursar; Owner: -
--

CREATE FUNCTION bursar.write_wallets(p_states bursar.wallet_state[]) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_asset text;
    v_written boolean;
BEGIN
    FOREACH v_asset IN ARRAY ARRAY(SELECT DISTINCT s.asset FROM unnest(p_states) AS s ORDER BY 1)
    LOOP
        -- An assignment is evaluated in place; PERFORM would be a statement more.
        v_written := bursar.write_asset(v_asset, p_states);
    END LOOP;
END
$$;

--
-- Name: FUNCTION write_wallets(p_states bursar.wallet_state[]); Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON FUNCTION bursar.write_wallets(p_states bursar.wallet_state[]) IS 'Writes the states of locked wallets to where they live.';

--
-- Name: create_reward(text, text, bigint, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.create_reward(p_name text, p_description text, p_cost bigint, p_creator_id uuid DEFAULT auth.uid()) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
DECLARE
    v_caller CONSTANT jsonb := bursar.caller();
    v_id uuid;
BEGIN
    IF p_creator_id IS NULL OR (v_caller ->> 'role' <> 'service_role'
        AND v_caller ->> 'sub' IS DISTINCT FROM p_creator_id::text)
    THEN
        PERFORM bursar.raise_refusal(bursar.refused('create_reward', 'NOT_AUTHORIZED'));
    END IF;
    IF p_cost IS NULL OR p_cost NOT BETWEEN 1 AND 1000000000000000 THEN
        PERFORM bursar.raise_refusal(
            bursar.refused('create_reward', 'MALFORMED', '{"field": "p_cost"}'));
    ELSIF coalesce(length(p_name), 0) NOT BETWEEN 1 AND 200 THEN
        PERFORM bursar.raise_refusal(
            bursar.refused('create_reward', 'MALFORMED', '{"field": "p_name"}'));
    ELSIF length(p_description) > 2000 THEN
        PERFORM bursar.raise_refusal(
            bursar.refused('create_reward', 'MALFORMED', '{"field": "p_description"}'));
    END IF;
    INSERT INTO public.rewards (creator_id, name, description, cost)
    VALUES (p_creator_id, p_name, coalesce(p_description, ''), p_cost)
    RETURNING id INTO v_id;
    RETURN v_id;
END
$$;

--
-- Name: FUNCTION create_reward(p_name text, p_description text, p_cost bigint, p_creator_id uuid); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.create_reward(p_name text, p_description text, p_cost bigint, p_creator_id uuid) IS 'Puts a reward on sale and answers its id.';

--
-- Name: prevent_negative_balance(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.prevent_negative_balance() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    RAISE EXCEPTION 'Balance cannot be negative: %.% would become %.',
        TG_TABLE_NAME, TG_ARGV[0], to_jsonb(NEW) ->> TG_ARGV[0]
        USING ERRCODE = 'check_violation',
        HINT = 'Take no more than the wallet has.';
END
$$;

--
-- Name: FUNCTION prevent_negative_balance(); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.prevent_negative_balance() IS 'Trigger: refuses a negative balance in words.';

--
-- Name: purchase_bounty(uuid, uuid); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.purchase_bounty(p_bounty_id uuid, p_collector_id uuid) RETURNS jsonb
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    SELECT public.purchase_reward(p_bounty_id, p_collector_id)
$$;

--
-- Name: FUNCTION purchase_bounty(p_bounty_id uuid, p_collector_id uuid); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.purchase_bounty(p_bounty_id uuid, p_collector_id uuid) IS 'The older name of purchase_reward.';

--
-- Name: purchase_reward(uuid, uuid, bigint); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.purchase_reward(p_reward_id uuid, p_collector_id uuid, p_expected_price bigint DEFAULT NULL::bigint) RETURNS jsonb
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'bursar', 'pg_temp'
    AS $$
    SELECT bursar.raise_refusal(bursar.carry('purchase_reward', jsonb_build_array(
        jsonb_build_object(
            'reward_id', p_reward_id,
            'collector_id', p_collector_id,
            'expected_price', p_expected_price,
            'caller', bursar.caller(),
            'actor', 'sql:' || bursar.caller_role()))) -> 0)::jsonb
$$;

--
-- Name: FUNCTION purchase_reward(p_reward_id uuid, p_collector_id uuid, p_expected_price bigint); Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON FUNCTION public.purchase_reward(p_reward_id uuid, p_collector_id uuid, p_expected_price bigint) IS 'Charges the collector, credits the creator, records the collection. Raises where refused.';

--
-- Name: asset; Type: TABLE; Schema: bursar; Owner: -
--

CREATE TABLE bursar.asset (
    asset text NOT NULL,
    store regclass,
    owner_column name,
    owner_type text DEFAULT 'text'::text NOT NULL,
    balance_column name,
    balance_max bigint DEFAULT '1000000000000000000'::bigint NOT NULL,
    debt_policy text DEFAULT 'repay_first'::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT asset_debt_policy CHECK ((debt_policy = ANY (ARRAY['repay_first'::text, 'repay_by_hand'::text]))),
    CONSTRAINT asset_name CHECK ((asset ~ '^[a-z][a-z0-9_]{0,39}(:owed)?$'::text)),
    CONSTRAINT asset_owner_type CHECK ((owner_type = ANY (ARRAY['text'::text, 'uuid'::text])))
);

--
-- Name: TABLE asset; Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON TABLE bursar.asset IS 'One row per unit of value, with the table and column in which its balances live.';

--
-- Name: wallet; Type: TABLE; Schema: bursar; Owner: -
--

CREATE TABLE bursar.wallet (
    asset text NOT NULL,
    owner_id text NOT NULL,
    balance bigint DEFAULT 0 NOT NULL,
    bursar_held bigint DEFAULT 0 NOT NULL,
    bursar_seq bigint DEFAULT 0 NOT NULL,
    bursar_status bursar.wallet_status DEFAULT 'open'::text NOT NULL,
    CONSTRAINT wallet_balance_non_negative CHECK ((balance >= 0)),
    CONSTRAINT wallet_bursar_held CHECK (((bursar_held >= 0) AND (bursar_held <= balance)))
)
WITH (fillfactor='70');

--
-- Name: user_credits; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.user_credits (
    user_id uuid NOT NULL,
    balance bigint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    bursar_held bigint DEFAULT 0 NOT NULL,
    bursar_seq bigint DEFAULT 0 NOT NULL,
    bursar_status bursar.wallet_status DEFAULT 'open'::text NOT NULL,
    CONSTRAINT user_credits_balance_non_negative CHECK ((balance >= 0)),
    CONSTRAINT user_credits_bursar_held CHECK (((bursar_held >= 0) AND (bursar_held <= balance)))
)
WITH (fillfactor='70');

--
-- Name: balance; Type: VIEW; Schema: bursar; Owner: -
--

CREATE VIEW bursar.balance WITH (security_invoker='true') AS
 SELECT 'credit'::text AS asset,
    (user_credits.user_id)::text AS owner_id,
    user_credits.balance,
    user_credits.bursar_held AS held,
    (user_credits.balance - user_credits.bursar_held) AS available,
    user_credits.bursar_seq AS seq,
    user_credits.bursar_status AS status
   FROM public.user_credits
  WHERE true
UNION ALL
 SELECT 'credit:owed'::text AS asset,
    wallet.owner_id,
    wallet.balance,
    wallet.bursar_held AS held,
    (wallet.balance - wallet.bursar_held) AS available,
    wallet.bursar_seq AS seq,
    wallet.bursar_status AS status
   FROM bursar.wallet
  WHERE (wallet.asset = 'credit:owed'::text);

--
-- Name: VIEW balance; Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON VIEW bursar.balance IS 'Every wallet, wherever it lives.';

--
-- Name: external_reference; Type: TABLE; Schema: bursar; Owner: -
--

CREATE TABLE bursar.external_reference (
    provider text NOT NULL,
    account text NOT NULL,
    mode text NOT NULL,
    external_id text NOT NULL,
    owner_id text NOT NULL,
    transaction_id bigint NOT NULL,
    fingerprint bytea NOT NULL,
    outcome json NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT external_reference_mode CHECK ((mode = ANY (ARRAY['live'::text, 'test'::text])))
);

--
-- Name: gate; Type: TABLE; Schema: bursar; Owner: -
--

CREATE TABLE bursar.gate (
    only_row boolean DEFAULT true NOT NULL,
    degraded boolean DEFAULT false NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    changed_by text DEFAULT ''::text NOT NULL,
    changed_at timestamp with time zone,
    CONSTRAINT gate_only_row CHECK (only_row)
);

--
-- Name: hold; Type: TABLE; Schema: bursar; Owner: -
--

CREATE TABLE bursar.hold (
    id bigint NOT NULL,
    transaction_id bigint NOT NULL,
    asset text NOT NULL,
    owner_id text NOT NULL,
    amount bigint NOT NULL,
    captured bigint DEFAULT 0 NOT NULL,
    released bigint DEFAULT 0 NOT NULL,
    expired bigint DEFAULT 0 NOT NULL,
    status text DEFAULT 'open'::text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    metadata jsonb,
    expires_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT hold_amount_positive CHECK ((amount > 0)),
    CONSTRAINT hold_captured_non_negative CHECK ((captured >= 0)),
    CONSTRAINT hold_ended CHECK (((status = 'open'::text) = (ended_at IS NULL))),
    CONSTRAINT hold_expired_non_negative CHECK ((expired >= 0)),
    CONSTRAINT hold_released_non_negative CHECK ((released >= 0)),
    CONSTRAINT hold_status CHECK ((status = ANY (ARRAY['open'::text, 'captured'::text, 'released'::text, 'expired'::text]))),
    CONSTRAINT hold_sum CHECK (((((captured + released) + expired) <= amount) AND ((status = 'open'::text) = (((captured + released) + expired) < amount))))
)
WITH (fillfactor='70');

--
-- Name: hold_id_seq; Type: SEQUENCE; Schema: bursar; Owner: -
--

ALTER TABLE bursar.hold ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME bursar.hold_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: metric_minute; Type: TABLE; Schema: bursar; Owner: -
--

CREATE TABLE bursar.metric_minute (
    minute timestamp with time zone NOT NULL,
    process text NOT NULL,
    verb text NOT NULL,
    outcome text NOT NULL,
    requests bigint DEFAULT 0 NOT NULL,
    duration_ms_sum double precision DEFAULT 0 NOT NULL,
    duration_ms_max double precision DEFAULT 0 NOT NULL,
    buckets jsonb DEFAULT '{}'::jsonb NOT NULL
);

--
-- Name: refusal; Type: VIEW; Schema: bursar; Owner: -
--

CREATE VIEW bursar.refusal WITH (security_invoker='true') AS
 SELECT column1 AS precedence,
    column2 AS code,
    column3 AS sqlstate,
    column4 AS http_status,
    column5 AS remembered,
    column6 AS sentence,
    column7 AS hint
   FROM (VALUES (1,'DEGRADED'::text,'UB003'::text,503,false,'Changes are paused for maintenance; reading goes on.'::text,'Try again later with the same key.'::text), (2,'MALFORMED'::text,'UB001'::text,422,false,'The request cannot be read.'::text,'Correct the field named in the details and send the request again.'::text), (3,'NOT_AUTHORIZED'::text,'UB002'::text,403,false,'You may not do this on behalf of somebody else.'::text,'Sign in as the owner, or call with the service role.'::text), (4,'IDEMPOTENCY_MISMATCH'::text,'UB006'::text,422,false,'This idempotency key was used before with another request.'::text,'Use a new key for a new request.'::text), (5,'HOLD_NOT_FOUND'::text,'UB012'::text,404,false,'There is no such hold.'::text,'Correct the hold''s id.'::text), (6,'TRANSACTION_NOT_FOUND'::text,'UB013'::text,404,false,'There is no such transaction.'::text,'Correct the transaction''s id.'::text), (7,'ASSET_NOT_FOUND'::text,'UB010'::text,404,false,'There is no such asset.'::text,'Register the asset first, or correct its name.'::text), (8,'REWARD_NOT_FOUND'::text,'UB014'::text,404,true,'This reward does not exist.'::text,'Reload the list of rewards.'::text), (9,'SELF_TRANSFER'::text,'UB021'::text,422,true,'A wallet cannot pay itself.'::text,'Name another wallet as the payee.'::text), (10,'SELF_PURCHASE'::text,'UB020'::text,403,true,'Cannot purchase your own reward.'::text,'Choose a reward that somebody else created.'::text), (11,'ALREADY_COLLECTED'::text,'UB022'::text,409,true,'You have already collected this reward.'::text,'Find it in your collected rewards.'::text), (12,'REWARD_INACTIVE'::text,'UB023'::text,409,true,'This reward is not on sale.'::text,'Reload the list of rewards.'::text), (13,'PRICE_CHANGED'::text,'UB024'::text,409,true,'The price changed since you saw it.'::text,'Show the new price and ask again.'::text), (14,'HOLD_ENDED'::text,'UB030'::text,409,true,'This hold has already ended.'::text,'Look at the hold: it was captured, released or has expired.'::text), (15,'HOLD_EXCEEDED'::text,'UB031'::text,409,true,'More would be captured than the hold has left.'::text,'Capture no more than what is left, or choose an over-run policy.'::text), (16,'NOT_REFUNDABLE'::text,'UB032'::text,409,true,'This transaction moved nothing that could be refunded.'::text,'Refund the transaction that charged the wallet.'::text), (17,'REFUND_EXCEEDED'::text,'UB033'::text,409,true,'More would be refunded than was charged.'::text,'Refund no more than what is left of the charge.'::text), (18,'EXTERNAL_ID_TAKEN'::text,'UB007'::text,409,true,'This external transaction was credited before.'::text,'Look the transaction up by its external id; it is credited only once.'::text), (19,'BUSY'::text,'UB004'::text,503,false,'Too many requests want the same wallet right now.'::text,'Send the same request again with the same key after a moment.'::text), (20,'WALLET_NOT_FOUND'::text,'UB011'::text,404,true,'There is no such wallet.'::text,'Grant something to the owner first, or correct the owner''s id.'::text), (21,'WALLET_CLOSED'::text,'UB041'::text,403,true,'This wallet is closed.'::text,'Use another wallet.'::text), (22,'WALLET_FROZEN'::text,'UB040'::text,403,true,'This wallet is frozen.'::text,'Ask the operator why, and to open it again.'::text), (23,'WALLET_NOT_EMPTY'::text,'UB042'::text,409,true,'A wallet with a balance, a hold or a debt cannot be closed.'::text,'Empty the wallet first.'::text), (24,'INSUFFICIENT_FUNDS'::text,'UB050'::text,402,true,'Not enough is available in this wallet.'::text,'Add credits, then try again with a new key.'::text), (25,'BALANCE_LIMIT'::text,'UB051'::text,409,true,'The balance would grow beyond what this wallet can hold.'::text,'Move something out of the wallet first.'::text)) "*VALUES*";

--
-- Name: VIEW refusal; Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON VIEW bursar.refusal IS 'The ways to be refused, in order of precedence.';

--
-- Name: statement; Type: VIEW; Schema: bursar; Owner: -
--

CREATE VIEW bursar.statement WITH (security_invoker='true') AS
 SELECT e.owner_id,
    e.asset,
    e.seq,
    e.amount,
    e.balance_after,
    e.bucket,
    e.transaction_id,
    t.verb,
    t.reason,
    t.corrects,
    t.created_at
   FROM (bursar.entry e
     JOIN bursar.transaction t ON ((t.id = e.transaction_id)))
  WHERE (e.seq IS NOT NULL);

--
-- Name: VIEW statement; Type: COMMENT; Schema: bursar; Owner: -
--

COMMENT ON VIEW bursar.statement IS 'Every entry of every wallet, with its transaction.';

--
-- Name: transaction_id_seq; Type: SEQUENCE; Schema: bursar; Owner: -
--

ALTER TABLE bursar.transaction ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME bursar.transaction_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: release; Type: TABLE; Schema: bursar_meta; Owner: -
--

CREATE TABLE bursar_meta.release (
    release bigint NOT NULL,
    direction text NOT NULL,
    rooms text[],
    bursar_version text NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    applied_by text DEFAULT SESSION_USER NOT NULL,
    CONSTRAINT release_direction_check CHECK ((direction = ANY (ARRAY['up'::text, 'down'::text])))
);

--
-- Name: COLUMN release.rooms; Type: COMMENT; Schema: bursar_meta; Owner: -
--

COMMENT ON COLUMN bursar_meta.release.rooms IS 'The rooms that were chosen; NULL means all there are. The latest row decides for later runs.';

--
-- Name: routine; Type: TABLE; Schema: bursar_meta; Owner: -
--

CREATE TABLE bursar_meta.routine (
    path text NOT NULL,
    release bigint NOT NULL,
    checksum text,
    text text,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT routine_check CHECK (((checksum IS NULL) = (text IS NULL)))
);

--
-- Name: step; Type: TABLE; Schema: bursar_meta; Owner: -
--

CREATE TABLE bursar_meta.step (
    number integer NOT NULL,
    name text NOT NULL,
    room text NOT NULL,
    checksum text NOT NULL,
    release bigint NOT NULL,
    applied_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    applied_by text DEFAULT SESSION_USER NOT NULL,
    duration_ms bigint NOT NULL,
    CONSTRAINT step_duration_ms_check CHECK ((duration_ms >= 0)),
    CONSTRAINT step_number_check CHECK ((number > 0))
);

--
-- Name: collected_rewards; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.collected_rewards (
    reward_id uuid NOT NULL,
    collector_id uuid NOT NULL,
    price bigint NOT NULL,
    transaction_id bigint NOT NULL,
    collected_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='50000', autovacuum_vacuum_insert_scale_factor='0', autovacuum_freeze_min_age='0');

--
-- Name: credit_transactions; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.credit_transactions WITH (security_invoker='true') AS
 SELECT c.user_id,
    e.amount,
    t.verb AS type,
    t.reason,
    t.id AS reference,
    e.balance_after,
    t.created_at
   FROM ((public.user_credits c
     JOIN bursar.entry e ON (((e.owner_id = (c.user_id)::text) AND (e.asset = 'credit'::text) AND (e.seq IS NOT NULL))))
     JOIN bursar.transaction t ON ((t.id = e.transaction_id)));

--
-- Name: VIEW credit_transactions; Type: COMMENT; Schema: public; Owner: -
--

COMMENT ON VIEW public.credit_transactions IS 'Entries of credit wallets, with their transactions.';

--
-- Name: rewards; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.rewards (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    creator_id uuid NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    cost bigint NOT NULL,
    is_active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT rewards_cost_range CHECK (((cost >= 1) AND (cost <= '1000000000000000'::bigint))),
    CONSTRAINT rewards_description_length CHECK ((length(description) <= 2000)),
    CONSTRAINT rewards_name_length CHECK (((length(name) >= 1) AND (length(name) <= 200)))
);

--
-- Name: asset asset_pkey; Type: CONSTRAINT; Schema: bursar; Owner: -
--

ALTER TABLE ONLY bursar.asset
    ADD CONSTRAINT asset_pkey PRIMARY KEY (asset);

--
-- Name: asset asset_store_key; Type: CONSTRAINT; Schema: bursar; Owner: -
--

ALTER TABLE ONLY bursar.asset
    ADD CONSTRAINT asset_store_key UNIQUE (store);

--
-- Name: entry entry_pkey; Type: CONSTRAINT; Schema: bursar; Owner: -
--

ALTER TABLE ONLY bursar.entry
    ADD CONSTRAINT entry_pkey PRIMARY KEY (transaction_id, line);

--
-- Name: external_reference external_reference_pkey; Type: CONSTRAINT; Schema: bursar; Owner: -
--

ALTER TABLE ONLY bursar.external_reference
    ADD CONSTRAINT external_reference_pkey PRIMARY KEY (provider, account, mode, external_id);

--
-- Name: gate gate_pkey; Type: CONSTRAINT; Schema: bursar; Owner: -
--

ALTER TABLE ONLY bursar.gate
    ADD CONSTRAINT gate_pkey PRIMARY KEY (only_row);

--
-- Name: hold hold_pkey; Type: CONSTRAINT; Schema: bursar; Owner: -
--

ALTER TABLE ONLY bursar.hold
    ADD CONSTRAINT hold_pkey PRIMARY KEY (id);

--
-- Name: idempotency idempotency_pkey; Type: CONSTRAINT; Schema: bursar; Owner: -
--

ALTER TABLE ONLY bursar.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (claim);

--
-- Name: metric_minute metric_minute_pkey; Type: CONSTRAINT; Schema: bursar; Owner: -
--

ALTER TABLE ONLY bursar.metric_minute
    ADD CONSTRAINT metric_minute_pkey PRIMARY KEY (minute, process, verb, outcome);

--
-- Name: transaction transaction_pkey; Type: CONSTRAINT; Schema: bursar; Owner: -
--

ALTER TABLE ONLY bursar.transaction
    ADD CONSTRAINT transaction_pkey PRIMARY KEY (id);

--
-- Name: wallet wallet_pkey; Type: CONSTRAINT; Schema: bursar; Owner: -
--

ALTER TABLE ONLY bursar.wallet
    ADD CONSTRAINT wallet_pkey PRIMARY KEY (asset, owner_id);

--
-- Name: release release_pkey; Type: CONSTRAINT; Schema: bursar_meta; Owner: -
--

ALTER TABLE ONLY bursar_meta.release
    ADD CONSTRAINT release_pkey PRIMARY KEY (release);

--
-- Name: routine routine_pkey; Type: CONSTRAINT; Schema: bursar_meta; Owner: -
--

ALTER TABLE ONLY bursar_meta.routine
    ADD CONSTRAINT routine_pkey PRIMARY KEY (path, release);

--
-- Name: step step_name_key; Type: CONSTRAINT; Schema: bursar_meta; Owner: -
--

ALTER TABLE ONLY bursar_meta.step
    ADD CONSTRAINT step_name_key UNIQUE (name);

--
-- Name: step step_pkey; Type: CONSTRAINT; Schema: bursar_meta; Owner: -
--

ALTER TABLE ONLY bursar_meta.step
    ADD CONSTRAINT step_pkey PRIMARY KEY (number);

--
-- Name: collected_rewards collected_rewards_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.collected_rewards
    ADD CONSTRAINT collected_rewards_pkey PRIMARY KEY (collector_id, reward_id);

--
-- Name: rewards rewards_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.rewards
    ADD CONSTRAINT rewards_pkey PRIMARY KEY (id);

--
-- Name: user_credits user_credits_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.user_credits
    ADD CONSTRAINT user_credits_pkey PRIMARY KEY (user_id);

--
-- Name: entry_wallet_seq_key; Type: INDEX; Schema: bursar; Owner: -
--

CREATE UNIQUE INDEX entry_wallet_seq_key ON bursar.entry USING btree (owner_id, asset, seq) WHERE (seq IS NOT NULL);

--
-- Name: hold_open_expires_at_idx; Type: INDEX; Schema: bursar; Owner: -
--

CREATE INDEX hold_open_expires_at_idx ON bursar.hold USING btree (expires_at) WHERE (status = 'open'::text);

--
-- Name: hold_open_wallet_idx; Type: INDEX; Schema: bursar; Owner: -
--

CREATE INDEX hold_open_wallet_idx ON bursar.hold USING btree (owner_id, asset) WHERE (status = 'open'::text);

--
-- Name: transaction_corrects_idx; Type: INDEX; Schema: bursar; Owner: -
--

CREATE INDEX transaction_corrects_idx ON bursar.transaction USING btree (corrects) WHERE (corrects IS NOT NULL);

--
-- Name: collected_rewards_collected_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX collected_rewards_collected_at_idx ON public.collected_rewards USING brin (collected_at);

--
-- Name: collected_rewards_reward_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX collected_rewards_reward_id_idx ON public.collected_rewards USING btree (reward_id);

--
-- Name: rewards_active_created_at_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX rewards_active_created_at_idx ON public.rewards USING btree (created_at DESC) WHERE is_active;

--
-- Name: rewards_creator_id_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX rewards_creator_id_idx ON public.rewards USING btree (creator_id);

--
-- Name: wallet a_bursar_writers_delete; Type: TRIGGER; Schema: bursar; Owner: -
--

CREATE TRIGGER a_bursar_writers_delete BEFORE DELETE ON bursar.wallet FOR EACH ROW WHEN (((old.balance <> 0) AND (CURRENT_USER <> 'bursar_admin'::name))) EXECUTE FUNCTION bursar.refuse_raw_write();

--
-- Name: wallet a_bursar_writers_insert; Type: TRIGGER; Schema: bursar; Owner: -
--

CREATE TRIGGER a_bursar_writers_insert BEFORE INSERT ON bursar.wallet FOR EACH ROW WHEN (((new.balance <> 0) AND (CURRENT_USER <> 'bursar_admin'::name))) EXECUTE FUNCTION bursar.refuse_raw_write();

--
-- Name: wallet a_bursar_writers_update; Type: TRIGGER; Schema: bursar; Owner: -
--

CREATE TRIGGER a_bursar_writers_update BEFORE UPDATE OF balance, owner_id, bursar_held, bursar_seq, bursar_status ON bursar.wallet FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'bursar_admin'::name)) EXECUTE FUNCTION bursar.refuse_raw_write();

--
-- Name: entry append_only; Type: TRIGGER; Schema: bursar; Owner: -
--

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON bursar.entry FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();

--
-- Name: external_reference append_only; Type: TRIGGER; Schema: bursar; Owner: -
--

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON bursar.external_reference FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();

--
-- Name: transaction append_only; Type: TRIGGER; Schema: bursar; Owner: -
--

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON bursar.transaction FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change();

--
-- Name: wallet enforce_non_negative_balance; Type: TRIGGER; Schema: bursar; Owner: -
--

CREATE TRIGGER enforce_non_negative_balance BEFORE INSERT OR UPDATE ON bursar.wallet FOR EACH ROW WHEN ((new.balance < 0)) EXECUTE FUNCTION public.prevent_negative_balance('balance');

--
-- Name: wallet zz_bursar_raw_delete; Type: TRIGGER; Schema: bursar; Owner: -
--

CREATE TRIGGER zz_bursar_raw_delete BEFORE DELETE ON bursar.wallet FOR EACH ROW EXECUTE FUNCTION bursar.record_raw_write('', 'owner_id', 'balance');

--
-- Name: wallet zz_bursar_raw_insert; Type: TRIGGER; Schema: bursar; Owner: -
--

CREATE TRIGGER zz_bursar_raw_insert BEFORE INSERT ON bursar.wallet FOR EACH ROW EXECUTE FUNCTION bursar.record_raw_write('', 'owner_id', 'balance');

--
-- Name: wallet zz_bursar_raw_inserted; Type: TRIGGER; Schema: bursar; Owner: -
--

CREATE TRIGGER zz_bursar_raw_inserted AFTER INSERT ON bursar.wallet FOR EACH ROW EXECUTE FUNCTION bursar.record_raw_insert('', 'owner_id', 'balance');

--
-- Name: wallet zz_bursar_raw_update; Type: TRIGGER; Schema: bursar; Owner: -
--

CREATE TRIGGER zz_bursar_raw_update BEFORE UPDATE ON bursar.wallet FOR EACH ROW WHEN (((new.bursar_seq = old.bursar_seq) AND (new.balance IS DISTINCT FROM old.balance))) EXECUTE FUNCTION bursar.record_raw_write('', 'owner_id', 'balance');

--
-- Name: wallet zz_bursar_raw_update_owner; Type: TRIGGER; Schema: bursar; Owner: -
--

CREATE TRIGGER zz_bursar_raw_update_owner BEFORE UPDATE OF owner_id ON bursar.wallet FOR EACH ROW WHEN ((new.owner_id IS DISTINCT FROM old.owner_id)) EXECUTE FUNCTION bursar.record_raw_write('', 'owner_id', 'balance');

--
-- Name: wallet zz_bursar_truncate; Type: TRIGGER; Schema: bursar; Owner: -
--

CREATE TRIGGER zz_bursar_truncate BEFORE TRUNCATE ON bursar.wallet FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_truncate();

--
-- Name: rewards a_bursar_gate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER a_bursar_gate BEFORE INSERT OR DELETE OR UPDATE ON public.rewards FOR EACH STATEMENT EXECUTE FUNCTION bursar.stop_at_closed_gate();

--
-- Name: user_credits a_bursar_writers_delete; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER a_bursar_writers_delete BEFORE DELETE ON public.user_credits FOR EACH ROW WHEN (((old.balance <> 0) AND (CURRENT_USER <> 'bursar_admin'::name))) EXECUTE FUNCTION bursar.refuse_raw_write();

--
-- Name: user_credits a_bursar_writers_insert; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER a_bursar_writers_insert BEFORE INSERT ON public.user_credits FOR EACH ROW WHEN (((new.balance <> 0) AND (CURRENT_USER <> 'bursar_admin'::name))) EXECUTE FUNCTION bursar.refuse_raw_write();

--
-- Name: user_credits a_bursar_writers_update; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER a_bursar_writers_update BEFORE UPDATE OF balance, user_id, bursar_held, bursar_seq, bursar_status ON public.user_credits FOR EACH STATEMENT WHEN ((CURRENT_USER <> 'bursar_admin'::name)) EXECUTE FUNCTION bursar.refuse_raw_write();

--
-- Name: user_credits enforce_non_negative_balance; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER enforce_non_negative_balance BEFORE INSERT OR UPDATE ON public.user_credits FOR EACH ROW WHEN ((new.balance < 0)) EXECUTE FUNCTION public.prevent_negative_balance('balance');

--
-- Name: user_credits zz_bursar_raw_delete; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER zz_bursar_raw_delete BEFORE DELETE ON public.user_credits FOR EACH ROW EXECUTE FUNCTION bursar.record_raw_write('credit', 'user_id', 'balance');

--
-- Name: user_credits zz_bursar_raw_insert; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER zz_bursar_raw_insert BEFORE INSERT ON public.user_credits FOR EACH ROW EXECUTE FUNCTION bursar.record_raw_write('credit', 'user_id', 'balance');

--
-- Name: user_credits zz_bursar_raw_inserted; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER zz_bursar_raw_inserted AFTER INSERT ON public.user_credits FOR EACH ROW EXECUTE FUNCTION bursar.record_raw_insert('credit', 'user_id', 'balance');

--
-- Name: user_credits zz_bursar_raw_update; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER zz_bursar_raw_update BEFORE UPDATE ON public.user_credits FOR EACH ROW WHEN (((new.bursar_seq = old.bursar_seq) AND (new.balance IS DISTINCT FROM old.balance))) EXECUTE FUNCTION bursar.record_raw_write('credit', 'user_id', 'balance');

--
-- Name: user_credits zz_bursar_raw_update_owner; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER zz_bursar_raw_update_owner BEFORE UPDATE OF user_id ON public.user_credits FOR EACH ROW WHEN ((new.user_id IS DISTINCT FROM old.user_id)) EXECUTE FUNCTION bursar.record_raw_write('credit', 'user_id', 'balance');

--
-- Name: user_credits zz_bursar_truncate; Type: TRIGGER; Schema: public; Owner: -
--

CREATE TRIGGER zz_bursar_truncate BEFORE TRUNCATE ON public.user_credits FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_truncate();

--
-- Name: wallet wallet_asset_fkey; Type: FK CONSTRAINT; Schema: bursar; Owner: -
--

ALTER TABLE ONLY bursar.wallet
    ADD CONSTRAINT wallet_asset_fkey FOREIGN KEY (asset) REFERENCES bursar.asset(asset);

--
-- Name: routine routine_release_fkey; Type: FK CONSTRAINT; Schema: bursar_meta; Owner: -
--

ALTER TABLE ONLY bursar_meta.routine
    ADD CONSTRAINT routine_release_fkey FOREIGN KEY (release) REFERENCES bursar_meta.release(release);

--
-- Name: step step_release_fkey; Type: FK CONSTRAINT; Schema: bursar_meta; Owner: -
--

ALTER TABLE ONLY bursar_meta.step
    ADD CONSTRAINT step_release_fkey FOREIGN KEY (release) REFERENCES bursar_meta.release(release);

--
-- Name: collected_rewards collected_rewards_reward_id_fkey; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.collected_rewards
    ADD CONSTRAINT collected_rewards_reward_id_fkey FOREIGN KEY (reward_id) REFERENCES public.rewards(id);

--
-- Name: asset; Type: ROW SECURITY; Schema: bursar; Owner: -
--

ALTER TABLE bursar.asset ENABLE ROW LEVEL SECURITY;

--
-- Name: entry; Type: ROW SECURITY; Schema: bursar; Owner: -
--

ALTER TABLE bursar.entry ENABLE ROW LEVEL SECURITY;

--
-- Name: entry entry_read; Type: POLICY; Schema: bursar; Owner: -
--

CREATE POLICY entry_read ON bursar.entry FOR SELECT TO authenticated USING ((owner_id = ( SELECT (auth.uid())::text AS uid)));

--
-- Name: external_reference; Type: ROW SECURITY; Schema: bursar; Owner: -
--

ALTER TABLE bursar.external_reference ENABLE ROW LEVEL SECURITY;

--
-- Name: gate; Type: ROW SECURITY; Schema: bursar; Owner: -
--

ALTER TABLE bursar.gate ENABLE ROW LEVEL SECURITY;

--
-- Name: hold; Type: ROW SECURITY; Schema: bursar; Owner: -
--

ALTER TABLE bursar.hold ENABLE ROW LEVEL SECURITY;

--
-- Name: idempotency; Type: ROW SECURITY; Schema: bursar; Owner: -
--

ALTER TABLE bursar.idempotency ENABLE ROW LEVEL SECURITY;

--
-- Name: metric_minute; Type: ROW SECURITY; Schema: bursar; Owner: -
--

ALTER TABLE bursar.metric_minute ENABLE ROW LEVEL SECURITY;

--
-- Name: asset service_read; Type: POLICY; Schema: bursar; Owner: -
--

CREATE POLICY service_read ON bursar.asset FOR SELECT TO service_role, bursar_operator, bursar_service USING (true);

--
-- Name: entry service_read; Type: POLICY; Schema: bursar; Owner: -
--

CREATE POLICY service_read ON bursar.entry FOR SELECT TO service_role, bursar_operator, bursar_service USING (true);

--
-- Name: external_reference service_read; Type: POLICY; Schema: bursar; Owner: -
--

CREATE POLICY service_read ON bursar.external_reference FOR SELECT TO service_role, bursar_operator, bursar_service USING (true);

--
-- Name: gate service_read; Type: POLICY; Schema: bursar; Owner: -
--

CREATE POLICY service_read ON bursar.gate FOR SELECT TO service_role, bursar_operator, bursar_service USING (true);

--
-- Name: hold service_read; Type: POLICY; Schema: bursar; Owner: -
--

CREATE POLICY service_read ON bursar.hold FOR SELECT TO service_role, bursar_operator, bursar_service USING (true);

--
-- Name: idempotency service_read; Type: POLICY; Schema: bursar; Owner: -
--

CREATE POLICY service_read ON bursar.idempotency FOR SELECT TO service_role, bursar_operator, bursar_service USING (true);

--
-- Name: metric_minute service_read; Type: POLICY; Schema: bursar; Owner: -
--

CREATE POLICY service_read ON bursar.metric_minute FOR SELECT TO service_role, bursar_operator, bursar_service USING (true);

--
-- Name: transaction service_read; Type: POLICY; Schema: bursar; Owner: -
--

CREATE POLICY service_read ON bursar.transaction FOR SELECT TO service_role, bursar_operator, bursar_service USING (true);

--
-- Name: wallet service_read; Type: POLICY; Schema: bursar; Owner: -
--

CREATE POLICY service_read ON bursar.wallet FOR SELECT TO service_role, bursar_operator, bursar_service USING (true);

--
-- Name: transaction; Type: ROW SECURITY; Schema: bursar; Owner: -
--

ALTER TABLE bursar.transaction ENABLE ROW LEVEL SECURITY;

--
-- Name: transaction transaction_read; Type: POLICY; Schema: bursar; Owner: -
--

CREATE POLICY transaction_read ON bursar.transaction FOR SELECT TO authenticated USING ((EXISTS ( SELECT
   FROM bursar.entry e
  WHERE ((e.transaction_id = transaction.id) AND (e.owner_id = ( SELECT (auth.uid())::text AS uid))))));

--
-- Name: wallet; Type: ROW SECURITY; Schema: bursar; Owner: -
--

ALTER TABLE bursar.wallet ENABLE ROW LEVEL SECURITY;

--
-- Name: collected_rewards; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.collected_rewards ENABLE ROW LEVEL SECURITY;

--
-- Name: collected_rewards collected_rewards_read; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY collected_rewards_read ON public.collected_rewards FOR SELECT TO authenticated USING ((collector_id = ( SELECT auth.uid() AS uid)));

--
-- Name: collected_rewards collected_rewards_service; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY collected_rewards_service ON public.collected_rewards FOR SELECT TO service_role, bursar_operator USING (true);

--
-- Name: rewards; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.rewards ENABLE ROW LEVEL SECURITY;

--
-- Name: rewards rewards_change; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY rewards_change ON public.rewards FOR UPDATE TO authenticated USING ((creator_id = ( SELECT auth.uid() AS uid))) WITH CHECK ((creator_id = ( SELECT auth.uid() AS uid)));

--
-- Name: rewards rewards_create; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY rewards_create ON public.rewards FOR INSERT TO authenticated WITH CHECK ((creator_id = ( SELECT auth.uid() AS uid)));

--
-- Name: rewards rewards_read; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY rewards_read ON public.rewards FOR SELECT TO anon USING (is_active);

--
-- Name: rewards rewards_read_own; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY rewards_read_own ON public.rewards FOR SELECT TO authenticated USING ((is_active OR (creator_id = ( SELECT auth.uid() AS uid)) OR (EXISTS ( SELECT
   FROM public.collected_rewards c
  WHERE ((c.reward_id = rewards.id) AND (c.collector_id = ( SELECT auth.uid() AS uid)))))));

--
-- Name: rewards rewards_service; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY rewards_service ON public.rewards TO service_role, bursar_operator USING (true) WITH CHECK (true);

--
-- Name: user_credits; Type: ROW SECURITY; Schema: public; Owner: -
--

ALTER TABLE public.user_credits ENABLE ROW LEVEL SECURITY;

--
-- Name: user_credits user_credits_read; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY user_credits_read ON public.user_credits FOR SELECT TO authenticated USING ((user_id = ( SELECT auth.uid() AS uid)));

--
-- Name: user_credits user_credits_service; Type: POLICY; Schema: public; Owner: -
--

CREATE POLICY user_credits_service ON public.user_credits TO service_role, bursar_operator USING (true) WITH CHECK (true);

--
-- Name: SCHEMA auth; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA auth TO anon;
GRANT USAGE ON SCHEMA auth TO authenticated;
GRANT USAGE ON SCHEMA auth TO service_role;
GRANT USAGE ON SCHEMA auth TO bursar_service;
GRANT USAGE ON SCHEMA auth TO bursar_operator;

--
-- Name: SCHEMA bursar; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA bursar TO anon;
GRANT USAGE ON SCHEMA bursar TO authenticated;
GRANT USAGE ON SCHEMA bursar TO service_role;
GRANT USAGE ON SCHEMA bursar TO bursar_service;
GRANT USAGE ON SCHEMA bursar TO bursar_operator;

--
-- Name: SCHEMA public; Type: ACL; Schema: -; Owner: -
--

GRANT USAGE ON SCHEMA public TO anon;
GRANT USAGE ON SCHEMA public TO authenticated;
GRANT USAGE ON SCHEMA public TO service_role;
GRANT USAGE ON SCHEMA public TO bursar_service;
GRANT USAGE ON SCHEMA public TO bursar_operator;

--
-- Name: TABLE entry; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT ON TABLE bursar.entry TO authenticated;
GRANT SELECT ON TABLE bursar.entry TO service_role;
GRANT SELECT ON TABLE bursar.entry TO bursar_service;
GRANT SELECT ON TABLE bursar.entry TO bursar_operator;

--
-- Name: TABLE idempotency; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT ON TABLE bursar.idempotency TO service_role;
GRANT SELECT ON TABLE bursar.idempotency TO bursar_service;
GRANT SELECT ON TABLE bursar.idempotency TO bursar_operator;

--
-- Name: TABLE transaction; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT ON TABLE bursar.transaction TO service_role;
GRANT SELECT ON TABLE bursar.transaction TO bursar_service;
GRANT SELECT ON TABLE bursar.transaction TO bursar_operator;

--
-- Name: COLUMN transaction.id; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT(id) ON TABLE bursar.transaction TO authenticated;

--
-- Name: COLUMN transaction.verb; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT(verb) ON TABLE bursar.transaction TO authenticated;

--
-- Name: COLUMN transaction.asset; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT(asset) ON TABLE bursar.transaction TO authenticated;

--
-- Name: COLUMN transaction.reason; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT(reason) ON TABLE bursar.transaction TO authenticated;

--
-- Name: COLUMN transaction.corrects; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT(corrects) ON TABLE bursar.transaction TO authenticated;

--
-- Name: COLUMN transaction.created_at; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT(created_at) ON TABLE bursar.transaction TO authenticated;

--
-- Name: FUNCTION jwt(); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.jwt() FROM PUBLIC;
GRANT ALL ON FUNCTION auth.jwt() TO anon;
GRANT ALL ON FUNCTION auth.jwt() TO authenticated;
GRANT ALL ON FUNCTION auth.jwt() TO service_role;
GRANT ALL ON FUNCTION auth.jwt() TO bursar_service;
GRANT ALL ON FUNCTION auth.jwt() TO bursar_operator;

--
-- Name: FUNCTION role(); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.role() FROM PUBLIC;
GRANT ALL ON FUNCTION auth.role() TO anon;
GRANT ALL ON FUNCTION auth.role() TO authenticated;
GRANT ALL ON FUNCTION auth.role() TO service_role;
GRANT ALL ON FUNCTION auth.role() TO bursar_service;
GRANT ALL ON FUNCTION auth.role() TO bursar_operator;

--
-- Name: FUNCTION uid(); Type: ACL; Schema: auth; Owner: -
--

REVOKE ALL ON FUNCTION auth.uid() FROM PUBLIC;
GRANT ALL ON FUNCTION auth.uid() TO anon;
GRANT ALL ON FUNCTION auth.uid() TO authenticated;
GRANT ALL ON FUNCTION auth.uid() TO service_role;
GRANT ALL ON FUNCTION auth.uid() TO bursar_service;
GRANT ALL ON FUNCTION auth.uid() TO bursar_operator;

--
-- Name: FUNCTION adjust(p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.adjust(p_requests jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.adjust(p_requests jsonb) TO service_role;
GRANT ALL ON FUNCTION bursar.adjust(p_requests jsonb) TO bursar_service;

--
-- Name: FUNCTION adjust_legs(q bursar.instruction); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.adjust_legs(q bursar.instruction) FROM PUBLIC;

--
-- Name: FUNCTION attach_guards(p_asset text, p_store regclass, p_owner_column name, p_balance_column name); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.attach_guards(p_asset text, p_store regclass, p_owner_column name, p_balance_column name) FROM PUBLIC;

--
-- Name: FUNCTION attempt(p_handler text, p_requests jsonb, p_verb text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.attempt(p_handler text, p_requests jsonb, p_verb text) FROM PUBLIC;

--
-- Name: FUNCTION batch(p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.batch(p_requests jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.batch(p_requests jsonb) TO service_role;
GRANT ALL ON FUNCTION bursar.batch(p_requests jsonb) TO bursar_service;

--
-- Name: FUNCTION build_choice(p_verb text, p_parameters text, p_returns text, p_branches text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.build_choice(p_verb text, p_parameters text, p_returns text, p_branches text) FROM PUBLIC;

--
-- Name: FUNCTION build_handlers(); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.build_handlers() FROM PUBLIC;

--
-- Name: FUNCTION build_store(p jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.build_store(p jsonb) FROM PUBLIC;

--
-- Name: FUNCTION build_stores(); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.build_stores() FROM PUBLIC;

--
-- Name: FUNCTION caller(); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.caller() FROM PUBLIC;

--
-- Name: FUNCTION caller_role(); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.caller_role() FROM PUBLIC;

--
-- Name: FUNCTION canonical_owner(p_owner_id text, p_asset text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.canonical_owner(p_owner_id text, p_asset text) FROM PUBLIC;

--
-- Name: FUNCTION capture(p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.capture(p_requests jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.capture(p_requests jsonb) TO service_role;
GRANT ALL ON FUNCTION bursar.capture(p_requests jsonb) TO bursar_service;

--
-- Name: FUNCTION capture_legs(q bursar.instruction); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.capture_legs(q bursar.instruction) FROM PUBLIC;

--
-- Name: FUNCTION carry(p_verb text, p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.carry(p_verb text, p_requests jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.carry(p_verb text, p_requests jsonb) TO service_role;
GRANT ALL ON FUNCTION bursar.carry(p_verb text, p_requests jsonb) TO bursar_service;

--
-- Name: FUNCTION carry_out(p_requests jsonb, p_wait boolean); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.carry_out(p_requests jsonb, p_wait boolean) FROM PUBLIC;

--
-- Name: FUNCTION claim(p_owner_id text, p_principal text, p_verb text, p_key text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.claim(p_owner_id text, p_principal text, p_verb text, p_key text) FROM PUBLIC;

--
-- Name: FUNCTION clock(); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.clock() FROM PUBLIC;

--
-- Name: FUNCTION count_before_repeat(p_names anyarray); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.count_before_repeat(p_names anyarray) FROM PUBLIC;

--
-- Name: FUNCTION decide(p_wallets bursar.wallet_state[], p_requests bursar.request[], p_legs bursar.leg[], p_sentences jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.decide(p_wallets bursar.wallet_state[], p_requests bursar.request[], p_legs bursar.leg[], p_sentences jsonb) FROM PUBLIC;

--
-- Name: FUNCTION done(p_transaction_id bigint, p_verb text, p_asset text, p_owner_id text, p_amount bigint, p_balance bigint, p_held bigint, p_owed bigint, p_extra json); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.done(p_transaction_id bigint, p_verb text, p_asset text, p_owner_id text, p_amount bigint, p_balance bigint, p_held bigint, p_owed bigint, p_extra json) FROM PUBLIC;

--
-- Name: FUNCTION enter_gate(); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.enter_gate() FROM PUBLIC;

--
-- Name: FUNCTION expire_holds(p_limit integer); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.expire_holds(p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.expire_holds(p_limit integer) TO service_role;
GRANT ALL ON FUNCTION bursar.expire_holds(p_limit integer) TO bursar_service;

--
-- Name: FUNCTION expire_lapsed(p_states bursar.wallet_state[]); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.expire_lapsed(p_states bursar.wallet_state[]) FROM PUBLIC;

--
-- Name: FUNCTION explain(p_owner_id text, p_asset text, p_limit integer); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.explain(p_owner_id text, p_asset text, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.explain(p_owner_id text, p_asset text, p_limit integer) TO service_role;
GRANT ALL ON FUNCTION bursar.explain(p_owner_id text, p_asset text, p_limit integer) TO bursar_service;
GRANT ALL ON FUNCTION bursar.explain(p_owner_id text, p_asset text, p_limit integer) TO bursar_operator;

--
-- Name: FUNCTION fingerprint(p_fields text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.fingerprint(p_fields text) FROM PUBLIC;

--
-- Name: FUNCTION forget_asset(p_asset text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.forget_asset(p_asset text) FROM PUBLIC;

--
-- Name: FUNCTION "freeze"(p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar."freeze"(p_requests jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar."freeze"(p_requests jsonb) TO service_role;
GRANT ALL ON FUNCTION bursar."freeze"(p_requests jsonb) TO bursar_service;

--
-- Name: FUNCTION freeze_legs(q bursar.instruction); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.freeze_legs(q bursar.instruction) FROM PUBLIC;

--
-- Name: FUNCTION "grant"(p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar."grant"(p_requests jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar."grant"(p_requests jsonb) TO service_role;
GRANT ALL ON FUNCTION bursar."grant"(p_requests jsonb) TO bursar_service;

--
-- Name: FUNCTION grant_legs(q bursar.instruction); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.grant_legs(q bursar.instruction) FROM PUBLIC;

--
-- Name: FUNCTION guard_store(p_asset text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.guard_store(p_asset text) FROM PUBLIC;

--
-- Name: FUNCTION handle(p_handler text, p_requests jsonb, p_wait boolean); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.handle(p_handler text, p_requests jsonb, p_wait boolean) FROM PUBLIC;

--
-- Name: FUNCTION handle_lone(p_handler text, p_request jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.handle_lone(p_handler text, p_request jsonb) FROM PUBLIC;

--
-- Name: FUNCTION hold(p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.hold(p_requests jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.hold(p_requests jsonb) TO service_role;
GRANT ALL ON FUNCTION bursar.hold(p_requests jsonb) TO bursar_service;

--
-- Name: FUNCTION hold_legs(q bursar.instruction); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.hold_legs(q bursar.instruction) FROM PUBLIC;

--
-- Name: FUNCTION is_printable(p_value text, p_max integer); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.is_printable(p_value text, p_max integer) FROM PUBLIC;

--
-- Name: FUNCTION is_text(p_value jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.is_text(p_value jsonb) FROM PUBLIC;

--
-- Name: FUNCTION is_external(p_value jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.is_external(p_value jsonb) FROM PUBLIC;

--
-- Name: FUNCTION is_uuid(p_value text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.is_uuid(p_value text) FROM PUBLIC;

--
-- Name: FUNCTION is_owner(p_owner_id text, p_owner_type text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.is_owner(p_owner_id text, p_owner_type text) FROM PUBLIC;

--
-- Name: FUNCTION is_whole(p_value jsonb, p_min bigint, p_max bigint); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.is_whole(p_value jsonb, p_min bigint, p_max bigint) FROM PUBLIC;

--
-- Name: FUNCTION refund_legs(q bursar.instruction); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.refund_legs(q bursar.instruction) FROM PUBLIC;

--
-- Name: FUNCTION release_legs(q bursar.instruction); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.release_legs(q bursar.instruction) FROM PUBLIC;

--
-- Name: FUNCTION spend_legs(q bursar.instruction); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.spend_legs(q bursar.instruction) FROM PUBLIC;

--
-- Name: FUNCTION transfer_legs(q bursar.instruction); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.transfer_legs(q bursar.instruction) FROM PUBLIC;

--
-- Name: FUNCTION legs(q bursar.instruction); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.legs(q bursar.instruction) FROM PUBLIC;

--
-- Name: FUNCTION lock_asset(p_asset text, p_owner_ids text[], p_wait boolean); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.lock_asset(p_asset text, p_owner_ids text[], p_wait boolean) FROM PUBLIC;

--
-- Name: FUNCTION lock_credit(p_owner_ids text[], p_wait boolean); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.lock_credit(p_owner_ids text[], p_wait boolean) FROM PUBLIC;

--
-- Name: FUNCTION lock_credit_owed(p_owner_ids text[], p_wait boolean); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.lock_credit_owed(p_owner_ids text[], p_wait boolean) FROM PUBLIC;

--
-- Name: FUNCTION lock_owners(p_asset text, p_owner_ids text[], p_wait boolean); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.lock_owners(p_asset text, p_owner_ids text[], p_wait boolean) FROM PUBLIC;

--
-- Name: FUNCTION lock_wallets(p_assets text[], p_owner_ids text[], p_wait boolean); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.lock_wallets(p_assets text[], p_owner_ids text[], p_wait boolean) FROM PUBLIC;

--
-- Name: FUNCTION lock_wallets_of(p_asset text, p_owner_ids text[], p_wait boolean); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.lock_wallets_of(p_asset text, p_owner_ids text[], p_wait boolean) FROM PUBLIC;

--
-- Name: FUNCTION look_asset(p_asset text, p_owner_id text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.look_asset(p_asset text, p_owner_id text) FROM PUBLIC;

--
-- Name: FUNCTION look_credit(p_owner_id text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.look_credit(p_owner_id text) FROM PUBLIC;

--
-- Name: FUNCTION look_credit_owed(p_owner_id text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.look_credit_owed(p_owner_id text) FROM PUBLIC;

--
-- Name: FUNCTION open_asset(p_asset text, p_owner_ids text[]); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.open_asset(p_asset text, p_owner_ids text[]) FROM PUBLIC;

--
-- Name: FUNCTION open_credit(p_owner_ids text[]); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.open_credit(p_owner_ids text[]) FROM PUBLIC;

--
-- Name: FUNCTION open_credit_owed(p_owner_ids text[]); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.open_credit_owed(p_owner_ids text[]) FROM PUBLIC;

--
-- Name: FUNCTION open_wallets(p_wallets jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.open_wallets(p_wallets jsonb) FROM PUBLIC;

--
-- Name: FUNCTION pay_credit(p_id bigint, p_verb text, p_payer text, p_payee text, p_amount bigint, p_bucket text, p_reason text, p_actor text, p_claim bytea, p_fingerprint bytea, p_extra json); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.pay_credit(p_id bigint, p_verb text, p_payer text, p_payee text, p_amount bigint, p_bucket text, p_reason text, p_actor text, p_claim bytea, p_fingerprint bytea, p_extra json) FROM PUBLIC;

--
-- Name: FUNCTION pay_credit_owed(p_id bigint, p_verb text, p_payer text, p_payee text, p_amount bigint, p_bucket text, p_reason text, p_actor text, p_claim bytea, p_fingerprint bytea, p_extra json); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.pay_credit_owed(p_id bigint, p_verb text, p_payer text, p_payee text, p_amount bigint, p_bucket text, p_reason text, p_actor text, p_claim bytea, p_fingerprint bytea, p_extra json) FROM PUBLIC;

--
-- Name: FUNCTION post(p_wallets bursar.wallet_state[], p_requests bursar.request[], p_legs bursar.leg[], p_sentences jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.post(p_wallets bursar.wallet_state[], p_requests bursar.request[], p_legs bursar.leg[], p_sentences jsonb) FROM PUBLIC;

--
-- Name: FUNCTION prune_idempotency(p_keep interval, p_limit integer); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.prune_idempotency(p_keep interval, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.prune_idempotency(p_keep interval, p_limit integer) TO service_role;
GRANT ALL ON FUNCTION bursar.prune_idempotency(p_keep interval, p_limit integer) TO bursar_service;

--
-- Name: FUNCTION purchase_reward(p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.purchase_reward(p_requests jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.purchase_reward(p_requests jsonb) TO service_role;
GRANT ALL ON FUNCTION bursar.purchase_reward(p_requests jsonb) TO bursar_service;

--
-- Name: FUNCTION purchase_reward_batch(p_requests jsonb, p_wait boolean); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.purchase_reward_batch(p_requests jsonb, p_wait boolean) FROM PUBLIC;

--
-- Name: FUNCTION purchase_reward_straight(q jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.purchase_reward_straight(q jsonb) FROM PUBLIC;

--
-- Name: FUNCTION raise_refusal(p_outcome json); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.raise_refusal(p_outcome json) FROM PUBLIC;

--
-- Name: FUNCTION read_hold(p_hold_id bigint); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.read_hold(p_hold_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.read_hold(p_hold_id bigint) TO service_role;
GRANT ALL ON FUNCTION bursar.read_hold(p_hold_id bigint) TO bursar_service;
GRANT ALL ON FUNCTION bursar.read_hold(p_hold_id bigint) TO bursar_operator;

--
-- Name: FUNCTION read_instructions(p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.read_instructions(p_requests jsonb) FROM PUBLIC;

--
-- Name: FUNCTION read_parents(p_in bursar.instruction[], p_wait boolean); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.read_parents(p_in bursar.instruction[], p_wait boolean) FROM PUBLIC;

--
-- Name: FUNCTION read_purchases(p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.read_purchases(p_requests jsonb) FROM PUBLIC;

--
-- Name: FUNCTION read_statement(p_owner_id text, p_asset text, p_before_seq bigint, p_limit integer); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.read_statement(p_owner_id text, p_asset text, p_before_seq bigint, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.read_statement(p_owner_id text, p_asset text, p_before_seq bigint, p_limit integer) TO service_role;
GRANT ALL ON FUNCTION bursar.read_statement(p_owner_id text, p_asset text, p_before_seq bigint, p_limit integer) TO bursar_service;
GRANT ALL ON FUNCTION bursar.read_statement(p_owner_id text, p_asset text, p_before_seq bigint, p_limit integer) TO bursar_operator;

--
-- Name: FUNCTION read_transaction(p_transaction_id bigint); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.read_transaction(p_transaction_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.read_transaction(p_transaction_id bigint) TO service_role;
GRANT ALL ON FUNCTION bursar.read_transaction(p_transaction_id bigint) TO bursar_service;
GRANT ALL ON FUNCTION bursar.read_transaction(p_transaction_id bigint) TO bursar_operator;

--
-- Name: FUNCTION read_wallet(p_owner_id text, p_asset text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.read_wallet(p_owner_id text, p_asset text) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.read_wallet(p_owner_id text, p_asset text) TO service_role;
GRANT ALL ON FUNCTION bursar.read_wallet(p_owner_id text, p_asset text) TO bursar_service;
GRANT ALL ON FUNCTION bursar.read_wallet(p_owner_id text, p_asset text) TO bursar_operator;

--
-- Name: FUNCTION reason_to_refuse(p_shortfall text, p_new_status text, p_need bigint, p_amount bigint, p_status text, p_balance bigint, p_held bigint, p_balance_max bigint, p_owed bigint); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.reason_to_refuse(p_shortfall text, p_new_status text, p_need bigint, p_amount bigint, p_status text, p_balance bigint, p_held bigint, p_balance_max bigint, p_owed bigint) FROM PUBLIC;

--
-- Name: FUNCTION record_metrics(p_rows jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.record_metrics(p_rows jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.record_metrics(p_rows jsonb) TO service_role;
GRANT ALL ON FUNCTION bursar.record_metrics(p_rows jsonb) TO bursar_service;

--
-- Name: FUNCTION record_raw(p_asset text, p_owner_id text, p_amount bigint, p_seq bigint, p_balance bigint, p_reason text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.record_raw(p_asset text, p_owner_id text, p_amount bigint, p_seq bigint, p_balance bigint, p_reason text) FROM PUBLIC;

--
-- Name: FUNCTION record_raw_insert(); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.record_raw_insert() FROM PUBLIC;

--
-- Name: FUNCTION record_raw_write(); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.record_raw_write() FROM PUBLIC;

--
-- Name: FUNCTION refund(p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.refund(p_requests jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.refund(p_requests jsonb) TO service_role;
GRANT ALL ON FUNCTION bursar.refund(p_requests jsonb) TO bursar_service;

--
-- Name: FUNCTION refuse_change(); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.refuse_change() FROM PUBLIC;

--
-- Name: FUNCTION refuse_raw_write(); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.refuse_raw_write() FROM PUBLIC;

--
-- Name: FUNCTION refuse_truncate(); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.refuse_truncate() FROM PUBLIC;

--
-- Name: FUNCTION refused(p_verb text, p_code text, p_details jsonb, p_sentence text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.refused(p_verb text, p_code text, p_details jsonb, p_sentence text) FROM PUBLIC;

--
-- Name: FUNCTION refused_all(p_requests jsonb, p_code text, p_verb text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.refused_all(p_requests jsonb, p_code text, p_verb text) FROM PUBLIC;

--
-- Name: FUNCTION register_asset(p_asset text, p_store regclass, p_owner_column name, p_balance_column name, p_debt_policy text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.register_asset(p_asset text, p_store regclass, p_owner_column name, p_balance_column name, p_debt_policy text) FROM PUBLIC;

--
-- Name: FUNCTION release(p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.release(p_requests jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.release(p_requests jsonb) TO service_role;
GRANT ALL ON FUNCTION bursar.release(p_requests jsonb) TO bursar_service;

--
-- Name: FUNCTION replayed(p_outcome json); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.replayed(p_outcome json) FROM PUBLIC;

--
-- Name: FUNCTION spend(p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.spend(p_requests jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.spend(p_requests jsonb) TO service_role;
GRANT ALL ON FUNCTION bursar.spend(p_requests jsonb) TO bursar_service;

--
-- Name: FUNCTION stop_at_closed_gate(); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.stop_at_closed_gate() FROM PUBLIC;

--
-- Name: FUNCTION transfer(p_requests jsonb); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.transfer(p_requests jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION bursar.transfer(p_requests jsonb) TO service_role;
GRANT ALL ON FUNCTION bursar.transfer(p_requests jsonb) TO bursar_service;

--
-- Name: FUNCTION with_verb(p_requests jsonb, p_verb text); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.with_verb(p_requests jsonb, p_verb text) FROM PUBLIC;

--
-- Name: FUNCTION write_asset(p_asset text, p_states bursar.wallet_state[]); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.write_asset(p_asset text, p_states bursar.wallet_state[]) FROM PUBLIC;

--
-- Name: FUNCTION write_credit(p_states bursar.wallet_state[]); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.write_credit(p_states bursar.wallet_state[]) FROM PUBLIC;

--
-- Name: FUNCTION write_credit_owed(p_states bursar.wallet_state[]); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.write_credit_owed(p_states bursar.wallet_state[]) FROM PUBLIC;

--
-- Name: FUNCTION write_parents(p_in bursar.instruction[], p_outcomes json[]); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.write_parents(p_in bursar.instruction[], p_outcomes json[]) FROM PUBLIC;

--
-- Name: FUNCTION write_wallets(p_states bursar.wallet_state[]); Type: ACL; Schema: bursar; Owner: -
--

REVOKE ALL ON FUNCTION bursar.write_wallets(p_states bursar.wallet_state[]) FROM PUBLIC;

--
-- Name: FUNCTION create_reward(p_name text, p_description text, p_cost bigint, p_creator_id uuid); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.create_reward(p_name text, p_description text, p_cost bigint, p_creator_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.create_reward(p_name text, p_description text, p_cost bigint, p_creator_id uuid) TO authenticated;
GRANT ALL ON FUNCTION public.create_reward(p_name text, p_description text, p_cost bigint, p_creator_id uuid) TO service_role;
GRANT ALL ON FUNCTION public.create_reward(p_name text, p_description text, p_cost bigint, p_creator_id uuid) TO bursar_service;

--
-- Name: FUNCTION prevent_negative_balance(); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.prevent_negative_balance() FROM PUBLIC;

--
-- Name: FUNCTION purchase_bounty(p_bounty_id uuid, p_collector_id uuid); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.purchase_bounty(p_bounty_id uuid, p_collector_id uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.purchase_bounty(p_bounty_id uuid, p_collector_id uuid) TO authenticated;
GRANT ALL ON FUNCTION public.purchase_bounty(p_bounty_id uuid, p_collector_id uuid) TO service_role;
GRANT ALL ON FUNCTION public.purchase_bounty(p_bounty_id uuid, p_collector_id uuid) TO bursar_service;

--
-- Name: FUNCTION purchase_reward(p_reward_id uuid, p_collector_id uuid, p_expected_price bigint); Type: ACL; Schema: public; Owner: -
--

REVOKE ALL ON FUNCTION public.purchase_reward(p_reward_id uuid, p_collector_id uuid, p_expected_price bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.purchase_reward(p_reward_id uuid, p_collector_id uuid, p_expected_price bigint) TO authenticated;
GRANT ALL ON FUNCTION public.purchase_reward(p_reward_id uuid, p_collector_id uuid, p_expected_price bigint) TO service_role;
GRANT ALL ON FUNCTION public.purchase_reward(p_reward_id uuid, p_collector_id uuid, p_expected_price bigint) TO bursar_service;

--
-- Name: TABLE asset; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT ON TABLE bursar.asset TO service_role;
GRANT SELECT ON TABLE bursar.asset TO bursar_service;
GRANT SELECT ON TABLE bursar.asset TO bursar_operator;

--
-- Name: TABLE wallet; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT ON TABLE bursar.wallet TO service_role;
GRANT SELECT ON TABLE bursar.wallet TO bursar_service;
GRANT SELECT ON TABLE bursar.wallet TO bursar_operator;

--
-- Name: TABLE user_credits; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.user_credits TO authenticated;
GRANT SELECT,DELETE ON TABLE public.user_credits TO service_role;
GRANT SELECT,DELETE ON TABLE public.user_credits TO bursar_operator;

--
-- Name: COLUMN user_credits.user_id; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(user_id),UPDATE(user_id) ON TABLE public.user_credits TO service_role;
GRANT INSERT(user_id),UPDATE(user_id) ON TABLE public.user_credits TO bursar_operator;

--
-- Name: COLUMN user_credits.balance; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(balance),UPDATE(balance) ON TABLE public.user_credits TO service_role;
GRANT INSERT(balance),UPDATE(balance) ON TABLE public.user_credits TO bursar_operator;

--
-- Name: COLUMN user_credits.created_at; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(created_at),UPDATE(created_at) ON TABLE public.user_credits TO service_role;
GRANT INSERT(created_at),UPDATE(created_at) ON TABLE public.user_credits TO bursar_operator;

--
-- Name: TABLE balance; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT ON TABLE bursar.balance TO service_role;
GRANT SELECT ON TABLE bursar.balance TO bursar_operator;

--
-- Name: TABLE external_reference; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT ON TABLE bursar.external_reference TO service_role;
GRANT SELECT ON TABLE bursar.external_reference TO bursar_service;
GRANT SELECT ON TABLE bursar.external_reference TO bursar_operator;

--
-- Name: TABLE gate; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT ON TABLE bursar.gate TO service_role;
GRANT SELECT ON TABLE bursar.gate TO bursar_service;
GRANT SELECT ON TABLE bursar.gate TO bursar_operator;

--
-- Name: TABLE hold; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT ON TABLE bursar.hold TO service_role;
GRANT SELECT ON TABLE bursar.hold TO bursar_service;
GRANT SELECT ON TABLE bursar.hold TO bursar_operator;

--
-- Name: TABLE metric_minute; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT ON TABLE bursar.metric_minute TO service_role;
GRANT SELECT ON TABLE bursar.metric_minute TO bursar_service;
GRANT SELECT ON TABLE bursar.metric_minute TO bursar_operator;

--
-- Name: TABLE refusal; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT ON TABLE bursar.refusal TO service_role;
GRANT SELECT ON TABLE bursar.refusal TO bursar_service;
GRANT SELECT ON TABLE bursar.refusal TO bursar_operator;

--
-- Name: TABLE statement; Type: ACL; Schema: bursar; Owner: -
--

GRANT SELECT ON TABLE bursar.statement TO authenticated;
GRANT SELECT ON TABLE bursar.statement TO service_role;
GRANT SELECT ON TABLE bursar.statement TO bursar_service;
GRANT SELECT ON TABLE bursar.statement TO bursar_operator;

--
-- Name: TABLE collected_rewards; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.collected_rewards TO authenticated;
GRANT SELECT ON TABLE public.collected_rewards TO service_role;
GRANT SELECT ON TABLE public.collected_rewards TO bursar_operator;

--
-- Name: TABLE credit_transactions; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.credit_transactions TO authenticated;
GRANT SELECT ON TABLE public.credit_transactions TO service_role;
GRANT SELECT ON TABLE public.credit_transactions TO bursar_operator;

--
-- Name: TABLE rewards; Type: ACL; Schema: public; Owner: -
--

GRANT SELECT ON TABLE public.rewards TO anon;
GRANT SELECT ON TABLE public.rewards TO authenticated;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rewards TO service_role;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.rewards TO bursar_operator;

--
-- Name: COLUMN rewards.creator_id; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(creator_id) ON TABLE public.rewards TO authenticated;

--
-- Name: COLUMN rewards.name; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(name),UPDATE(name) ON TABLE public.rewards TO authenticated;

--
-- Name: COLUMN rewards.description; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(description),UPDATE(description) ON TABLE public.rewards TO authenticated;

--
-- Name: COLUMN rewards.cost; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(cost),UPDATE(cost) ON TABLE public.rewards TO authenticated;

--
-- Name: COLUMN rewards.is_active; Type: ACL; Schema: public; Owner: -
--

GRANT INSERT(is_active),UPDATE(is_active) ON TABLE public.rewards TO authenticated;

--
-- PostgreSQL database dump complete
--
