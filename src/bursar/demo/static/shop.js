// The shop: shows what the service says, and sends what the reader does. A button is never switched
// off while an answer is on its way, so that a double click is a real one.

import { connection, Lost, Session } from "./door.js";
import { choose, complain, find, keepUp, named, poll, showWho } from "./page.js";
import { raceBy } from "./race.js";
import { refreshTimers, setClock } from "./server_clock.js";
import { buy, claim, claimAs, dealFor, haveStore } from "./shop_deals.js";
import { deskTurn, followDesk, showDesk } from "./shop_desk.js";
import { race } from "./shop_race.js";
import * as view from "./shop_view.js";
import { detailWords } from "./shop_words.js";
import { say } from "./toast.js";

const POLL_MS = 4_000;
const POLL_QUICK_MS = 800;
// What the store has not told us of after so long, nobody waits for any more.
const UNTOLD_MS = 60_000;
const windows = new BroadcastChannel("bursar-shop");
const titles = view.titles();
const titleOf = (sku) => titles.get(sku) ?? sku;
const choices = [...document.querySelectorAll("#visitors input")];

let session = null;
let shop = null;
// What was bought on this page, and is not known to the service yet: by transaction. `refused` are
// those whose claim came before the store's word, `accepted` those whose claim is kept while the
// database is away.
let untold = new Map();
let asked = 0;
let shown = 0;
let complained = false;

async function load() {
  const me = session;
  const turn = (asked += 1);
  try {
    if (me.userId === null) await me.signIn();
    const askedAt = performance.now();
    const desk = deskTurn();
    const found = await me.ask("functions/v1/shop");
    // The reader may be somebody else by now, or have seen a later answer.
    if (me !== session || turn < shown) return;
    shown = turn;
    setClock(found.now, askedAt);
    const before = shop;
    shop = { ...found, desk };
    if (before) sayWhatCame(before);
    show();
    complained = false;
  } catch (error) {
    if (me !== session) return;
    view.fail();
    if (shop) show();
    // A lost connection is said at the top of the page, and read again when it is back. Whatever
    // else it is, it is read again and again, and said once.
    if (!(error instanceof Lost) && !complained) complain(error, { name: "Try again", go: load });
    complained = true;
  }
}

const isIn = (list, txId) => list.some((each) => each.tx_id === txId);

// What had to wait, for the store's word or for the store to be up, and does so no more.
function sayWhatCame(before) {
  for (const [txId, { sku, accepted, refused }] of untold) {
    if (accepted && isIn(shop.claims, txId)) sayCarriedOut(sku);
    else if (refused && !accepted && isIn(shop.claimable, txId)) {
      say({
        kind: "done", sentence: "The store has told us of it: it can be claimed", more: titleOf(sku),
        way: { name: "Claim it", go: () => claim(txId, sku) },
      });
    }
  }
  for (const { tx_id: txId, sku } of before.waiting) {
    if (isIn(shop.waiting, txId)) continue;
    if (isIn(shop.claims, txId)) sayCarriedOut(sku);
    else if (isIn(shop.claimable, txId)) {
      const cap = capOf(sku);
      say({
        kind: "no", sentence: `${titleOf(sku)} could not be granted when its turn came`,
        code: cap ? "CAP_EXCEEDED" : "", more: cap ? detailWords("CAP_EXCEEDED", cap) : "It stays paid",
      });
    }
  }
}

const sayCarriedOut = (sku) => say({
  kind: "done", sentence: `${titleOf(sku)} is yours`, more: "It had waited, and was carried out",
});

function show() {
  for (const [txId, { at, accepted }] of untold) {
    const places = [shop.claims, shop.waiting, ...accepted ? [] : [shop.claimable]];
    const isKnown = places.some((list) => isIn(list, txId));
    if (isKnown || Date.now() - at > UNTOLD_MS) untold.delete(txId);
  }
  view.showWallet(shop.wallet);
  view.showNotice(shop.status);
  view.showWares(shop.skus, shop.status.skus);
  view.showPaid([
    ...shop.waiting.map((each) => entry(each, each.received_at, each.waits_for)),
    ...shop.claimable.filter(({ tx_id: txId }) => !isIn(shop.waiting, txId) && !untold.has(txId))
      .map((each) => entry(each, each.purchased_at, shop.status.skus[each.sku] === true ? "" : "off")),
    ...[...untold].map(([txId, { sku, at, accepted }]) => (
      entry({ tx_id: txId, sku }, at, accepted ? "database" : "untold"))),
  ]);
  view.showClaims(shop.claims.map((each) => ({
    ...entry(each, each.claimed_at), status: each.status, ways: waysOfClaim(each),
  })));
  showDesk(shop.status, shop.desk);
}

