"""What somebody with every right could do to balances and keys, and which invariant names it.

Each is one statement that answers the ids of what it damaged, and a finding has to say the same.
"""

from dataclasses import dataclass

_SPENT = "(SELECT min(id) FROM bursar.transaction WHERE verb = 'spend')"
_BUYER = (
    "(SELECT user_id FROM public.user_credits AS c WHERE c.user_id IN"
    " (SELECT collector_id FROM public.collected_rewards))"
)


@dataclass(frozen=True, slots=True)
class Damage:
    """`sql` breaks `invariant`, of which a finding then says `what`.

    `unchecked` names the table whose CHECK constraints are dropped before.
    """

    invariant: str
    what: str
    sql: str
    unchecked: str = ""


def altered(statement: str, ids: str) -> str:
    """A statement that answers nothing by itself, and the ids that a finding must have."""
    return f"{statement}; SELECT '{ids}'::jsonb"


DAMAGE_TO_BALANCES: tuple[Damage, ...] = (
    Damage(
        "entries_sum_to_zero",
        "the entries of a transaction do not sum to 0",
        "INSERT INTO bursar.entry SELECT id, 99, asset, 'system:issuance', 5, NULL, NULL, 'x'"
        f" FROM bursar.transaction WHERE id = {_SPENT}"
        " RETURNING jsonb_build_object('transaction_id', transaction_id, 'asset', asset)",
    ),
    Damage(
        "entries_sum_to_zero",  # in each of two assets, although both together do
        "the entries of a transaction do not sum to 0",
        "UPDATE bursar.entry SET asset = 'gem' WHERE owner_id = 'system:revenue'"
        f" AND transaction_id = {_SPENT}"
        " RETURNING jsonb_build_object('transaction_id', transaction_id, 'asset', asset)",
    ),
    Damage(
        "assets_sum_to_zero",
        "the entries of an asset do not sum to 0",
        "DELETE FROM bursar.entry WHERE owner_id = 'system:revenue' AND asset = 'gem'"
        " RETURNING jsonb_build_object('asset', asset)",
    ),
    Damage(
        "wallets_match_entries",
        "a balance is not the sum of its entries",
        f"UPDATE public.user_credits SET balance = balance + 1 WHERE user_id = {_BUYER}"
        " RETURNING jsonb_build_object('asset', 'credit', 'owner_id', user_id)",
    ),
    Damage(
        "wallets_match_entries",  # in the ledger's own store
        "a balance is not the sum of its entries",
        "UPDATE bursar.wallet SET balance = balance + 1 WHERE owner_id = 'bob'"
        " RETURNING jsonb_build_object('asset', asset, 'owner_id', owner_id)",
    ),
    Damage(
        "wallets_match_entries",
        "a sequence is not the number of entries",
        f"UPDATE public.user_credits SET bursar_seq = bursar_seq + 1 WHERE user_id = {_BUYER}"
        " RETURNING jsonb_build_object('asset', 'credit', 'owner_id', user_id)",
    ),
    Damage(
        "wallets_match_entries",
        "entries that do not end at 0 have no wallet",
        f"DELETE FROM public.user_credits WHERE user_id = {_BUYER}"
        " RETURNING jsonb_build_object('asset', 'credit', 'owner_id', user_id)",
    ),
    Damage(
        "wallets_match_entries",  # a gap in the middle
        "the entries of a wallet do not follow one another",
        "UPDATE bursar.entry SET seq = 1000 WHERE owner_id = 'ada' AND asset = 'gem' AND seq = 2"
        " RETURNING jsonb_build_object('asset', asset, 'owner_id', owner_id, 'seq', 3)",
    ),
    Damage(
        "wallets_match_entries",  # two entries have changed places
        "the entries of a wallet do not follow one another",
        "DROP INDEX bursar.entry_wallet_seq_key;"
        " UPDATE bursar.entry SET seq = 5 - seq WHERE owner_id = 'ada' AND asset = 'gem'"
        " AND seq IN (2, 3)"
        " RETURNING jsonb_build_object('asset', asset, 'owner_id', owner_id, 'seq', 2)",
    ),
    Damage(
        "wallets_match_entries",
        "the entries of a wallet do not follow one another",
        "UPDATE bursar.entry SET balance_after = balance_after + 4294967297"
        " WHERE owner_id = 'ada' AND asset = 'gem' AND seq = 2"
        " RETURNING jsonb_build_object('asset', asset, 'owner_id', owner_id, 'seq', seq,"
        " 'transaction_id', transaction_id)",
    ),
    Damage(
        "wallets_match_entries",  # numbers that cannot be subtracted from one another
        "the entries of a wallet do not follow one another",
        "UPDATE bursar.entry SET amount = CASE seq WHEN 2 THEN amount - 9223372036854000000"
        " ELSE amount + 9223372036854000000 END, balance_after = 9223372036854000000"
        " WHERE owner_id = 'bob' AND asset = 'credit' OR owner_id = 'ada' AND asset = 'gem'"
        " AND seq IN (2, 9) RETURNING jsonb_build_object('asset', asset, 'owner_id', owner_id)",
    ),
    Damage(
        "balances_are_not_negative",
        "a balance is negative",
        f"UPDATE public.user_credits SET balance = -1 WHERE user_id = {_BUYER}"
        " RETURNING jsonb_build_object('asset', 'credit', 'owner_id', user_id)",
        unchecked="public.user_credits",
    ),
    Damage(
        "balances_are_not_negative",
        "what is held is not covered",
        "UPDATE bursar.wallet SET bursar_held = balance + 1 WHERE owner_id = 'bob'"
        " RETURNING jsonb_build_object('asset', asset, 'owner_id', owner_id)",
        unchecked="bursar.wallet",
    ),
    Damage(
        "entries_are_sound",
        "a balance was negative",
        "UPDATE bursar.entry SET balance_after = -1 WHERE owner_id = 'ada' AND seq = 2"
        " AND asset = 'gem' RETURNING jsonb_build_object('transaction_id', transaction_id)",
        unchecked="bursar.entry",
    ),
    Damage(
        "entries_are_sound",
        "an entry is not as the kernel writes it",
        "UPDATE bursar.entry SET balance_after = 1 WHERE owner_id = 'system:revenue'"
        f" AND transaction_id = {_SPENT}"
        " RETURNING jsonb_build_object('transaction_id', transaction_id, 'line', line)",
        unchecked="bursar.entry",
    ),
    Damage(
        "keys_name_their_transaction",
        "a remembered transaction is not there",
        "UPDATE bursar.idempotency SET outcome ="
        " (outcome::jsonb || '{\"transaction_id\": 999999}')::json"
        " WHERE outcome ->> 'verb' = 'spend' AND outcome ->> 'status' = 'done'"
        " RETURNING jsonb_build_object('claim', encode(claim, 'hex'), 'transaction_id', '999999')",
    ),
    Damage(
        "keys_name_their_transaction",  # what is no number is no reason to stop
        "a remembered transaction is not there",
        "UPDATE bursar.idempotency SET outcome ="
        ' (outcome::jsonb || \'{"transaction_id": "1e99"}\')::json'
        " WHERE outcome ->> 'verb' = 'spend' AND outcome ->> 'status' = 'done'"
        " RETURNING jsonb_build_object('claim', encode(claim, 'hex'), 'transaction_id', '1e99')",
    ),
    Damage(
        "keys_name_their_transaction",
        "a remembered transaction was another one",
        "UPDATE bursar.idempotency SET outcome ="
        " (outcome::jsonb || '{\"amount\": 1}')::json"
        " WHERE outcome ->> 'verb' = 'spend' AND outcome ->> 'status' = 'done'"
        " RETURNING jsonb_build_object('claim', encode(claim, 'hex'))",
    ),
    Damage(
        "keys_name_their_transaction",
        "a refusal names a transaction",
        "UPDATE bursar.idempotency SET outcome ="
        " (outcome::jsonb || '{\"transaction_id\": 1}')::json"
        " WHERE outcome ->> 'status' = 'refused'"
        " RETURNING jsonb_build_object('claim', encode(claim, 'hex'))",
    ),
    Damage(
        "keys_share_no_transaction",
        "several keys remember one transaction",
        "INSERT INTO bursar.idempotency SELECT 'another', fingerprint, outcome, created_at"
        " FROM bursar.idempotency WHERE outcome ->> 'verb' = 'spend'"
        " AND outcome ->> 'status' = 'done' LIMIT 1"
        " RETURNING jsonb_build_object('transaction_id', outcome -> 'transaction_id')",
    ),
)
