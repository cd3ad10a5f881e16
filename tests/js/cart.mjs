// A backend's cart in the words of the stock supabase-js client. Input: JSON on stdin, {url,
// service_key, buyer, first, second, third, nothing}: ids of a workspace and of leads. Output: JSON
// on stdout, what each step answered.

globalThis.WebSocket ??= class WebSocket {};

const { createClient } = await import("@supabase/supabase-js");

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const given = JSON.parse(Buffer.concat(chunks).toString());
const auth = { persistSession: false, autoRefreshToken: false };
const backend = createClient(given.url, given.service_key, { auth });
const said = {};

async function step(name, request) {
  const { data, error, status } = await request;
  said[name] = { data, status, error: error && { ...error, message: error.message } };
  return data;
}

const buy = (key, ...leads) => backend.rpc("complete_credit_lead_purchase", {
  p_buyer_workspace_id: given.buyer, p_lead_ids: leads,
}).setHeader("Idempotency-Key", key);

said["at once"] = (await Promise.all(
  Array.from({ length: 50 }, () => buy("cart-1", given.first)),
)).map(({ data, error }) => ({ data, error }));
await step("another cart", buy("cart-1", given.second));
await step("conflict", buy("cart-2", given.first, given.nothing));
const reserved = await step("reserve", backend.rpc("validate_and_lock_leads_for_purchase", {
  p_buyer_workspace_id: given.buyer, p_lead_ids: [given.second, given.third],
  p_expected_prices: { [given.second]: 70 }, p_reserve_seconds: 600,
}).setHeader("Idempotency-Key", "cart-3"));
await step("too early", backend.rpc("mark_leads_sold_bulk", { p_purchase_id: reserved.purchase_id }));
const paid = { p_purchase_id: reserved.purchase_id, p_payment_intent_id: "pi_1" };
await step("paid", backend.rpc("complete_stripe_lead_purchase", paid));
await step("paid again", backend.rpc("complete_stripe_lead_purchase", paid));
await step("receipt", backend.from("marketplace_purchases")
  .select("status,total_price,payment_method").eq("id", reserved.purchase_id).single());
await step("items", backend.from("marketplace_purchase_items")
  .select("lead_id,price,status").eq("purchase_id", reserved.purchase_id).order("price"));
await step("wallet", backend.from("workspace_credits")
  .select("balance,total_used").eq("workspace_id", given.buyer).single());
process.stdout.write(JSON.stringify(said));
