// The community: shows what the service says, and sends what the reader does. A button is never
// switched off while an answer is on its way, so that a double click is a real one.

import { Member } from "./community_door.js";
import { offer, race } from "./community_race.js";
import * as view from "./community_view.js";
import { connection, Lost, newKey, Refusal } from "./door.js";
import { choose, complain, find, keepUp, named, poll, reveal, showWho } from "./page.js";
import { raceBy } from "./race.js";
import { serverNow, setClock } from "./server_clock.js";
import { say } from "./toast.js";
import { amount, clock, unit } from "./words.js";
import { sayOfRound, setUpGame, showRules } from "./word_game.js";

const POLL_MS = 5_000;
const SURE_MS = 4_000;
const SAME_CLICK_MS = 600;
const windows = new BroadcastChannel("bursar-community");

let member = null;
let me = null;
// Pages of the feed that the reader has asked for, the newest first.
let pages = 1;
let feed = null;
let asked = 0;
let shown = 0;
let complained = false;
// The last click, so that a double click is one post or one boost.
let click = { text: "", key: "", at: 0, waits: 0 };

async function load() {
  const who = member;
  const turn = (asked += 1);
  try {
    const askedAt = performance.now();
    const [read, self] = await Promise.all([readFeed(who), who.ask("me")]);
    // The reader may be somebody else by now, or have seen a later answer.
    if (who !== member || turn < shown) return;
    shown = turn;
    setClock(self.now, askedAt);
    const before = me;
    [feed, me] = [read, self];
    if (before && me.credits > before.credits) {
      view.tell(`You earned ${amount(me.credits - before.credits)} ${unit(me.credits - before.credits)}.`);
    }
    show();
    complained = false;
  } catch (error) {
    if (who !== member) return;
    view.fail();
    // A lost connection is said at the top of the page, and read again when it is back. Whatever
    // else it is, it is read again and again, and said once.
    if (!(error instanceof Lost) && !complained) complain(error, { name: "Try again", go: load });
    complained = true;
  }
}

async function readFeed(who) {
  const first = await who.ask("feed");
  const posts = [...first.posts];
  let { next } = first;
  for (let page = 1; page < pages && next; page += 1) {
    const more = await who.ask(`feed?before=${encodeURIComponent(next)}`);
    posts.push(...more.posts);
    next = more.next;
  }
  // What stands above the others is not shown a second time below.
  const above = new Set(first.boosted.map((post) => post.post_id));
  return { posts: [...first.boosted, ...posts.filter((post) => !above.has(post.post_id))], more: next !== null };
}

function show() {
  view.showMember(me);
  view.showFeed(feed.posts, me, feed.more, { react, remove, boost, hide });
  offer(feed.posts);
  const rules = me.games.find(({ game }) => game === "word-finder");
  const penalty = me.challenge_penalty_until;
  const mayPlay = !penalty || new Date(penalty).getTime() <= serverNow();
  showRules(rules?.points_per_second_max ?? 0, Boolean(rules) && mayPlay);
  if (!mayPlay) sayOfRound(`You may not play until ${clock(penalty)}.`);
}

// What is clicked again while its answer is on its way is the same click once more.
async function sendOnce(text, path, body, otherWay = null) {
  const now = performance.now();
  const isSame = click.text === text && (click.waits > 0 || now - click.at <= SAME_CLICK_MS);
  if (!isSame) click = { text, key: newKey(), at: now, waits: 0 };
  const mine = click;
  mine.waits += 1;
  try {
    return await send(path, body, mine.key, "POST", otherWay);
  } finally {
    mine.waits -= 1;
  }
}

const again = (go) => ({ name: "Try again", go });
const mayTryAgain = (error) => error instanceof Lost
  || ["BUSY", "DEGRADED", "UNAVAILABLE", "OUTCOME_UNKNOWN"].includes(error.code);

