// Fifty of the same reaction to a post, or fifty boosts of one's own, at once: a reaction is there once
// and earns once, and there are only as many boosts as there were credits for.

import { newKey } from "./door.js";
import { find } from "./page.js";
import { refusals, showVerdict, times, together } from "./race.js";
import { amount } from "./words.js";

const SHOWN_MAX = 12;
const KINDS = [...find("post-card").content.querySelectorAll("[data-kind]")].map(({ dataset }) => dataset.kind);

/** Offer the posts that can be raced for; what the reader has chosen stays chosen. */
export function offer(posts) {
  const select = find("race-post");
  const wanted = posts.filter((post) => !post.is_hidden).slice(0, SHOWN_MAX)
    .map((post) => [post.post_id, `${post.mine ? "Boost" : "React to"}: ${post.body.slice(0, 40)}`]);
  if (select.dataset.offered === JSON.stringify(wanted)) return;
  select.dataset.offered = JSON.stringify(wanted);
  const { value } = select;
  select.replaceChildren(...wanted.map(([id, text]) => new Option(text, id, false, id === value)));
}

/** Race for the chosen post as `who` and write the verdict into `place`. */
export async function race(who, place) {
  const before = await stateOf(who, find("race-post").value);
  if (!before.post) return;
  await (before.post.mine ? raceBoosts : raceReactions)(who, before, place);
}

async function raceReactions(who, { post }, place) {
  const kind = KINDS.find((each) => !post.felt.includes(each)) ?? KINDS[0];
  let awarded = 0;
  const answers = await together(async () => {
    const answer = await who.change(`react/${post.post_id}`, { reaction_type: kind });
    awarded += answer.awarded ?? 0;
    return answer.created ? "new" : "there already";
  });
  const { post: after } = await stateOf(who, post.post_id);
  const [was, is] = [post, after].map((each) => each?.reactions[kind] ?? 0);
  const created = times(answers, "new");
  const kept = created <= 1 && awarded <= 1 && is - was === created;
  const said = created ? "one reaction, which counts once" : "it was there already, and is there once";
  showVerdict(place, kept, kept ? said : "one reaction was counted more than once", [
    ["New", amount(created), kind],
    ["There already", amount(times(answers, "there already"))],
    ...refusals(answers, "new", "there already"),
    ["Counted before", amount(was)],
    ["Counted after", amount(is), "read back"],
    [`${post.author} earned`, amount(awarded)],
  ]);
}

async function raceBoosts(who, { post, credits, price }, place) {
  const answers = await together(async () => {
    await who.change(`boost/${post.post_id}`, {}, newKey());
    return "boosted";
  });
  const after = await stateOf(who, post.post_id);
  const boosted = times(answers, "boosted");
  const paid = credits - after.credits;
  const kept = after.credits >= 0 && paid === boosted * price;
  const said = boosted ? `${amount(boosted)} paid for, and no credit spent twice` : "nothing boosted, nothing charged";
  showVerdict(place, kept, kept ? said : "boosts and credits do not agree", [
    ["Boosted", amount(boosted), `for ${amount(price)} each`],
    ...refusals(answers, "boosted"),
    ["Credits before", amount(credits)],
    ["Credits after", amount(after.credits), "read back"],
  ]);
}

async function stateOf(who, id) {
  const [{ posts, boosted }, me] = await Promise.all([who.ask("feed"), who.ask("me")]);
  const post = [...boosted, ...posts].find((each) => each.post_id === id);
  return { post, credits: me.credits, price: me.boost_price };
}
