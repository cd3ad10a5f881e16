// One purchase from the pretend store, claimed fifty times at once: one claim grants it, and the
// others get the same answer.

import { newKey, sell } from "./door.js";
import { refusals, showVerdict, times, together } from "./race.js";
import { amount } from "./words.js";

/** Buy a ware once, claim it fifty times, and write the verdict into `place`. */
export async function race(me, sku, title, place) {
  const { tx_id: txId } = await sell({ visitor: me.visitor, sku, told: "once" });
  const before = await stateOf(me, txId);
  const answers = await together(async () => {
    const answer = await me.change("functions/v1/claim", { sku, tx_id: txId }, newKey());
    if (answer.queued) return "kept for later";
    return answer.replayed ? "the same answer" : "granted";
  });
  const after = await stateOf(me, txId);
  const granted = times(answers, "granted");
  const gained = after.shields - before.shields;
  // A booster is no item: it is counted by its claim alone.
  const kept = granted <= 1 && after.claims === granted && (gained === 0 || gained === granted);
  showVerdict(place, kept, sentenceOf(kept, granted, times(answers, "kept for later")), [
    ["Granted", amount(granted)],
    ["Answered the same", amount(times(answers, "the same answer"))],
    ...refusals(answers, "granted", "the same answer", "kept for later"),
    ["Claims of this purchase", amount(after.claims), "read back"],
    ["Shields before", amount(before.shields)],
    ["Shields after", amount(after.shields), title],
  ]);
}

async function stateOf(me, txId) {
  const { claims, wallet } = await me.ask("functions/v1/shop");
  return {
    claims: claims.filter((each) => each.tx_id === txId).length,
    shields: wallet?.streakshield_count ?? 0,
  };
}

function sentenceOf(kept, granted, waiting) {
  if (!kept) return "one purchase was granted more than once";
  if (granted) return "one purchase, granted once";
  return waiting ? "nothing granted yet; it waits, to be granted once" : "nothing granted, and it stays paid";
}