// The cap that is in the way of the next claim, if one is.
const capOf = (sku) => shop.skus.find((ware) => ware.sku === sku)?.cap;

const entry = ({ tx_id: txId, sku }, at, state) => ({
  txId, at, state, title: titleOf(sku), cap: capOf(sku), ways: waysOfPaid(txId, sku),
});

// Somebody else of the demonstration, who tries it with a purchase that is not theirs.
function stranger() {
  const at = choices.findIndex((input) => input.value === session.visitor);
  const input = choices[(at + 1) % choices.length];
  return { visitor: input.value, name: input.nextElementSibling.textContent };
}

const wayTo = {
  claim: (txId, sku, name) => ({
    name, label: `${name}: ${titleOf(sku)}, ${txId}`, go: () => claim(txId, sku),
  }),
  claimAs: (txId, sku, other) => ({
    name: `As ${other.name.toLowerCase()}`, label: `Claim ${titleOf(sku)}, ${txId}, as ${other.name}`,
    go: () => claimAs(other, txId, sku),
  }),
  say: (kind, txId, sku, name) => ({
    name, label: `${name}: ${titleOf(sku)}, ${txId}`, go: () => haveStore(kind, txId, sku),
  }),
};

function waysOfPaid(txId, sku) {
  return [
    { ...wayTo.claim(txId, sku, "Claim"), first: true },
    wayTo.claimAs(txId, sku, stranger()),
    wayTo.say("refund", txId, sku, "Refund"),
  ];
}

function waysOfClaim({ tx_id: txId, sku, status }) {
  return [
    wayTo.claim(txId, sku, "Claim again"),
    wayTo.claimAs(txId, sku, stranger()),
    status === "refunded"
      ? wayTo.say("reversal", txId, sku, "Reverse the refund")
      : wayTo.say("refund", txId, sku, "Refund"),
  ];
}

async function changed(me) {
  windows.postMessage(me.visitor);
  if (me === session) await load();
}

dealFor({
  session: () => session,
  titleOf,
  isBooster: (sku) => shop?.skus.find((ware) => ware.sku === sku)?.kind === "booster",
  changed,
  bought: (me, { txId, sku }) => {
    if (me === session) untold.set(txId, { sku, at: Date.now() });
  },
  refused: (txId) => {
    if (untold.has(txId)) untold.get(txId).refused = true;
  },
  accepted: (txId) => {
    if (untold.has(txId)) untold.get(txId).accepted = true;
  },
  refunded: (txId) => untold.delete(txId),
});

async function become(visitor) {
  session = new Session(visitor);
  shop = null;
  untold = new Map();
  showWho(visitor);
  view.wait();
  await load();
}

keepUp({ load, become, isReady: () => session !== null });
windows.addEventListener("message", () => load());
find("wares").addEventListener("click", (event) => {
  const item = event.target.closest("button")?.closest("li");
  if (item) buy(item.dataset.sku);
});
followDesk(() => changed(session));
view.drawPictures();
raceBy(async (place) => {
  const sku = find("race-ware").value;
  await race(session, sku, titleOf(sku), place);
}, () => changed(session));
setInterval(() => {
  if (refreshTimers()) load();
}, 1_000);

// What is waited for is looked at often, the rest now and then.
function pause() {
  const status = shop?.status;
  const isUp = status?.claims_mode !== "queue";
  const waits = untold.size > 0 || (isUp && status?.waiting_claims + status?.waiting_events > 0);
  return waits ? POLL_QUICK_MS : POLL_MS;
}

connection.look();
await become(choose(named()));
poll(pause, load);
