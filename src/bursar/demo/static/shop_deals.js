// What a reader does in the shop: buy, claim, use, and be refunded; and how each answer is said.

import { haveStoreSay, Lost, newKey, Refusal, sell, Session } from "./door.js";
import { complain, find, reveal } from "./page.js";
import { detailWords, here, shields } from "./shop_words.js";
import { say } from "./toast.js";

// The page: who is signed in, what wares are called, and what it does afterwards.
let page = null;

export function dealFor(given) {
  page = given;
}

const announced = (text) => (text ? `Operators say: ${text}` : "");
const sentences = (...parts) => parts.filter(Boolean).map((part) => part.replace(/\.$/, "")).join(". ");

/** Say a "no" plainly: the sentence, status and code, the details, and what operators announce. */
function refuse(error, title, way) {
  if (!(error instanceof Refusal)) {
    complain(error, way, title);
    return;
  }
  say({
    kind: error.status >= 500 && error.status !== 503 ? "fault" : "no",
    sentence: error.message,
    code: `${error.status} ${error.code}`,
    more: sentences(title, detailWords(error.code, error.details), announced(error.announced)),
    way,
  });
}

/** Have the store sell a ware and tell the service; then claim it, as an app does. */
export async function buy(sku) {
  const me = page.session();
  const title = page.titleOf(sku);
  const told = document.querySelector("#told input:checked")?.value ?? "once";
  let sold;
  try {
    sold = await sell({ visitor: me.visitor, sku, told });
  } catch (error) {
    if (me === page.session()) refuse(error, title, null);
    return;
  }
  // Who the reader is by now has not bought it, and claims nothing.
  if (me !== page.session()) return;
  page.bought(me, { txId: sold.tx_id, sku });
  sayDeliveries(sold.deliveries, title);
  await claim(sold.tx_id, sku);
}

// One delivery that was taken is nothing to talk about.
function sayDeliveries(deliveries, title) {
  const last = deliveries.at(-1);
  if (last && last.status !== 200) {
    say({
      kind: "no", sentence: "The store could not tell us of it, and goes on trying",
      code: last.status ? `${last.status} ${last.code}` : "", more: title,
    });
  } else if (deliveries.length > 1) {
    const answers = deliveries.map(({ status }) => status).join(", ");
    say({
      kind: "done", sentence: "The store told us twice; the second time made no difference",
      code: answers, more: title,
    });
  }
}

export async function claim(txId, sku) {
  const me = page.session();
  const title = page.titleOf(sku);
  const again = { name: "Claim again", go: () => claim(txId, sku) };
  try {
    const answer = await me.change("functions/v1/claim", { sku, tx_id: txId });
    if (answer.waits_for === "database") page.accepted(txId);
    if (me === page.session()) sayClaimed(answer, title, page.isBooster(sku));
  } catch (error) {
    if (error.code === "UNKNOWN_TRANSACTION") page.refused(txId);
    const way = error.code === "CAP_EXCEEDED"
      ? { name: "Show what is paid, not claimed", go: () => reveal("claimable-name") }
      : error instanceof Lost || ["UNKNOWN_TRANSACTION", "BUSY"].includes(error.code) ? again : null;
    if (me === page.session()) refuse(error, title, way);
  }
  await page.changed(me);
}

function sayClaimed(answer, title, isBooster) {
  if (answer.queued) {
    say({
      kind: "done", sentence: answer.message.replace(/\.$/, ""), code: `202 ${answer.waits_for}`,
      more: sentences(title, announced(answer.status_message)),
    });
  } else if (answer.replayed) {
    say({
      kind: "done", sentence: "It was claimed before, and is answered as it was then", code: "200",
      more: title,
    });
  } else {
    const { streakshield_count: count, xp_booster_until: until } = answer.wallet;
    say({
      kind: "done", sentence: `${title} is yours`, code: "200",
      more: isBooster ? `It runs until ${here(until)}` : `You have ${shields(count)}`,
    });
  }
}

/** The same purchase, claimed by another visitor of the demonstration. */
export async function claimAs(other, txId, sku) {
  const me = page.session();
  const title = `${other.name} claims ${page.titleOf(sku)}`;
  try {
    const answer = await new Session(other.visitor).change("functions/v1/claim", { sku, tx_id: txId });
    if (me === page.session()) sayClaimed(answer, title, page.isBooster(sku));
  } catch (error) {
    if (me === page.session()) refuse(error, title, null);
  }
  await page.changed(me);
}

const SAID = {
  refund: "The store gave the money back",
  reversal: "The store took the refund back",
};

function sayTold(kind, told, title) {
  if (told.status !== 200) {
    sayDeliveries([told], title);
    return;
  }
  const later = told.effect === "applied" ? "" : "It is kept, and takes effect when the store is up";
  say({ kind: "done", sentence: SAID[kind], code: "200", more: sentences(title, later) });
}

/** Have the store give the money of a sale back, or take that back: "refund" or "reversal". */
export async function haveStore(kind, txId, sku) {
  const me = page.session();
  const title = page.titleOf(sku);
  try {
    const { deliveries: [told] } = await haveStoreSay({ tx_id: txId, kind });
    if (kind === "refund" && told.status === 200) page.refunded(txId);
    if (me === page.session()) sayTold(kind, told, title);
  } catch (error) {
    if (me === page.session()) refuse(error, title, null);
  }
  await page.changed(me);
}

export async function useShield(key = newKey()) {
  const me = page.session();
  try {
    const { left } = await me.change("functions/v1/use-item", { item: "streak_shield" }, key);
    if (me === page.session()) say({ kind: "done", sentence: "One shield used", code: "200", more: `${shields(left)} left` });
  } catch (error) {
    const way = error.code === "INSUFFICIENT_FUNDS"
      ? { name: "Show what is on sale", go: () => reveal("wares-name") }
      : error instanceof Lost ? { name: "Ask again", go: () => useShield(key) } : null;
    if (me === page.session()) refuse(error, "Use a shield", way);
  }
  await page.changed(me);
}

find("use").addEventListener("click", () => useShield());
