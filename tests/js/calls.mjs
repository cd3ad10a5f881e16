// Makes calls with the stock supabase-js client. Input: JSON on stdin, {url, anon_key, rounds}; each
// round is an array of calls that are made at once, one round after the other. Output: JSON on
// stdout, for each round an array of {data, error, status}.
//
// A call is {token, function, arguments, key} or {token, table, select} or
// {token, table, update, match}. Without a token it is an anonymous visitor's.

// The client wants one to exist on Node before 22; nothing here opens it.
globalThis.WebSocket ??= class WebSocket {};

const { createClient } = await import("@supabase/supabase-js");

const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const { url, anon_key: anonKey, rounds } = JSON.parse(Buffer.concat(chunks).toString());

const clients = new Map();
function clientOf(token) {
  if (!clients.has(token)) {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    const auth = { persistSession: false, autoRefreshToken: false };
    clients.set(token, createClient(url, anonKey, { auth, global: { headers } }));
  }
  return clients.get(token);
}

function begin(call) {
  const client = clientOf(call.token ?? null);
  if (call.function) {
    const request = client.rpc(call.function, call.arguments ?? {});
    return call.key ? request.setHeader("Idempotency-Key", call.key) : request;
  }
  if (call.update) return client.from(call.table).update(call.update).match(call.match);
  return client.from(call.table).select(call.select ?? "*");
}

const answers = [];
for (const round of rounds) {
  const settled = await Promise.all(round.map(begin));
  answers.push(settled.map(({ data, error, status }) => ({
    data,
    error: error && { code: error.code, message: error.message, hint: error.hint },
    status,
  })));
}
process.stdout.write(JSON.stringify(answers));
