// How amounts and times are written.

const number = new Intl.NumberFormat("en-GB");
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const shortDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const hour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
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

/** £14.50, of 1450 minor units of "gbp". */
export function money(minor, currency) {
  const style = { style: "currency", currency: currency.toUpperCase() };
  const format = new Intl.NumberFormat("en-GB", style);
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

/** 14:32; with the day where that is not today. */
export function clock(text) {
  const then = new Date(text);
  const today = then.toDateString() === new Date().toDateString();
  return today ? hour.format(then) : `${shortDay.format(then)}, ${hour.format(then)}`;
}

/** A <time> that counts down to a moment: 29:40. What is days away is told as a day. */
export function countdown(text) {
  const element = document.createElement("time");
  element.className = "left";
  element.dateTime = new Date(text).toISOString();
  element.title = exact.format(new Date(text));
  element.textContent = left(new Date(text));
  return element;
}

function left(then) {
  const seconds = Math.max(0, Math.round((then - Date.now()) / 1000));
  if (seconds >= 86_400) return `until ${shortDay.format(then)}`;
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [first, ...others] = parts[0] ? parts : parts.slice(1);
  return [first, ...others.map((part) => String(part).padStart(2, "0"))].join(":");
}

/** Bring every time on the page up to date. */
export function refreshTimes() {
  for (const element of document.querySelectorAll("time:not(.left)")) {
    element.textContent = ago(new Date(element.dateTime));
  }
}

/** Bring every countdown on the page up to date. */
export function refreshCountdowns() {
  for (const element of document.querySelectorAll("time.left")) {
    element.textContent = left(new Date(element.dateTime));
  }
}
