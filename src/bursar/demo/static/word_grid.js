// A grid of letters with words in it. It follows from its seed alone: the same round, the same grid.

import { chooser } from "./chooser.js";

export const SIZE = 8;
const WORDS_IN_A_GRID = 7;
const TRIES = 200;
const LETTERS = "EEEEAAARRIIOOTTNNSSLCUDPMHGBFYWKVX";
const WAYS = [[1, 0], [0, 1], [1, 1], [1, -1]];
const WORDS = `
  ledger credit wallet entry balance claim refund receipt budget penny purse vault queue audit tally
  stamp paper pencil margin column total order price trade market office clerk drawer index folder
  record number grant spend share store shelf chest silver copper brass nickel letter window garden
  harbour lantern bridge orchard meadow pebble river kettle basket button ribbon candle mirror ladder
`.trim().toUpperCase().split(/\s+/);

/**
 * The grid of a seed: `letters` row by row, and `words` with the places of their letters, each a
 * number from 0, row by row.
 */
export function gridOf(seed) {
  const take = chooser(seed);
  const letters = new Array(SIZE * SIZE).fill("");
  const words = [];
  const left = [...WORDS];
  while (words.length < WORDS_IN_A_GRID && left.length) {
    const [word] = left.splice(take(left.length), 1);
    // A word inside another one would be found with it.
    if (words.some((other) => other.word.includes(word) || word.includes(other.word))) continue;
    const places = placesFor(word, letters, take);
    if (!places) continue;
    places.forEach((place, at) => { letters[place] = word[at]; });
    words.push({ word, places });
  }
  return { letters: letters.map((letter) => letter || LETTERS[take(LETTERS.length)]), words };
}

// Where a word fits in: on free places, and across letters that it has too.
function placesFor(word, letters, take) {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const [right, down] = WAYS[take(WAYS.length)];
    const from = [take(SIZE), take(SIZE)];
    const to = [from[0] + right * (word.length - 1), from[1] + down * (word.length - 1)];
    if (to.some((at) => at < 0 || at >= SIZE)) continue;
    const places = line(from[1] * SIZE + from[0], to[1] * SIZE + to[0]);
    if (places.every((place, at) => letters[place] === "" || letters[place] === word[at])) return places;
  }
  return null;
}

/** The places from one to another, if they lie on a line across, down or aslant; else none. */
export function line(from, to) {
  const [x, y] = [from % SIZE, Math.floor(from / SIZE)];
  const [right, down] = [(to % SIZE) - x, Math.floor(to / SIZE) - y];
  const length = Math.max(Math.abs(right), Math.abs(down));
  if (right && down && Math.abs(right) !== Math.abs(down)) return [];
  const step = Math.sign(down) * SIZE + Math.sign(right);
  return Array.from({ length: length + 1 }, (_, at) => from + at * step);
}
