// One round of the word finder: the grid by mouse, finger and keyboard, the clock, the points.

import { newKey } from "./door.js";
import { find } from "./page.js";
import { gridOf, line, SIZE } from "./word_grid.js";

const POINTS_A_LETTER = 15;
const BONUS_MAX = 900;
const BONUS_LESS_A_SECOND = 6;
const grid = find("grid");
const MOVES = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: SIZE, ArrowUp: -SIZE };

let round = null;
let marked = null;
let onEnd = () => {};
let fastest = 100;

/** `end` is told of a round that is over: { round_id, points, duration_sec }. */
export function setUpGame(end) {
  onEnd = end;
  find("start").addEventListener("click", () => (round ? endRound() : startRound()));
  grid.addEventListener("keydown", press);
  grid.addEventListener("pointerdown", (event) => pick(placeOf(event.target)));
  grid.addEventListener("pointermove", (event) => {
    if (event.buttons) draw(placeAt(event));
  });
  document.addEventListener("pointerup", (event) => {
    const place = placeAt(event);
    if (marked !== null && place !== null && place !== marked) finish(place);
  });
  setInterval(tick, 250);
  draw(null);
  showGrid(Array.from({ length: SIZE * SIZE }, () => "·"));
  grid.classList.add("waits");
}

/** More points than this are not taken for a second of play; whether one may play at all. */
export function showRules(pointsPerSecond, mayPlay) {
  fastest = pointsPerSecond;
  find("start").disabled = !mayPlay && !round;
}

function startRound() {
  const id = newKey();
  round = { id, ...gridOf(id), found: new Set(), at: performance.now() };
  grid.dataset.round = id;
  grid.classList.remove("waits");
  showGrid(round.letters);
  find("words").replaceChildren(...round.words.map(({ word }) => {
    const item = document.createElement("li");
    item.textContent = word.toLowerCase();
    item.dataset.word = word;
    return item;
  }));
  find("start").textContent = "End the round";
  tell(`Find ${round.words.length} words.`);
  tick();
  cellAt(0).focus();
}

const secondsSoFar = () => Math.max(1, Math.round((performance.now() - round.at) / 1000));

function pointsAfter(seconds) {
  const letters = round.words.filter(({ word }) => round.found.has(word))
    .reduce((sum, { word }) => sum + word.length, 0);
  const isWhole = round.found.size === round.words.length;
  const bonus = isWhole ? Math.max(0, BONUS_MAX - BONUS_LESS_A_SECOND * seconds) : 0;
  return Math.min(letters * POINTS_A_LETTER + bonus, fastest * seconds);
}

function endRound() {
  const seconds = secondsSoFar();
  const ended = { round_id: round.id, points: pointsAfter(seconds), duration_sec: seconds };
  tick();
  find("points").textContent = ended.points;
  round = null;
  marked = null;
  draw(null);
  grid.classList.add("waits");
  find("start").textContent = "Start a round";
  if (grid.contains(document.activeElement)) find("start").focus();
  onEnd(ended);
}

function tick() {
  if (!round) return;
  const seconds = secondsSoFar();
  find("points").textContent = pointsAfter(seconds);
  find("seconds").textContent = `${seconds} s`;
}

const tell = (text) => { find("round").textContent = text; };

/** Say what became of the last round. */
export const sayOfRound = tell;

function showGrid(letters) {
  if (grid.children.length === 0) grid.append(...Array.from({ length: SIZE }, (_, row) => newRow(row)));
  [...grid.querySelectorAll("button")].forEach((cell, place) => {
    cell.textContent = letters[place];
    cell.className = "";
    cell.tabIndex = place === 0 ? 0 : -1;
    name(cell, place);
  });
}

function newRow(row) {
  const element = document.createElement("div");
  element.setAttribute("role", "row");
  element.append(...Array.from({ length: SIZE }, (_, column) => {
    const cell = document.createElement("button");
    cell.type = "button";
    cell.setAttribute("role", "gridcell");
    cell.dataset.place = row * SIZE + column;
    return cell;
  }));
  return element;
}

const name = (cell, place, more = "") => cell.setAttribute("aria-label",
  `${cell.textContent}, row ${Math.floor(place / SIZE) + 1}, column ${(place % SIZE) + 1}${more}`);

const cellAt = (place) => grid.querySelector(`[data-place="${place}"]`);
const placeOf = (element) => {
  const place = element?.closest?.("#grid button")?.dataset.place;
  return place === undefined ? null : Number(place);
};
const placeAt = ({ clientX, clientY }) => placeOf(document.elementFromPoint(clientX, clientY));

function press(event) {
  const place = placeOf(event.target);
  if (place === null || !round) return;
  if (event.key in MOVES) {
    const x = (place % SIZE) + (event.key === "ArrowRight") - (event.key === "ArrowLeft");
    const to = place + MOVES[event.key];
    if (x >= 0 && x < SIZE && to >= 0 && to < SIZE * SIZE) moveTo(to);
  } else if (event.key === "Enter" || event.key === " ") {
    if (!event.repeat) pick(place);
  } else if (event.key === "Escape" && marked !== null) {
    marked = null;
    draw(null);
    event.stopPropagation();
  } else {
    return;
  }
  event.preventDefault();
}

function moveTo(place) {
  for (const cell of grid.querySelectorAll('[tabindex="0"]')) cell.tabIndex = -1;
  cellAt(place).tabIndex = 0;
  cellAt(place).focus();
  if (marked !== null) draw(place);
}

// The first letter is marked, then the last one.
function pick(place) {
  if (!round || place === null) return;
  if (marked === null || marked === place) {
    marked = marked === place ? null : place;
    draw(marked);
    if (marked !== null) tell(`From ${cellAt(place).textContent}: mark the word's last letter.`);
  } else {
    finish(place);
  }
}

function draw(to) {
  const drawn = new Set(marked === null || to === null ? [] : line(marked, to));
  if (marked !== null) drawn.add(marked);
  for (const cell of grid.querySelectorAll("button")) {
    cell.classList.toggle("marked", drawn.has(Number(cell.dataset.place)));
  }
}

function finish(place) {
  const places = line(marked, place);
  const spelt = places.map((at) => round.letters[at]).join("");
  const reversed = [...spelt].reverse().join("");
  const hit = round.words.find(({ word }) => word === spelt || word === reversed);
  marked = null;
  draw(null);
  if (!hit) {
    tell(places.length ? `${spelt.toLowerCase()} is none of them.` : "Words run in a straight line.");
    return;
  }
  round.found.add(hit.word);
  for (const at of places) {
    cellAt(at).classList.add("found");
    name(cellAt(at), at, ", found");
  }
  find("words").querySelector(`[data-word="${hit.word}"]`).classList.add("found");
  tell(`Found ${hit.word.toLowerCase()}: ${round.found.size} of ${round.words.length}.`);
  tick();
  if (round.found.size === round.words.length) endRound();
}
