// The way to the service: the same doors and the same words a store-front of yours would use.

const root = new URL("../", import.meta.url);
const PATIENCE_MS = 20_000;
const RENEW_BEFORE_MS = 60_000;
const LOST_POLL_MS = 1_500;
const RETRY_WAITS_MS = [400, 1_000, 2_500];

/** A "no" from the service: a stable code, a sentence for the reader, the HTTP status. */
export class Refusal extends Error {
  constructor(status, code, sentence) {
    super(sentence);
    this.status = status;
    this.code = code;
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
function refusalOf(status, body) {
  const [, code, sentence] = /^([A-Z][A-Z_]+): (.*)$/s.exec(body.message ?? "") ?? [];
  const words = sentence ?? body.detail ?? body.message ?? "The service did not say why.";
  return new Refusal(status, code ?? body.code ?? `HTTP ${status}`, words.replace(/\.$/, ""));
}

async function send(path, { method = "GET", headers = {}, body } = {}) {
  let answer;
  let text;
  try {
    answer = await fetch(new URL(path, root), {
      method,
      headers: body === undefined ? headers : { "content-type": "application/json", ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
      credentials: "omit",
      cache: "no-store",
    });
    text = await answer.text();
  } catch {
    connection.lose();
    throw new Lost("No answer came.");
  }
  let value = {};
  try {
    value = text === "" ? null : JSON.parse(text);
  } catch {
    value = { message: "The answer cannot be read." };
  }
  if (!answer.ok) throw refusalOf(answer.status, value ?? {});
  return value;
}

/** Whether the service answers; `onChange(lost, degraded, wasLost)` hears of it. */
class Connection {
  #lost = false;
  onChange = () => {};

  lose() {
    if (this.#lost) return;
    this.#lost = true;
    this.onChange(true, false, false);
    setTimeout(() => this.look(), LOST_POLL_MS);
  }

  /** Ask the service how it is, and go on asking until it answers. */
  async look() {
    try {
      const answer = await fetch(new URL("health", root), {
        signal: AbortSignal.timeout(PATIENCE_MS), cache: "no-store",
      });
      if (!answer.ok) throw new Lost("Not yet.");
      const health = await answer.json();
      this.onChange(false, health.degraded === true, this.#lost);
      this.#lost = false;
    } catch {
      setTimeout(() => this.look(), LOST_POLL_MS);
    }
  }
}

export const connection = new Connection();

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
   * Call a function that changes something. When no answer comes it is asked again with the same
   * key, a few times: the first outcome is answered again, and nothing is done twice.
   */
  async call(name, parameters, key = newKey()) {
    const options = { method: "POST", headers: { "idempotency-key": key }, body: parameters };
    for (const wait of RETRY_WAITS_MS) {
      try {
        return await this.ask(`rest/v1/rpc/${name}`, options);
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        await new Promise((resume) => { setTimeout(resume, wait); });
      }
    }
    return this.ask(`rest/v1/rpc/${name}`, options);
  }

  addCredits(key) {
    return send("demo/credits", { method: "POST", body: { visitor: this.visitor, key } });
  }
}
