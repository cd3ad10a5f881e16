"""What somebody with every right could do to a community's credits, and what names it."""

from tests.damage import Damage

_NAME = "awards_match_transactions"
_TXNS = "public.credit_txns"
_ROW = "RETURNING jsonb_build_object('credit_txn_id', id)"
_BOOST = f"(SELECT transaction_id FROM {_TXNS} WHERE reason = 'boost')"
_AWARD = f"(SELECT min(id) FROM {_TXNS} WHERE reason = 'reaction_received')"

DAMAGE_TO_COMMONS: tuple[Damage, ...] = (
    Damage(
        _NAME,
        "an award or a boost is not noted",
        f"DELETE FROM {_TXNS} WHERE reason = 'boost'"
        " RETURNING jsonb_build_object('transaction_id', transaction_id)",
    ),
    Damage(
        _NAME,
        "what is noted has no transaction",
        f"INSERT INTO {_TXNS} (user_id, amount, reason, idempotency_key, transaction_id,"
        f" created_at) SELECT user_id, 1, reason, 'made up', 0, now() FROM {_TXNS}"
        f" WHERE id = {_AWARD} {_ROW}",
    ),
    Damage(
        _NAME,
        "one transaction is noted several times",
        f"INSERT INTO {_TXNS} (user_id, amount, reason, idempotency_key, transaction_id,"
        f" created_at) SELECT user_id, amount, reason, 'again', transaction_id, now() FROM {_TXNS}"
        f" WHERE id = {_AWARD} {_ROW}",
    ),
    Damage(
        _NAME,
        "something was awarded several times",
        f"ALTER TABLE {_TXNS} DROP CONSTRAINT credit_txns_once;"
        f" UPDATE {_TXNS} AS t SET idempotency_key = o.idempotency_key FROM {_TXNS} AS o"
        f" WHERE o.id = {_AWARD} AND t.user_id = o.user_id AND t.reason = o.reason"
        " RETURNING jsonb_build_object('credit_txn_id', t.id)",
    ),
    Damage(
        _NAME,
        "what is noted is not what its transaction says",
        f"UPDATE {_TXNS} SET amount = amount + 1 WHERE id = {_AWARD} {_ROW}",
    ),
    Damage(
        _NAME,
        "what is noted is not what its transaction says",
        f"UPDATE bursar.transaction SET owner_id = 'somebody' WHERE id = {_BOOST}"
        " RETURNING jsonb_build_object('transaction_id', id)",
    ),
    Damage(
        _NAME,
        "a reaction was awarded that is not there",
        "DELETE FROM public.post_reactions WHERE 'reaction:' || id IN"
        f" (SELECT idempotency_key FROM {_TXNS} WHERE id = {_AWARD})"
        f" RETURNING jsonb_build_object('credit_txn_id', {_AWARD})",
    ),
)
