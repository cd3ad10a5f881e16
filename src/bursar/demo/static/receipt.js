// The receipt: what was bought or topped up, what it cost, how it was paid and where it stands. While
// the card company has not told the end of it, the receipt asks again by itself, ever less often.

import { Lost, Refusal } from "./door.js";
import { counted } from "./cart_view.js";
import { fact, find } from "./page.js";
import { standing, standingOfTopUp } from "./standing.js";
import { amount, countdown, money, time, unit } from "./words.js";

const WAITS_MS = [400, 700, 1_000, 1_500, 2_500, 4_000, 5_000];
const slip = find("receipt");
let shown = null;

/**
 * Show a receipt, and follow it until it has come to an end or is closed. `onTold` hears of the
 * receipt when it is first read, and whenever its status has changed.
 */
export async function showReceipt(me, kind, id, { returned = false, payOn = null, onTold } = {}) {
  const mine = { id };
  shown = mine;
  blank(kind);
  const isCurrent = () => shown === mine;
  find("receipt-pay").onclick = payOn;
  if (!slip.open) slip.showModal();
  find("receipt-done").focus();
  let told = null;
  for (let tries = 0; isCurrent(); tries += 1) {
    const read = await attemptToRead(me, kind, id, isCurrent);
    if (!isCurrent() || read === null) return;
    if (read.gone) return;
    if (read.receipt) {
      const state = fill(kind, read.receipt, returned, payOn);
      const now = `${read.receipt.status} ${state.waits}`;
      if (now !== told) onTold(read.receipt);
      told = now;
      if (!state.waits) return;
    }
    const wait = WAITS_MS[Math.min(tries, WAITS_MS.length - 1)];
    await new Promise((resume) => { setTimeout(resume, wait); });
  }
}

async function attemptToRead(me, kind, id, isCurrent) {
  try {
    const place = kind === "purchase" ? "purchases" : "top-ups";
    return { receipt: await me.ask(`api/marketplace/${place}/${encodeURIComponent(id)}`) };
  } catch (error) {
    if (!isCurrent()) return null;
    if (error instanceof Lost || (error instanceof Refusal && error.status >= 429)) {
      say("warn", "…", "Not read yet", "The service does not answer; asking again.");
      return {};
    }
    say("bad", "!", "It could not be read", error.message);
    return { gone: true };
  }
}

function blank(kind) {
  find("receipt-name").textContent = kind === "purchase" ? "Receipt" : "Top-up";
  say("", "…", "Reading", "\u00a0");
  find("receipt-items").replaceChildren();
  find("receipt-facts").replaceChildren();
  for (const part of ["count", "total", "unit"]) find(`receipt-${part}`).textContent = "";
  find("receipt-pay").hidden = true;
}

function say(tone, sign, word, words) {
  const state = find("receipt-state");
  state.className = `stand ${tone}`;
  const said = `${sign} ${word}`;
  // Said again only when it has changed.
  if (state.textContent !== said) state.textContent = said;
  if (find("receipt-words").textContent !== words) find("receipt-words").textContent = words;
}

function fill(kind, receipt, returned, payOn) {
  const isPurchase = kind === "purchase";
  const state = isPurchase ? standing(receipt, returned) : standingOfTopUp(receipt, returned);
  const total = isPurchase ? receipt.totalPrice : receipt.credits;
  say(state.tone, state.sign, state.word, state.sentence);
  find("receipt-items").replaceChildren(...(receipt.items ?? []).map(itemRow));
  find("receipt-count").textContent = isPurchase ? counted(receipt.items.length) : "Credits";
  find("receipt-total").textContent = amount(total);
  find("receipt-unit").textContent = unit(total);
  find("receipt-pay").hidden = !(state.payable && payOn);
  fillFacts(isPurchase ? receipt.payment : receipt, receipt, state);
  return state;
}

function itemRow(item) {
  const row = document.createElement("li");
  row.className = "row";
  const words = document.createElement("div");
  words.className = "words";
  const title = document.createElement("h3");
  title.textContent = item.title;
  words.append(title);
  const note = { gone: "Gone when the payment arrived", refunded: "Given back" }[item.status];
  if (note) {
    const small = document.createElement("p");
    small.className = "small conflict";
    small.textContent = note;
    words.append(small);
  }
  const price = document.createElement("p");
  price.className = "price";
  price.textContent = amount(item.price);
  row.append(words, price);
  return row;
}

function fillFacts(payment, receipt, state) {
  const table = find("receipt-facts");
  const hadFocus = table.contains(document.activeElement);
  table.replaceChildren();
  const of = (minor) => money(minor, payment.currency);
  fact(table, "Paid by", payment ? `card, ${of(payment.amount)}` : "credits");
  if (payment?.owed) fact(table, "Owed back for what was gone", of(payment.owed));
  if (payment?.refunded) fact(table, "Given back so far", of(payment.refunded));
  if (payment?.disputed) fact(table, "Disputed", of(payment.disputed));
  if (state.until) fact(table, "Reserved for", countdown(state.until));
  const basisPoints = Number(find("terms").dataset.fee);
  if (basisPoints && receipt.items) fact(table, "Fee", `${basisPoints / 100} %`, "the sellers pay it");
  fact(table, "Begun", time(receipt.createdAt));
  const number = receipt.purchaseId ?? receipt.paymentId;
  const button = numberOf(number);
  fact(table, "Number", button);
  if (hadFocus) button.focus();
}

// Shortened in the middle; a click copies it whole.
function numberOf(id) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "link";
  button.title = `${id}: copy`;
  button.setAttribute("aria-label", `Copy the number ${id}`);
  button.textContent = `${id.slice(0, 8)}…${id.slice(-4)}`;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(id);
      button.textContent = "copied";
    } catch {
      button.textContent = id;
    }
  });
  return button;
}

/** Call `go` with the id of the receipt that was closed. */
export function onReceiptClosed(go) {
  for (const button of ["receipt-close", "receipt-done"]) {
    find(button).addEventListener("click", () => slip.close());
  }
  // A click beside the slip closes it, too.
  slip.addEventListener("click", (event) => { if (event.target === slip) slip.close(); });
  slip.addEventListener("close", () => {
    // This is told later: another receipt may have been opened since.
    if (slip.open) return;
    const id = shown?.id;
    shown = null;
    go(id);
  });
}
