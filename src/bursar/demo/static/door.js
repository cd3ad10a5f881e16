// The way to the service: the same doors and the same words a store-front of yours would use.

const root = new URL("../", import.meta.url);
const PATIENCE_MS = 20_000;
const RENEW_BEFORE_MS = 60_000;
const LOST_POLL_MS = 1_500;
const RETRY_WAITS_MS = [400, 1_000, 2_500];

/**
 * A "no" from the service: a stable code, a sentence for the reader, the HTTP status, what the
 * details say, and after how many seconds to ask again, where it says so. `announced` is what
 * operators want users to know just now.
 */
export class Refusal extends Error {
  constructor(status, code, sentence, details = {}, waitSeconds = 0, announced = "") {
    super(sentence);
    this.status = status;
    this.code = code;
    this.details = details;
    this.waitSeconds = waitSeconds;
    this.announced = announced;
  }
}

/** No answer came. What was asked may or may not have been done. */
export class Lost extends Error {}

/** A key for one request: sent again with the same key, it is carried out once. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// "INSUFFICIENT_FUNDS: Not enough." is how a refusal reads at the RPC door; problem bodies of the
// other doors carry code and sentence apart.
function refusalOf(answer, body) {
  const [, code, sentence] = /^([A-Z][A-Z_]+): (.*)$/s.exec(body.message ?? "") ?? [];
  const words = sentence ?? body.detail ?? body.message ?? "The service did not say why.";
  const { status } = answer;
  const details = typeof body.details === "object" && body.details ? body.details : {};
  const wait = Number(answer.headers.get("retry-after")) || 0;
  return new Refusal(
    status, code ?? body.code ?? `HTTP ${status}`, words.replace(/\.$/, ""), details, wait,
    body.status_message,
  );
}

// Who hears of every call, once it is answered: { method, path, from, status, replayed, value, error };
// `from` is when it was sent, in milliseconds.
const listeners = new Set();
export const onCall = (hear) => listeners.add(hear);

/** Ask the service for something; cookies go along where `credentials` says so. */
export async function send(path, options = {}) {
  const call = { method: options.method ?? "GET", path, from: Date.now(), status: 0, replayed: false };
  try {
    call.value = await exchange(path, options, call);
    return call.value;
  } catch (error) {
    call.error = error;
    throw error;
  } finally {
    for (const hear of listeners) hear(call);
  }
}

async function exchange(path, { method = "GET", headers = {}, body, credentials = "omit" }, call) {
  let answer;
  let text;
  try {
    answer = await fetch(new URL(path, root), {
      method,
      headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
      credentials,
      cache: "no-store",
    });
    text = await answer.text();
  } catch {
    throw lost();
  }
  call.status = answer.status;
  call.replayed = answer.headers.get("idempotent-replayed") === "true";
  let value = {};
  try {
    value = text === "" ? null : JSON.parse(text);
  } catch {
    value = { message: "The answer cannot be read." };
  }
  if (!answer.ok) throw refusalOf(answer, value ?? {});
  return value;
}

/** Whether the service answers; `onChange(lost, degraded, wasLost)` hears of it. */
class Connection {
  #lost = false;
  #turn = 0;
  onChange = () => {};

