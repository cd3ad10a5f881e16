// How amounts and times are written.

const number = new Intl.NumberFormat("en-GB");
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const UNITS = [["hour", 3600], ["minute", 60]];

/** 1,250 */
export const amount = (value) => number.format(value);

/** +60 or −60: an entry always shows its sign. */
export const signed = (value) => (value < 0 ? `−${amount(-value)}` : `+${amount(value)}`);

export const unit = (value) => (value === 1 ? "credit" : "credits");

/** A <time>: how long ago, with the exact moment on hover and for machines. */
export function time(text) {
  const then = new Date(text);
  const element = document.createElement("time");
  element.dateTime = then.toISOString();
  element.title = exact.format(then);
  element.textContent = ago(then);
  return element;
}

function ago(then) {
  const seconds = Math.round((then - Date.now()) / 1000);
  if (seconds < -86_400) return day.format(then);
  for (const [name, size] of UNITS) {
    if (seconds <= -size) return relative.format(Math.trunc(seconds / size), name);
  }
  return "just now";
}

/** Bring every time on the page up to date. */
export function refreshTimes() {
  for (const element of document.querySelectorAll("time")) {
    element.textContent = ago(new Date(element.dateTime));
  }
}
