// Puts the studio on the page. Cards stay the same elements as their jobs go on, so that the focus
// stays where the reader put it, and pictures are fetched once.

import { done, empty, find } from "./page.js";
import { serverNow } from "./server_clock.js";
import { entryWords, isOpen, orderOf, promptOf, releaseWords, span, standing } from "./studio_words.js";
import { amount, signed, time, unit } from "./words.js";

const PARTS = ["balance", "jobs", "history"];
const card = find("job-card");
const row = find("history-row");
// Where the pictures are that were fetched, by job.
const pictures = new Map();

/** Set an element's text only where that is another one: screen readers say what is set. */
function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function showWallet({ credits, held, available }) {
  set(find("available"), amount(available));
  set(find("unit"), unit(available));
  set(find("held"), held ? `${amount(held)} held of ${amount(credits)}` : "\u00a0");
  done("balance");
}

/** Until when the next job has to wait, in words on the button; and whether there is credit. */
export function showButton(seconds, available, price) {
  const waits = seconds > 0;
  set(find("go"), waits ? `Again in ${seconds} s` : "Generate");
  find("go").classList.toggle("plain", waits);
  const cost = `It costs ${amount(price)} ${unit(price)}`;
  set(find("hint"), available >= price
    ? waits ? `${cost}. The next one can begin in ${seconds} s.` : `${cost}.`
    : `${cost}, and you have ${available > 0 ? `only ${amount(available)}` : "none"} left.`);
  find("hint").classList.toggle("short", available < price);
}

/** Say what has just happened. */
export const tell = (text) => set(find("news"), text);

/** `acts` says what a reader can do with a job: { cancel(job), fetch(job) }. */
export function showJobs(jobs, more, acts) {
  const list = find("jobs");
  const known = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const items = jobs.map((job) => {
    const item = known.get(job.job_id) ?? newCard(job);
    fillCard(item, job, acts);
    return item;
  });
  const next = items.length ? items : [empty("Nothing yet. Say what a picture should show, and generate it.")];
  if (next.length !== list.children.length || next.some((item, at) => item !== list.children[at])) {
    place(list, next);
  }
  find("older").hidden = !more;
  done("jobs");
}

// What stays is not moved: an element that is taken out and put back loses the focus.
function place(list, next) {
  for (const item of [...list.children]) if (!next.includes(item)) item.remove();
  next.forEach((item, at) => {
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null);
  });
}

function newCard(job) {
  const item = card.content.firstElementChild.cloneNode(true);
  item.dataset.id = job.job_id;
  item.id = `job-${job.job_id}`;
  return item;
}

function fillCard(item, job, acts) {
  const { tone, sign, word, why } = standing(job);
  const order = orderOf(job);
  item.dataset.status = job.status;
  set(item.querySelector("h3"), promptOf(job));
  const state = item.querySelector(".state");
  state.className = `state ${tone}`;
  set(state, `${sign} ${word}`);
  const ago = item.querySelector(".ago");
  if (isOpen(job)) set(ago, order && `(${order})`);
  else if (!ago.querySelector("time")) ago.replaceChildren(...took(job), time(job.finished_at));
  set(item.querySelector(".why"), why);
  item.querySelector(".why").hidden = !why;
  fillClock(item, job);
  fillWays(item, job, acts);
  if (job.status === "completed") showPicture(item, job, acts);
}

function took(job) {
  if (job.status !== "completed") return ["· "];
  const seconds = (new Date(job.finished_at) - new Date(job.created_at)) / 1000;
  return [`in ${seconds < 1 ? "under 1 s" : span(seconds)} · `];
}

function fillClock(item, job) {
  const clock = item.querySelector(".clock");
  if (!clock) return;
  if (!isOpen(job)) {
    clock.remove();
    if (job.status !== "completed") set(item.querySelector(".canvas"), "No picture");
    return;
  }
  clock.dataset.since = job.status === "processing" ? job.started_at ?? "" : "";
  tick(clock);
}

