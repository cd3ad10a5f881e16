// Puts what is on sale on the page. Rows stay the same elements as they change, so that the focus
// stays where the reader put it.

import { house } from "./house.js";
import { done, empty, find } from "./page.js";
import { amount, unit } from "./words.js";

const row = find("lead-row");
const sellers = new Map(
  [...find("sellers").children].map((item) => [item.dataset.id, item.textContent]),
);

export function showWallet(wallet) {
  find("available").textContent = amount(wallet.balance);
  find("unit").textContent = unit(wallet.balance);
  find("totals").textContent = `${amount(wallet.total_purchased)} bought,`
    + ` ${amount(wallet.total_earned)} earned or given, ${amount(wallet.total_used)} used`;
  done("balance");
}

/** `mine` says which leads are sold to the reader or reserved for them: by lead, the status. */
export function showLeads(leads, { userId, mine, cart }, acts) {
  const list = find("leads");
  const known = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const items = leads.map((lead) => {
    const item = known.get(lead.id) ?? newRow(lead);
    fillRow(item, lead, stateOf(lead, userId, mine, cart), acts);
    return item;
  });
  const next = items.length ? items : [empty("Everything is sold.")];
  if (next.length !== list.children.length || next.some((item, at) => item !== list.children[at])) {
    list.replaceChildren(...next);
  }
  fillChoice(leads, (lead) => stateOf(lead, userId, mine, cart).name);
  done("leads");
}

function newRow(lead) {
  const item = row.content.firstElementChild.cloneNode(true);
  item.dataset.id = lead.id;
  item.querySelector(".house").append(house(lead.title));
  item.querySelector("h3").textContent = lead.title;
  return item;
}

function stateOf(lead, userId, mine, cart) {
  if (lead.seller_workspace_id === userId) {
    return { name: "own", words: "Your lead", button: "Raise by 5", act: "raise" };
  }
  if (cart.has(lead.id)) {
    return { name: "cart", words: "In the cart", button: "Take out", act: "take" };
  }
  if (mine.get(lead.id) === "sold") {
    return { name: "bought", words: "✓ Bought", button: "Add anyway", act: "add" };
  }
  if (mine.get(lead.id) === "reserved") {
    return { name: "mine", words: "Kept for you", button: "Add", act: "add" };
  }
  if (lead.marketplace_status === "reserved") {
    return { name: "reserved", words: "Reserved", button: "Add anyway", act: "add" };
  }
  return { name: "open", words: "", button: "Add", act: "add" };
}

function fillRow(item, lead, state, acts) {
  item.dataset.state = state.name;
  item.querySelector(".about-lead").textContent = lead.description;
  item.querySelector(".seller").textContent = sellerOf(lead);
  item.querySelector(".number").textContent = amount(lead.price);
  item.querySelector(".unit").textContent = unit(lead.price);
  item.querySelector(".state").textContent = state.words;
  const button = item.querySelector("button");
  button.textContent = state.button;
  button.className = state.name === "open" ? "button" : "button quiet";
  button.setAttribute("aria-label", {
    add: `${state.button}: ${lead.title}, ${amount(lead.price)} ${unit(lead.price)}`,
    take: `Take ${lead.title} out of the cart`,
    raise: `Raise the price of ${lead.title} by 5`,
  }[state.act]);
  button.onclick = () => acts[state.act](lead);
}

function sellerOf(lead) {
  const seller = sellers.get(lead.seller_workspace_id) ?? "Another desk";
  const left = lead.max_sales - lead.sold_count;
  return lead.max_sales === 1
    ? `${seller} · to one office`
    : `${seller} · ${left} of ${lead.max_sales} left`;
}

// Races start with what nobody has; what the reader chose stays chosen.
function fillChoice(leads, nameOf) {
  const select = find("race-lead");
  const before = select.value;
  const order = (lead) => (["open", "cart"].includes(nameOf(lead)) ? 0 : 1);
  const sorted = [...leads].sort((a, b) => order(a) - order(b) || a.price - b.price);
  select.replaceChildren(...sorted.map((lead) => {
    const option = document.createElement("option");
    option.value = lead.id;
    option.textContent = `${lead.title}, ${amount(lead.price)}`;
    return option;
  }));
  if (leads.some((lead) => lead.id === before)) select.value = before;
}

/** Until the next office's data are there, the page keeps its shape and says that it waits. */
export function wait() {
  for (const id of ["balance", "leads", "purchases"]) find(id).setAttribute("aria-busy", "true");
}

/** What could not be read says so; what was read before stays, and may be out of date. */
export function fail() {
  for (const id of ["leads", "purchases"]) {
    if (find(id).querySelector(".ghost")) find(id).replaceChildren(empty("This could not be read."));
    done(id);
  }
  done("balance");
}
