// The marketplace: shows what is on sale, keeps a cart, and sends it off to be bought. A button is
// never switched off while an answer is on its way, so that a double click is a real one.

import { Cart } from "./cart.js";
import { followCart, hideRefusal, showCart, showHint } from "./cart_view.js";
import { openedPage } from "./checkout.js";
import { connection, Lost, newKey, restock, Session } from "./door.js";
import { pay, payFor, payOn, topUp } from "./market_pay.js";
import { race } from "./market_race.js";
import * as view from "./market_view.js";
import { choose, complain, find, keepUp, named, poll, reveal, showWho } from "./page.js";
import { PAGE, readPurchases, showPurchases } from "./purchases.js";
import { raceBy } from "./race.js";
import { onReceiptClosed, showReceipt } from "./receipt.js";
import { standing } from "./standing.js";
import { say } from "./toast.js";
import { amount, money, refreshCountdowns } from "./words.js";

const SHOWN_MAX = 60;
const POLL_MS = 4_000;
const POLL_MAX_MS = 30_000;
const RAISE = 5;
const LAST = "bursar-office";
const windows = new BroadcastChannel("bursar-marketplace");
const { dataset } = find("terms");
const terms = {
  unitAmount: Number(dataset.unitAmount ?? 0), currency: dataset.currency ?? "",
  cards: dataset.cards === "yes",
};
const cart = new Cart();
const showBar = followCart(cart);

let session = null;
let leads = [];
let mine = new Map();
let purchases = [];
let balance = null;
let more = false;
let asked = 0;
let shown = 0;

async function load() {
  const me = session;
  const turn = (asked += 1);
  try {
    if (me.userId === null) await me.signIn();
    const [onSale, wallet, own] = await Promise.all([
      me.rows("leads", {
        select: "*", is_marketplace_listed: "is.true",
        marketplace_status: "in.(available,reserved)", order: "created_at.desc,id",
        limit: SHOWN_MAX,
      }),
      me.rows("workspace_credits", { select: "*", workspace_id: `eq.${me.userId}` }),
      readPurchases(me),
    ]);
    const items = onSale.length
      ? await me.rows("marketplace_purchase_items", {
        select: "lead_id,status", status: "in.(reserved,sold)",
        lead_id: `in.(${onSale.map((lead) => lead.id).join(",")})`,
      })
      : [];
    // The reader may be somebody else by now, or have seen a later answer.
    if (me !== session || turn < shown) return;
    shown = turn;
    leads = onSale;
    mine = new Map(items.map((item) => [item.lead_id, item.status]));
    balance = wallet[0]?.balance ?? 0;
    // What was read on demand stays below what is new.
    purchases = [...own, ...purchases.filter((old) => !own.some(({ id }) => id === old.id))];
    if (purchases.length <= own.length) more = own.length === PAGE;
    view.showWallet(wallet[0] ?? { balance: 0, total_purchased: 0, total_earned: 0, total_used: 0 });
    cart.price(leads, leads.length < SHOWN_MAX);
    showMine();
  } catch (error) {
    if (me !== session) return;
    view.fail();
    // A lost connection is said at the top of the page, and read again when it is back.
    if (!(error instanceof Lost)) complain(error, { name: "Try again", go: load });
  }
}

function showMine() {
  const acts = { add: (lead) => change(() => cart.add(lead)), take: ({ id }) => takeOut([id]), raise };
  view.showLeads(leads, { userId: session.userId, mine, cart }, acts);
  showPurchases(purchases, more, {
    show: (each) => openReceipt(each.id),
    canPay: (each) => openedPage(each.id)?.as === session.visitor,
    pay: (each) => payOn(each.id),
  });
}

cart.onChange = () => {
  showCart(cart, terms, (id) => takeOut([id]));
  showHint(cart, balance);
  if (balance !== null) showMine();
  showBar();
};

// Another cart than was refused: what is said of single leads stays, the refusal goes.
function change(act) {
  hideRefusal();
  act();
}

const takeOut = (ids) => change(() => cart.remove(ids));

payFor({ cart, terms, session: () => session, takeOut, changed, openReceipt });

async function raise(lead) {
  const me = session;
  try {
    await me.change(`rest/v1/leads?id=eq.${lead.id}`, { price: lead.price + RAISE }, newKey(), "PATCH");
    const words = `${lead.title}, ${amount(lead.price + RAISE)}`;
    if (me === session) say({ kind: "done", sentence: "Price raised", more: words });
  } catch (error) {
    if (me === session) complain(error, null, lead.title);
  }
  await changed(me);
}

