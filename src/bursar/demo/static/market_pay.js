// Paying: sends the cart off, says in the cart why it was refused, and leads to the card company's
// payment page and to the receipt.

import { counted, hideRefusal, showRefusal } from "./cart_view.js";
import * as checkout from "./checkout.js";
import { Refusal } from "./door.js";
import { complain } from "./page.js";
import { amount, countdown, money, unit } from "./words.js";

// After these it may have been done all the same.
const UNKNOWN = new Set(["OUTCOME_UNKNOWN", "TIMEOUT", "UNAVAILABLE"]);

// The page that pays: its cart and terms, who is signed in, and what it does afterwards.
let page = null;

export function payFor(given) {
  page = given;
}

export async function pay(method, chosen = page.cart.leads) {
  const me = page.session();
  hideRefusal();
  try {
    const receipt = await checkout.buy(me, chosen, method);
    if (me !== page.session()) return;
    if (receipt.checkoutUrl) {
      location.assign(receipt.checkoutUrl);
      return;
    }
    if (receipt.status === "completed") page.cart.remove(receipt.items.map((item) => item.leadId));
    page.changed(me);
    page.openReceipt(receipt.purchaseId);
  } catch (error) {
    if (me !== page.session()) return;
    refuse(error, method);
    await page.changed(me);
  }
}

function refuse(error, method) {
  if (!(error instanceof Refusal)) {
    complain(error, { name: "Ask again", go: () => pay(method) });
    return;
  }
  const { code, message: sentence, details, waitSeconds } = error;
  const again = { name: "Ask again", go: () => pay(method), first: true };
  if (details.conflicts) {
    page.cart.refuse(details.conflicts);
    const stuck = `${page.cart.conflicts.size} of ${counted(page.cart.leads.length)} cannot be had as seen.`;
    showRefusal({ sentence, code, more: `${stuck} Nothing was charged.` }, waysOfConflicts(method));
  } else if (code === "INSUFFICIENT_FUNDS") {
    const missing = details.needed - details.available;
    showRefusal(
      { sentence, code, more: `You have ${amount(details.available)}; ${amount(missing)} more are needed.` },
      page.terms.cards ? waysOfMoney(missing) : [],
    );
  } else if (code === "RATE_LIMITED") {
    const until = new Date(Date.now() + 1000 * (details.retry_after_seconds ?? waitSeconds));
    showRefusal({ sentence, code, more: ["Nothing was charged. Wait for ", countdown(until)] }, [again]);
  } else if (error.status === 503 || error.status === 504) {
    const more = UNKNOWN.has(code) ? "Ask again: it is charged once at most." : "Nothing was charged.";
    showRefusal({ sentence, code, more }, [again]);
  } else {
    complain(error, null);
  }
}

function waysOfConflicts(method) {
  const out = [...page.cart.conflicts.keys()];
  const rest = page.cart.leads.filter((lead) => !out.includes(lead.id));
  if (!rest.length) return [{ name: "Take these out", go: () => page.takeOut(out), first: true }];
  return [{
    name: "Take these out and buy the rest",
    first: true,
    go: () => {
      page.takeOut(out);
      pay(method);
    },
  }];
}

function waysOfMoney(missing) {
  const offered = [...document.querySelectorAll("#top-ups button")].map(({ value }) => Number(value));
  const credits = offered.find((each) => each >= missing) ?? missing;
  const price = page.terms.unitAmount ? `, ${money(credits * page.terms.unitAmount, page.terms.currency)}` : "";
  return [
    { name: `Top up ${amount(credits)} ${unit(credits)}${price}`, go: () => topUp(credits), first: true },
    { name: "Pay the cart by card", go: () => pay("stripe") },
  ];
}

export async function topUp(credits) {
  const me = page.session();
  try {
    const receipt = await checkout.topUp(me, credits);
    if (receipt.checkoutUrl && me === page.session()) location.assign(receipt.checkoutUrl);
  } catch (error) {
    if (me === page.session()) complain(error, { name: "Try again", go: () => topUp(credits) });
  }
}

/** Go to a payment page that was opened before; if it is no more, see what became of it. */
export async function payOn(id) {
  const me = page.session();
  try {
    const receipt = await checkout.reopen(me, checkout.openedPage(id));
    if (receipt.checkoutUrl && me === page.session()) {
      location.assign(receipt.checkoutUrl);
      return;
    }
    if (me === page.session()) page.openReceipt(id, { returned: true });
  } catch (error) {
    if (me === page.session()) complain(error, { name: "Try again", go: () => payOn(id) });
  }
  await page.changed(me);
}