// Send a change, say what went wrong, and read the page anew; answers what came, or null. Somebody
// else, whom the reader has become meanwhile, is told nothing.
async function send(path, body, key, method, otherWay = null) {
  const who = member;
  const go = () => send(path, body, key, method, otherWay);
  let answer = null;
  try {
    answer = await who.change(path, body, key, method);
  } catch (error) {
    if (who === member) complain(error, mayTryAgain(error) ? again(go) : otherWay?.(error) ?? null);
  }
  windows.postMessage(who.visitor);
  if (who === member) await load();
  return who === member ? answer : null;
}

async function write() {
  const body = find("body").value.trim();
  if (!body) {
    view.tell("Say something first.");
    find("body").focus();
    return;
  }
  if (await sendOnce(`post ${body}`, "posts", { body })) {
    if (find("body").value.trim() === body) find("body").value = "";
    view.tell("Posted.");
  }
}

async function react(post, kind) {
  const answer = await send(`react/${post.post_id}`, { reaction_type: kind });
  if (!answer) return;
  const word = document.querySelector(`#feed [data-kind="${kind}"]`)?.dataset.word ?? kind;
  const awarded = answer.awarded ? ` ${post.author} earned ${answer.awarded} ${unit(answer.awarded)}.` : "";
  view.tell(answer.created
    ? `${word}.${awarded || " Nothing was earned by it."}`
    : "That reaction was yours already, and stays for ever.");
}

// It cannot be taken back, so it is asked for twice.
async function remove(post, button) {
  if (button.dataset.sure !== "yes") {
    button.dataset.sure = "yes";
    button.textContent = "Delete for good?";
    setTimeout(() => {
      button.dataset.sure = "";
      button.textContent = "Delete";
    }, SURE_MS);
    return;
  }
  const answer = await send(`delete/${post.post_id}`, undefined, newKey(), "DELETE");
  if (answer) view.tell(`Deleted. ${amount(answer.reactions_kept)} of its reactions stay for ever.`);
}

async function boost(post) {
  const toGame = { name: "Earn some", go: () => reveal("game-name") };
  const path = `boost/${post.post_id}`;
  const answer = await sendOnce(path, path, {},
    ({ code }) => (["INSUFFICIENT_FUNDS", "WALLET_NOT_FOUND"].includes(code) ? toGame : null));
  if (answer && !answer.replayed) {
    say({ kind: "done", sentence: `Boosted until ${clock(answer.boosted_until)}`, more: `You have ${answer.credits} left` });
  }
}

async function hide(post) {
  const body = { action: "hide", reason: "hidden on the demo page" };
  if (await send(`moderate/${post.post_id}`, body)) view.tell("Hidden. Its author still sees it.");
}

// The round is its own key: sent again, it is scored once.
async function submit(round) {
  const who = member;
  sayOfRound(`Sending ${amount(round.points)} points in ${round.duration_sec} s …`);
  try {
    const answer = await who.change("scores", { game: "word-finder", ...round });
    const earned = answer.awarded
      ? `, which earned you ${answer.awarded} ${unit(answer.awarded)}` : "";
    const best = `Your best: ${amount(answer.best)}.`;
    if (who === member) sayOfRound(`${amount(answer.points)} points in ${answer.duration_sec} s${earned}. ${best}`);
  } catch (error) {
    if (who === member) {
      sayOfRound("The score could not be taken.");
      complain(error, error instanceof Refusal && !mayTryAgain(error) ? null : again(() => submit(round)));
    }
  }
  windows.postMessage(who.visitor);
  if (who === member) await load();
}

async function become(visitor) {
  member = new Member(visitor);
  [feed, me, pages] = [null, null, 1];
  showWho(visitor);
  view.wait();
  await load();
}

keepUp({ load, become, isReady: () => member !== null });
windows.addEventListener("message", () => load());
find("older").addEventListener("click", () => {
  pages += 1;
  load();
});
find("write").addEventListener("submit", (event) => {
  event.preventDefault();
  write();
});
find("body").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) write();
});
raceBy((place) => race(member, place), async () => {
  windows.postMessage(member.visitor);
  await load();
});
setUpGame(submit);

connection.look();
await become(choose(named()));
poll(() => POLL_MS, load);
