// A member of the community, signed in by cookie. Windows of one browser share the cookie, so the
// session may be another visitor's by now: the token that goes along tells, and one signs in anew.

import { insist, newKey, Refusal, send, Session } from "./door.js";

const TRIES_MAX = 3;
// Nobody else of this browser signs in while this work is done, where browsers can see to that.
const alone = (work) => (navigator.locks ? navigator.locks.request("bursar-community", work) : work());

export class Member {
  #app;
  #csrf = null;
  #signing = null;

  constructor(visitor) {
    this.visitor = visitor;
    this.#app = new Session(visitor);
  }

  /** Exchange the visitor's token, as an app's own sign-in gives one, for a session. */
  async signIn() {
    this.#signing ??= this.#app
      .ask("community/login", { method: "POST", body: {}, credentials: "same-origin" })
      .then(({ csrf_token: token }) => { this.#csrf = token; })
      .finally(() => { this.#signing = null; });
    await this.#signing;
  }

  async ask(path, options = {}) {
    for (let tries = 1; ; tries += 1) {
      const token = this.#csrf;
      try {
        if (token && tries === 1) return await this.#send(path, options);
        return await alone(async () => {
          // Another request of this window may have signed in meanwhile, and another window after it.
          if (token === this.#csrf || tries === TRIES_MAX) await this.signIn();
          return this.#send(path, options);
        });
      } catch (error) {
        const isOver = error instanceof Refusal && (error.status === 401 || error.code === "CSRF_REFUSED");
        if (!isOver || tries === TRIES_MAX) throw error;
      }
    }
  }

  #send(path, options) {
    const headers = { "x-csrf-token": this.#csrf, ...options.headers };
    return send(`community/${path}`, { ...options, headers, credentials: "same-origin" });
  }

  /** Ask for something that changes something; no answer, and it is asked again under its key. */
  change(path, body, key = newKey(), method = "POST") {
    return insist(() => this.ask(path, { method, headers: { "idempotency-key": key }, body }));
  }
}
