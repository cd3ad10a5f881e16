-- requires: adoption/open_rows.sql
-- requires: ledger/register_asset.sql
-- What is to be known of a table before it is adopted; nothing is changed.

-- What stands in the way of adopting a table, whatever its rows are, in sentences.
CREATE OR REPLACE FUNCTION bursar.read_obstacles(
    p_asset text, p_store regclass, p_owner_column text, p_balance_column text
) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    WITH t AS (
        SELECT c.*, o.attname AS o, b.attname AS b, o.attnotnull AS o_given,
            format_type(o.atttypid, NULL) AS o_type, format_type(b.atttypid, b.atttypmod) AS b_type,
            bursar.balance_max(b.atttypid, b.atttypmod) AS b_max,
            b.attgenerated <> '' OR b.attidentity <> '' AS b_made,
            coalesce(l.collisdeterministic, true) AS o_exact
        FROM pg_class AS c
        LEFT JOIN pg_attribute AS o ON o.attrelid = c.oid AND o.attnum > 0
            AND NOT o.attisdropped AND o.attname = p_owner_column
        LEFT JOIN pg_attribute AS b ON b.attrelid = c.oid AND b.attnum > 0
            AND NOT b.attisdropped AND b.attname = p_balance_column
        LEFT JOIN pg_collation AS l ON l.oid = o.attcollation
        WHERE c.oid = p_store
    )
    SELECT coalesce(array_agg(s.sentence ORDER BY s.n), '{}') FROM t CROSS JOIN LATERAL (VALUES
        (1, p_asset !~ '^[a-z][a-z0-9_]{0,39}$', format('%L is no name of an asset: small letters, '
            'digits and _, at most 40, a letter first.', p_asset)),
        (2, EXISTS (SELECT FROM bursar.asset WHERE asset = p_asset),
            format('There is an asset %s already.', p_asset)),
        (3, EXISTS (SELECT FROM pg_proc WHERE pronamespace = 'bursar'::regnamespace
                AND proname IN (SELECT v || '_' || p_asset || s
                    FROM unnest(ARRAY['lock', 'write', 'open', 'look', 'pay']) AS v,
                        unnest(ARRAY['', '_owed']) AS s)),
            format('The name %s is taken by functions of the ledger.', p_asset)),
        (4, EXISTS (SELECT FROM bursar.entry WHERE asset = p_asset) AND NOT EXISTS (
                SELECT FROM bursar.adoption WHERE asset = p_asset AND stage = 'given back'),
            format('The ledger has entries of an earlier asset %s: choose another name.', p_asset)),
        (5, EXISTS (SELECT FROM bursar.asset WHERE store = t.oid) OR EXISTS (SELECT
                FROM bursar.adoption
                WHERE store = t.oid AND stage NOT IN ('given back', 'closing')),
            format('%s is a store already.', p_store)),
        (6, t.relkind <> 'r', format('%s is %s, and only a plain table can be a store.', p_store,
            CASE t.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view'
                WHEN 'p' THEN 'partitioned' WHEN 'f' THEN 'a foreign table'
                ELSE 'no table' END)),
        (7, t.relpersistence <> 'p',
            format('%s is unlogged or temporary: its balances would not outlive a crash.',
                p_store)),
        (8, EXISTS (SELECT FROM pg_inherits WHERE t.oid IN (inhrelid, inhparent)),
            format('%s inherits or is inherited from, so no key holds over all of its rows.',
                p_store)),
        (9, EXISTS (SELECT FROM pg_rewrite WHERE ev_class = t.oid) AND t.relkind = 'r',
            format('%s has rewrite rules.', p_store)),
        (10, t.relnamespace::regnamespace::text ~ '^(pg_|information_schema$|bursar)',
            format('%s is not an app''s own table.', p_store)),
        (11, t.o IS NULL, format('%s has no column %s.', p_store, p_owner_column)),
        (12, t.b IS NULL, format('%s has no column %s.', p_store, p_balance_column)),
        (13, t.o_type NOT IN ('uuid', 'text', 'character varying'),
            format('The owners in %s are of type %s; a store''s are uuid, text or character '
                'varying.', t.o, t.o_type)),
        (14, NOT t.o_exact, format('%s compares by a collation that takes different texts for '
            'one.', t.o)),
        (15, NOT t.o_given, format('%s may be NULL. First: ALTER TABLE %s ALTER COLUMN %2$I SET '
            'NOT NULL (a validated CHECK (%2$I IS NOT NULL) beforehand spares the long lock).',
            t.o, coalesce(t.o, ''))),
        (16, t.b IS NOT NULL AND t.b_max IS NULL, format('The balances in %s are of type %s; a '
            'store''s are integer, bigint, or numeric(p,0) with p up to 18. Amounts are whole '
            'numbers of the smallest unit: add a column of such a type, and move over.',
            t.b, t.b_type)),
        (17, t.b_made, format('%s is a generated column.', t.b)),
        (18, t.o IS NOT NULL AND NOT EXISTS (SELECT FROM pg_index AS i
                JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attname = p_owner_column
                WHERE i.indrelid = t.oid AND i.indisunique AND i.indimmediate AND i.indisvalid
                    AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),
            format('%s has no unique key on %s alone, and an owner has one wallet. First: CREATE '
                'UNIQUE INDEX CONCURRENTLY ON %1$s (%2$I).', p_store, coalesce(t.o, ''))),
        (19, EXISTS (SELECT FROM pg_attribute WHERE attrelid = t.oid AND NOT attisdropped
                AND attname IN ('bursar_held', 'bursar_seq', 'bursar_status')),
            format('%s has columns of the ledger''s names, and nobody knows from when.', p_store)),
        (20, octet_length(t.relname || '_' || p_balance_column || '_non_negative') > 63,
            'The names of table and column are too long for that of the check made of them.'),
        (21, NOT pg_has_role(t.relowner, 'USAGE'),
            format('%s does not own %s.', current_user, p_store)),
        (22, (SELECT proowner FROM pg_proc WHERE oid = 'bursar.build_stores()'::regprocedure)
                <> (SELECT oid FROM pg_roles WHERE rolname = current_user),
            format('%s does not own the ledger''s functions: log in as who does.', current_user)),
        (23, row_security_active(t.oid),
            format('Row-level security of %s holds for its owner too.', p_store))
    ) AS s (n, stands, sentence) WHERE s.stands
