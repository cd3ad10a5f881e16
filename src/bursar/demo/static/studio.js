// The studio: shows what the service says, and sends what the reader does. A button is never switched
// off while an answer is on its way, so that a double click is a real one.

import { connection, Lost, newKey, Refusal, Session } from "./door.js";
import { follow } from "./job_news.js";
import { choose, complain, find, keepUp, named, poll, reveal, showWho } from "./page.js";
import { raceBy } from "./race.js";
import { serverNow, setClock } from "./server_clock.js";
import { race } from "./studio_race.js";
import * as view from "./studio_view.js";
import { isOpen, newsOf } from "./studio_words.js";
import { keyOf, refundAsOlder, submit, submitAsOlder } from "./studio_ways.js";
import { say } from "./toast.js";

const PRODUCT = "image";
const ASSET = "generation_credit";
const SHOWN = 12;
const ENTRIES = 20;
// A browser keeps about six connections to a service, and windows share them: only windows that are
// seen listen, and only to the newest jobs. The others are seen when the page is read again.
const FOLLOWED_MAX = 2;
const POLL_MS = 15_000;
const POLL_QUICK_MS = 2_500;
const windows = new BroadcastChannel("bursar-studio");

let session = null;
let studio = null;
let shownMax = SHOWN;
let asked = 0;
let shown = 0;
let complained = false;
// Jobs that are followed, by id: what ends the following.
const followed = new Map();
// Jobs that were submitted as older apps do, by id: the key of the click.
const olderKeys = new Map();

async function load() {
  const me = session;
  const turn = (asked += 1);
  try {
    if (me.userId === null) await me.signIn();
    const askedAt = performance.now();
    const [found, statement] = await Promise.all([
      me.ask("functions/v1/generation-jobs"),
      me.ask(`v1/wallets/${me.userId}/statement?asset=${ASSET}&limit=${ENTRIES}`),
    ]);
    // The reader may be somebody else by now, or have seen a later answer.
    if (me !== session || turn < shown) return;
    shown = turn;
    setClock(found.now, askedAt);
    const before = studio;
    studio = { ...found, wallet: found.wallet ?? { credits: 0, held: 0, available: 0 }, statement };
    if (before) for (const job of studio.jobs) sayNews(job, before.jobs);
    show();
    followOpen(me);
    complained = false;
  } catch (error) {
    if (me !== session) return;
    view.fail();
    // A lost connection is said at the top of the page, and read again when it is back. Whatever
    // else it is, it is read again and again, and said once.
    if (!(error instanceof Lost) && !complained) complain(error, { name: "Try again", go: load });
    complained = true;
  }
}

function show() {
  const { wallet, jobs, statement } = studio;
  view.showWallet(wallet);
  view.showJobs(jobs.slice(0, shownMax), jobs.length > shownMax, { cancel, fetch: picture });
  view.showHistory(statement.entries, jobs, statement.next === null);
  showButton();
}

const product = () => studio?.products.find((each) => each.product === PRODUCT)
  ?? { price: 1, rate_limit_seconds: 0 };

function showButton() {
  if (!studio) return;
  const { price, rate_limit_seconds: limit } = product();
  const last = studio.wallet.last_generate_at;
  const until = last ? new Date(last).getTime() + limit * 1_000 : 0;
  view.showButton(Math.max(0, Math.ceil((until - serverNow()) / 1_000)), studio.wallet.available, price);
}

// What has changed since it was seen last is said once, by whichever way it came first.
function sayNews(job, before) {
  const known = before.find((each) => each.job_id === job.job_id);
  if (!known || known.status !== job.status) view.tell(newsOf(job));
  // Also of a job that has ended before it was seen.
  if (!isOpen(job)) {
    const me = session;
    const key = olderKeys.get(job.job_id);
    olderKeys.delete(job.job_id);
    if (key && job.status !== "completed") {
      refundAsOlder(me, key).then(load, (error) => { if (me === session) complain(error, null); });
    }
  }
}

function followOpen(me) {
  const newest = document.hidden ? [] : studio.jobs.filter(isOpen).slice(0, FOLLOWED_MAX);
  const ids = newest.map((job) => job.job_id);
  unfollow((id) => !ids.includes(id));
  for (const id of ids.filter((each) => !followed.has(each))) {
    const end = new AbortController();
    followed.set(id, end);
    follow(me, id, (state) => hear(me, state), end.signal).finally(() => {
      if (followed.get(id) === end) followed.delete(id);
    });
  }
}

function unfollow(which) {
  for (const [id, end] of followed) {
    if (!which(id)) continue;
    followed.delete(id);
    end.abort();
  }
}

