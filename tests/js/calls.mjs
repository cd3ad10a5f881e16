// Makes calls with the stock supabase-js client. Input: lines of JSON on stdin, {url, anon_key,
// rounds}; each round is an array of calls that are made at once, one round after the other. Output:
// for each line one on stdout, with an array of {data, error, status} for each round.
//
// A call is {token, function, arguments, key} or {token, table, select} or
// {token, table, update, match}. Without a token it is an anonymous visitor's.

import { createInterface } from "node:readline";

// The client wants one to exist on Node before 22; nothing here opens it.
globalThis.WebSocket ??= class WebSocket {};

const { createClient } = await import("@supabase/supabase-js");

// One client for each caller of a line; a service that was started anew has clients of its own.
function clientsOf(url, anonKey) {
  const clients = new Map();
  return (token) => {
    if (!clients.has(token)) {
      const headers = token ? { Authorization: `Bearer ${token}` } : {};
      const auth = { persistSession: false, autoRefreshToken: false };
      clients.set(token, createClient(url, anonKey, { auth, global: { headers } }));
    }
    return clients.get(token);
  };
}

function begin(client, call) {
  if (call.function) {
    const request = client.rpc(call.function, call.arguments ?? {});
    return call.key ? request.setHeader("Idempotency-Key", call.key) : request;
  }
  if (call.update) return client.from(call.table).update(call.update).match(call.match);
  return client.from(call.table).select(call.select ?? "*");
}

for await (const line of createInterface({ input: process.stdin })) {
  const { url, anon_key: anonKey, rounds } = JSON.parse(line);
  const clientOf = clientsOf(url, anonKey);
  const answers = [];
  for (const round of rounds) {
    const settled = await Promise.all(
      round.map((call) => begin(clientOf(call.token ?? null), call)),
    );
    answers.push(settled.map(({ data, error, status }) => ({
      data,
      error: error && { code: error.code, message: error.message, hint: error.hint },
      status,
    })));
  }
  process.stdout.write(`${JSON.stringify(answers)}\n`);
}
