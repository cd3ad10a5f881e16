// My purchases: one line each, with where it stands, and a countdown of what is reserved.

import { done, empty, find } from "./page.js";
import { standing } from "./standing.js";
import { amount, countdown, time, unit } from "./words.js";

export const PAGE = 5;
const row = find("purchase-row");

/** Read a page of an office's purchases, with their items, and of those by card the payment. */
export async function readPurchases(me, before = null) {
  const found = await me.rows("marketplace_purchases", {
    select: "*", buyer_workspace_id: `eq.${me.userId}`, order: "created_at.desc", limit: PAGE,
    ...(before === null ? {} : { created_at: `lt.${before}` }),
  });
  if (!found.length) return [];
  const items = await me.rows("marketplace_purchase_items", {
    select: "purchase_id,lead_id,price,status,leads(title)",
    purchase_id: `in.(${found.map((each) => each.id).join(",")})`, order: "price.desc,lead_id",
  });
  return Promise.all(found.map(async (each) => {
    const own = items.filter((item) => item.purchase_id === each.id);
    // What became of the money stands on the receipt alone.
    const asks = ["failed", "refunded"].includes(each.status)
      || own.some((item) => item.status === "gone");
    const told = asks && each.payment_method === "stripe"
      ? await me.ask(`api/marketplace/purchases/${each.id}`)
      : null;
    return {
      id: each.id, status: each.status, totalPrice: each.total_price, payment: told?.payment ?? null,
      method: each.payment_method, createdAt: each.created_at, reservedUntil: each.reserved_until,
      items: own.map((item) => ({ ...item, title: item.leads?.title || "A lead" })),
    };
  }));
}

export function showPurchases(purchases, more, { show, canPay, pay }) {
  const list = find("purchases");
  const known = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const items = purchases.map((each) => {
    const item = known.get(each.id) ?? newRow(each.id);
    fill(item, each, canPay(each));
    item.querySelector(".show").onclick = () => show(each);
    item.querySelector(".go-on").onclick = () => pay(each);
    return item;
  });
  const next = items.length ? items : [empty("Nothing yet. What you buy is listed here, with its receipt.")];
  if (next.length !== list.children.length || next.some((item, at) => item !== list.children[at])) {
    list.replaceChildren(...next);
  }
  find("older").hidden = !more;
  done("purchases");
}

function newRow(id) {
  const item = row.content.firstElementChild.cloneNode(true);
  item.dataset.id = id;
  return item;
}

function fill(item, purchase, payable) {
  const state = standing(purchase);
  const [first, ...others] = purchase.items;
  const title = first?.title ?? "A lead";
  item.dataset.status = purchase.status;
  item.querySelector("h3").textContent = others.length ? `${title} and ${others.length} more` : title;
  const words = item.querySelector(".state");
  words.className = `state ${state.tone}`;
  words.replaceChildren(`${state.sign} ${state.word}`);
  if (state.until) words.append(", reserved for you: ", countdown(state.until));
  words.append(" ·");
  const how = purchase.method === "stripe" ? "by card" : "with credits";
  item.querySelector(".when").replaceChildren(`${how} · `, time(purchase.createdAt), moneyWords(purchase, state));
  item.querySelector(".number").textContent = amount(purchase.totalPrice);
  item.querySelector(".unit").textContent = unit(purchase.totalPrice);
  item.querySelector(".show").setAttribute("aria-label", `Receipt of ${title}`);
  item.querySelector(".go-on").setAttribute("aria-label", `Pay for ${title} now`);
  item.querySelector(".go-on").hidden = !(state.payable && payable);
}

// What is owed or was given back is said in the line, not on the receipt alone.
function moneyWords({ status, payment }, state) {
  if (!payment?.owed || !["failed", "completed"].includes(status)) return "";
  return `. ${state.sentence.split(". ").at(-1).replace(/\.$/, "")}`;
}