$$;

COMMENT ON FUNCTION bursar.read_obstacles(text, regclass, text, text) IS
    'What stands in the way of adopting a table, in sentences.';
REVOKE ALL ON FUNCTION bursar.read_obstacles(text, regclass, text, text)
    FROM PUBLIC, anon, authenticated;

-- The rows: how many, their sum, and those no wallet can be opened with, by what keeps them.
CREATE OR REPLACE FUNCTION bursar.read_found_rows(
    p_store regclass, p_owner_column name, p_balance_column name
) RETURNS jsonb
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
DECLARE
    v_found jsonb;
BEGIN
    EXECUTE format('SELECT jsonb_build_object(''rows'', coalesce(sum(k.n), 0),
            ''sum'', coalesce(sum(k.total) FILTER (WHERE k.trouble IS NULL), 0),
            ''troubles'', coalesce(jsonb_object_agg(k.trouble, jsonb_build_object(
                ''count'', k.n, ''examples'', k.examples)) FILTER (WHERE k.trouble IS NOT NULL),
                ''{}''))
        FROM (SELECT f.trouble, count(*) AS n, sum(f.b) FILTER (WHERE f.trouble IS NULL) AS total,
                (array_agg(jsonb_build_object(''owner'', f.o, ''balance'', f.b))
                    FILTER (WHERE f.trouble IS NOT NULL))[1:5] AS examples
            FROM (SELECT %1$I::text AS o, %2$I AS b, bursar.found_row_trouble(
                %1$I::text, %2$I::numeric, 1000000000000000000) AS trouble FROM %3$s) AS f
            GROUP BY 1) AS k', p_owner_column, p_balance_column, p_store) INTO v_found;
    RETURN v_found;
END
$$;

COMMENT ON FUNCTION bursar.read_found_rows(regclass, name, name) IS
    'The rows of a table that may be adopted, and those no wallet can be opened with.';
REVOKE ALL ON FUNCTION bursar.read_found_rows(regclass, name, name)
    FROM PUBLIC, anon, authenticated;

