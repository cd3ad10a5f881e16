"""What somebody with every right could do to leads, purchases and totals, and what names it."""

from tests.damage import Damage, altered

_PURCHASES = "public.marketplace_purchases"
_ITEMS = "public.marketplace_purchase_items"
_ID = "jsonb_build_object('lead_id', id)"
_ITEMS_OF = f"(SELECT purchase_id FROM {_ITEMS} WHERE status = '{{}}')"
_RELEASED = f"(SELECT lead_id FROM {_ITEMS} GROUP BY lead_id HAVING max(status) = 'released')"
_SAID = "(SELECT workspace_id FROM public.audit_logs WHERE action = 'workspace_totals_set')"
_CHARGED = (
    f"(SELECT min(transaction_id) FROM {_PURCHASES} WHERE payment_method = 'credits'"
    " AND status = 'completed')"
)
_RETURNED = (
    f"(SELECT transaction_id FROM {_PURCHASES} WHERE payment_method = 'credits'"
    " AND status = 'refunded')"
)
_RESERVED = "outcome ->> 'verb' = 'validate_and_lock_leads_for_purchase'"
_CLAIM = "jsonb_build_object('claim', encode(claim, 'hex')"

DAMAGE_TO_MARKET: tuple[Damage, ...] = (
    Damage(
        "leads_are_sold_as_often_as_bought",
        "a lead was sold more often than it may be",
        "UPDATE public.leads SET sold_count = max_sales + 1 WHERE marketplace_status = 'sold'"
        f" RETURNING {_ID}",
        unchecked="public.leads",
    ),
    Damage(
        "leads_are_sold_as_often_as_bought",
        "a lead was bought more often than it was sold",
        "UPDATE public.leads SET sold_count = 0, marketplace_status = 'available' WHERE id IN"
        f" (SELECT lead_id FROM {_ITEMS} WHERE status = 'sold') RETURNING {_ID}",
    ),
    Damage(
        "leads_are_sold_as_often_as_bought",
        "a lead that was sold is on sale",
        "UPDATE public.leads SET marketplace_status = 'available' WHERE sold_count = max_sales"
        f" RETURNING {_ID}",
    ),
    Damage(
        "leads_are_sold_as_often_as_bought",
        "a lead that was not sold is not on sale",
        f"UPDATE public.leads SET marketplace_status = 'sold' WHERE id IN {_RELEASED}"
        f" RETURNING {_ID}",
    ),
    Damage(
        "leads_are_sold_as_often_as_bought",
        "a lead is reserved by nobody",
        f"UPDATE public.leads SET marketplace_status = 'reserved' WHERE id IN {_RELEASED}"
        f" RETURNING {_ID}",
    ),
    Damage(
        "leads_are_sold_as_often_as_bought",
        "a lead was sold to one buyer twice",
        f"UPDATE {_PURCHASES} SET buyer_workspace_id = (SELECT min(workspace_id::text)::uuid"
        f" FROM public.workspace_credits) WHERE id IN (SELECT purchase_id FROM {_ITEMS}"
        " JOIN public.leads ON id = lead_id WHERE status = 'sold' AND sold_count = 2)"
        " RETURNING jsonb_build_object('buyer_workspace_id', buyer_workspace_id)",
    ),
    Damage(
        "workspace_totals_make_balances",
        "the totals of a workspace are not those of its entries",
        "UPDATE public.workspace_credits SET total_earned = total_earned + 1,"
        f" total_used = total_used + 1 WHERE workspace_id NOT IN {_SAID}"
        " RETURNING jsonb_build_object('workspace_id', workspace_id)",
    ),
    Damage(
        "workspace_totals_make_balances",
        "the totals of a workspace do not make up its balance",
        f"UPDATE public.workspace_credits SET total_used = total_used + 1 WHERE workspace_id IN"
        f" {_SAID} RETURNING jsonb_build_object('workspace_id', workspace_id)",
        unchecked="public.workspace_credits",
    ),
    Damage(
        "keys_name_their_card_payment",
        "a remembered card payment is not there",
        "DELETE FROM public.card_payments WHERE id::text IN (SELECT outcome ->> 'payment_id'"
        f" FROM bursar.idempotency WHERE {_RESERVED})"
        " RETURNING jsonb_build_object('payment_id', id)",
    ),
    Damage(
        "keys_name_their_card_payment",
        "a remembered card payment was another one",
        "UPDATE bursar.idempotency SET outcome = (outcome::jsonb || '{\"amount\": 1}')::json"
        " WHERE outcome ->> 'verb' = 'open_top_up'"
        f" RETURNING {_CLAIM}, 'payment_id', outcome ->> 'payment_id')",
    ),
    Damage(
        "keys_name_their_transaction",  # which a reservation has not got
        "a remembered transaction is not there",
        "UPDATE bursar.idempotency SET outcome ="
        " (outcome::jsonb || '{\"transaction_id\": 1}')::json"
        f" WHERE {_RESERVED} RETURNING {_CLAIM}, 'transaction_id', '1')",
    ),
    Damage(
        "lead_purchases_match_charges",
        "a purchase has no charge",
        f"DELETE FROM bursar.transaction WHERE id = {_CHARGED}"
        " RETURNING jsonb_build_object('transaction_id', id)",
    ),
    Damage(
        "lead_purchases_match_charges",
        "a charge has no purchase",
        f"DELETE FROM {_PURCHASES} WHERE transaction_id = {_CHARGED}"
        " RETURNING jsonb_build_object('transaction_id', transaction_id)",
    ),
    Damage(
        "lead_purchases_match_charges",
        "a purchase is not what was charged",
        f"UPDATE {_PURCHASES} SET total_price = total_price + 1 WHERE transaction_id = {_CHARGED}"
        " RETURNING jsonb_build_object('transaction_id', transaction_id, 'purchase_id', id)",
    ),
    Damage(
        "lead_purchases_match_charges",
        "the items of a purchase are not what was charged",
        f"DELETE FROM {_ITEMS} WHERE transaction_id = {_CHARGED}"
        " RETURNING jsonb_build_object('transaction_id', transaction_id)",
    ),
    Damage(
        "lead_purchases_match_charges",
        "the items of a purchase are not as it says",
        f"UPDATE {_ITEMS} SET status = 'refunded' WHERE lead_id = (SELECT min(lead_id::text)::uuid"
        f" FROM {_ITEMS} WHERE transaction_id = {_CHARGED})"
        " RETURNING jsonb_build_object('purchase_id', purchase_id)",
    ),
    Damage(
        "lead_purchases_match_charges",
        "a purchase was given back and not refunded",
        f"UPDATE bursar.transaction SET amount = amount - 1 WHERE corrects IN {_RETURNED}"
        " RETURNING jsonb_build_object('transaction_id', corrects)",
    ),
    Damage(
        "refunds_stay_within_charges",  # a reversal is no refund of anybody's
        "a refund corrects what it cannot",
        "UPDATE bursar.transaction SET verb = 'refund', amount = 1"
        " WHERE verb = 'reverse_card_payment'"
        " RETURNING jsonb_build_object('transaction_id', corrects)",
    ),
    Damage(
        "transactions_match_entries",  # where the platform kept everything
        "a transaction says another amount than its entries",
        "UPDATE bursar.transaction AS t SET amount = amount + 1"
        " WHERE verb = 'complete_stripe_lead_purchase' AND NOT EXISTS (SELECT FROM bursar.entry AS"
        " e WHERE e.transaction_id = t.id AND e.owner_id = t.owner_id)"
        " RETURNING jsonb_build_object('transaction_id', id)",
    ),
    Damage(
        "transactions_match_entries",  # a payout given to somebody else
        "a transaction says another amount than its entries",
        "UPDATE bursar.entry SET owner_id = 'eve' WHERE seq IS NOT NULL AND transaction_id IN"
        " (SELECT transaction_id FROM public.card_payouts WHERE fee = 0)"
        " RETURNING jsonb_build_object('transaction_id', transaction_id)",
    ),
    Damage(
        "marketplace_guards_are_on",
        "a guard is missing or switched off",
        altered(
            "ALTER TABLE public.workspace_credits DISABLE TRIGGER zz_bursar_totals",
            '{"table": "public.workspace_credits", "object": "trigger zz_bursar_totals"}',
        ),
    ),
    Damage(
        "marketplace_guards_are_on",
        "a constraint is missing or not in force",
        altered(
            "ALTER TABLE public.leads DROP CONSTRAINT leads_sold_at_most_max_sales",
            '{"object": "constraint leads_sold_at_most_max_sales"}',
        ),
    ),
    Damage(
        "marketplace_guards_are_on",
        "a constraint is missing or not in force",
        altered(
            "ALTER TABLE public.card_payments DROP CONSTRAINT card_payments_payment_intent_key",
            '{"object": "constraint card_payments_payment_intent_key"}',
        ),
    ),
    Damage(
        "marketplace_guards_are_on",
        "row-level security is off",
        altered(
            "ALTER TABLE public.card_payments DISABLE ROW LEVEL SECURITY",
            '{"table": "public.card_payments", "object": "row-level security"}',
        ),
    ),
    Damage(
        "marketplace_guards_are_on",
        "a grant opens a way past the functions",
        altered(
            "GRANT UPDATE (status) ON public.card_payments TO service_role",
            '{"table": "public.card_payments", "object": "service_role"}',
        ),
    ),
    Damage(
        "guards_are_on",
        "a unique index is missing or not valid",
        altered(
            "ALTER TABLE bursar.inbox DROP CONSTRAINT inbox_pkey", '{"object": "index inbox_pkey"}'
        ),
    ),
)
