// An app on a phone in the words of the stock supabase-js client: what was bought in a store is
// claimed by functions.invoke. Input: JSON on stdin, {url, anon_key, token, stranger_token, sku,
// tx_id, second_tx_id}. Output: JSON on stdout, what each step answered.

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

const user = clientOf(given.token);
const stranger = clientOf(given.stranger_token);
const visitor = clientOf(null);
const said = {};

async function invoke(name, client, func, options) {
  const { data, error } = await client.functions.invoke(func, options);
  // What a function said with its no is in the answer that the error carries.
  said[name] = error === null ? { data, status: 200 } : {
    error: error.name, status: error.context.status, data: await error.context.json(),
  };
}

async function read(name, request) {
  const { data, error, status } = await request;
  said[name] = { data, error, status };
}

const body = { sku: given.sku, tx_id: given.tx_id };
await invoke("stranger", stranger, "claim", { body });
await invoke("visitor", visitor, "claim", { body });
await invoke("claim", user, "claim", { body });
await invoke("again", user, "claim", { body });
await invoke("over the cap", user, "claim", { body: { ...body, tx_id: given.second_tx_id } });
await invoke("unknown", user, "claim", { body: { ...body, tx_id: "never-sold" } });
await invoke("nonsense", user, "claim", { body: { ...body, tx_id: "" } });
const use = { body: { item: "streak_shield" }, headers: { "Idempotency-Key": "saturday" } };
await invoke("use", user, "use-item", use);
await invoke("use again", user, "use-item", use);
await invoke("health", visitor, "claim?health=1", { method: "GET" });
await read("wallet", user.from("user_wallet_balances").select("streakshield_count").single());
await read("claims", user.from("purchase_claims").select("tx_id,status"));
await read("over", user.from("claims_over_cap").select("tx_id,cap"));
await read("others", stranger.from("purchase_claims").select("tx_id"));
await read("message", visitor.from("store_config").select("value").eq("key", "status_message")
  .single());
process.stdout.write(JSON.stringify(said));
