// Buying: the request, the key under which it is sent, and what is remembered of payment pages that
// were opened, so that they are found again.

import { newKey, Refusal } from "./door.js";

const NAME = "bursar-checkouts";
const KEPT_MAX = 20;
// After these the same request may be sent again under the same key.
const AGAIN = new Set(["BUSY", "DEGRADED", "OUTCOME_UNKNOWN", "TIMEOUT", "UNAVAILABLE", "RATE_LIMITED"]);

let attempt = null;
let opened = remembered();

function remembered() {
  try {
    const kept = JSON.parse(localStorage.getItem(NAME) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

// An opened payment page: { id, kind, sessionId, as, text, key }.
function remember(entry) {
  opened = [entry, ...opened.filter((each) => each.id !== entry.id)].slice(0, KEPT_MAX);
  try {
    localStorage.setItem(NAME, JSON.stringify(opened));
  } catch {
    // Remembered as long as the page lasts, then.
  }
}

/** What is known here of a purchase's or top-up's payment page, by its id or its session's. */
export const openedPage = (id, sessionId = null) => opened.find(
  (each) => each.id === id || (sessionId !== null && each.sessionId === sessionId),
) ?? null;

/**
 * Buy leads; answers the receipt. By card, the answer has the address of the payment page.
 *
 * The key belongs to what is asked. A double click asks the same twice and gets one purchase; after
 * a definite answer the next click asks anew. A page that was opened for the same cart is found
 * again, so that nobody pays on two of them.
 */
export async function buy(me, leads, method) {
  const prices = Object.fromEntries(leads.map((lead) => [lead.id, lead.price]));
  const body = { leadIds: Object.keys(prices).sort(), paymentMethod: method, expectedPrices: prices };
  const receipt = await ask(me, "purchase", body, method === "stripe");
  if (method === "stripe" && receipt.status !== "pending") {
    // The page of before has come to its end: another one, if the leads can still be had.
    opened = opened.filter((each) => each.id !== receipt.purchaseId);
    return ask(me, "purchase", body, true);
  }
  return receipt;
}

/** Open the payment page of a top-up; answers its receipt. */
export const topUp = (me, credits) => ask(me, "top-up", { credits }, false);

/** Find the payment page of a purchase again; answers its receipt, with an address if it is open. */
export function reopen(me, entry) {
  return me.change(`api/marketplace/${entry.kind}`, JSON.parse(entry.text), entry.key);
}

async function ask(me, kind, body, seekOpened) {
  const text = JSON.stringify(body);
  const before = seekOpened && opened.find((each) => each.as === me.visitor && each.text === text);
  if (attempt?.text !== text || attempt.as !== me.visitor || attempt.kind !== kind) {
    attempt = { text, kind, as: me.visitor, key: (before && before.key) || newKey() };
  }
  const mine = attempt;
  const forget = () => { if (attempt === mine) attempt = null; };
  try {
    const receipt = await me.change(`api/marketplace/${kind}`, body, mine.key);
    forget();
    if (receipt.sessionId) {
      const id = receipt.purchaseId ?? receipt.paymentId;
      remember({ id, sessionId: receipt.sessionId, ...mine });
    }
    return receipt;
  } catch (error) {
    const again = error instanceof Refusal
      && (AGAIN.has(error.code) || (error.code === "CARD_UNAVAILABLE" && error.details.retriable));
    if (error instanceof Refusal && !again) forget();
    throw error;
  }
}
