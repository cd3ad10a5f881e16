// The server's clock, for what ends at a moment of it. A phone's own clock may be wrong, and may be
// set while the page is open; how much time passes on it is right.

let told = Date.now();
let toldAt = performance.now();

/** The server has said what time it is, in an answer that was asked for at `askedAt`. */
export function setClock(text, askedAt) {
  const now = performance.now();
  told = new Date(text).getTime();
  toldAt = (askedAt + now) / 2;
}

/** The server's time now, in milliseconds. */
export const serverNow = () => told + performance.now() - toldAt;

/** A <time> that counts down to a moment of the server's clock: 6 d 23:59:58. */
export function timer(text) {
  const element = document.createElement("time");
  element.className = "timer";
  element.dateTime = new Date(text).toISOString();
  element.setAttribute("role", "timer");
  tick(element);
  return element;
}

const two = (number) => String(number).padStart(2, "0");

function tick(element) {
  const left = Math.max(0, Math.ceil((new Date(element.dateTime) - serverNow()) / 1000));
  const days = Math.floor(left / 86_400);
  const [hours, minutes, seconds] = [Math.floor(left / 3600) % 24, Math.floor(left / 60) % 60, left % 60];
  element.textContent = `${days ? `${days} d ` : ""}${two(hours)}:${two(minutes)}:${two(seconds)}`;
  return left;
}

/** Bring every timer on the page up to date; say whether one of them has run out just now. */
export function refreshTimers() {
  let over = false;
  for (const element of document.querySelectorAll("time.timer:not(.over)")) {
    if (tick(element) > 0) continue;
    element.classList.add("over");
    over = true;
  }
  return over;
}
