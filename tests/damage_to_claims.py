"""What somebody with every right could do to claims, purchases and boosters, and what names it."""

from tests.damage import Damage, altered

_CLAIMS, _PURCHASES = "public.purchase_claims", "public.audit_purchases"
_WALLETS, _BOOSTS = "public.user_wallet_balances", "public.booster_changes"
_TX = "jsonb_build_object('tx_id', tx_id)"
_USER = "jsonb_build_object('user_id', user_id)"
_MOVED = "jsonb_build_object('transaction_id', id)"
_GRANTED = (
    f"(SELECT min(transaction_id) FROM {_CLAIMS} WHERE status = 'granted' AND amount = 3"
    " AND transaction_id IS NOT NULL)"
)
_BOOSTED = (
    f"(SELECT min(tx_id) FROM {_BOOSTS} WHERE cause = 'claim' AND tx_id IN"
    f" (SELECT tx_id FROM {_CLAIMS} WHERE status = 'granted'))"
)
_TOOK = "(SELECT min(id) FROM bursar.transaction WHERE verb = 'refund_claim')"

DAMAGE_TO_CLAIMS: tuple[Damage, ...] = (
    Damage(
        "claims_match_transactions",
        "a transaction granted what nobody claimed",
        f"DELETE FROM {_CLAIMS} WHERE transaction_id = {_GRANTED}"
        " RETURNING jsonb_build_object('transaction_id', transaction_id)",
    ),
    Damage(
        "claims_match_transactions",  # a second grant
        "a transaction granted what nobody claimed",
        "INSERT INTO bursar.transaction (verb, asset, owner_id, amount, reason, actor, created_at)"
        " SELECT verb, asset, owner_id, amount, reason, actor, created_at FROM bursar.transaction"
        f" WHERE id = {_GRANTED} RETURNING {_MOVED}",
    ),
    Damage(
        "claims_match_transactions",
        "a booster was given without a claim",
        f"DELETE FROM {_CLAIMS} WHERE tx_id = {_BOOSTED} RETURNING {_TX}",
    ),
    Damage(
        "claims_match_transactions",
        "what was taken back was never claimed",
        f"UPDATE bursar.transaction SET reason = 'another' WHERE id = {_TOOK} RETURNING {_MOVED}",
    ),
    Damage(
        "claims_match_transactions",
        "the transaction of a claim is not there",
        f"DELETE FROM bursar.transaction WHERE id = {_GRANTED} RETURNING {_MOVED}",
    ),
    Damage(
        "claims_match_transactions",
        "several claims have one transaction",
        f"UPDATE {_CLAIMS} SET transaction_id = {_GRANTED} WHERE transaction_id IS NOT NULL"
        " RETURNING jsonb_build_object('tx_id', tx_id, 'transaction_id', transaction_id)",
    ),
    Damage(
        "claims_match_transactions",
        "a claim is not what its transaction says",
        f"UPDATE {_CLAIMS} SET amount = amount + 1 WHERE transaction_id = {_GRANTED}"
        f" RETURNING {_TX}",
    ),
    Damage(
        "claims_match_transactions",
        "a claim was not granted as it says",
        f"UPDATE {_CLAIMS} SET status = 'granted' WHERE status = 'recorded' RETURNING {_TX}",
    ),
    Damage(
        "claims_match_transactions",
        "a claim remembers the answer of another",
        f'UPDATE {_CLAIMS} SET outcome = (outcome::jsonb || \'{{"user_id": "thief"}}\')::json'
        f" WHERE status = 'granted' RETURNING {_TX}",
    ),
    Damage(
        "claims_match_transactions",
        "a granted claim gave nothing",
        f"DELETE FROM {_BOOSTS} WHERE tx_id = {_BOOSTED} RETURNING {_TX}",
    ),
    Damage(
        "claims_match_transactions",
        "a purchase was granted twice",
        f"INSERT INTO {_BOOSTS} SELECT user_id, seq + 1000, until_before, until_after, cause,"
        f" tx_id, actor, changed_at FROM {_BOOSTS} WHERE tx_id = {_BOOSTED} AND cause = 'claim'"
        f" RETURNING {_TX}",
    ),
    Damage(
        "claims_match_transactions",
        "a booster went to somebody else",
        f"UPDATE {_BOOSTS} SET user_id = 'thief' WHERE tx_id = {_BOOSTED} AND cause = 'claim'"
        f" RETURNING {_TX}",
    ),
    Damage(
        "claims_match_transactions",
        "a refunded claim kept what it gave",
        f"UPDATE {_CLAIMS} SET status = 'refunded' WHERE transaction_id = {_GRANTED}"
        f" RETURNING {_TX}",
    ),
    Damage(
        "claims_match_transactions",
        "more was taken back than a claim gave",
        f"UPDATE {_CLAIMS} SET status = 'granted' WHERE status = 'refunded'"
        f" AND transaction_id IS NOT NULL RETURNING {_TX}",
    ),
    Damage(
        "claims_match_transactions",
        "a claim was granted again without a refund",
        "DELETE FROM bursar.transaction WHERE verb = 'refund_claim' AND reason IN"
        " (SELECT reason FROM bursar.transaction WHERE verb IN ('refund_claim', 'regrant_claim')"
        " GROUP BY reason HAVING count(*) = 2)"
        " RETURNING jsonb_build_object('tx_id', split_part(reason, ' ', 1))",
    ),
    Damage(
        "claims_match_transactions",
        "what was taken back is not what was claimed",
        f"UPDATE bursar.transaction SET amount = amount + 1 WHERE id = {_TOOK}"
        " RETURNING jsonb_build_object('tx_id', split_part(reason, ' ', 1))",
    ),
    Damage(
        "boosters_match_changes",
        "a booster does not end as its last change says",
        f"UPDATE {_WALLETS} SET xp_booster_until = xp_booster_until + interval '7 days'"
        f" WHERE xp_booster_until IS NOT NULL RETURNING {_USER}",
    ),
    Damage(
        "boosters_match_changes",
        "the changes of a booster are not as many as its wallet says",
        f"UPDATE {_WALLETS} SET booster_seq = booster_seq + 1 RETURNING {_USER}",
    ),
    Damage(
        "boosters_match_changes",
        "a booster that runs has no wallet",
        f"DELETE FROM {_WALLETS} WHERE xp_booster_until IS NOT NULL RETURNING {_USER}",
    ),
    Damage(
        "boosters_match_changes",  # one in the middle is gone
        "the changes of a booster do not follow one another",
        f"DELETE FROM {_BOOSTS} WHERE seq = 2 AND user_id IN (SELECT user_id FROM {_BOOSTS}"
        f" WHERE seq = 3) RETURNING jsonb_build_object('user_id', user_id, 'seq', 3)",
    ),
    Damage(
        "boosters_match_changes",  # one in the middle says something else
        "the changes of a booster do not follow one another",
        f"UPDATE {_BOOSTS} SET until_before = until_before + interval '1 microsecond'"
        f" WHERE seq = 2 AND until_before IS NOT NULL"
        " RETURNING jsonb_build_object('user_id', user_id, 'seq', seq)",
    ),
    Damage(
        "shields_match_claims",
        "shields are not what claims come to",
        f"UPDATE {_WALLETS} SET streakshield_count = streakshield_count + 1 RETURNING {_USER}",
    ),
    Damage(
        "shields_match_claims",  # a claim that nobody gave anything for
        "shields are not what claims come to",
        f"INSERT INTO {_CLAIMS} (tx_id, user_id, sku)"
        f" VALUES ('invented', 'nobody', 'consumable_streakshield_1') RETURNING {_USER}",
    ),
    Damage(
        "claims_belong_to_their_buyers",
        "a granted claim has no purchase",
        f"DELETE FROM {_PURCHASES} WHERE tx_id IN (SELECT tx_id FROM {_CLAIMS}"
        f" WHERE status = 'granted') RETURNING {_TX}",
    ),
    Damage(
        "claims_belong_to_their_buyers",
        "a claim is of another product than was bought",
        f"UPDATE {_PURCHASES} SET sku = 'another' WHERE tx_id IN (SELECT tx_id FROM {_CLAIMS}"
        f" WHERE status = 'granted') RETURNING {_TX}",
    ),
    Damage(
        "claims_belong_to_their_buyers",
        "a purchase was claimed by somebody who never had it",
        f"UPDATE {_CLAIMS} SET user_id = 'thief' WHERE status = 'granted' RETURNING {_TX}",
    ),
    Damage(
        "claims_belong_to_their_buyers",
        "a refunded purchase is still granted",
        f"UPDATE {_PURCHASES} SET is_refunded = true WHERE tx_id IN (SELECT tx_id FROM {_CLAIMS}"
        f" WHERE status = 'granted') RETURNING {_TX}",
    ),
    Damage(
        "claims_belong_to_their_buyers",
        "a claim was taken back though its purchase stands",
        f"UPDATE {_PURCHASES} SET is_refunded = false WHERE tx_id IN (SELECT tx_id FROM {_CLAIMS}"
        f" WHERE status = 'refunded') RETURNING {_TX}",
    ),
    Damage(
        "over_cap_purchases_stay_claimable",
        "a purchase over its cap is not there",
        f"DELETE FROM {_PURCHASES} WHERE tx_id IN (SELECT tx_id FROM public.claims_over_cap)"
        f" RETURNING {_TX}",
    ),
    Damage(
        "over_cap_purchases_stay_claimable",
        "a purchase over its cap is of another product",
        f"UPDATE public.claims_over_cap SET sku = 'another' RETURNING {_TX}",
    ),
    Damage(
        "over_cap_purchases_stay_claimable",
        "a purchase over its cap was granted",
        "INSERT INTO public.claims_over_cap (tx_id, user_id, sku, cap, first_at, last_at)"
        f" SELECT tx_id, user_id, sku, 'week', claimed_at, claimed_at FROM {_CLAIMS}"
        f" WHERE status = 'granted' RETURNING {_TX}",
    ),
    Damage(
        "over_cap_purchases_stay_claimable",
        "a purchase was not refused as often as it says",
        f"UPDATE public.claims_over_cap SET times = 0 RETURNING {_TX}",
    ),
    Damage(
        "shop_guards_are_on",
        "a constraint is missing or not in force",
        altered(
            f"ALTER TABLE {_CLAIMS} DROP CONSTRAINT purchase_claims_pkey",
            '{"object": "constraint purchase_claims_pkey"}',
        ),
    ),
    Damage(
        "shop_guards_are_on",
        "a unique index is missing or not valid",
        altered(
            "DROP INDEX public.audit_purchases_transaction_key",
            '{"object": "index audit_purchases_transaction_key"}',
        ),
    ),
    Damage(
        "shop_guards_are_on",
        "row-level security is off",
        altered(
            f"ALTER TABLE {_BOOSTS} DISABLE ROW LEVEL SECURITY",
            '{"table": "public.booster_changes"}',
        ),
    ),
    *(
        Damage(
            "shop_guards_are_on",
            "a guard is missing or switched off",
            altered(
                f"ALTER TABLE public.{table} DISABLE TRIGGER {trigger}",
                f'{{"table": "public.{table}", "object": "trigger {trigger}"}}',
            ),
        )
        for table, trigger in (
            ("user_wallet_balances", "zz_claims_booster"),
            ("booster_changes", "append_only"),
            ("store_config_changes", "append_only"),
        )
    ),
    *(
        Damage(
            "shop_guards_are_on",
            "a grant opens a way past the functions",
            altered(
                f"GRANT {right} TO {role}", f'{{"table": "public.{table}", "object": "{role}"}}'
            ),
        )
        for right, table, role in (
            (f"UPDATE (status) ON {_CLAIMS}", "purchase_claims", "service_role"),
            (f"INSERT (outcome) ON {_CLAIMS}", "purchase_claims", "bursar_operator"),
            ("DELETE ON public.claim_queue", "claim_queue", "bursar_service"),
            (f"INSERT ON {_PURCHASES}", "audit_purchases", "authenticated"),
            ("UPDATE ON public.store_config", "store_config", "anon"),
            (f"UPDATE (booster_seq) ON {_WALLETS}", "user_wallet_balances", "service_role"),
        )
    ),
)
