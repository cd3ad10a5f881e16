// A small picture for each lead: a house, drawn from the lead's own words, so that the same job
// always looks the same. What is to be done is drawn in colour.

import { chooser } from "./chooser.js";

const SVG = "http://www.w3.org/2000/svg";
const GROUND = 50;
const JOBS = [
  ["solar", /\bsolar\b/i],
  ["roof", /\b(roof|slate|gutter|chimney)/i],
  ["window", /\b(window|glaz)/i],
  ["door", /\b(door|porch)/i],
  ["fence", /\b(fence|gate)\b/i],
  ["tree", /\b(tree|sycamore|hedge|garden)/i],
  ["wall", /\b(render|paint|brick|wall)\b/i],
];

/** An <svg> for a lead with this title. */
export function house(title) {
  const job = JOBS.find(([, words]) => words.test(title))?.[0] ?? "inside";
  const take = chooser(title);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 64 56");
  const draw = (kind, d) => {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    path.setAttribute("class", kind === job ? "job" : "plain");
    svg.append(path);
  };
  build(draw, job, {
    storeys: /two|three|storey|terrace/i.test(title) ? 2 : 1 + take(2),
    wide: 34 + 4 * take(3),
    flat: /flat|garage/i.test(title),
    doorLeft: take(2) === 0,
    chimney: take(3) > 0,
    treeLeft: take(2) === 0,
  });
  return svg;
}

function build(draw, job, { storeys, wide, flat, doorLeft, chimney, treeLeft }) {
  const left = treeLeft ? 60 - wide : 4;
  const right = left + wide;
  const top = GROUND - 14 * storeys;
  const ridge = flat ? top - 4 : Math.max(4, top - 12);
  const middle = (left + right) / 2;
  draw("ground", `M1 ${GROUND}H63`);
  draw("wall", `M${left + 2} ${GROUND}V${top}H${right - 2}V${GROUND}Z`);
  if (chimney && !flat) draw("chimney", `M${right - 10} ${ridge + 3}V${ridge - 2}H${right - 6}V${ridge + 7}`);
  draw("roof", flat
    ? `M${left} ${top}V${ridge}H${right}V${top}Z`
    : `M${left - 1} ${top}L${middle} ${ridge}L${right + 1} ${top}Z`);
  if (job === "solar") draw("solar", panels(left, right, top, ridge));
  for (let storey = 0; storey < storeys; storey += 1) {
    const sill = GROUND - 14 * storey - 4;
    const places = [left + 6, middle - 3, right - 12];
    if (storey === 0) places.splice(doorLeft ? 0 : 2, 1);
    for (const x of places) draw("window", `M${x} ${sill}V${sill - 6}H${x + 6}V${sill}Z`);
  }
  const door = doorLeft ? left + 6 : right - 12;
  draw("door", `M${door} ${GROUND}V${GROUND - 10}H${door + 6}V${GROUND}`);
  if (job === "inside") draw("inside", `M${middle - 3} ${GROUND - 4}V${GROUND - 10}H${middle + 3}V${GROUND - 4}Z`);
  const garden = treeLeft ? 2 : right + 4;
  const room = treeLeft ? left - 6 - garden : 62 - garden;
  if (job === "fence") draw("fence", fence(garden, room));
  else draw("tree", tree(garden + room / 2, Math.min(7, room / 2)));
}

function panels(left, right, top, ridge) {
  const middle = (left + right) / 2;
  const slope = (top - ridge) / (middle - left + 1);
  const at = (x, up) => `${x} ${(top - slope * (x - left + 1) + up).toFixed(1)}`;
  const from = left + 4;
  const to = middle - 3;
  const half = (from + to) / 2;
  return `M${at(from, -1)}L${at(to, -1)}L${at(to, 5)}L${at(from, 5)}ZM${at(half, -1)}L${at(half, 5)}`;
}

function fence(from, room) {
  let d = `M${from} ${GROUND - 8}H${from + room}M${from} ${GROUND - 4}H${from + room}`;
  for (let x = from + 1; x <= from + room; x += 4) d += `M${x} ${GROUND}V${GROUND - 11}`;
  return d;
}

function tree(x, radius) {
  const high = GROUND - 12 - radius;
  return `M${x} ${GROUND}V${GROUND - 12}M${x - radius} ${high}a${radius} ${radius} 0 1 0 ${2 * radius} 0`
    + `a${radius} ${radius} 0 1 0 ${-2 * radius} 0Z`;
}
