// Puts the shop on the page. Rows stay the same elements as they change, so that the focus stays
// where the reader put it.

import { done, empty, find, line } from "./page.js";
import { serverNow, timer } from "./server_clock.js";
import { capsOf, claimWords, here, paidWords, shields } from "./shop_words.js";
import { picture } from "./ware.js";
import { amount, time } from "./words.js";

const row = find("paid-row");

export function drawPictures() {
  for (const item of document.querySelectorAll("#wares > li")) {
    item.querySelector(".picture").replaceChildren(picture(item.dataset.slug));
  }
}

export const titles = () => new Map(
  [...document.querySelectorAll("#wares > li")].map(({ dataset }) => [dataset.sku, dataset.title]),
);

export function showWallet(wallet) {
  const count = wallet?.streakshield_count ?? 0;
  const owed = wallet?.owed ?? 0;
  find("shields").textContent = amount(count);
  find("shields-unit").textContent = count === 1 ? "shield" : "shields";
  find("owed").hidden = !owed;
  find("owed").textContent = `You owe ${shields(owed)}, used before it was refunded. The next repays it.`;
  showBooster(wallet?.xp_booster_until);
  done("balance");
}

function showBooster(until) {
  const place = find("booster");
  if (!until || new Date(until) <= serverNow()) {
    if (place.textContent !== "No booster runs") place.textContent = "No booster runs";
    delete place.dataset.until;
  } else if (place.dataset.until !== until) {
    const end = document.createElement("span");
    end.className = "muted";
    end.textContent = `until ${here(until)}`;
    place.replaceChildren("Booster: ", timer(until), " left, ", end);
    place.dataset.until = until;
  }
}

export function showNotice({ message, claims_mode: mode, claims_open_percent: percent }) {
  const state = mode === "queue"
    ? "The store is down. Claims are accepted and kept safe, and carried out when it is up again."
    : percent < 100 ? `Claims are being opened again step by step: to ${percent} % of users so far.` : "";
  set("notice-message", message);
  set("notice-state", state);
  find("notice-message").hidden = !message;
  find("notice-state").hidden = !state;
  find("notice").hidden = !message && !state;
}

// What a screen reader is told of is written only when it is new.
export function set(id, text) {
  if (find(id).textContent !== text) find(id).textContent = text;
}

export function showWares(skus, switches) {
  for (const item of document.querySelectorAll("#wares > li")) {
    const ware = skus.find(({ sku }) => sku === item.dataset.sku);
    if (!ware) continue;
    const isOn = switches[ware.sku] === true;
    item.dataset.state = isOn ? "on" : "off";
    item.querySelector(".state").textContent = isOn ? "" : "Claims paused";
    item.querySelector(".caps").replaceChildren(...capsOf(ware).map(({ rule, use, full }) => {
      const part = document.createElement("li");
      const words = document.createElement("span");
      words.className = full ? "full" : "muted";
      words.textContent = use && `: ${use}`;
      part.append(rule, words, ".");
      return part;
    }));
  }
  done("wares");
}

/**
 * What is paid and not claimed: `paid` are { txId, title, at, state, cap, ways }, where state is what
 * it waits for, and ways are { name, label, go, first }.
 */
export function showPaid(paid) {
  fillList("claimable", paid, "Nothing. What is paid for and could not be claimed yet waits here.",
    (item, { state, cap, at }) => {
      const [tone, sign, words] = paidWords(state, cap);
      item.dataset.state = state;
      tell(item, tone, `${sign} ${words}`, at);
    });
}

export function showClaims(claims) {
  fillList("claims", claims, "Nothing yet. What you claim is listed here.", (item, { status, at }) => {
    const [tone, sign, words] = claimWords(status);
    item.dataset.status = status;
    tell(item, tone, `${sign} ${words}`, at);
  });
}

function tell(item, tone, words, at) {
  const state = item.querySelector(".state");
  state.className = `state ${tone}`;
  state.textContent = `${words} ·`;
  const id = document.createElement("code");
  id.textContent = item.dataset.id;
  item.querySelector(".when").replaceChildren(time(at), " · ", id);
}

function fillList(id, entries, sentence, fill) {
  const list = find(id);
  const known = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const leaving = [...list.children].findIndex((item) => item.contains(document.activeElement));
  const items = entries.map((entry) => {
    const item = known.get(entry.txId) ?? newRow(entry);
    fill(item, entry);
    showWays(item.querySelector(".ways"), entry.ways);
    return item;
  });
  const next = items.length ? items : [empty(sentence)];
  if (next.length !== list.children.length || next.some((item, at) => item !== list.children[at])) {
    const lost = leaving >= 0 && !items.includes(list.children[leaving]);
    list.replaceChildren(...next);
    // A row that goes takes the focus with it; it stays in the list.
    if (lost) find(`${id}-name`).focus();
  }
  done(id);
}

function newRow({ txId, title }) {
  const item = row.content.firstElementChild.cloneNode(true);
  item.dataset.id = txId;
  item.querySelector("h3").textContent = title;
  return item;
}

function showWays(place, ways) {
  const names = ways.map(({ name }) => name).join();
  if (place.dataset.names !== names) {
    // Another button in the same place has the focus then.
    const focused = [...place.children].indexOf(document.activeElement);
    place.dataset.names = names;
    place.replaceChildren(...ways.map(({ name, label, first = false }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = first ? "button plain" : "link";
      button.textContent = name;
      button.setAttribute("aria-label", label);
      return button;
    }));
    place.children[focused]?.focus();
  }
  ways.forEach(({ go }, at) => { place.children[at].onclick = go; });
}

/** Until the next learner's data are there, the page keeps its shape and says that it waits. */
export function wait() {
  for (const id of ["balance", "wares", "claimable", "claims"]) find(id).setAttribute("aria-busy", "true");
}

/** What could not be read says so; what was read before stays, and may be out of date. */
export function fail() {
  for (const id of ["claimable", "claims"]) {
    if (find(id).querySelector(".ghost")) find(id).replaceChildren(empty("This could not be read."));
    done(id);
  }
  for (const caps of document.querySelectorAll(".caps:has(.bar)")) {
    caps.replaceChildren(line("Its caps could not be read.", "muted"));
  }
  done("wares");
  done("balance");
}
