-- Every wallet, wherever it lives, as the text of one query in place of the view bursar.balance.
-- The view is made when an asset is registered; the audit reads bursar.asset itself, so that a view
-- that was replaced hides no wallet. Stores that do not exist are left out; guards_are_on names
-- them. Columns: asset, owner_id, balance, held, seq, status.
SELECT coalesce(string_agg(format(
        'SELECT %L::text AS asset, %I::text COLLATE "default" AS owner_id,'
        ' %I::bigint AS balance,'
        ' bursar_held AS held, bursar_seq AS seq, bursar_status AS status FROM %s',
        a.asset, a.owner_column, a.balance_column, a.store), ' UNION ALL ' ORDER BY a.asset)
    || ' UNION ALL ', '')
    || 'SELECT asset, owner_id, balance, bursar_held AS held, bursar_seq AS seq,'
    ' bursar_status AS status FROM bursar.wallet'
FROM bursar.asset AS a
WHERE a.store IS NOT NULL AND (SELECT count(*) FROM pg_catalog.pg_attribute AS c
    WHERE c.attrelid = a.store AND NOT c.attisdropped AND c.attname IN (a.owner_column,
        a.balance_column, 'bursar_held', 'bursar_seq', 'bursar_status')) = 5;
