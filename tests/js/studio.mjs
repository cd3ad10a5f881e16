// An app that generates pictures, in the words of the stock supabase-js client. Input: JSON on stdin,
// {url, anon_key, user, token}. Output: JSON on stdout, what each step was answered.

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
const visitor = clientOf(null);
const said = {};

async function step(name, request) {
  const { data, error, status } = await request;
  said[name] = { data, status, error: error && { ...error, message: error.message } };
  return data;
}

// A function's error has the answer itself in `context`, as apps read it.
async function call(name, client, path, options) {
  const { data, error } = await client.functions.invoke(path, options);
  said[name] = { data, error: null };
  if (error) {
    const answer = error.context;
    said[name].error = {
      name: error.name, status: answer.status, body: await answer.json(),
      retry_after: answer.headers.get("Retry-After"),
    };
  }
  return data;
}

// The older order: deduct, submit; and a refund when something went wrong.
await call("deduct", user, "check-and-deduct-credit", { body: { rate_limit_seconds: 10 } });
const made = await call("submit", user, "submit-generation", { body: { prompt: "a fox" } });
await call("refund of a job's", user, "refund-credit");
await call("too early", user, "submit-generation", { body: { prompt: "a fox" } });
await call("nobody", visitor, "submit-generation", { body: { prompt: "a fox" } });
await call("state", user, `generation-jobs/${made.job_id}`, { method: "GET" });
await call("cancel", user, "cancel-generation", { body: { job_id: made.job_id } });

// The functions of the database, for apps that call them by themselves.
await step("rpc too early", user.rpc("deduct_credit_atomic", {
  p_user_id: given.user, p_rate_limit_seconds: 0,
}));
await step("rpc nothing", user.rpc("refund_credit_atomic", { p_user_id: given.user }));
await step("rpc of nobody", visitor.rpc("deduct_credit_atomic", {
  p_user_id: given.user, p_rate_limit_seconds: 0,
}));
await step("rpc of another", user.rpc("refund_credit_atomic", {
  p_user_id: "00000000-0000-4000-8000-000000000001",
}));
const service = clientOf(given.service_token);
await step("rpc", service.rpc("deduct_credit_atomic", {
  p_user_id: given.user, p_rate_limit_seconds: 0,
}));
await step("rpc back", user.rpc("refund_credit_atomic", { p_user_id: given.user }));
await step("profile", user.from("profiles").select("id,credits").single());
await step("jobs", user.from("generation_jobs").select("id,status,reason"));
process.stdout.write(JSON.stringify(said));
