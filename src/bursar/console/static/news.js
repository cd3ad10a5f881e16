// What the service tells open consoles: the overview anew, alerts, the gate; and whether it is there.
const ADDRESS = new URL("../console/news", import.meta.url);
const AGAIN_MS = 3000;
const strip = document.getElementById("strip");
const toasts = document.getElementById("toasts");
let source = null;
let waiting = 0;
let known = null;
let asked = 0;
let shown = 0;

function say(text, link) {
  strip.replaceChildren(text);
  if (link) {
    const to = document.createElement("a");
    to.href = new URL("../console/sign-in", import.meta.url);
    to.textContent = link;
    strip.append(" ", to);
  }
  strip.hidden = !text;
}

function toast(kind, sign, sentence, after) {
  const item = document.createElement("li");
  item.className = `toast ${kind}`;
  const parts = [["span", "sign", sign], ["span", "sentence", sentence]];
  for (const [tag, name, text] of parts) {
    const part = document.createElement(tag);
    part.className = name;
    part.textContent = text;
    if (name === "sign") part.setAttribute("aria-hidden", "true");
    item.append(part);
  }
  const close = document.createElement("button");
  close.className = "close";
  close.type = "button";
  close.textContent = "×";
  close.setAttribute("aria-label", "Close the message");
  close.addEventListener("click", () => item.remove());
  item.append(close);
  if (after) {
    const way = document.createElement("a");
    way.className = "way";
    way.href = new URL("../console", import.meta.url);
    way.textContent = after;
    item.append(way);
  }
  toasts.append(item);
}

// What has changed since this page knew: a page that was just opened shows it already. While the
// database does not answer, nobody knows.
function compare(news) {
  if (news.degraded === null) return;
  const before = known;
  known = news;
  if (!before) return;
  const firing = new Set(before.alerts.map(({name}) => name));
  for (const {name, title} of news.alerts) {
    if (!firing.has(name)) toast("no", "!", `Alert: ${title}.`, "To the overview");
  }
  if (news.degraded !== before.degraded) {
    const text = news.degraded ? "Changes are paused." : "Changes are carried out again.";
    toast(news.degraded ? "no" : "done", news.degraded ? "!" : "✓", text, "To the overview");
  }
}

// The overview itself: the sentence only when it is another, so that it is not read out again.
function show(news) {
  const answer = document.getElementById("answer");
  const facts = document.getElementById("facts");
  if (!answer || !facts) return;
  if (answer.textContent !== news.sentence) {
    const rest = news.sentence.match(/^(Yes\.|No|Not known)(.*)$/s);
    const strong = document.createElement("strong");
    strong.textContent = rest ? rest[1] : news.sentence;
    answer.replaceChildren(strong, rest ? rest[2] : "");
    answer.dataset.state = news.state;
  }
  const focused = facts.contains(document.activeElement) ? document.activeElement.textContent : "";
  facts.innerHTML = news.html;
  if (focused) {
    for (const link of facts.querySelectorAll("a")) if (link.textContent === focused) link.focus();
  }
}

// A check that is at work: its part of the page is asked for again when it has gone on, until it was
// read, or there are other news.
async function refresh(news) {
  const part = document.getElementById("checks");
  if (!part || part.dataset.checks === news.checks || news !== known) return;
  const turn = (asked += 1);
  try {
    const answer = await fetch(location.href, {headers: {accept: "text/html"}});
    if (answer.redirected) return;
    if (!answer.ok) throw new Error("Not yet.");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("checks");
    // What was asked for later may be there already.
    if (!fresh || turn < shown) return;
    shown = turn;
    document.getElementById("checks").replaceWith(document.adoptNode(fresh));
  } catch {
    setTimeout(() => refresh(news), AGAIN_MS);
  }
}

async function lost() {
  if (source && source.readyState !== EventSource.CLOSED) {
    say("The connection is lost. What you see may be old; it is tried again.");
    return;
  }
  // The browser has given up: either the session has ended, or the service is not there.
  try {
    const enough = new AbortController();
    const answer = await fetch(ADDRESS, {redirect: "manual", signal: enough.signal});
    enough.abort();  // Else the news themselves would come this way as well, to nobody.
    if (answer.type === "opaqueredirect" || answer.status === 401) {
      say("Your session has ended.", "Sign in again");
      return;
    }
  } catch {
    // Not there; it is tried again.
  }
  say("The connection is lost. What you see may be old; it is tried again.");
  clearTimeout(waiting);
  waiting = setTimeout(listen, AGAIN_MS);
}

function listen() {
  if (source) source.close();
  source = new EventSource(ADDRESS);
  source.addEventListener("open", () => say(""));
  source.addEventListener("error", lost);
  source.addEventListener("news", ({data}) => {
    const news = JSON.parse(data);
    compare(news);
    show(news);
    refresh(news);
    document.dispatchEvent(new CustomEvent("news", {detail: news}));
  });
}

// A page that nobody looks at does not listen; it catches up when it is looked at again.
document.addEventListener("visibilitychange", () => {
  clearTimeout(waiting);
  if (document.hidden) {
    if (source) source.close();
    source = null;
  } else if (!source) {
    listen();
  }
});
addEventListener("pagehide", () => source && source.close());
if (!document.hidden) listen();