function hear(me, job) {
  if (me !== session) return;
  const at = studio.jobs.findIndex((each) => each.job_id === job.job_id);
  // What was known to have ended does not begin again, whichever answer was slower.
  if (at < 0 || !isOpen(studio.jobs[at])) return;
  sayNews(job, studio.jobs);
  studio.jobs[at] = job;
  show();
  if (isOpen(job)) return;
  // A list that was asked for before is older, and the job still open there.
  shown = (asked += 1);
  changed(me);
}

async function picture(job) {
  return (await session.open(`functions/v1/generation-jobs/${job.job_id}/output`)).blob();
}

async function generate(again = null) {
  const me = session;
  const prompt = again?.prompt ?? asPrompt();
  const isOlder = again?.isOlder ?? find("as-older").checked;
  if (!prompt) {
    view.tell("Say first what it should show.");
    find("prompt").focus();
    return;
  }
  const { key, isSame, answered } = again ?? keyOf({ as: me.visitor, prompt, isOlder }, newKey);
  try {
    // The three calls of the same click are on their way, and are shown once.
    if (isSame && isOlder) return;
    const job = await (isOlder ? submitAsOlder : submit)(me, prompt, key, product().rate_limit_seconds);
    if (me === session) {
      if (isOlder) olderKeys.set(job.job_id, key);
      backToWorks();
    }
  } catch (error) {
    if (me === session) complain(error, wayOut(error, { prompt, isOlder, key, answered: () => {} }));
  } finally {
    answered();
  }
  await changed(me);
}

// What the pretend provider is told stands behind the reader's own words.
function asPrompt() {
  const words = find("prompt").value.trim();
  const order = document.querySelector("#faults input:checked")?.value ?? "";
  return words && order ? `${words} ${order}` : words;
}

function backToWorks() {
  const first = document.querySelector("#faults input");
  if (!first || first.checked) return;
  first.checked = true;
  sayFault();
}

function sayFault() {
  find("fault-about").textContent = document.querySelector("#faults input:checked").closest("label").title;
}

function wayOut(error, request) {
  const again = { name: error instanceof Lost ? "Ask again" : "Try again", go: () => generate(request) };
  if (error instanceof Lost) return again;
  return {
    INSUFFICIENT_FUNDS: { name: find("add").textContent, go: () => addCredits(newKey()) },
    WALLET_NOT_FOUND: { name: find("add").textContent, go: () => addCredits(newKey()) },
    BUSY: again, DEGRADED: again, OUTCOME_UNKNOWN: again, UNAVAILABLE: again,
  }[error.code] ?? null;
}

async function cancel(job) {
  const me = session;
  try {
    await me.change("functions/v1/cancel-generation", { job_id: job.job_id });
  } catch (error) {
    const way = error instanceof Refusal ? null : { name: "Try again", go: () => cancel(job) };
    if (me === session) complain(error, way);
  }
  await changed(me);
}

async function addCredits(key) {
  const me = session;
  try {
    const { amount, balance } = await me.addCredits(key, "demo/studio/credits");
    if (me === session) say({ kind: "done", sentence: `${amount} credits added`, more: `You have ${balance}` });
  } catch (error) {
    if (me === session) complain(error, { name: "Try again", go: () => addCredits(key) });
  }
  await changed(me);
}

async function changed(me) {
  windows.postMessage(me.visitor);
  if (me === session) await load();
}

async function become(visitor) {
  unfollow(() => true);
  olderKeys.clear();
  session = new Session(visitor);
  studio = null;
  shownMax = SHOWN;
  find("calls").replaceChildren();
  showWho(visitor);
  view.wait();
  await load();
}

keepUp({ load, become, isReady: () => session !== null, leave: () => unfollow(() => true) });
windows.addEventListener("message", () => load());
find("add").addEventListener("click", () => addCredits(newKey()));
find("older").addEventListener("click", () => {
  shownMax = Infinity;
  if (studio) show();
  reveal("jobs-name");
});
find("ideas").addEventListener("click", (event) => {
  const idea = event.target.closest("button");
  if (idea) find("prompt").value = idea.textContent;
});
find("generate").addEventListener("submit", (event) => {
  event.preventDefault();
  generate();
});
find("prompt").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) generate();
});
find("faults")?.addEventListener("change", sayFault);
raceBy((place) => race(session, place), () => changed(session));
setInterval(() => {
  view.refreshClocks();
  showButton();
}, 500);

// Open jobs that nobody follows are looked at often, the rest now and then.
function pause() {
  const isWaiting = studio?.jobs.some((job) => isOpen(job) && !followed.has(job.job_id));
  return isWaiting ? POLL_QUICK_MS : POLL_MS;
}

connection.look();
await become(choose(named()));
poll(pause, load);
