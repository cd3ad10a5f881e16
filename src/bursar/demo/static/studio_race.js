// Fifty different submissions at once, by somebody who may have credits for few of them: each picture
// that is taken up has its credit, and no credit is used for two.

import { newKey } from "./door.js";
import { refusals, showVerdict, times, together } from "./race.js";
import { submit } from "./studio_ways.js";
import { amount } from "./words.js";

const PROMPT = "a lighthouse by the sea at night";
const GIVEN_BACK = ["refunded", "failed"];

/** Submit fifty pictures as `me` and write the verdict into `place`. */
export async function race(me, place) {
  const before = await stateOf(me);
  const answers = await together(async () => {
    await submit(me, PROMPT, newKey());
    return "taken up";
  });
  const after = await stateOf(me);
  const made = after.jobs.filter(({ job_id: id }) => !before.ids.has(id));
  const earlier = after.jobs.filter(({ job_id: id }) => before.ids.has(id));
  const expected = costOf(made) + costOf(earlier)
    - costOf(before.jobs.filter(({ job_id: id }) => after.ids.has(id)));
  const paid = before.available - after.available;
  const kept = after.available >= 0 && made.length === times(answers, "taken up") && paid === expected;
  showVerdict(place, kept, sentenceOf(kept, made.length), [
    ["Taken up", amount(times(answers, "taken up"))],
    ...refusals(answers, "taken up"),
    ["New pictures", amount(made.length), "read back"],
    ["Credits before", amount(before.available)],
    ["Credits after", amount(after.available), "held or spent ones are gone"],
  ]);
}

async function stateOf(me) {
  const { jobs, wallet } = await me.ask("functions/v1/generation-jobs");
  return { jobs, ids: new Set(jobs.map((job) => job.job_id)), available: wallet?.available ?? 0 };
}

const costOf = (jobs) => jobs.reduce(
  (sum, { status, price }) => sum + (GIVEN_BACK.includes(status) ? 0 : price), 0,
);

function sentenceOf(kept, made) {
  if (!kept) return "pictures and credits do not agree";
  if (!made) return "nothing taken up, nothing held";
  return made === 1 ? "one picture, one credit" : `${amount(made)} pictures, each with its credit`;
}
