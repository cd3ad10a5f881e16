// The two ways to have a picture made. Today's: submit it, once. That of older apps: deduct, then
// submit, and ask for a refund when something goes wrong; each call is shown with its answer.

import { Refusal } from "./door.js";
import { find } from "./page.js";

// Later clicks are new ones; earlier ones, with the same words, are the same click once more.
const SAME_CLICK_MS = 600;

let click = null;

/**
 * The key of a click: a double click has one, and so has whatever is clicked while the answer to
 * the same request is on its way.
 */
export function keyOf(request, newKey) {
  const text = JSON.stringify(request);
  const now = performance.now();
  const isSame = click?.text === text && (click.waits || now - click.at < SAME_CLICK_MS);
  if (!isSame) click = { text, key: newKey(), at: now, waits: 0 };
  const mine = click;
  mine.waits += 1;
  return { key: mine.key, isSame, answered: () => { mine.waits -= 1; } };
}

/** Submit a job; answers it. */
export const submit = (me, prompt, key) => me.change("functions/v1/submit-generation", { prompt }, key);

/**
 * Do as older apps do, which name the seconds between two turns themselves; answers the job, and
 * throws what went wrong once the refund was asked for.
 */
export async function submitAsOlder(me, prompt, key, seconds) {
  find("calls").replaceChildren();
  const deducted = await call(me, "check-and-deduct-credit", { rate_limit_seconds: seconds }, key,
    ({ credits_remaining: left }) => `${left} left`);
  try {
    return await call(me, "submit-generation", { prompt }, key, ({ job_id: id }) => `job ${id.slice(0, 8)}`);
  } catch (error) {
    if (deducted) await refundAsOlder(me, key);
    throw error;
  }
}

/** Ask for a refund, as older apps do on any error; a no is no news to the reader. */
export async function refundAsOlder(me, key) {
  try {
    await call(me, "refund-credit", {}, key, ({ amount, credits_remaining: left }) => `${amount} back, ${left} left`);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

async function call(me, name, body, key, words) {
  const item = document.createElement("li");
  const code = document.createElement("code");
  const said = document.createElement("span");
  code.textContent = name;
  said.textContent = "…";
  item.append(code, " ", said);
  find("calls").append(item);
  try {
    const answer = await me.change(`functions/v1/${name}`, body, key);
    said.textContent = `200 · ${words(answer)}`;
    return answer;
  } catch (error) {
    said.textContent = error instanceof Refusal
      ? `${error.status} ${error.code.toLowerCase()}` : "no answer";
    if (error.code === "NOTHING_TO_REFUND") said.textContent += " · the credit was back already";
    throw error;
  }
}
