// Draws the charts with uPlot: lines told apart by dashes as well, thresholds with their names.
const ROOM = new URL("../console/charts/data", import.meta.url);
const AGAIN_MS = 60000;
const HEIGHT = 200;
const INKS = ["--accent", "--good", "--warn", "--muted"];
const DASHES = [[], [8, 4], [2, 3], [10, 3, 2, 3]];
const page = document.getElementById("charts");
const words = getComputedStyle(page).fontFamily;
const plots = new Map();
let told = null;

// A token is light or dark only where it is used; an element that uses it tells which.
function inks() {
  const probe = document.createElement("span");
  page.append(probe);
  const found = {};
  for (const name of [...INKS, "--line", "--text", "--bad"]) {
    probe.style.color = `var(${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

const format = new Intl.NumberFormat("en-GB", {maximumFractionDigits: 3});
const clock = new Intl.DateTimeFormat("en-GB", {hour: "2-digit", minute: "2-digit", timeZone: "UTC"});
const day = new Intl.DateTimeFormat("en-GB", {day: "numeric", month: "short", timeZone: "UTC"});
const shown = (value, unit) =>
  value === null || value === undefined ? "none" : format.format(value) + (unit ? ` ${unit}` : "");

// The hour of a moment; at midnight, the day that begins.
function tick(seconds) {
  const at = new Date(seconds * 1000);
  return seconds % 86400 === 0 ? day.format(at) : clock.format(at);
}

function moments(chart) {
  const count = chart.lines[0].values.length;
  return Array.from({length: count}, (_, at) => chart.begin + at * chart.step);
}

// Named lines across the plot; a name stands at the left, above its line or, at the top, below it.
// Where lines lie close together, the second name stands at the right.
function thresholds(chart, ink) {
  return (plot) => {
    const {ctx, bbox} = plot;
    const ratio = devicePixelRatio;
    ctx.save();
    ctx.font = `${11 * ratio}px ${words}`;
    ctx.strokeStyle = ctx.fillStyle = ink["--warn"];
    ctx.textBaseline = "alphabetic";
    ctx.setLineDash([5 * ratio, 4 * ratio]);
    ctx.lineWidth = ratio;
    let taken = Infinity;
    for (const {name, value} of [...chart.thresholds].sort((one, other) => one.value - other.value)) {
      const y = Math.round(plot.valToPos(value, "y", true));
      if (y < bbox.top || y > bbox.top + bbox.height) continue;
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      const above = y - bbox.top > 14 * ratio;
      const isLeft = Math.abs(taken - y) > 14 * ratio;
      taken = y;
      ctx.textAlign = isLeft ? "left" : "right";
      const x = isLeft ? bbox.left + 4 * ratio : bbox.left + bbox.width - 4 * ratio;
      ctx.fillText(name, x, above ? y - 4 * ratio : y + 12 * ratio);
    }
    ctx.restore();
  };
}

// From zero, and up to the thresholds, so that one sees how far away they are. Shares near a
// hundred begin where the lowest of them is.
function extent(chart) {
  const limits = chart.thresholds.map(({value}) => value);
  const high = Math.max(0, ...limits);
  const near = chart.unit === "%" && limits.length > 0 && Math.min(...limits) > 90;
  return (plot, low, top) => {
    if (near) return [Math.min(low ?? 100, ...limits) - 0.5, 100.1];
    return [0, Math.max(top ?? 0, high, 1) * 1.15];
  };
}

function options(chart, width, ink) {
  const axis = {font: `12px ${words}`, labelFont: `12px ${words}`, stroke: ink["--muted"], grid: {stroke: ink["--line"], width: 1}, ticks: {stroke: ink["--line"], width: 1}};
  return {
    width,
    height: HEIGHT,
    padding: [12, 24, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    cursor: {drag: {x: false, y: false}},
    legend: {live: true},
    scales: {x: {time: true}, y: {range: extent(chart)}},
    axes: [
      {...axis, space: 64, values: (plot, ticks) => ticks.map(tick)},
      {...axis, label: chart.unit, size: 56, labelSize: 22, values: (plot, ticks) => ticks.map((value) => format.format(value))},
    ],
    series: [
      {label: "Until (UTC)", value: (plot, at) => (at ? `${day.format(at * 1000)}, ${clock.format(at * 1000)}` : "–")},
      ...chart.lines.map(({name}, at) => ({
        label: name,
        stroke: ink[INKS[at % INKS.length]],
        dash: DASHES[at % DASHES.length],
        width: 1.5,
        points: {show: false},
        value: (plot, value) => (value === null || value === undefined ? "–" : format.format(value)),
      })),
    ],
    hooks: {
      draw: [thresholds(chart, ink), () => {
        performance.mark(`drawn ${chart.name}`);
        performance.measure(`draw ${chart.name}`, `begin ${chart.name}`, `drawn ${chart.name}`);
      }],
    },
  };
}

function draw() {
  const ink = inks();
  for (const chart of told.charts) {
    const part = page.querySelector(`[data-chart="${chart.name}"]`);
    if (!part) continue;
    const place = part.querySelector(".plot");
    plots.get(chart.name)?.destroy();
    performance.mark(`begin ${chart.name}`);
    const data = [moments(chart), ...chart.lines.map(({values}) => values)];
    plots.set(chart.name, new uPlot(options(chart, place.clientWidth, ink), data, place));
    place.dataset.points = String(data[0].length);
    const unit = ["%", "ms"].includes(chart.unit) ? chart.unit : "";
    for (const {name, values} of chart.lines) {
      part.querySelector(`[data-line="${name}"]`).textContent = shown(values.at(-1), unit);
    }
  }
}

async function load() {
  if (document.hidden) return;
  try {
    const answer = await fetch(`${ROOM}?range=${page.dataset.range}`);
    if (!answer.ok || answer.redirected) return;
    told = await answer.json();
  } catch {
    return;  // The line at the top says that the connection is lost; it is tried again.
  }
  draw();
}

new MutationObserver(() => told && draw()).observe(document.documentElement, {attributeFilter: ["data-theme"]});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => told && draw());
let settled = 0;
addEventListener("resize", () => {
  clearTimeout(settled);
  settled = setTimeout(() => told && draw(), 100);
});
document.addEventListener("visibilitychange", load);
setInterval(load, AGAIN_MS);
load();
