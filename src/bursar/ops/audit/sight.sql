-- What the audit's role cannot see in full: tables it may not read, and tables whose row-level
-- security may hide rows from it. An audit that sees half of the rows would find nothing wrong with
-- the other half, so it refuses to begin. A policy that is permissive and says `true` hides none.
SELECT c.oid::regclass::text AS name
FROM pg_catalog.pg_class AS c
WHERE (c.oid IN (to_regclass('bursar.asset'), to_regclass('bursar.wallet'),
        to_regclass('bursar.transaction'), to_regclass('bursar.entry'), to_regclass('bursar.hold'),
        to_regclass('bursar.idempotency'), to_regclass('bursar.external_reference'),
        to_regclass('bursar.inbox'), to_regclass('bursar.seal'), to_regclass('bursar.seal_block'),
        to_regclass('bursar.seal_checkpoint'), to_regclass('public.collected_rewards'),
        to_regclass('public.leads'), to_regclass('public.marketplace_purchases'),
        to_regclass('public.marketplace_purchase_items'), to_regclass('public.card_payments'),
        to_regclass('public.card_payouts'), to_regclass('public.card_refunds'),
        to_regclass('public.audit_logs'), to_regclass('public.skus'),
        to_regclass('public.audit_purchases'), to_regclass('public.purchase_claims'),
        to_regclass('public.booster_changes'), to_regclass('public.purchase_transfers'),
        to_regclass('public.claims_over_cap'), to_regclass('public.claim_queue'),
        to_regclass('public.generation_jobs'), to_regclass('public.generation_deductions'))
    OR c.oid IN (SELECT store FROM bursar.asset))
AND NOT (has_table_privilege(c.oid, 'SELECT') AND (NOT row_security_active(c.oid)
    OR (EXISTS (SELECT FROM pg_catalog.pg_policy AS p
            WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd IN ('r', '*')
                AND pg_get_expr(p.polqual, p.polrelid) = 'true'
                AND EXISTS (SELECT FROM unnest(p.polroles) AS r (id)
                    WHERE r.id = 0 OR pg_has_role(r.id, 'USAGE')))
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy AS p
            WHERE p.polrelid = c.oid AND NOT p.polpermissive AND p.polcmd IN ('r', '*')))))
ORDER BY 1;
