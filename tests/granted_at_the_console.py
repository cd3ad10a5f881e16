"""What the console's pages ask of a migrated database; granted.py says the rest."""

# As the service alone: the journal, which it writes for the operators; checks and their results;
# the overview and the charts; the inbox, the switches, and one thing of the queue tried again.
CONSOLE_CALLS = {
    "bursar.begin_check(text, text, text, integer)",
    "bursar.begin_console_operation(text, text, text, text)",
    "bursar.count_claim_queue()",
    "bursar.count_inbox()",
    "bursar.end_check(text, text, text, text, text)",
    "bursar.end_console_operation(text, text, text)",
    "bursar.list_claim_queue(text, text, bigint, integer)",
    "bursar.list_inbox(text, text, text, bigint, integer)",
    "bursar.note_check(text, integer, integer)",
    "bursar.read_event(bigint)",
    "bursar.read_gate_changes(integer)",
    "bursar.read_journal(text, integer)",
    "bursar.read_migrations()",
    "bursar.read_minutes_apart(jsonb, integer)",
    "bursar.read_observations(integer)",
    "bursar.read_operation(text)",
    "bursar.read_queued_claim(bigint)",
    "bursar.read_safety()",
    "bursar.read_seals(integer)",
    "bursar.read_switch_changes(integer)",
    "bursar.take_up_one(text, bigint)",
    "bursar.what_came_of_payment(text)",
    "bursar.what_came_of_purchase(text)",
}
# What operators may ask as well: checks, wallets, transactions and sales.
CONSOLE_READS = {
    "bursar.find_lead_purchase(text)",
    "bursar.find_wallets(text, text, text, text, integer)",
    "bursar.list_assets()",
    "bursar.list_claims(text, text, text, text, integer)",
    "bursar.list_generation_jobs(text, text, text, integer)",
    "bursar.list_lead_purchases(text, text, text, text, integer)",
    "bursar.list_moved_wallets(text, bigint, bigint, integer, integer)",
    "bursar.list_open_holds(text, text, integer)",
    "bursar.list_reward_purchases(text, bigint, integer)",
    "bursar.list_transactions(text, bigint, integer)",
    "bursar.plan_refund(bigint, bigint)",
    "bursar.read_check_heads()",
    "bursar.read_checks()",
    "bursar.read_claim(text)",
    "bursar.read_generation_history(text)",
    "bursar.read_lead_payment(text)",
}
