// A store-front in the words of the stock supabase-js client. Input: JSON on stdin, {url, anon_key,
// creator, creator_token, buyer, buyer_token}. Output: JSON on stdout, what each step answered.

globalThis.WebSocket ??= class WebSocket {};

const { createClient } = await import("@supabase/supabase-js");

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const given = JSON.parse(Buffer.concat(chunks).toString());

function clientOf(token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const auth = { persistSession: false, autoRefreshToken: false };
  return createClient(given.url, given.anon_key, { auth, global: { headers } });
}

const visitor = clientOf(null);
const creator = clientOf(given.creator_token);
const buyer = clientOf(given.buyer_token);
const said = {};

async function step(name, request) {
  const { data, error, status, count } = await request;
  said[name] = { data, status, count, error: error && { ...error, message: error.message } };
  return data;
}

const made = await step("create", creator.from("rewards")
  .insert({ creator_id: given.creator, name: "Mug", description: "Blue", cost: 60 })
  .select().single());
await step("reprice", creator.from("rewards").update({ cost: 30 }).eq("id", made.id).select());
await step("list", visitor.from("rewards").select("id,name,cost").eq("creator_id", given.creator)
  .order("cost", { ascending: false }).limit(10));
await step("count", visitor.from("rewards").select("*", { count: "exact", head: true })
  .in("id", [made.id]));
await step("balance", buyer.from("user_credits").select("balance").eq("user_id", given.buyer)
  .single());
await step("stale price", buyer.rpc("purchase_reward", {
  p_reward_id: made.id, p_collector_id: given.buyer, p_expected_price: 60,
}));
await step("buy", buyer.rpc("purchase_reward", {
  p_reward_id: made.id, p_collector_id: given.buyer, p_expected_price: 30,
}));
await step("again", buyer.rpc("purchase_reward", {
  p_reward_id: made.id, p_collector_id: given.buyer,
}));
await step("collected", buyer.from("collected_rewards")
  .select("reward_id,price").eq("reward_id", made.id).maybeSingle());
await step("joined", buyer.from("collected_rewards").select("price,rewards(name)"));
await step("history", buyer.from("credit_transactions").select("amount,type,balance_after")
  .order("created_at", { ascending: false }).range(0, 0));
await step("nobody", buyer.from("user_credits").select("balance").eq("user_id", given.creator)
  .maybeSingle());
await step("no such function", buyer.rpc("steal", {}));
await step("no such table", buyer.from("secrets").select());
try {
  await buyer.rpc("purchase_reward", {
    p_reward_id: made.id, p_collector_id: given.creator,
  }).throwOnError();
} catch (error) {
  said["thrown"] = { data: null, status: 0, count: null, error: {
    name: error.name, message: error.message, code: error.code, hint: error.hint,
  } };
}
process.stdout.write(JSON.stringify(said));
