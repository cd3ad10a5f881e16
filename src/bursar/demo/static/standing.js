// Where a purchase or a top-up stands, in words.

import { clock, money } from "./words.js";

const A_DAY_MS = 86_400_000;

/**
 * Of a purchase as `/api/marketplace/purchases` tells it: a sign, a word, a sentence, and whether it
 * still waits, until when something is reserved and whether it can still be paid. `returned` says
 * that its buyer comes from the payment page, having paid.
 */
export function standing(purchase, returned = false) {
  const { status, payment, items } = purchase;
  const of = (minor) => money(minor, payment.currency);
  if (status === "completed") {
    const gone = items.filter((item) => item.status === "gone").length;
    return gone
      ? owing(payment, of, "Completed in part",
        `${gone} of ${items.length} were gone when the payment arrived.`)
      : state("good", "✓", "Completed", "The leads are yours.");
  }
  if (status === "failed") {
    return payment?.owed
      ? owing(payment, of, "Failed", "No lead was left when the payment arrived.")
      : state("warn", "–", "Failed", "The payment failed. Nothing was charged, and nothing is reserved.");
  }
  if (status === "refunded") {
    return state("", "↩", "Refunded",
      payment ? `${of(payment.refunded)} went back to the card.` : "The credits are back.");
  }
  if (status === "expired") {
    return state("", "–", "Expired", "It was not paid in time. Nothing was charged.");
  }
  return waiting(purchase, returned);
}

function waiting({ reservedUntil, payment }, returned) {
  const left = new Date(reservedUntil) - Date.now();
  const open = payment?.expiresAt ? new Date(payment.expiresAt) > Date.now() : true;
  const page = payment?.expiresAt && open
    ? ` The payment page is open until ${clock(payment.expiresAt)}.` : "";
  const waits = { waits: true, until: left > 0 ? reservedUntil : null };
  if (left > A_DAY_MS) {
    return { ...state("warn", "…", "Waiting for the bank",
      `It pays later. The leads are reserved for you until ${clock(reservedUntil)}.`), ...waits };
  }
  if (left <= 0) {
    return { ...state("warn", "…", "Reservation over",
      "If the payment arrives after all, you get what is still free, and the rest of it back."),
    ...waits };
  }
  return returned
    ? { ...state("warn", "…", "Waiting for the card company",
      "It has to say that the payment arrived; this page asks by itself."), ...waits }
    : { ...state("warn", "…", "Not paid yet",
      `The leads are reserved for you until ${clock(reservedUntil)}.${page}`),
    ...waits, payable: open };
}

/** Of a top-up as `/api/marketplace/top-ups` tells it. */
export function standingOfTopUp({ status, amount, currency, refunded }, returned = false) {
  switch (status) {
    case "paid": return state("good", "✓", "Completed", "The credits are there.");
    case "failed": return state("warn", "–", "Failed", "The payment failed. Nothing was charged.");
    case "expired": return state("", "–", "Expired", "It was not paid in time. Nothing was charged.");
    case "refunded":
      return state("", "↩", "Refunded", `${money(refunded || amount, currency)} went back to the card.`);
    default:
      return returned
        ? { ...state("warn", "…", "Waiting for the card company",
          "It has to say that the payment arrived; this page asks by itself."), waits: true }
        : { ...state("warn", "…", "Not paid yet", "The payment page is still open."),
          waits: true, payable: true };
  }
}

// Money that is owed back is waited for, too.
function owing({ owed, refunded }, of, word, sentence) {
  const waits = refunded < owed;
  const money = waits
    ? `${of(owed)} is owed back and on its way to the card.`
    : `${of(owed)} was given back.`;
  return { ...state("warn", "–", word, `${sentence} ${money}`), waits };
}

const state = (tone, sign, word, sentence) => ({
  tone, sign, word, sentence, waits: false, until: null, payable: false,
});
