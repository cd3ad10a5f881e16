// Many requests at once, and the verdict on them: counted from the answers, then checked against what
// the service says afterwards. (A browser keeps about six of them on the way at a time.)

import { Lost, Refusal } from "./door.js";
import { complain, fact, find, line } from "./page.js";
import { amount } from "./words.js";

export const MANY = 50;
const NO_ANSWER = "no answer";

/**
 * Have `ask(turn)` done fifty times at once; answers what each came to, in a word: what `ask`
 * answers, or why it was refused.
 */
export function together(ask, reasonOf = ({ code }) => code) {
  return Promise.all(Array.from({ length: MANY }, async (_, turn) => {
    try {
      return await ask(turn);
    } catch (error) {
      if (error instanceof Refusal) return reasonOf(error);
      if (error instanceof Lost) return NO_ANSWER;
      throw error;
    }
  }));
}

export const times = (answers, word) => answers.filter((answer) => answer === word).length;

/** Rows of a verdict: how often each answer came that is none of `done`. */
export function refusals(answers, ...done) {
  const reasons = [...new Set(answers)].filter((answer) => !done.includes(answer)).sort();
  return reasons.map((reason) => [
    reason === NO_ANSWER ? "No answer" : "Refused", amount(times(answers, reason)),
    reason === NO_ANSWER ? "" : reason,
  ]);
}

/** Write the verdict: a sentence, and rows of a name, a value and a few words. */
export function showVerdict(place, kept, sentence, rows) {
  const table = document.createElement("dl");
  table.className = "facts";
  for (const each of rows) fact(table, ...each);
  const verdict = kept ? `Promise kept: ${sentence}.` : `A promise is broken: ${sentence}.`;
  place.replaceChildren(line(verdict, kept ? "verdict kept" : "verdict broken"), table);
  place.scrollIntoView({ block: "nearest" });
}

/** Race at the reader's word: `run(place)` does it, and `after()` reads the page anew. */
export function raceBy(run, after) {
  let isOn = false;
  find("race").addEventListener("submit", async (event) => {
    event.preventDefault();
    // Two at once would each count what the other does.
    if (isOn) return;
    isOn = true;
    // Another visitor's page has another verdict: then this place is gone from it.
    const place = document.createElement("div");
    const waits = line(`${MANY} requests are on their way …`);
    place.append(waits);
    find("verdict").replaceChildren(place);
    try {
      await run(place);
    } catch (error) {
      complain(error, null);
    }
    isOn = false;
    waits.remove();
    await after();
  });
}
