// Twenty purchases of one reward, sent together, and what became of them: counted from the answers,
// then checked against the ledger's own entries.

import { Lost, newKey, Refusal } from "./door.js";
import { amount, signed } from "./words.js";

const BUYERS = 20;

/** Run the race as `me` and write the verdict into `place`, if `isCurrent()` still. */
export async function race(me, reward, place, isCurrent) {
  place.replaceChildren(line("Twenty purchases are on their way …"));
  const before = await balanceOf(me);
  const answers = await Promise.all(Array.from({ length: BUYERS }, () => attempt(me, reward)));
  const after = await balanceOf(me);
  const charges = (await me.rows("credit_transactions", {
    select: "amount,reason", user_id: `eq.${me.userId}`, reason: `eq.reward ${reward.id}`,
  })).filter((entry) => entry.amount < 0);
  if (isCurrent()) show(place, { reward, before, after, charges, answers });
}

async function attempt(me, reward) {
  try {
    await me.call("purchase_reward", {
      p_reward_id: reward.id, p_collector_id: me.userId, p_expected_price: reward.cost,
    }, newKey());
    return "succeeded";
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    if (error instanceof Lost) return "no answer";
    throw error;
  }
}

async function balanceOf(me) {
  const rows = await me.rows("user_credits", { select: "balance", user_id: `eq.${me.userId}` });
  return rows[0]?.balance ?? 0;
}

function show(place, { reward, before, after, charges, answers }) {
  const counted = new Map();
  for (const answer of answers) counted.set(answer, (counted.get(answer) ?? 0) + 1);
  const succeeded = counted.get("succeeded") ?? 0;
  counted.delete("succeeded");
  const table = document.createElement("dl");
  table.className = "facts";
  fact(table, "Succeeded", amount(succeeded));
  for (const [code, times] of [...counted].sort()) {
    fact(table, code === "no answer" ? "No answer" : "Refused", amount(times), code);
  }
  fact(table, "Balance before", amount(before));
  fact(table, "Balance after", amount(after), after === before ? "" : signed(after - before));
  fact(table, `Charges for ${reward.name}`, amount(charges.length), "all in all");
  const kept = succeeded <= 1 && charges.length <= 1 && after >= 0;
  const verdict = line(sentenceOf(kept, succeeded, charges.length));
  verdict.className = kept ? "verdict kept" : "verdict broken";
  place.replaceChildren(verdict, table);
  place.scrollIntoView({ block: "nearest" });
}

function sentenceOf(kept, succeeded, charges) {
  if (!kept) return "A promise is broken: one reward was paid for more than once.";
  if (succeeded === 1) return "Promise kept: one purchase, charged once.";
  return charges === 1
    ? "Promise kept: bought earlier, and not charged again."
    : "Promise kept: nothing bought, nothing charged.";
}

function line(text) {
  const element = document.createElement("p");
  element.textContent = text;
  return element;
}

function fact(table, name, value, note = "") {
  const row = document.createElement("div");
  const term = document.createElement("dt");
  const number = document.createElement("dd");
  term.textContent = name;
  number.textContent = value;
  if (note) {
    const small = document.createElement(/^[A-Z_]+$/.test(note) ? "code" : "span");
    small.textContent = note;
    term.append(" ", small);
  }
  row.append(term, number);
  table.append(row);
}
