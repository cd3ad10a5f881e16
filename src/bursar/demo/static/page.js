// What the store-fronts' pages have in common: the strip at the top, who one is, and complaints.

import { connection, Lost, Refusal } from "./door.js";
import { turnTo } from "./drawer.js";
import { forget, say } from "./toast.js";
import { refreshTimes } from "./words.js";

const TIMES_MS = 20_000;

export const find = (id) => document.getElementById(id);

function showStrip(lost, degraded) {
  const strip = find("strip");
  strip.hidden = !(lost || degraded);
  strip.textContent = lost
    ? "The connection is lost. What you see may be out of date; trying again."
    : "Changes are paused for maintenance; reading goes on.";
}

/** Who the reader is now: in the address, so that it can be loaded again, beside the choice, and in
 * the drawer. */
export function showWho(visitor) {
  const address = new URL(location.href);
  address.searchParams.set("as", visitor);
  history.replaceState(null, "", address);
  const input = document.querySelector(`#visitors input[value="${CSS.escape(visitor)}"]`);
  find("about").textContent = input.closest("label").title;
  find("verdict").replaceChildren();
  forget();
  turnTo(visitor);
}

/** The first of these visitors whom the reader may be, or the first of all; they are chosen then. */
export function choose(...wanted) {
  const choices = [...document.querySelectorAll("#visitors input")];
  const known = wanted.map((slug) => choices.find(({ value }) => value === slug));
  const chosen = known.find(Boolean) ?? choices[0];
  chosen.checked = true;
  return chosen.value;
}

/** Whom the address names. */
export const named = () => new URL(location.href).searchParams.get("as");

/**
 * Read the page anew when a lost connection is back and, where `isReady()`, when the reader comes
 * back to it; `leave()` is called when they leave it. Be whom they choose to be.
 */
export function keepUp({ load, become, isReady, leave = () => {} }) {
  connection.onChange = (lost, degraded, wasLost) => {
    showStrip(lost, degraded);
    if (wasLost) load();
  };
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) leave();
    else if (isReady()) load();
  });
  find("visitors").addEventListener("change", (event) => become(event.target.value));
  setInterval(refreshTimes, TIMES_MS);
}

/** Have `load()` called while the page is seen, each time after as long as `pause()` says. */
export async function poll(pause, load) {
  for (;;) {
    const wait = pause();
    await new Promise((resume) => { setTimeout(resume, wait); });
    if (!document.hidden) await load();
  }
}

/** Bring a heading into sight, and the focus to it. */
export function reveal(id) {
  const heading = find(id);
  heading.scrollIntoView({ block: "start" });
  heading.focus({ preventScroll: true });
}

/** Say what went wrong, in the service's own words, with a way out: { name, go }. */
export function complain(error, way, more = "") {
  if (error instanceof Refusal) {
    say({
      kind: error.status >= 500 && error.status !== 503 ? "fault" : "no",
      sentence: error.message, code: error.code, more, way,
    });
  } else if (error instanceof Lost) {
    say({
      kind: "no", sentence: "No answer came. Ask again: nothing is charged twice", more, way,
    });
  } else {
    say({ kind: "fault", sentence: "This page failed", more: String(error), way });
  }
}

/** An element of a list that says why there is nothing else in it. */
export function empty(sentence) {
  const item = document.createElement("li");
  item.className = "empty muted";
  item.textContent = sentence;
  return item;
}

export function done(id) {
  find(id).setAttribute("aria-busy", "false");
}

export function line(text, name = "") {
  const element = document.createElement("p");
  element.textContent = text;
  if (name) element.className = name;
  return element;
}

/** A row of a <dl>: a name, a number or an element, and a code or a few words beside the name. */
export function fact(table, name, value, note = "") {
  const row = document.createElement("div");
  const term = document.createElement("dt");
  const number = document.createElement("dd");
  term.textContent = name;
  number.append(value);
  if (note) {
    const small = document.createElement(/^[A-Z_]+$/.test(note) ? "code" : "span");
    small.textContent = note;
    term.append(" ", small);
  }
  row.append(term, number);
  table.append(row);
}
