// Caps, claims and answers of the shop, in words.

import { amount } from "./words.js";

const A_DAY = 86_400;
const NAMES = { day: "day", week: "week", month: "month" };
const WINDOWS = { day: "from midnight", week: "ISO weeks, from Monday", month: "calendar months" };
const NOW = { day: "today", week: "this week", month: "this month" };

export const shields = (count) => `${amount(count)} ${count === 1 ? "shield" : "shields"}`;

/** Monday 23 November, 00:00 UTC: a moment as the clocks of a zone show it. */
export function moment(text, zone = "UTC") {
  const day = new Intl.DateTimeFormat("en-GB", {
    weekday: "long", day: "numeric", month: "long", timeZone: zone,
  });
  const hour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone });
  const then = new Date(text);
  return `${day.format(then).replace(",", "")}, ${hour.format(then)} ${zone}`;
}

/** The same, on the reader's own clock and without its zone. */
export function here(text) {
  const format = new Intl.DateTimeFormat("en-GB", {
    weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
  });
  return format.format(new Date(text));
}

/** 36 hours; 7 days. */
function stretch(seconds) {
  const [count, name] = seconds % A_DAY === 0 ? [seconds / A_DAY, "day"] : [seconds / 3600, "hour"];
  return `${amount(Math.round(count * 10) / 10)} ${name}${count === 1 ? "" : "s"}`;
}

/** What a cap allows: 1 a week (ISO weeks, from Monday, UTC). */
function rule({ period, allowed, zone, rolling_seconds: seconds }) {
  return period === "rolling"
    ? `${amount(allowed)} in ${seconds ? `any ${stretch(seconds)}` : "its stretch of time"}`
    : `${amount(allowed)} a ${NAMES[period]} (${WINDOWS[period]}, ${zone})`;
}

/** How much of a cap is used; where nothing is left, when it is free again. */
export function use({ period, allowed, used, zone, window_end: end, frees_up_at: frees = end }) {
  const when = NOW[period] ?? "lately";
  if (used === 0) return `none used ${when}`;
  const words = `${amount(used)} of ${amount(allowed)} used ${when}`;
  return used < allowed || !frees ? words : `${words}; free again on ${moment(frees, zone)}`;
}

/** A ware's caps, a line for each, the shortest window first. */
export function capsOf({ kind, caps, cap, duration_seconds: lasts, stacking }) {
  const order = ["day", "week", "month", "rolling"];
  const sorted = [...caps ?? []].sort((a, b) => order.indexOf(a.period) - order.indexOf(b.period));
  const lines = sorted.map((each) => {
    // When a rolling window frees up is told with the cap that is in the way.
    const frees = each.cap === cap?.cap ? cap.frees_up_at : each.window_end;
    return {
      rule: rule(each), use: use({ ...each, frees_up_at: frees }), full: each.used >= each.allowed,
    };
  });
  if (!lines.length) lines.push({ rule: "As often as you like", use: "", full: false });
  if (kind === "booster") {
    const runs = stretch(lasts);
    const words = {
      max: `It runs for ${runs} from the claim; a second one does not add to the first: the later end holds`,
      extend: `It runs for ${runs}; a second one begins where the first ends`,
      reject: `It runs for ${runs}; a second one can be claimed when the first has ended`,
    };
    lines.push({ rule: words[stacking], use: "", full: false });
  }
  return lines;
}

const PAID = {
  "": ["", "–", "Can be claimed"],
  off: ["warn", "–", "Claims of it are paused"],
  opening: ["warn", "…", "Accepted: waits until the store is up"],
  purchase: ["warn", "…", "Accepted: waits for the store's word"],
  database: ["warn", "…", "Accepted: added in a moment"],
  untold: ["warn", "…", "The store has not told us yet"],
};
/** How something paid stands, until it is claimed: a tone, a sign, words. `cap` is one in the way. */
export function paidWords(state, cap) {
  if (state !== "" || !cap) return PAID[state] ?? PAID.opening;
  const { frees_up_at: frees, zone } = cap;
  return ["warn", "–", frees ? `Can be claimed from ${moment(frees, zone)}` : "More than its cap allows"];
}

const CLAIMS = {
  granted: ["good", "✓", "Granted"],
  recorded: ["", "✓", "Recorded by an operator"],
  refunded: ["", "↩", "Refunded, taken back"],
};
export const claimWords = (status) => CLAIMS[status] ?? ["", "", status];

/** What the details of a refusal say that its sentence does not. */
export function detailWords(code, details) {
  if (code === "CAP_EXCEEDED") return `${rule(details)}: ${use(details)}. It stays paid, and can be claimed then`;
  if (code === "BOOSTER_ACTIVE") return `It runs until ${here(details.until)}`;
  if (code === "UNKNOWN_TRANSACTION") return "The store has not told us of it yet. Claim again in a moment";
  if (code === "SKU_DISABLED") return "It stays paid, and can be claimed when it is on again";
  return "";
}

/** 2 claims and 1 event. */
export function waitingCount({ waiting_claims: claims, waiting_events: events }) {
  const parts = [[claims, "claim"], [events, "event of the store"]].filter(([count]) => count)
    .map(([count, name]) => `${amount(count)} ${count === 1 ? name : name.replace(/^(claim|event)/, "$1s")}`);
  return parts.join(" and ");
}
