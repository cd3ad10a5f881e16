"""What somebody with every right could do to records and guards, and which invariant names it."""

from tests.damage import Damage, altered

_SPENT = "(SELECT min(id) FROM bursar.transaction WHERE verb = 'spend')"
# Part of it was captured three times, the last time finally.
_CAPTURED = "(SELECT min(id) FROM bursar.hold WHERE status = 'captured' AND released > 0)"
_RELEASED = "(SELECT min(id) FROM bursar.hold WHERE status = 'released')"
_OPEN = "(SELECT min(id) FROM bursar.hold WHERE status = 'open')"

DAMAGE_TO_RECORDS: tuple[Damage, ...] = (
    Damage(
        "transactions_match_entries",
        "entries have no transaction",
        f"DELETE FROM bursar.transaction WHERE id = {_SPENT}"
        " RETURNING jsonb_build_object('transaction_id', id)",
    ),
    Damage(
        "transactions_match_entries",
        "a transaction has no entries",
        f"WITH gone AS (DELETE FROM bursar.entry WHERE transaction_id = {_SPENT} RETURNING 1)"
        f" SELECT jsonb_build_object('transaction_id', {_SPENT}, 'verb', 'spend')",
    ),
    Damage(
        "transactions_match_entries",
        "a transaction that posts nothing has entries",
        "INSERT INTO bursar.entry SELECT transaction_id, 1, asset, 'system:x', 5, NULL, NULL, 'x'"
        f" FROM bursar.hold WHERE id = {_OPEN}"
        " RETURNING jsonb_build_object('transaction_id', transaction_id, 'verb', 'hold')",
    ),
    Damage(
        "transactions_match_entries",
        "a transaction says another amount than its entries",
        f"UPDATE bursar.transaction SET amount = amount + 1 WHERE id = {_SPENT}"
        " RETURNING jsonb_build_object('transaction_id', id)",
    ),
    Damage(
        "transactions_match_entries",  # an entry given to somebody else
        "a transaction says another amount than its entries",
        f"UPDATE bursar.entry SET owner_id = 'eve' WHERE transaction_id = {_SPENT} AND amount < 0"
        " RETURNING jsonb_build_object('transaction_id', transaction_id)",
    ),
    Damage(
        "transactions_match_entries",
        "a transaction has entries of another asset",
        f"UPDATE bursar.entry SET asset = 'gem' WHERE transaction_id = {_SPENT}"
        " RETURNING jsonb_build_object('transaction_id', transaction_id)",
    ),
    Damage(
        "guards_are_on",
        "a guard is missing or switched off",
        altered(
            "ALTER TABLE bursar.entry DISABLE TRIGGER append_only",
            '{"table": "bursar.entry", "object": "trigger append_only"}',
        ),
    ),
    Damage(
        "guards_are_on",
        "a guard is missing or switched off",
        altered(
            "DROP TRIGGER zz_bursar_raw_update ON public.user_credits",
            '{"table": "public.user_credits", "object": "trigger zz_bursar_raw_update"}',
        ),
    ),
    Damage(
        "guards_are_on",  # there, but not when it matters
        "a guard is missing or switched off",
        altered(
            "CREATE OR REPLACE TRIGGER append_only BEFORE DELETE ON bursar.transaction"
            " FOR EACH STATEMENT EXECUTE FUNCTION bursar.refuse_change()",
            '{"table": "bursar.transaction"}',
        ),
    ),
    Damage(
        "guards_are_on",
        "a constraint is missing or not in force",
        altered(
            "ALTER TABLE public.user_credits DROP CONSTRAINT user_credits_balance_non_negative",
            '{"object": "constraint user_credits_balance_non_negative"}',
        ),
    ),
    Damage(
        "guards_are_on",
        "a constraint is missing or not in force",
        altered(
            "ALTER DOMAIN bursar.posted_balance DROP CONSTRAINT posted_balance_non_negative",
            '{"object": "column balance_after of domain bursar.posted_balance"}',
        ),
    ),
    Damage(
        "guards_are_on",
        "a unique index is missing or not valid",
        altered(
            "DROP INDEX bursar.entry_wallet_seq_key", '{"object": "index entry_wallet_seq_key"}'
        ),
    ),
    Damage(
        "guards_are_on",
        "row-level security is off",
        altered("ALTER TABLE bursar.hold DISABLE ROW LEVEL SECURITY", '{"table": "bursar.hold"}'),
    ),
    Damage(
        "guards_are_on",
        "a store does not exist",
        altered("DROP TABLE public.user_credits CASCADE", '{"object": "store of credit"}'),
    ),
    *(
        Damage(
            "seal_guards_are_on",
            what,
            altered(f"ALTER TABLE bursar.{table} {change}", f'{{"object": "{object_}"}}'),
        )
        for what, table, change, object_ in (
            (
                "a guard is missing or switched off",
                "seal",
                "DISABLE TRIGGER append_only",
                "trigger append_only",
            ),
            (
                "a unique index is missing or not valid",
                "seal_block",
                "DROP CONSTRAINT seal_block_pkey",
                "index seal_block_pkey",
            ),
            (
                "row-level security is off",
                "seal_checkpoint",
                "DISABLE ROW LEVEL SECURITY",
                "row-level security",
            ),
        )
    ),
    Damage(
        "only_the_kernel_may_write",
        "a grant opens a way past the kernel",
        altered(
            "GRANT INSERT ON bursar.entry TO service_role",
            '{"object": "bursar.entry", "role": "service_role", "privilege": "INSERT"}',
        ),
    ),
    Damage(
        "only_the_kernel_may_write",
        "a grant opens a way past the kernel",
        altered(
            "GRANT UPDATE (amount) ON bursar.hold TO bursar_operator",
            '{"object": "bursar.hold (amount)", "role": "bursar_operator"}',
        ),
    ),
    Damage(
        "only_the_kernel_may_write",
        "a grant opens a way past the kernel",
        altered(
            "GRANT EXECUTE ON FUNCTION bursar.clock() TO PUBLIC",
            '{"object": "bursar.clock()", "role": "PUBLIC", "privilege": "EXECUTE"}',
        ),
    ),
    Damage(
        "holds_add_up",
        "a hold was removed",
        f"DELETE FROM bursar.hold WHERE id = {_RELEASED}"
        " RETURNING jsonb_build_object('hold_id', id)",
    ),
    Damage(
        "holds_add_up",
        "a hold is not what its transaction says",
        f"UPDATE bursar.hold SET amount = amount + 1, status = 'open', ended_at = NULL"
        f" WHERE id = {_RELEASED} RETURNING jsonb_build_object('hold_id', id)",
    ),
    Damage(
        "holds_add_up",
        "more was taken from a hold than it had",
        f"UPDATE bursar.hold SET captured = amount + 1 WHERE id = {_CAPTURED}"
        " RETURNING jsonb_build_object('hold_id', id)",
        unchecked="bursar.hold",
    ),
    Damage(
        "holds_add_up",
        "the parts of a hold are not what its transactions say",
        "UPDATE bursar.hold SET captured = captured - 1, released = released + 1"
        f" WHERE id = {_CAPTURED} RETURNING jsonb_build_object('hold_id', id)",
    ),
    Damage(
        "holds_add_up",  # a capture that left no trace but its entries
        "the parts of a hold are not what its transactions say",
        "DELETE FROM bursar.transaction WHERE verb = 'release'"
        f" AND hold_id = {_RELEASED} RETURNING jsonb_build_object('hold_id', hold_id)",
    ),
    Damage(
        "holds_add_up",
        "a hold has not ended as it says",
        "UPDATE bursar.hold SET status = 'captured' WHERE status = 'expired' AND captured = 0"
        " RETURNING jsonb_build_object('hold_id', id)",
    ),
    Damage(
        "held_is_what_holds_left",
        "what a wallet holds is not what its open holds have left",
        "UPDATE bursar.wallet SET bursar_held = bursar_held + 1 WHERE owner_id = 'ada'"
        " AND asset = 'gem' RETURNING jsonb_build_object('asset', asset, 'owner_id', owner_id)",
    ),
    Damage(
        "refunds_stay_within_charges",
        "refunds exceed what they correct",
        f"UPDATE bursar.transaction SET amount = amount + 1000 WHERE corrects = {_SPENT}"
        " RETURNING jsonb_build_object('transaction_id', corrects)",
    ),
    Damage(
        "refunds_stay_within_charges",
        "a refund corrects nothing",
        f"UPDATE bursar.transaction SET corrects = 999999 WHERE corrects = {_SPENT}"
        " RETURNING jsonb_build_object('transaction_id', 999999)",
    ),
    Damage(
        "refunds_stay_within_charges",
        "a refund corrects what it cannot",
        "UPDATE bursar.transaction SET corrects = (SELECT min(transaction_id) FROM bursar.hold)"
        f" WHERE corrects = {_SPENT} RETURNING jsonb_build_object('transaction_id', corrects)",
    ),
    Damage(
        "external_ids_name_their_grant",
        "the grant of an external id is not there",
        "DELETE FROM bursar.transaction WHERE id IN (SELECT transaction_id"
        " FROM bursar.external_reference WHERE external_id = '1')"
        " RETURNING jsonb_build_object('external_id', '1', 'transaction_id', id)",
    ),
    Damage(
        "external_ids_name_their_grant",
        "several external ids have one grant",
        "INSERT INTO bursar.external_reference SELECT provider, account, mode, 'other', owner_id,"
        " transaction_id, fingerprint, outcome, created_at FROM bursar.external_reference"
        " WHERE external_id = '1' RETURNING jsonb_build_object('external_id', 'other')",
    ),
    Damage(
        "external_ids_name_their_grant",
        "an external id names something else than its grant",
        "UPDATE bursar.external_reference SET owner_id = 'eve' WHERE external_id = '2'"
        " RETURNING jsonb_build_object('external_id', '2')",
    ),
    Damage(
        "collections_match_purchases",
        "a collected reward is not what was purchased",
        "UPDATE public.collected_rewards SET price = 1"
        " RETURNING jsonb_build_object('transaction_id', transaction_id, 'reward_id', reward_id)",
    ),
    Damage(
        "collections_match_purchases",
        "a collected reward has no purchase",
        "UPDATE public.collected_rewards SET transaction_id = 1 WHERE price = 60"
        " RETURNING jsonb_build_object('collector_id', collector_id, 'reward_id', reward_id)",
    ),
    Damage(
        "collections_match_purchases",
        "a purchase has no collected reward",
        "DELETE FROM public.collected_rewards WHERE price = 60"
        " RETURNING jsonb_build_object('transaction_id', transaction_id)",
    ),
    Damage(
        "collections_match_purchases",
        "a reward was collected twice",
        "ALTER TABLE public.collected_rewards DROP CONSTRAINT collected_rewards_pkey;"
        " INSERT INTO public.collected_rewards SELECT * FROM public.collected_rewards"
        " WHERE price = 60 RETURNING jsonb_build_object('reward_id', reward_id)",
    ),
)
