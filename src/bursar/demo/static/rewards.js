// The reward store: shows what the ledger says, and sends what the reader clicks. A button is never
// switched off while an answer is on its way, so that a double click is a real one.

import { connection, Lost, newKey, Refusal, Session } from "./door.js";
import { choose, complain, find, keepUp, named, reveal, showWho } from "./page.js";
import { raceBy } from "./race.js";
import { race } from "./rewards_race.js";
import * as view from "./rewards_view.js";
import { say } from "./toast.js";

const PAGE = 20;
const windows = new BroadcastChannel("bursar-rewards");

let session = null;
let entries = [];
let rewards = [];
let names = new Map();
let asked = 0;
let shown = 0;

async function load() {
  const me = session;
  const turn = (asked += 1);
  const mine = (column) => ({ [column]: `eq.${me.userId}` });
  try {
    if (me.userId === null) await me.signIn();
    const [onOffer, collected, wallet, history] = await Promise.all([
      me.rows("rewards", { select: "*", order: "cost.desc,name" }),
      me.rows("collected_rewards", {
        select: "*,rewards(name,description)", ...mine("collector_id"), order: "collected_at.desc",
      }),
      me.rows("user_credits", { select: "balance", ...mine("user_id") }),
      readHistory(me),
    ]);
    // The reader may be somebody else by now, or have seen a later answer.
    if (me !== session || turn < shown) return;
    shown = turn;
    rewards = onOffer;
    names = new Map(collected.map((row) => [row.reward_id, row.rewards?.name]));
    for (const reward of onOffer) names.set(reward.id, reward.name);
    entries = history;
    const balance = wallet[0]?.balance ?? 0;
    view.showBalance(balance);
    view.showRewards(onOffer, collected, { userId: me.userId, balance }, claim);
    view.showCollected(collected);
    view.showHistory(entries, names, history.length === PAGE);
    await showHeld(me, turn);
  } catch (error) {
    if (me !== session) return;
    view.fail();
    // A lost connection is said at the top of the page, and read again when it is back.
    if (!(error instanceof Lost)) complain(error, { name: "Try again", go: load });
  }
}

// What is set aside is the ledger's business; the store-front's own table shows the balance.
async function showHeld(me, turn) {
  const isCurrent = () => me === session && turn === shown;
  try {
    const wallet = await me.ask(`v1/wallets/${me.userId}?asset=credit`);
    if (isCurrent()) view.showHeld(wallet);
  } catch (error) {
    if (!(error instanceof Refusal && error.code === "WALLET_NOT_FOUND")) throw error;
    if (isCurrent()) view.showHeld({ held: 0 });
  }
}

function readHistory(me, before = null) {
  return me.rows("credit_transactions", {
    select: "*", user_id: `eq.${me.userId}`, order: "reference.desc", limit: PAGE,
    ...(before === null ? {} : { reference: `lt.${before}` }),
  });
}

async function showOlder() {
  const me = session;
  const last = entries.at(-1);
  if (!last) return;
  try {
    const page = await readHistory(me, last.reference);
    // The reader may be somebody else by now, or have asked twice.
    if (me !== session || entries.at(-1)?.reference !== last.reference) return;
    entries = [...entries, ...page];
    view.showHistory(entries, names, page.length === PAGE);
  } catch (error) {
    if (me === session) complain(error, { name: "Try again", go: showOlder });
  }
}

async function claim(reward, key = newKey()) {
  const me = session;
  try {
    await me.call("purchase_reward", {
      p_reward_id: reward.id, p_collector_id: me.userId, p_expected_price: reward.cost,
    }, key);
    const price = `${reward.name}, ${reward.cost} ${reward.cost === 1 ? "credit" : "credits"}`;
    if (me === session) say({ kind: "done", sentence: "Reward purchased successfully", more: price });
  } catch (error) {
    if (me === session) complain(error, wayOut(error, reward, key), reward.name);
  }
  await changed(me);
}

async function changed(me) {
  windows.postMessage(me.userId);
  if (me === session) await load();
}

function wayOut(error, reward, key) {
  if (error instanceof Lost) return { name: "Ask again", go: () => claim(reward, key) };
  const again = { name: "Try again", go: () => claim(reward, key) };
  const reload = { name: "Show what is on offer", go: () => reveal("rewards-name") };
  return {
    INSUFFICIENT_FUNDS: { name: "Add 100 credits", go: () => addCredits(newKey()) },
    ALREADY_COLLECTED: {
      name: "Go to My Collected Rewards", go: () => reveal("collected-name"),
    },
    SELF_PURCHASE: { name: "Choose another reward", go: () => reveal("rewards-name") },
    REWARD_INACTIVE: reload,
    REWARD_NOT_FOUND: reload,
    PRICE_CHANGED: { name: "Show the new price", go: () => reveal("rewards-name") },
    BUSY: again,
    DEGRADED: again,
    OUTCOME_UNKNOWN: again,
    UNAVAILABLE: again,
  }[error.code] ?? null;
}

async function addCredits(key) {
  const me = session;
  try {
    const outcome = await me.addCredits(key);
    const sentence = `${outcome.amount} credits added`;
    if (me === session) say({ kind: "done", sentence, more: `Balance ${outcome.balance}` });
  } catch (error) {
    if (me === session) complain(error, { name: "Try again", go: () => addCredits(key) });
  }
  await changed(me);
}

async function become(visitor) {
  session = new Session(visitor);
  entries = [];
  showWho(visitor);
  view.wait();
  await load();
}

keepUp({ load, become, isReady: () => session !== null });
windows.addEventListener("message", (event) => {
  if (event.data === session?.userId) load();
});
find("add").addEventListener("click", () => addCredits(newKey()));
find("older").addEventListener("click", showOlder);
raceBy(async (place) => {
  const reward = rewards.find((each) => each.id === find("race-reward").value);
  if (reward) await race(session, reward, place);
}, () => changed(session));

become(choose(named()));
connection.look();
