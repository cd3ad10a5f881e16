// Two offices buy one lead, twenty-five times each and all together, and what became of it: it is sold
// no more often than it is on sale, and to nobody twice.

import { newKey, Session } from "./door.js";
import { refusals, showVerdict, times, together } from "./race.js";
import { signed } from "./words.js";

/** Run the race for a lead and write the verdict into `place`. */
export async function race(rivals, lead, place) {
  const offices = await Promise.all(rivals.map((slug) => new Session(slug).signIn()));
  const before = await Promise.all(offices.map((me) => stateOf(me, lead)));
  // In turns, so that neither has a start.
  const answers = await together(async (turn) => {
    await offices[turn % 2].change("api/marketplace/purchase", {
      leadIds: [lead.id], paymentMethod: "credits", expectedPrices: { [lead.id]: lead.price },
    }, newKey());
    return "bought";
  }, reasonOf);
  const after = await Promise.all(offices.map((me) => stateOf(me, lead)));
  const [row] = await offices[0].rows("leads", {
    select: "sold_count,max_sales", id: `eq.${lead.id}`,
  });
  show(place, offices.map((me, at) => ({
    name: me.name,
    answers: answers.filter((_, turn) => turn % 2 === at),
    bought: after[at].bought - before[at].bought,
    owned: after[at].bought,
    paid: before[at].balance - after[at].balance,
    balance: after[at].balance,
  })), lead, row);
}

const reasonOf = (error) => error.details.conflicts?.[0]?.reason.replaceAll("_", " ") ?? error.code;

async function stateOf(me, lead) {
  const [wallet, items] = await Promise.all([
    me.rows("workspace_credits", { select: "balance", workspace_id: `eq.${me.userId}` }),
    me.rows("marketplace_purchase_items", {
      select: "price", lead_id: `eq.${lead.id}`, status: "eq.sold",
    }),
  ]);
  return { balance: wallet[0]?.balance ?? 0, bought: items.length };
}

function show(place, offices, lead, row) {
  const kept = row.sold_count <= row.max_sales && offices.every((office) => (
    office.owned <= 1 && office.balance >= 0
    && office.bought === times(office.answers, "bought")
    && office.paid === office.bought * lead.price));
  showVerdict(place, kept, sentenceOf(kept, offices.filter((office) => office.bought)), [
    ...offices.flatMap((office) => [
      [office.name, wins(office), office.paid ? signed(-office.paid) : ""],
      ...refusals(office.answers, "bought"),
    ]),
    ["Sold, all in all", `${row.sold_count} of ${row.max_sales}`],
  ]);
}

const wins = (office) => (office.bought ? `bought ${office.bought === 1 ? "once" : office.bought}` : "did not buy");

function sentenceOf(kept, bought) {
  if (!kept) return "more was sold or charged than may be";
  if (!bought.length) return "nothing bought, nothing charged";
  return bought.length === 1
    ? `${bought[0].name} has it, and was charged once`
    : "each office has it once, and was charged once";
}