function tick(clock) {
  const { since } = clock.dataset;
  set(clock, since ? span((serverNow() - new Date(since)) / 1000) : "…");
}

/** Bring how long jobs have been worked on up to date. */
export function refreshClocks() {
  for (const clock of document.querySelectorAll("#jobs .clock")) tick(clock);
}

function fillWays(item, job, { cancel }) {
  const ways = item.querySelector(".ways");
  const button = ways.querySelector("button");
  if (isOpen(job) && !button) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "link";
    made.textContent = "Cancel";
    made.setAttribute("aria-label", `Cancel: ${promptOf(job)}`);
    made.onclick = () => cancel(job);
    ways.replaceChildren(made);
  } else if (!isOpen(job) && button) {
    // The focus does not fall out of the page with the button.
    const hadFocus = button === document.activeElement;
    ways.replaceChildren();
    if (hadFocus) item.focus();
  }
}

async function showPicture(item, job, acts) {
  const canvas = item.querySelector(".canvas");
  if (canvas.dataset.wanted) return;
  canvas.dataset.wanted = "yes";
  if (job.output?.text) {
    set(canvas, job.output.text);
    canvas.classList.add("text");
    return;
  }
  try {
    const address = pictures.get(job.job_id) ?? URL.createObjectURL(await acts.fetch(job));
    pictures.set(job.job_id, address);
    const image = new Image();
    image.alt = promptOf(job);
    image.src = address;
    const save = document.createElement("a");
    save.href = address;
    save.download = `${promptOf(job).replace(/[^a-z0-9]+/gi, "-").slice(0, 60) || "picture"}.png`;
    save.textContent = "Save";
    save.setAttribute("aria-label", `Save: ${promptOf(job)}`);
    canvas.replaceChildren(image);
    item.querySelector(".ways").replaceChildren(save);
  } catch {
    // It is asked for again when the page is read again.
    delete canvas.dataset.wanted;
  }
}

/**
 * The statement's entries, and between them what came of credits that were held and never spent,
 * which no statement lists: they never left.
 */
export function showHistory(entries, jobs, whole) {
  const byId = new Map(jobs.map((job) => [job.job_id, job]));
  const told = new Set(entries.filter(({ verb }) => verb === "refund")
    .map(({ metadata }) => metadata?.job));
  const oldest = entries.at(-1)?.created_at;
  const released = jobs.filter((job) => job.status === "refunded" && !told.has(job.job_id)
    && (whole || !oldest || new Date(job.finished_at) >= new Date(oldest)));
  const lines = [
    ...entries.map((entry) => ({
      at: entry.created_at, value: entry.amount, words: entryWords(entry, byId.get(entry.metadata?.job)),
      unit: "",
    })),
    ...released.map((job) => ({
      at: job.finished_at, value: job.price, words: releaseWords(job), unit: "available",
    })),
  ].sort((a, b) => new Date(b.at) - new Date(a.at));
  find("history").replaceChildren(...lines.length
    ? lines.map(lineOf)
    : [empty("No entries yet. Every credit that comes or goes is listed here.")]);
  done("history");
}

function lineOf({ at, value, words: [name, why], unit: beside }) {
  const item = row.content.firstElementChild.cloneNode(true);
  item.querySelector("h3").textContent = name;
  item.querySelector(".words p").append(why ? `${why} · ` : "", time(at));
  item.querySelector(".number").textContent = signed(value);
  item.querySelector(".number").classList.toggle("rise", value > 0);
  item.querySelector(".unit").textContent = beside;
  return item;
}

/** Until the next reader's data are there, the page keeps its shape and says that it waits. */
export function wait() {
  for (const address of pictures.values()) URL.revokeObjectURL(address);
  pictures.clear();
  for (const id of PARTS) find(id).setAttribute("aria-busy", "true");
  tell("");
}

/** What could not be read says so; what was read before stays, and may be out of date. */
export function fail() {
  for (const id of ["jobs", "history"]) {
    if (find(id).querySelector(".ghost")) find(id).replaceChildren(empty("This could not be read."));
  }
  for (const id of PARTS) done(id);
}
