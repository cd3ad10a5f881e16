// The drawer "What just happened": each call that changes something, as it was answered, and the
// transactions behind it with both sides, read back from the ledger. The newest comes first. It is
// no live region: the page's own messages have said what matters.

import { happened, Lost, onCall, Refusal } from "./door.js";
import { amount, clock, signed } from "./words.js";

const NAME = "bursar-drawer";
const SHOWN_MAX = 8;
const PAUSE_MS = 200;
// The same answer to the same call, so soon after, is counted and not listed again.
const TOGETHER_MS = 5_000;
// How exactly two clocks are compared at best, in milliseconds.
const LEEWAY_MS = 15;
// Not what a visitor does, but what the page needs in order to do it.
const SILENT = /^(?:demo\/token|demo\/happened|community\/login)\b/;

const drawer = document.getElementById("drawer");
const list = document.getElementById("happenings");
const hint = document.getElementById("drawer-hint");
const [row, moved] = ["happening", "moved"].map((id) => (
  document.getElementById(id).content.firstElementChild));

let visitor = "";
let turnedAt = 0;
let items = [];
let known = new Set();
// How far the service's clock is ahead of this one, in milliseconds.
let ahead = 0;
let quickest = Infinity;
let timer = null;
let looks = 0;

/** Show what happens to this visitor, and forget what happened to another. */
export function turnTo(slug) {
  visitor = slug;
  turnedAt = Date.now();
  items = [];
  known = new Set();
  looks += 1;  // What is being read about the other one is nothing for this one.
  show();
  lookSoon();
}

onCall((call) => {
  if (SILENT.test(call.path)) return;
  if (call.method !== "GET" && call.from >= turnedAt) note(call);
  lookSoon();
});

function note({ method, path, from, status, replayed, value, error }) {
  const item = {
    from, at: Date.now(), times: 1, transaction: null, isQuiet: false, method, path: `/${path}`, status,
    replayed, error, id: value?.transaction_id ?? null, element: row.cloneNode(true),
  };
  const same = items.find((each) => each.method && each.path === item.path && item.at - each.at < TOGETHER_MS
    && each.status === status && each.error?.code === error?.code && each.replayed === replayed
    && each.id === item.id);
  if (same) [same.times, same.at] = [same.times + 1, item.at];
  else {
    items.push(item);
    takeUp(item);
  }
  show();
}

// Its transaction may have been seen before it was answered, and stands alone then.
function takeUp(item) {
  const alone = items.filter((each) => !each.method && (item.id === null
    ? mayHaveDone(item, each.transaction) : each.transaction.id === item.id));
  if (alone.length !== 1) return;
  item.transaction = alone[0].transaction;
  items = items.filter((each) => each !== alone[0]);
}

// Reading the page anew asks many things at once; the ledger is asked once after them.
function lookSoon() {
  if (!drawer.open || !visitor || timer !== null) return;
  timer = setTimeout(() => {
    timer = null;
    look();
  }, PAUSE_MS);
}

async function look() {
  const turn = (looks += 1);
  const from = Date.now();
  const before = [...items];
  let found;
  try {
    found = await happened(visitor);
  } catch {
    return;  // The page says that the connection is lost; the next answer leads here again.
  }
  if (turn !== looks) return;
  setAhead(found.now, from);
  const fresh = found.transactions.filter((each) => !known.has(each.id));
  for (const transaction of fresh) place(transaction);
  if (!fresh.length) for (const item of before) item.isQuiet = !item.transaction;
  show();
}

// The answer that came quickest tells best how the two clocks differ.
function setAhead(now, from) {
  const took = Date.now() - from;
  if (took > quickest) return;
  quickest = took;
  ahead = new Date(now) - (from + took / 2);
}

// A transaction belongs to the call whose answer names it; to the only call that names none, did
// something, and was on its way at the time; or it came about by itself, as when a worker ends a job.
function place(transaction) {
  known.add(transaction.id);
  const meanwhile = items.filter((each) => each.method && mayHaveDone(each, transaction));
  const call = items.find((each) => each.id === transaction.id)
    ?? (meanwhile.length === 1 && !meanwhile[0].transaction ? meanwhile[0] : null);
  if (call) call.transaction = transaction;
  else items.push({ at: null, transaction, element: row.cloneNode(true) });
}

