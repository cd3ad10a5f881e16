-- P6: The guards of the seals are on: nobody changes or removes one unseen.
--
-- A finding names a trigger, key or row-level security that is missing or switched off. Nothing has
-- to be wrong yet: verify the seals, by a head that was kept elsewhere, then apply the migrations
-- again, or enable the trigger.
--
-- rows: SELECT count(*) FROM pg_catalog.pg_trigger WHERE NOT tgisinternal
-- needs: bursar.seal
SELECT m.what, jsonb_build_object('table', m.id, 'object', m.name) AS ids, m.expected, m.found,
    count(*) OVER () AS findings
FROM (
    SELECT CASE p.part WHEN 'trigger' THEN 'a guard is missing or switched off'
            WHEN 'key' THEN 'a unique index is missing or not valid'
            ELSE 'row-level security is off' END AS what,
        c.oid::regclass AS id, CASE p.part WHEN 'trigger' THEN 'trigger append_only'
            WHEN 'key' THEN 'index ' || c.relname || '_pkey' ELSE p.part END AS name,
        CASE p.part WHEN 'trigger' THEN 'calls bursar.refuse_change, enabled'
            WHEN 'key' THEN 'unique, valid' ELSE 'on' END AS expected,
        CASE p.part WHEN 'trigger' THEN coalesce('calls ' || t.tgfoid::regproc || ', '
                || CASE WHEN t.tgenabled IN ('O', 'A') THEN 'enabled' ELSE 'disabled' END
                || CASE WHEN t.tgtype <> 58 THEN ', at other times' ELSE '' END, 'nothing')
            WHEN 'key' THEN CASE WHEN i.indexrelid IS NULL THEN 'nothing' ELSE 'not valid' END
            ELSE 'off' END AS found,
        CASE p.part
            -- 58: before an update, a deletion or a truncation, once for the statement.
            WHEN 'trigger' THEN t.tgenabled IN ('O', 'A') AND t.tgtype = 58
                AND t.tgfoid = to_regproc('bursar.refuse_change')
            WHEN 'key' THEN i.indisunique AND i.indisvalid AND i.indisready
            ELSE c.relrowsecurity END AS is_on
    FROM pg_catalog.pg_class AS c
    CROSS JOIN unnest(ARRAY['trigger', 'key', 'row-level security']) AS p (part)
    LEFT JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = c.oid AND t.tgname = 'append_only'
    LEFT JOIN pg_catalog.pg_index AS i
        ON i.indexrelid = to_regclass('bursar.' || c.relname || '_pkey')
    WHERE c.relnamespace = 'bursar'::regnamespace
        AND c.relname IN ('seal', 'seal_block', 'seal_checkpoint')
) AS m
WHERE m.is_on IS NOT TRUE
ORDER BY m.id::text, m.name
LIMIT $1::bigint;
