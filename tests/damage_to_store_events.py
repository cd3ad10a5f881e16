"""What somebody with every right could do to events of the store and to what was accepted."""

from tests.damage import Damage

_PURCHASES = "public.audit_purchases"
_TX = "jsonb_build_object('tx_id', tx_id)"
_SHOP = "provider = 'revenuecat'"
_EVENT = "jsonb_build_object('event_id', event_id)"
_BOUGHT = (
    f"(SELECT tx_id FROM {_PURCHASES} WHERE transaction_id IS NULL AND NOT is_refunded"
    " AND status = 'NON_RENEWING_PURCHASE')"
)
_QUEUED = "outcome ->> 'status' = 'done'"

DAMAGE_TO_STORE_EVENTS: tuple[Damage, ...] = (
    Damage(
        "purchases_match_events",
        "events of a purchase had no effect",
        f"UPDATE bursar.inbox SET status = 'done' WHERE {_SHOP} AND status = 'waiting'"
        f" RETURNING {_EVENT}",
    ),
    Damage(
        "purchases_match_events",
        "a purchase is not as refunded as its events say",
        f"DELETE FROM bursar.inbox WHERE {_SHOP} AND type = 'CANCELLATION' AND subject IN"
        f" (SELECT 'APP_STORE PRODUCTION ' || tx_id FROM {_PURCHASES} WHERE is_refunded)"
        " RETURNING jsonb_build_object('tx_id', payload -> 'transaction_id')",
    ),
    Damage(
        "purchases_match_events",
        "a purchase is not as confirmed as its events say",
        f"UPDATE {_PURCHASES} SET is_provisional = true WHERE tx_id IN {_BOUGHT} RETURNING {_TX}",
    ),
    Damage(
        "purchases_match_events",
        "a purchase is not what its events say was bought",
        f"UPDATE {_PURCHASES} SET bought_by = 'thief', user_id = 'thief'"
        f" WHERE tx_id IN {_BOUGHT} RETURNING {_TX}",
    ),
    Damage(
        "purchases_match_events",
        "a purchase has not the status of its last event",
        f"UPDATE {_PURCHASES} SET status = 'RENEWAL' WHERE tx_id IN {_BOUGHT} RETURNING {_TX}",
    ),
    Damage(
        "purchases_match_events",
        "a purchase belongs to somebody whom no event names",
        f"UPDATE {_PURCHASES} SET user_id = 'thief' WHERE tx_id IN {_BOUGHT} RETURNING {_TX}",
    ),
    Damage(
        "accepted_claims_have_an_outcome",
        "a claim left the queue without an answer",
        f"UPDATE public.claim_queue SET status = 'done' WHERE status = 'waiting' RETURNING {_TX}",
    ),
    Damage(
        "accepted_claims_have_an_outcome",
        "a claim that the queue granted is not there",
        "DELETE FROM public.purchase_claims WHERE tx_id IN"
        f" (SELECT tx_id FROM public.claim_queue WHERE {_QUEUED})"
        " RETURNING jsonb_build_object('user_id', user_id)",
    ),
    Damage(
        "accepted_claims_have_an_outcome",
        "a claim was set aside without a reason",
        f"UPDATE public.claim_queue SET outcome = NULL WHERE status = 'set_aside' RETURNING {_TX}",
    ),
    Damage(
        "accepted_claims_have_an_outcome",
        "an event of the store was struck off without an outcome",
        f"UPDATE bursar.inbox SET status = 'done' WHERE {_SHOP} AND status = 'waiting'"
        f" RETURNING {_EVENT}",
    ),
    Damage(
        "accepted_claims_have_an_outcome",
        "an event of the store was set aside without a reason",
        f"UPDATE bursar.inbox SET outcome = NULL WHERE {_SHOP} AND status = 'refused'"
        f" RETURNING {_EVENT}",
    ),
)