  lose() {
    if (this.#lost) return;
    this.#lost = true;
    this.#turn += 1;
    this.onChange(true, false, false);
    setTimeout(() => this.look(), LOST_POLL_MS);
  }

  /** Ask the service how it is, and go on asking until it answers. */
  async look() {
    const turn = this.#turn;
    try {
      const answer = await fetch(new URL("health", root), {
        signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store",
      });
      if (!answer.ok) throw new Lost("Not yet.");
      const health = await answer.json();
      // Asked before the connection was lost, it says nothing; it is asked again since.
      if (turn !== this.#turn) return;
      this.onChange(false, health.degraded === true, this.#lost);
      this.#lost = false;
    } catch {
      if (turn === this.#turn) setTimeout(() => this.look(), LOST_POLL_MS);
    }
  }
}

export const connection = new Connection();

/** No answer came, or one that broke off: the page says so, and the error is there to be thrown. */
export function lost() {
  connection.lose();
  return new Lost("No answer came.");
}

/** Ask again, a few times, while no answer comes. What is asked must be the same each time. */
export async function insist(ask) {
  for (const wait of RETRY_WAITS_MS) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      await new Promise((resume) => { setTimeout(resume, wait); });
    }
  }
  return ask();
}

/** One visitor, signed in: asks the service with a short-lived token that it renews. */
export class Session {
  #token = null;
  #renewAt = 0;
  #renewing = null;

  constructor(visitor) {
    this.visitor = visitor;
    this.userId = null;
    this.name = "";
  }

  async signIn() {
    this.#renewing ??= send("demo/token", { method: "POST", body: { visitor: this.visitor } })
      .then((signedIn) => {
        this.userId = signedIn.user_id;
        this.name = signedIn.name;
        this.#token = signedIn.access_token;
        this.#renewAt = Date.now() + signedIn.expires_in * 1000 - RENEW_BEFORE_MS;
      })
      .finally(() => { this.#renewing = null; });
    await this.#renewing;
    return this;
  }

  async ask(path, options = {}) {
    for (let tries = 0; ; tries += 1) {
      if (Date.now() >= this.#renewAt) await this.signIn();
      const headers = { authorization: `Bearer ${this.#token}`, ...options.headers };
      try {
        return await send(path, { ...options, headers });
      } catch (error) {
        if (!(error instanceof Refusal && error.status === 401 && tries === 0)) throw error;
        this.#renewAt = 0;
      }
    }
  }

  /** Rows of a table or view, asked for as PostgREST is asked. */
  rows(table, parameters) {
    return this.ask(`rest/v1/${table}?${new URLSearchParams(parameters)}`);
  }

  /**
   * Ask for something that changes something. When no answer comes it is asked again with the same
   * key, a few times: the first outcome is answered again, and nothing is done twice.
   */
  async change(path, body, key = newKey(), method = "POST") {
    const options = { method, headers: { "idempotency-key": key }, body };
    return insist(() => this.ask(path, options));
  }

  /** Call a function of the database that changes something. */
  call(name, parameters, key = newKey()) {
    return this.change(`rest/v1/rpc/${name}`, parameters, key);
  }

  /**
   * Ask for what is no JSON, or goes on while one listens: answers the response itself, also one
   * that says that nothing has changed. `signal` ends it, and makes it throw what aborting throws.
   */
  async open(path, { headers = {}, signal } = {}) {
    for (let tries = 0; ; tries += 1) {
      if (Date.now() >= this.#renewAt) await this.signIn();
      let answer;
      try {
        answer = await fetch(new URL(path, root), {
          headers: { authorization: `Bearer ${this.#token}`, ...headers },
          signal, credentials: "omit", cache: "no-store",
        });
      } catch (error) {
        if (signal?.aborted) throw error;
        throw lost();
      }
      if (answer.ok || answer.status === 304) return answer;
      const refusal = refusalOf(answer, await answer.json().catch(() => ({})));
      if (!(refusal.status === 401 && tries === 0)) throw refusal;
      this.#renewAt = 0;
    }
  }

  /** Be given credits by the demonstration; `path` is the store-front's own way to them. */
  addCredits(key, path = "demo/credits") {
    return send(path, { method: "POST", body: { visitor: this.visitor, key } });
  }
}

/** A visitor's latest transactions, the newest first, each with both its sides. */
export const happened = (visitor) => send(`demo/happened?${new URLSearchParams({ visitor })}`);

/** Have the demonstration put on sale again what is sold out. */
export const restock = () => send("demo/restock", { method: "POST", body: {} });

/** Have the pretend app store sell something: { visitor, sku, told }. */
export const sell = (wanted) => send("demo/store/purchases", { method: "POST", body: wanted });

/** Have it say something of a sale: { tx_id, kind }. */
export const haveStoreSay = (word) => send("demo/store/events", { method: "POST", body: word });

/** Turn a switch of the operators' desk: "mode", "message" or "sku". */
export const turn = (name, value) => send(`demo/desk/${name}`, { method: "POST", body: value });
