"""Who may do what in a migrated database: every function, and every table, by role.

A new function or table is closed until this file says otherwise.
"""

from tests.granted_at_the_console import CONSOLE_CALLS, CONSOLE_READS

LEDGER_VERBS = {
    "grant",
    "spend",
    "transfer",
    "hold",
    "capture",
    "release",
    "refund",
    "adjust",
    "freeze",
    "batch",
}
APP_VERBS = {
    "purchase_reward",
    "complete_credit_lead_purchase",
    "validate_and_lock_leads_for_purchase",
    "take_stripe_event",
    "complete_stripe_lead_purchase",
    "mark_leads_sold_bulk",
    "refund_lead_purchase",
    "open_top_up",
    "claim_purchase",
    "take_store_event",
    "use_item",
    "correct_shields",
    "deduct_credit",
    "submit_generation",
    "end_generation",
    "refund_credit",
    "react_to_post",
    "submit_score",
    "boost_post",
}
VERB_CALLS = {f"bursar.{verb}(jsonb)" for verb in LEDGER_VERBS | APP_VERBS} | {
    "bursar.carry(text, jsonb)"
}
READS = {
    "bursar.read_wallet(text, text)",
    "bursar.read_statement(text, text, bigint, integer)",
    "bursar.read_transaction(bigint)",
    "bursar.read_hold(bigint)",
    "bursar.explain(text, text, integer)",
}
UPKEEP = {
    "bursar.expire_holds(integer)",
    "bursar.tick(integer)",
    "bursar.prune_idempotency(interval, integer)",
    "bursar.record_metrics(jsonb)",
    "bursar.seal_ledger(text, integer, integer)",
}
STORE_CALLS = {
    "public.purchase_reward(uuid, uuid, bigint)",
    "public.purchase_bounty(uuid, uuid)",
    "public.create_reward(text, text, bigint, uuid)",
}
# The service asks these about cards; nobody signed in does.
MARKET_READS = {
    "bursar.read_lead_purchase(text, text)",
    "bursar.read_top_up(text, text)",
    "bursar.waiting_stripe_events(integer)",
}
MARKET_UPKEEP = {
    "bursar.attach_card_session(text, text, text)",
    "bursar.cancel_card_payment(text, text)",
    "bursar.expire_lead_reservations(integer)",
    "bursar.keep_event(jsonb)",
    "bursar.lease_card_refunds(integer, integer)",
    "bursar.settle_card_refund(text, text, text)",
}
MARKET_CALLS = {
    "public.complete_credit_lead_purchase(uuid, uuid[], jsonb, boolean)",
    "public.complete_stripe_lead_purchase(uuid, text)",
    "public.mark_leads_sold_bulk(uuid)",
    "public.validate_and_lock_leads_for_purchase(uuid, uuid[], jsonb, boolean, integer)",
}
# What the service alone asks of the shop, and what operators may as well.
SHOP_SERVICE = {
    "bursar.keep_claim(jsonb)",
    "bursar.keep_store_event(jsonb)",
    "bursar.read_shop(text)",
    "bursar.read_shop_status()",
    "bursar.record_function_metrics(jsonb)",
    "bursar.set_store_work_aside(text, text, text)",
}
SHOP_CALLS = {
    "bursar.copy_claims(jsonb)",
    "bursar.find_missing_claims(integer)",
    "bursar.find_wallet_differences(text)",
    "bursar.list_store_work(integer)",
    "bursar.set_store_config(text, jsonb, text, text)",
    "bursar.switch_sku(jsonb, jsonb, text, text)",
    "bursar.take_store_work_up()",
    "bursar.waiting_store_work(integer)",
    "public.check_wallet_integrity()",
}
# What the service asks of generation: pages read, workers lease, sweepers sweep.
STUDIO_SERVICE = {
    "bursar.expire_credit_deductions(integer)",
    "bursar.expire_generation_jobs(integer)",
    "bursar.hand_back_generation(text, text)",
    "bursar.keep_generation_lease(text, text, integer)",
    "bursar.keep_generation_output(text, text, text)",
    "bursar.lease_generation_jobs(text, integer, integer)",
    "bursar.read_generation_job(text, text)",
    "bursar.read_generation_marks(text)",
    "bursar.read_generation_output(text, text)",
    "bursar.read_studio(text, integer)",
    "bursar.retry_generation(text, text, text, integer)",
}
# What older apps call with a user's token.
STUDIO_CALLS = {
    "public.deduct_credit_atomic(uuid, integer)",
    "public.refund_credit_atomic(uuid)",
}
COMMUNITY_SERVICE = {
    "bursar.delete_post(jsonb)",
    "bursar.join_community(jsonb)",
    "bursar.moderate(jsonb)",
    "bursar.read_feed(text, integer, text)",
    "bursar.read_member(text)",
    "bursar.read_sign_in(text)",
    "bursar.write_post(jsonb)",
}
# Mending is the operators' alone, and so is saying that an audit found nothing.
OPERATOR_CALLS = {
    "bursar.mend_booster(text, text, text)",
    "bursar.mend_card_payment(uuid, text, text)",
    "bursar.mend_hold(bigint, text, text)",
    "bursar.mend_lead(uuid, text, text)",
    "bursar.mend_purchase(text, text, text, text)",
    "bursar.mend_shields(text, text, text)",
    "bursar.mend_store_work(text, text, text, text, text)",
    "bursar.mend_wallet(text, text, boolean, text, text)",
    "bursar.mend_workspace_totals(uuid, text, text)",
    "bursar.record_checkpoint(bigint, timestamp with time zone, text)",
}
# Pausing changes is the operators' as well, and so is looking at the server and at the seals' head.
GATE_CALLS = {
    "bursar.read_activity(integer)",
    "bursar.read_gate()",
    "bursar.read_server(integer)",
    "bursar.seal_head()",
    "bursar.read_writers()",
    "bursar.set_degraded(boolean, text, text)",
}
# Operators' commands write the journal; the service reads it.
JOURNAL_CALLS = {
    "bursar.begin_operation(uuid, text, text, text[])",
    "bursar.end_operation(uuid, text, text, text[], text, text, interval)",
}
JOURNAL_READS = {"bursar.read_operations(integer)", "bursar.read_database()"}
# The service counts and looks; it and operators' commands read that, and tell of alerts.
MONITOR_UPKEEP = {
    "bursar.record_minutes(jsonb, text, timestamp with time zone)",
    "bursar.observe(integer)",
    "bursar.expire_metrics(integer)",
}
MONITOR_CALLS = {
    "bursar.read_minutes(jsonb)",
    "bursar.look_around()",
    "bursar.read_observation()",
    "bursar.turn_alerts(jsonb)",
    "bursar.lease_alert_events(integer, integer)",
    "bursar.settle_alert_event(bigint, text)",
}
SERVICE_CALLS = set().union(
    *(VERB_CALLS, READS, UPKEEP, STORE_CALLS, MARKET_READS, MARKET_UPKEEP, MARKET_CALLS),
    *(SHOP_SERVICE, SHOP_CALLS, STUDIO_SERVICE, STUDIO_CALLS, COMMUNITY_SERVICE, GATE_CALLS),
    *(JOURNAL_READS, CONSOLE_CALLS, CONSOLE_READS, MONITOR_UPKEEP, MONITOR_CALLS),
)
EXECUTE: dict[str, set[str]] = {
    "public": set(),
    "anon": set(),
    "authenticated": STORE_CALLS | STUDIO_CALLS | {"bursar.workspace_id()"},
    "service_role": SERVICE_CALLS,
    "bursar_service": SERVICE_CALLS,
    "bursar_operator": READS.union(
        *(SHOP_CALLS, GATE_CALLS, OPERATOR_CALLS, JOURNAL_CALLS, JOURNAL_READS, MONITOR_CALLS),
        CONSOLE_READS,
    ),
}
# Privileges other than SELECT, on tables or on single columns of them.
WRITES: dict[str, set[str]] = {
    "public": set(),
    "anon": set(),
    "authenticated": {
        "public.rewards INSERT (cost, creator_id, description, is_active, name)",
        "public.rewards UPDATE (cost, description, is_active, name)",
        "public.leads INSERT (description, is_marketplace_listed, max_sales, price,"
        " seller_workspace_id, title)",
        "public.leads UPDATE (description, is_marketplace_listed, max_sales, price, title)",
    },
    "bursar_service": set(),
    "service_role": {
        "public.rewards DELETE",
        "public.rewards INSERT",
        "public.rewards UPDATE",
        "public.user_credits DELETE",
        "public.user_credits INSERT (balance, created_at, user_id)",
        "public.user_credits UPDATE (balance, created_at, user_id)",
        "public.leads DELETE",
        "public.leads INSERT",
        "public.leads UPDATE (created_at, description, id, is_marketplace_listed, max_sales, price,"
        " seller_workspace_id, title)",
        "public.workspace_credits DELETE",
        *(
            f"public.workspace_credits {what} (balance, created_at, total_earned, total_purchased,"
            " total_used, updated_at, workspace_id)"
            for what in ("INSERT", "UPDATE")
        ),
        "public.marketplace_config UPDATE",
        "public.audit_logs INSERT",
        *(
            f"public.{table} {what}"
            for table in ("skus", "sku_caps", "user_time_zones", "store_config")
            for what in ("INSERT", "UPDATE", "DELETE")
        ),
        "public.audit_purchases INSERT",
        "public.audit_purchases UPDATE",
        "public.purchase_claims INSERT (claimed_at, sku, tx_id, user_id)",
        "public.function_metrics INSERT",
        "public.user_wallet_balances DELETE",
        *(
            f"public.user_wallet_balances {what} (streakshield_count, updated_at, user_id,"
            " xp_booster_until)"
            for what in ("INSERT", "UPDATE")
        ),
        *(f"public.generation_products {what}" for what in ("INSERT", "UPDATE", "DELETE")),
        "public.profiles DELETE",
        *(
            f"public.profiles {what} (created_at, credits, email, id, last_generate_at)"
            for what in ("INSERT", "UPDATE")
        ),
        *(
            f"public.{table} {what}"
            for table in ("games", "milestones", "awards", "posts")
            for what in ("INSERT", "UPDATE", "DELETE")
        ),
        "public.users INSERT",
        "public.users UPDATE",
        "public.post_reactions INSERT",
        "public.scores INSERT",
    },
}
WRITES["bursar_operator"] = WRITES["service_role"]
RULES_OF_PLAY = {"public.games", "public.milestones", "public.awards"}
SHOP_WINDOW = {"public.skus", "public.sku_caps", "public.store_config"}
READABLE: dict[str, set[str]] = {
    "public": set(),
    "anon": {
        "public.rewards",
        "public.leads",
        "public.generation_products",
        *SHOP_WINDOW,
        *RULES_OF_PLAY,
    },
    "authenticated": {
        *SHOP_WINDOW,
        *RULES_OF_PLAY,
        "public.generation_products",
        "public.generation_jobs",
        "public.profiles",
        "public.user_wallet_balances",
        "public.purchase_claims",
        "public.claims_over_cap",
        "public.booster_changes",
        "public.rewards",
        "public.collected_rewards",
        "public.credit_transactions",
        "public.user_credits",
        "public.leads",
        "public.marketplace_purchases",
        "public.marketplace_purchase_items",
        "public.workspace_credits",
        "bursar.entry",
        "bursar.statement",
        "bursar.transaction (asset, corrects, created_at, id, reason, verb)",
    },
}
