// Puts what was read on the page. Rows stay the same elements as they change, so that the focus
// stays where the reader put it.

import { done, empty, find } from "./page.js";
import { amount, signed, time, unit } from "./words.js";

const row = find("reward-row");

export function showBalance(balance) {
  find("available").textContent = amount(balance);
  find("unit").textContent = unit(balance);
  done("balance");
}

/** What is held is not available; most visitors hold nothing and see no such line. */
export function showHeld({ balance, held, available }) {
  find("held").hidden = !held;
  if (!held) return;
  find("available").textContent = amount(available);
  find("held").textContent = `${amount(held)} held of ${amount(balance)}`;
}

export function showRewards(rewards, collected, me, claim) {
  const list = find("rewards");
  const owned = new Set(collected.map((each) => each.reward_id));
  const known = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const items = rewards.map((reward) => {
    const item = known.get(reward.id) ?? newRow(reward.id);
    fillRow(item, reward, stateOf(reward, owned, me.userId), claim);
    return item;
  });
  const next = items.length ? items : [empty("Nothing is on offer. A creator can put rewards here.")];
  if (next.length !== list.children.length || next.some((item, at) => item !== list.children[at])) {
    list.replaceChildren(...next);
  }
  fillChoice(rewards, owned, me);
  done("rewards");
}

function newRow(id) {
  const item = row.content.firstElementChild.cloneNode(true);
  item.dataset.id = id;
  return item;
}

function stateOf(reward, owned, userId) {
  if (owned.has(reward.id)) return { name: "collected", words: "✓ Collected", button: "Try again" };
  if (reward.creator_id === userId) {
    return { name: "own", words: reward.is_active ? "Yours" : "Not on sale", button: "Try anyway" };
  }
  if (!reward.is_active) return { name: "inactive", words: "Not on sale", button: "Try anyway" };
  return { name: "open", words: "", button: "Claim" };
}

function fillRow(item, reward, state, claim) {
  item.dataset.state = state.name;
  item.querySelector("h3").textContent = reward.name;
  item.querySelector(".words p").textContent = reward.description;
  item.querySelector(".number").textContent = amount(reward.cost);
  item.querySelector(".unit").textContent = unit(reward.cost);
  item.querySelector(".state").textContent = state.words;
  const button = item.querySelector("button");
  button.textContent = state.button;
  button.className = state.name === "open" ? "button" : "button quiet";
  button.setAttribute("aria-label", state.name === "open"
    ? `Claim ${reward.name} for ${amount(reward.cost)} ${unit(reward.cost)}`
    : `${state.button}: ${reward.name}, all the same`);
  button.onclick = () => claim(reward);
}

// Races start with what can still be bought and paid for; what the reader chose stays chosen.
function fillChoice(rewards, owned, { userId, balance }) {
  const select = find("race-reward");
  const before = select.value;
  const order = (reward) => (stateOf(reward, owned, userId).name === "open" ? 0 : 2)
    + (reward.cost <= balance ? 0 : 1);
  const sorted = [...rewards].sort((a, b) => order(a) - order(b));
  select.replaceChildren(...sorted.map((reward) => {
    const option = document.createElement("option");
    option.value = reward.id;
    option.textContent = `${reward.name}, ${amount(reward.cost)}`;
    return option;
  }));
  if (rewards.some((reward) => reward.id === before)) select.value = before;
}

export function showCollected(collected) {
  const list = find("collected");
  list.replaceChildren(...collected.map((each) => {
    const item = row.content.firstElementChild.cloneNode(true);
    item.querySelector("h3").textContent = each.rewards?.name ?? "A reward";
    item.querySelector(".words p").replaceChildren(time(each.collected_at));
    item.querySelector(".number").textContent = amount(each.price);
    item.querySelector(".unit").textContent = unit(each.price);
    item.querySelector(".do").remove();
    return item;
  }));
  if (!collected.length) list.append(empty("Nothing yet. Claim a reward, and it appears here."));
  done("collected");
}

export function showHistory(entries, names, more) {
  const body = find("history");
  body.replaceChildren(...entries.map((entry) => {
    const line = document.createElement("tr");
    const [name, kind] = wordsOf(entry, names);
    const first = cell("", name);
    const small = document.createElement("span");
    small.className = "small muted";
    small.textContent = kind;
    first.append(" ", small);
    line.append(
      first,
      cell("when", time(entry.created_at)),
      cell(entry.amount > 0 ? "amount rise" : "amount", signed(entry.amount)),
      cell("amount", amount(entry.balance_after)),
    );
    return line;
  }));
  if (!entries.length) {
    showNoEntries("No entries yet. Every credit that comes or goes is listed here.");
  }
  find("older").hidden = !more;
  done("history");
}

function showNoEntries(sentence) {
  const line = document.createElement("tr");
  const only = cell("muted", sentence);
  only.colSpan = 4;
  line.append(only);
  find("history").replaceChildren(line);
}

function wordsOf(entry, names) {
  const [, id] = /^reward ([0-9a-f-]{36})$/.exec(entry.reason ?? "") ?? [];
  if (id) {
    return [names.get(id) ?? "A reward", entry.amount < 0 ? "purchased" : "sold"];
  }
  const reason = (entry.reason || entry.type).replaceAll("_", " ");
  return [reason.charAt(0).toUpperCase() + reason.slice(1), entry.type.replaceAll("_", " ")];
}

function cell(name, content) {
  const element = document.createElement("td");
  if (name) element.className = name;
  element.append(content);
  return element;
}

/** Until the next reader's data are there, the page keeps its shape and says that it waits. */
export function wait() {
  for (const id of ["balance", "rewards", "collected", "history"]) {
    find(id).setAttribute("aria-busy", "true");
  }
}

/** What could not be read says so; what was read before stays, and may be out of date. */
export function fail() {
  for (const id of ["rewards", "collected"]) {
    if (find(id).querySelector(".ghost")) find(id).replaceChildren(empty("This could not be read."));
    done(id);
  }
  if (find("history").querySelector(".ghost")) showNoEntries("This could not be read.");
  for (const id of ["balance", "history"]) done(id);
}
