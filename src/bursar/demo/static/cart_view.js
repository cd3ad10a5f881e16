// Puts the cart on the page: its leads, what stands in their way, the sum, and how to pay.

import { empty, find, line } from "./page.js";
import { amount, clock, money, unit } from "./words.js";

const row = find("cart-row");
const REASONS = {
  not_on_sale: () => "No longer on sale.",
  not_found: () => "No longer there.",
  own_lead: () => "Your own lead: it cannot be sold to you.",
  not_listed: () => "Taken off sale by its seller.",
  sold: () => "Sold a moment ago.",
  reserved: (each) => "Reserved by somebody who is paying by card"
    + `${each.reserved_until ? `, until ${clock(each.reserved_until)}` : ""}.`,
  already_purchased: () => "You have bought it already.",
  price_changed: (each) => `It costs ${amount(each.price)} now; it was ${amount(each.was)}.`,
};

/** What stands in a lead's way, in words. */
const wordsOf = (conflict) => (REASONS[conflict.reason] ?? (() => "It cannot be had."))(conflict);

/** `terms` says what a card pays: { unitAmount, currency, cards }. */
export function showCart(cart, terms, take) {
  const list = find("cart-items");
  const known = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const items = cart.leads.map((lead) => {
    const item = known.get(lead.id) ?? newRow(lead, take);
    const conflict = cart.conflicts.get(lead.id);
    item.querySelector(".number").textContent = amount(lead.price);
    item.querySelector(".conflict").textContent = conflict ? wordsOf(conflict) : "";
    item.querySelector(".conflict").hidden = !conflict;
    return item;
  });
  // A row that goes takes the focus with it; it goes on to the next one.
  const leaving = [...list.children].findIndex((item) => item.contains(document.activeElement));
  if (!items.length) items.push(empty("Empty. Add leads from the list, and pay for all of them at once."));
  const same = items.length === list.children.length
    && items.every((item, at) => item === list.children[at]);
  if (!same) {
    const lost = leaving >= 0 && !items.includes(list.children[leaving]);
    list.replaceChildren(...items);
    if (lost) (items[Math.min(leaving, items.length - 1)].querySelector("button") ?? find("cart-name")).focus();
  }
  showSum(cart, terms);
  find("cart").setAttribute("aria-busy", "false");
}

function newRow(lead, take) {
  const item = row.content.firstElementChild.cloneNode(true);
  item.dataset.id = lead.id;
  item.querySelector("h3").textContent = lead.title;
  item.querySelector("button").setAttribute("aria-label", `Take ${lead.title} out of the cart`);
  item.querySelector("button").addEventListener("click", () => take(lead.id));
  return item;
}

function showSum(cart, terms) {
  const { leads, total } = cart;
  const sum = `${amount(total)} ${unit(total)}`;
  // The button that was pressed goes with the last lead; the focus stays in the cart.
  if (!leads.length && find("pay").contains(document.activeElement)) find("cart-name").focus();
  find("cart-sum").hidden = !leads.length;
  find("pay").hidden = !leads.length;
  find("cart-count").textContent = counted(leads.length);
  find("cart-total").textContent = amount(total);
  find("pay-credits").textContent = `Pay ${sum}`;
  find("pay-card").textContent = terms.unitAmount
    ? `Pay ${money(total * terms.unitAmount, terms.currency)} by card`
    : "Pay by card";
  find("cart-bar-words").textContent = `${counted(leads.length)}, ${sum}`;
}

export const counted = (leads) => (leads === 1 ? "1 lead" : `${amount(leads)} leads`);

/** What the cart's buyer has, beside what it costs. */
export function showHint(cart, balance) {
  const missing = cart.total - balance;
  find("cart-hint").textContent = cart.leads.length && balance !== null
    ? missing > 0
      ? `You have ${amount(balance)}: ${amount(missing)} ${unit(missing)} are missing.`
      : `You have ${amount(balance)}, and ${amount(-missing)} are left after it.`
    : "";
}

/** Say in the cart why it was refused, with the ways out: [{ name, go, first }]. */
export function showRefusal({ sentence, code = "", more = "" }, ways = []) {
  const place = find("refusal");
  const small = line("", "small");
  const mark = document.createElement("code");
  mark.textContent = code;
  small.append(mark, " ", ...[more].flat());
  const buttons = line("", "pay");
  buttons.append(...ways.map(({ name, go, first = false }) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = first ? "button" : "button plain";
    button.textContent = name;
    button.addEventListener("click", go);
    return button;
  }));
  place.replaceChildren(line(sentence, "sentence"), small, ...(ways.length ? [buttons] : []));
  place.hidden = false;
  // The way out comes first now.
  find("pay-credits").classList.toggle("plain", ways.length > 0);
  place.scrollIntoView({ block: "nearest" });
}

export function hideRefusal() {
  const place = find("refusal");
  if (place.contains(document.activeElement)) find("cart-name").focus();
  place.hidden = true;
  place.replaceChildren();
  find("pay-credits").classList.remove("plain");
}

/** A bar leads to the cart while that is out of sight. */
export function followCart(cart) {
  const bar = find("cart-bar");
  let inSight = true;
  const show = () => {
    const hidden = inSight || !cart.leads.length;
    if (bar.hidden !== hidden) bar.hidden = hidden;
    const height = hidden ? 0 : bar.offsetHeight;
    document.documentElement.style.setProperty("--cart-bar", `${height}px`);
  };
  new IntersectionObserver(([entry]) => {
    inSight = entry.isIntersecting;
    show();
  }).observe(find("cart"));
  return show;
}