// Whether a call that names no transaction did something, and was on its way at the time of this one.
function mayHaveDone(item, transaction) {
  // What the demonstration does beside it, such as selling in the pretend store, moves nothing itself.
  if (!isDone(item) || item.id !== null || item.path.startsWith("/demo/")) return false;
  const then = new Date(transaction.created_at) - ahead;
  // An answer that took long tells only that the clocks differ by half of that at most.
  const leeway = LEEWAY_MS + quickest / 2;
  return item.from - leeway <= then && then <= item.at + leeway;
}

const isDone = (item) => !item.error && !item.replayed;
const momentOf = ({ at, transaction }) => (
  at === null ? new Date(transaction.created_at).getTime() : at + ahead);

function show() {
  items = items.sort((one, other) => momentOf(other) - momentOf(one)).slice(0, SHOWN_MAX);
  for (const item of items) fill(item);
  list.replaceChildren(...items.map(({ element }) => element));
  hint.hidden = items.length > 0;
}

function fill(item) {
  const part = (name) => item.element.querySelector(name);
  part(".call code").textContent = item.method ? `${item.method} ${item.path}` : "";
  part(".call code").hidden = !item.method;
  part(".when").textContent = clock(momentOf(item));
  part(".answer").hidden = !item.method;
  part(".answer").className = `answer ${item.error ? "no" : "yes"}`;
  part(".answer b").textContent = item.method ? answerOf(item) : "";
  part(".times").textContent = item.times > 1 ? `× ${amount(item.times)}` : "";
  part(".remark").textContent = remarkOf(item);
  part(".remark").hidden = !part(".remark").textContent;
  part(".moved")?.remove();
  if (item.transaction) item.element.append(transactionOf(item.transaction));
}

function answerOf({ status, error, replayed }) {
  if (error instanceof Refusal) return `${status} ${error.code}`;
  if (error) return error instanceof Lost ? "No answer came" : "The page failed";
  return replayed ? `${status} replayed` : `${status} done`;
}

function remarkOf({ method, error, replayed, transaction, isQuiet }) {
  if (error instanceof Refusal) return `${error.message}.`;
  if (error) return "It is asked again under the same key, so that nothing is done twice.";
  if (replayed) return "Answered as the first time; nothing was done again.";
  if (!method) return "Earlier, in another window, or by a worker.";
  return transaction || !isQuiet ? "" : "It wrote no entry in your wallet.";
}

function transactionOf({ id, verb, reason, asset, entries }) {
  const block = moved.cloneNode(true);
  block.querySelector(".what").textContent = `Transaction ${amount(id)}: ${verb}, ${asset}.`;
  block.querySelector(".why").textContent = reason;
  block.querySelector("tbody").append(...entries.map((entry) => {
    const line = document.createElement("tr");
    const wallet = document.createElement("td");
    wallet.textContent = entry.own ? `${entry.wallet} (you)` : entry.wallet;
    line.append(wallet, figure(signed(entry.amount), entry.amount > 0 && entry.own ? "amount rise" : "amount"),
      figure(entry.balance_after === null ? "–" : amount(entry.balance_after), "amount"));
    return line;
  }));
  return block;
}

function figure(text, name) {
  const cell = document.createElement("td");
  cell.className = name;
  cell.textContent = text;
  return cell;
}

// Not the event "toggle", which comes later: a page that is left at once would not remember.
new MutationObserver(() => {
  try {
    if (drawer.open) localStorage.setItem(NAME, "open");
    else localStorage.removeItem(NAME);
  } catch {
    // Not remembered, then.
  }
  lookSoon();
}).observe(drawer, { attributeFilter: ["open"] });
drawer.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !drawer.open) return;
  event.stopPropagation();
  drawer.open = false;
  drawer.querySelector("summary").focus();
});
// What lies below the drawer can be scrolled above it, and messages stand on it; where there is room it
// stands beside the page.
const beside = matchMedia("(min-width: 1840px)");
new ResizeObserver(() => {
  const height = beside.matches && drawer.open ? 0 : drawer.offsetHeight;
  document.documentElement.style.setProperty("--drawer", `${height}px`);
}).observe(drawer);
try {
  drawer.open = localStorage.getItem(NAME) === "open";
} catch {
  // Closed, then.
}
