// Puts the community on the page. Cards stay the same elements as their posts change, so that the
// focus stays where the reader put it.

import { done, empty, fact, find } from "./page.js";
import { amount, clock, signed, time, unit } from "./words.js";

const PARTS = ["balance", "feed", "earns"];
const card = find("post-card");

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Say what has just happened. */
export const tell = (text) => set(find("news"), text);

export function showMember(me) {
  set(find("available"), amount(me.credits));
  set(find("unit"), unit(me.credits));
  const today = me.awards.reduce((sum, { used }) => sum + used, 0);
  set(find("today"), today ? `${signed(today)} today` : "None earned today yet");
  const table = find("earns");
  table.replaceChildren();
  const game = me.games.find((each) => each.game === "word-finder");
  for (const award of me.awards) {
    const name = { reaction_received: "Reactions to your posts", score_milestone: "Word finder" }[award.award];
    fact(table, name ?? award.award, `${amount(award.used)} of ${amount(award.allowed)}`, award.period === "day" ? "today" : `this ${award.period}`);
  }
  for (const { points, credits, awarded } of game?.milestones ?? []) {
    fact(table, `${amount(points)} points in a round`, awarded ? "✓ earned" : signed(credits), "once");
  }
  fact(table, "Your best round", game?.best == null ? "none yet" : amount(game.best));
  const [first] = me.awards;
  set(find("caps"), first
    ? "What is earned beyond a cap is not awarded later; the count begins anew at "
      + `${clock(first.frees_up_at)}. One's own applause is worth nothing.`
    : "Nothing is awarded at the moment.");
  done("balance");
  done("earns");
}

/** `acts` says what a reader can do: { react, remove, boost, hide }, each with the post. */
export function showFeed(posts, me, more, acts) {
  const list = find("feed");
  const known = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const items = posts.map((post) => {
    const item = known.get(post.post_id) ?? newCard(post, acts);
    fillCard(item, post, me, acts);
    return item;
  });
  const next = items.length ? items : [empty("Nothing here yet. Write the first post.")];
  keepFocus(list, next);
  find("older").hidden = !more;
  done("feed");
}

// What stays is not moved: an element that is taken out and put back loses the focus.
function keepFocus(list, next) {
  const gone = [...list.children].filter((item) => !next.includes(item));
  const hadFocus = gone.some((item) => item.contains(document.activeElement));
  for (const item of gone) item.remove();
  next.forEach((item, at) => {
    if (list.children[at] !== item) list.insertBefore(item, list.children[at] ?? null);
  });
  if (hadFocus) find("feed-name").focus();
}

function newCard(post, acts) {
  const item = card.content.firstElementChild.cloneNode(true);
  item.dataset.id = post.post_id;
  item.querySelector(".author").textContent = post.author;
  item.querySelector(".body").textContent = post.body;
  item.querySelector(".when").append(time(post.created_at));
  for (const button of item.querySelectorAll(".reaction")) {
    button.addEventListener("click", () => acts.react(post, button.dataset.kind));
  }
  return item;
}

function fillCard(item, post, me, acts) {
  const isBoosted = post.boosted_until && new Date(post.boosted_until) > new Date(me.now);
  const marks = [
    isBoosted && `↑ Boosted until ${clock(post.boosted_until)}`,
    post.is_hidden && "Hidden by a moderator: only you see it",
  ].filter(Boolean).join(" · ");
  set(item.querySelector(".mark-of"), marks);
  item.classList.toggle("boosted", Boolean(isBoosted));
  for (const button of item.querySelectorAll(".reaction")) {
    const { kind, word } = button.dataset;
    const count = post.reactions[kind] ?? 0;
    const mine = post.felt.includes(kind);
    set(button.querySelector(".count"), count ? amount(count) : "");
    button.setAttribute("aria-pressed", String(mine));
    button.setAttribute("aria-label", `${word}, ${amount(count)}${mine ? ", yours for ever" : ""}`);
    button.title = mine ? `${word}: yours, for ever` : word;
  }
  showWays(item.querySelector(".ways"), post, me, acts);
}

function showWays(ways, post, me, acts) {
  const wanted = [
    post.mine && !post.is_hidden && ["Boost", `Boost for ${me.boost_price} credits`, acts.boost],
    (post.mine || me.is_moderator) && ["Delete", "Delete", acts.remove],
    me.is_moderator && !post.mine && ["Hide", "Hide", acts.hide],
  ].filter(Boolean);
  const names = wanted.map(([name]) => name).join();
  if (ways.dataset.names === names) return;
  // Another button in the same place has the focus then.
  const focused = [...ways.children].indexOf(document.activeElement);
  ways.dataset.names = names;
  ways.replaceChildren(...wanted.map(([name, text, act]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "link";
    button.textContent = text;
    button.setAttribute("aria-label", `${text}: ${post.body.slice(0, 60)}`);
    button.onclick = () => act(post, button);
    return button;
  }));
  ways.children[focused]?.focus();
}

/** Until the next reader's data are there, the page keeps its shape and says that it waits. */
export function wait() {
  for (const id of PARTS) find(id).setAttribute("aria-busy", "true");
  tell("");
}

/** What could not be read says so; what was read before stays, and may be out of date. */
export function fail() {
  if (find("feed").querySelector(".ghost")) find("feed").replaceChildren(empty("This could not be read."));
  for (const id of PARTS) done(id);
}