async function changed(me) {
  windows.postMessage(me.visitor);
  if (me === session) await load();
}

function openReceipt(id, { kind = "purchase", returned = false } = {}) {
  const me = session;
  address({ [kind === "purchase" ? "purchase" : "top_up"]: id });
  // What the page shows already is not read again.
  let known = purchases.find((each) => each.id === id)?.status ?? (returned ? "" : null);
  return showReceipt(me, kind, id, {
    returned,
    payOn: openedPage(id)?.as === me.visitor ? () => payOn(id) : null,
    onTold: (receipt) => {
      if (me !== session) return;
      if (receipt.status === "completed") cart.remove(receipt.items.map((item) => item.leadId));
      if (known !== null && known !== receipt.status) changed(me);
      known = receipt.status;
    },
  });
}

function lastOffice() {
  try {
    return localStorage.getItem(LAST);
  } catch {
    return null;
  }
}

// The address names who one is and what is open, so that it can be loaded again.
function address(open = {}) {
  const next = new URL(location.href);
  next.search = new URLSearchParams({ as: session.visitor, ...open });
  history.replaceState(null, "", next);
}

async function become(visitor) {
  session = new Session(visitor);
  try {
    localStorage.setItem(LAST, visitor);
  } catch {
    // Asked anew next time, then.
  }
  balance = null;
  purchases = [];
  more = false;
  address();
  showWho(visitor);
  view.wait();
  hideRefusal();
  cart.open(visitor);
  await load();
}

keepUp({ load, become, isReady: () => session !== null });
windows.addEventListener("message", () => load());
window.addEventListener("pageshow", (event) => {
  if (event.persisted && session) load();
});
find("pay-credits").addEventListener("click", () => pay("credits"));
find("pay-card").addEventListener("click", () => pay("stripe"));
for (const [link, heading] of [["to-cart", "cart-name"], ["to-top-up", "top-up-name"]]) {
  find(link).addEventListener("click", (event) => {
    event.preventDefault();
    reveal(heading);
  });
}
find("top-ups")?.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) topUp(Number(button.value));
});
find("restock").addEventListener("click", async () => {
  try {
    const { added } = await restock();
    say(added
      ? { kind: "done", sentence: added === 1 ? "1 job put on sale again" : `${added} jobs put on sale again` }
      : { kind: "no", sentence: "Every job is on sale already" });
  } catch (error) {
    complain(error, null);
  }
  await changed(session);
});
find("older").addEventListener("click", async () => {
  const me = session;
  const last = purchases.at(-1);
  if (!last) return;
  try {
    const page = await readPurchases(me, last.createdAt);
    // The reader may be somebody else by now, or have asked twice.
    if (me !== session || purchases.at(-1)?.id !== last.id) return;
    purchases = [...purchases, ...page];
    more = page.length === PAGE;
    showMine();
  } catch (error) {
    if (me === session) complain(error, null);
  }
});
raceBy(async (place) => {
  const lead = leads.find((each) => each.id === find("race-lead").value);
  if (lead) await race(find("race-section").dataset.rivals.trim().split(" "), lead, place);
}, () => changed(session));
onReceiptClosed(() => address());
for (const button of document.querySelectorAll("#top-ups button")) {
  const price = terms.unitAmount && money(button.value * terms.unitAmount, terms.currency);
  if (price) button.querySelector("[data-price]").textContent = price;
}
setInterval(refreshCountdowns, 1_000);

// What is waited for is looked at again, ever less often.
let pause = POLL_MS;
poll(() => pause, async () => {
  const waits = purchases.some((each) => standing(each).waits);
  pause = waits ? Math.min(pause * 1.25, POLL_MAX_MS) : POLL_MS;
  if (waits) await load();
});

// Whoever comes back from a payment page is who they were, and sees what became of it.
const query = new URL(location.href).searchParams;
const returnedTo = openedPage(
  query.get("purchase") ?? query.get("top_up"), query.get("session_id"),
);
const loaded = become(choose(returnedTo?.as, named(), lastOffice()));
connection.look();
const open = query.get("purchase") ?? query.get("top_up") ?? returnedTo?.id;
if (open) {
  const isTopUp = query.has("top_up") || returnedTo?.kind === "top-up";
  openReceipt(open, {
    kind: isTopUp ? "top-up" : "purchase",
    returned: query.has("session_id") && query.get("paid") !== "no",
  });
}
await loaded;
