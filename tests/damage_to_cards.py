"""What somebody with every right could do to card payments and their events, and what names it."""

from tests.damage import Damage

_PURCHASES = "public.marketplace_purchases"
_ITEMS = "public.marketplace_purchase_items"
_PAYMENT = "jsonb_build_object('payment_id', id)"
_PAID = "(SELECT id FROM public.card_payments WHERE paid_at IS NOT NULL AND purchase_id = id)"
_EARNED = "(SELECT min(transaction_id) FROM public.card_payouts WHERE fee > 0)"
_REVERSED = (
    "(SELECT corrects FROM bursar.transaction WHERE verb = 'reverse_card_payment' AND amount > 5)"
)

DAMAGE_TO_CARDS: tuple[Damage, ...] = (
    Damage(
        "card_purchases_match_payouts",
        "a card payment has no purchase",
        f"DELETE FROM {_PURCHASES} WHERE id IN {_PAID}"
        " RETURNING jsonb_build_object('purchase_id', id)",
    ),
    Damage(
        "card_purchases_match_payouts",
        "a purchase by card has no payment",
        f"DELETE FROM public.card_payments WHERE id IN {_PAID}"
        " RETURNING jsonb_build_object('purchase_id', purchase_id)",
    ),
    Damage(
        "card_purchases_match_payouts",
        "the items of a purchase are not what is to be paid",
        f"UPDATE {_ITEMS} SET price = price + 1 WHERE purchase_id IN {_PAID}"
        " RETURNING jsonb_build_object('purchase_id', purchase_id)",
    ),
    Damage(
        "card_purchases_match_payouts",
        "a purchase that was not paid has leads",
        f"UPDATE {_ITEMS} SET status = 'sold' WHERE status = 'released'"
        " RETURNING jsonb_build_object('purchase_id', purchase_id)",
    ),
    Damage(
        "card_purchases_match_payouts",
        "a purchase by card has not ended as it says",
        f"UPDATE {_ITEMS} SET status = 'reserved' WHERE status = 'released'"
        " RETURNING jsonb_build_object('purchase_id', purchase_id)",
    ),
    Damage(
        "card_purchases_match_payouts",
        "what is owed is not what was gone",
        f"UPDATE public.card_payments SET owed = owed + 1 WHERE owed > 0 RETURNING {_PAYMENT}",
    ),
    Damage(
        "card_purchases_match_payouts",
        "a seller was paid another amount than was sold",
        "UPDATE public.card_payouts SET credits = credits + 1"
        " RETURNING jsonb_build_object('payment_id', payment_id)",
    ),
    Damage(
        "card_purchases_match_payouts",  # of a top-up
        "a seller was paid another amount than was sold",
        "DELETE FROM public.card_payouts WHERE payment_id IN (SELECT id FROM public.card_payments"
        " WHERE purchase_id IS NULL) RETURNING jsonb_build_object('payment_id', payment_id)",
    ),
    Damage(
        "card_payouts_match_transactions",
        "a reversal corrects no payout",
        "UPDATE bursar.transaction SET corrects = 999999 WHERE verb = 'reverse_card_payment'"
        " RETURNING jsonb_build_object('transaction_id', 999999)",
    ),
    Damage(
        "card_payouts_match_transactions",
        "a card paid for nothing",
        f"DELETE FROM public.card_payouts WHERE transaction_id = {_EARNED}"
        " RETURNING jsonb_build_object('transaction_id', transaction_id)",
    ),
    Damage(
        "card_payouts_match_transactions",  # a second settle
        "a card paid for nothing",
        "INSERT INTO bursar.transaction (verb, asset, owner_id, amount, reason, actor, created_at)"
        " SELECT verb, asset, owner_id, amount, reason, actor, created_at FROM bursar.transaction"
        f" WHERE id = {_EARNED} RETURNING jsonb_build_object('transaction_id', id)",
    ),
    Damage(
        "card_payouts_match_transactions",
        "a payout has no transaction",
        f"DELETE FROM bursar.transaction WHERE id = {_EARNED}"
        " RETURNING jsonb_build_object('transaction_id', id)",
    ),
    Damage(
        "card_payouts_match_transactions",
        "several payouts have one transaction",
        f"UPDATE public.card_payouts SET transaction_id = {_EARNED}"
        " RETURNING jsonb_build_object('transaction_id', transaction_id)",
    ),
    Damage(
        "card_payouts_match_transactions",
        "a payout is not what its transaction says",
        "UPDATE public.card_payouts SET fee = fee + 1 WHERE fee > 0 AND fee < credits"
        " RETURNING jsonb_build_object('payment_id', payment_id)",
    ),
    Damage(
        "card_payouts_match_transactions",
        "more was taken back than was paid",
        "UPDATE bursar.entry SET amount = amount + 1000 WHERE owner_id = 'system:external'"
        " AND transaction_id IN (SELECT id FROM bursar.transaction"
        f" WHERE verb = 'reverse_card_payment' AND corrects IN {_REVERSED})"
        " RETURNING jsonb_build_object('transaction_id', (SELECT corrects"
        " FROM bursar.transaction WHERE id = transaction_id))",
    ),
    Damage(
        "card_payouts_match_transactions",
        "what went back is not what the payment says",
        f"UPDATE public.card_payments SET reversed = reversed + 1 RETURNING {_PAYMENT}",
    ),
    Damage(
        "card_payments_match_events",
        "a card payment is not as paid as its events say",
        "DELETE FROM bursar.inbox WHERE type = 'checkout.session.completed'"
        f" AND subject IN (SELECT id::text FROM {_PAID} AS paid)"
        " RETURNING jsonb_build_object('payment_id', subject)",
    ),
    Damage(
        "card_payments_match_events",  # an event that had no effect
        "a card payment is not as paid as its events say",
        "UPDATE bursar.inbox SET status = 'done' WHERE status = 'waiting' AND provider = 'stripe'"
        " RETURNING jsonb_build_object('payment_id', subject)",
    ),
    Damage(
        "card_payments_match_events",
        "what went back to a card is not what its events say",
        "UPDATE public.card_payments SET refunded = refunded + 1 WHERE refunded > 0"
        f" RETURNING {_PAYMENT}",
    ),
    Damage(
        "card_payments_match_events",
        "what went back to a card is not what its events say",
        "UPDATE bursar.inbox SET payload = jsonb_set(payload, '{data,object,amount}', '1.5')"
        " WHERE type = 'charge.dispute.funds_withdrawn' AND payload #>> '{data,object,amount}'"
        " = '40' RETURNING jsonb_build_object('payment_id', subject)",
    ),
    Damage(
        "card_payments_match_events",
        "what was taken back is not what went back to the card",
        "UPDATE public.card_payments SET reversed = reversed + 1 WHERE paid_at IS NOT NULL"
        f" RETURNING {_PAYMENT}",
    ),
    Damage(
        "card_payments_match_events",
        "a card payment has not the status that its events give it",
        "UPDATE public.card_payments SET status = 'expired' WHERE paid_at IS NOT NULL"
        f" RETURNING {_PAYMENT}",
    ),
    Damage(
        "card_payments_match_events",
        "a purchase has not the status that its events give it",
        f"UPDATE {_PURCHASES} SET status = 'expired' WHERE id IN {_PAID} AND status = 'completed'"
        " RETURNING jsonb_build_object('purchase_id', id)",
    ),
    Damage(
        "card_payments_match_events",
        "money that is owed back has no refund",
        "DELETE FROM public.card_refunds RETURNING jsonb_build_object('payment_id', payment_id)",
    ),
    Damage(
        "card_payments_match_events",
        "money that went back is still owed",
        "UPDATE public.card_refunds SET status = 'owed' WHERE status = 'issued'"
        " RETURNING jsonb_build_object('payment_id', payment_id)",
    ),
    Damage(
        "card_payments_match_events",
        "a refund is more than is owed",
        "UPDATE public.card_refunds SET amount = amount + 1"
        " RETURNING jsonb_build_object('payment_id', payment_id)",
    ),
)
