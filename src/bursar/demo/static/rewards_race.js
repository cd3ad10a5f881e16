// Fifty purchases of one reward, sent together, and what became of them: at most one may succeed.

import { newKey } from "./door.js";
import { refusals, showVerdict, times, together } from "./race.js";
import { amount, signed } from "./words.js";

/** Run the race as `me` and write the verdict into `place`. */
export async function race(me, reward, place) {
  const before = await balanceOf(me);
  const answers = await together(async () => {
    await me.call("purchase_reward", {
      p_reward_id: reward.id, p_collector_id: me.userId, p_expected_price: reward.cost,
    }, newKey());
    return "succeeded";
  });
  const after = await balanceOf(me);
  const charges = (await me.rows("credit_transactions", {
    select: "amount,reason", user_id: `eq.${me.userId}`, reason: `eq.reward ${reward.id}`,
  })).filter((entry) => entry.amount < 0);
  show(place, { reward, before, after, charges, answers });
}

async function balanceOf(me) {
  const rows = await me.rows("user_credits", { select: "balance", user_id: `eq.${me.userId}` });
  return rows[0]?.balance ?? 0;
}

function show(place, { reward, before, after, charges, answers }) {
  const succeeded = times(answers, "succeeded");
  const kept = succeeded <= 1 && charges.length <= 1 && after >= 0;
  showVerdict(place, kept, sentenceOf(kept, succeeded, charges.length), [
    ["Succeeded", amount(succeeded)],
    ...refusals(answers, "succeeded"),
    ["Balance before", amount(before)],
    ["Balance after", amount(after), after === before ? "" : signed(after - before)],
    [`Charges for ${reward.name}`, amount(charges.length), "all in all"],
  ]);
}

function sentenceOf(kept, succeeded, charges) {
  if (!kept) return "one reward was paid for more than once";
  if (succeeded === 1) return "one purchase, charged once";
  return charges === 1 ? "bought earlier, and not charged again" : "nothing bought, nothing charged";
}