-- What changes for whoever uses the table now, in sentences: who may write balances from then on,
-- and what meets the new columns.
CREATE OR REPLACE FUNCTION bursar.read_remarks(
    p_store regclass, p_owner_column name, p_balance_column name, p_writers text[]
) RETURNS text[]
LANGUAGE sql STABLE
SET search_path = pg_catalog, bursar, pg_temp
AS $$
    WITH writer AS (
        SELECT r.name, pg_has_role(r.id, 'bursar_operator', 'MEMBER')
            OR pg_has_role(r.id, 'service_role', 'MEMBER')
            OR pg_has_role(r.id, c.relowner, 'MEMBER')
            OR EXISTS (SELECT FROM unnest(p_writers) AS w
                WHERE pg_has_role(r.id, to_regrole(w), 'MEMBER')) AS recorded
        FROM pg_class AS c
        CROSS JOIN LATERAL (
            SELECT DISTINCT x.grantee AS id, CASE x.grantee WHEN 0 THEN 'PUBLIC'
                ELSE x.grantee::regrole::text END AS name
            FROM (SELECT (aclexplode(coalesce(c.relacl, acldefault('r', c.relowner)))).*
                UNION ALL SELECT (aclexplode(a.attacl)).* FROM pg_attribute AS a
                WHERE a.attrelid = c.oid AND a.attname = p_balance_column) AS x
            WHERE x.privilege_type IN ('INSERT', 'UPDATE', 'DELETE')
        ) AS r
        WHERE c.oid = p_store
    )
    SELECT array_agg(s.sentence ORDER BY s.n) FILTER (WHERE s.sentence IS NOT NULL) FROM (
        SELECT 1, 'Writes of balances by these roles become entries: '
            || string_agg(name, ', ' ORDER BY name) || '.' FROM writer WHERE recorded
        UNION ALL SELECT 2, 'These roles may write balances now and will be REFUSED: '
            || string_agg(name, ', ' ORDER BY name)
            || '. --writer ROLE has a role''s writes recorded instead.'
        FROM writer WHERE NOT recorded
        UNION ALL SELECT 3, 'Writers are refused in REPEATABLE READ and SERIALIZABLE transactions, '
            'owners cannot be renamed, TRUNCATE is refused.'
        UNION ALL SELECT 4, 'SELECT * has three more columns; sessions that prepared it may have '
            'to prepare it again.'
        UNION ALL SELECT 5, 'The table''s own triggers fire once for each row while it is opened: '
            || string_agg(quote_ident(tgname), ', ' ORDER BY tgname) || '.'
        FROM pg_trigger WHERE tgrelid = p_store AND NOT tgisinternal AND tgtype & 17 = 17
        UNION ALL SELECT 6, 'These triggers fire after the ledger''s and must not change a '
            || 'balance: ' || string_agg(quote_ident(tgname), ', ' ORDER BY tgname) || '.'
        FROM pg_trigger WHERE tgrelid = p_store AND NOT tgisinternal AND tgtype & 3 = 3
            AND tgname > 'zz_bursar_'
        UNION ALL SELECT 7, 'The ledger cannot open wallets of new owners, because these columns '
            'must be given: ' || string_agg(quote_ident(attname), ', ' ORDER BY attnum)
            || '. Grants to owners without a row fail until a row is there.'
        FROM pg_attribute WHERE attrelid = p_store AND attnum > 0 AND NOT attisdropped
            AND attnotnull AND NOT atthasdef AND attidentity = ''
            AND attname NOT IN (p_owner_column, p_balance_column)
        UNION ALL SELECT 8, 'Subscribers need the new columns first: the table is published by '
            || string_agg(quote_ident(p.pubname), ', ' ORDER BY p.pubname) || '.'
        FROM pg_publication_tables AS p
        WHERE format('%I.%I', p.schemaname, p.tablename)::regclass = p_store
        UNION ALL SELECT 9, format('%I and its owner''s name stay what they are; a check %I that '
            'is there already stays as it says.', p_balance_column, c.conname)
        FROM pg_constraint AS c JOIN pg_class AS t ON t.oid = c.conrelid
        WHERE c.conrelid = p_store
            AND c.conname = t.relname || '_' || p_balance_column || '_non_negative'
    ) AS s (n, sentence)
$$;

COMMENT ON FUNCTION bursar.read_remarks(regclass, name, name, text[]) IS
    'What adopting a table changes for those who use it, in sentences.';
REVOKE ALL ON FUNCTION bursar.read_remarks(regclass, name, name, text[])
    FROM PUBLIC, anon, authenticated;
