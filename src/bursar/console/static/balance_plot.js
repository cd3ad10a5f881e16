// Draws a wallet's balance over its latest entries, as steps, into every `.balance-plot` of the
// page. The figures are in its attributes: data-points has times, in seconds, and balances after
// them; data-unit says of what.
const plots = [];

function colours(node) {
  const style = getComputedStyle(node);
  const of = (name) => {
    // A token may be one colour for light and another for dark; the probe says which it is now.
    const probe = document.createElement("span");
    probe.className = `ink-${name}`;
    node.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };
  return {
    font: `13px ${style.fontFamily}`,
    ink: of("accent"), line: of("line"), muted: of("muted"),
  };
}

const amount = (value) =>
  (value < 0 ? "−" : "") + Math.abs(value).toLocaleString("en", { maximumFractionDigits: 0 });

// How moments are written, by how far apart they are in seconds: in short, and below it what else is
// to be known where the year, the day or the minute changes.
const DAY = 86400;
const MOMENTS = [
  [365 * DAY, "{YYYY}", null, null, null, null, null, null, 1],
  [28 * DAY, "{MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [DAY, "{D} {MMM}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", "\n{D} {MMM} {YYYY}", null, "\n{D} {MMM}", null, null, null, 1],
  [1, ":{ss}", "\n{D} {MMM} {YYYY}, {HH}:{mm}", null, "\n{D} {MMM}, {HH}:{mm}", null,
    "\n{HH}:{mm}", null, 1],
  [0.001, ":{ss}.{fff}", "\n{D} {MMM} {YYYY}, {HH}:{mm}", null, "\n{D} {MMM}, {HH}:{mm}", null,
    "\n{HH}:{mm}", null, 1],
];

function axis(look, rest) {
  return {
    stroke: look.muted, font: look.font, ticks: { show: false },
    grid: { stroke: look.line, width: 1 }, ...rest,
  };
}

function draw(node) {
  const points = JSON.parse(node.dataset.points);
  const look = colours(node);
  const widest = amount(Math.max(...points[1], 0)).length;
  const options = {
    width: node.clientWidth, height: node.clientHeight,
    cursor: { drag: { x: false, y: false } },
    legend: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: {
      // A balance is seen from zero, so that a small change does not look like a large one.
      y: { range: (_, least, most) => [Math.min(0, least), most > 0 ? most * 1.08 : 1] },
    },
    axes: [
      axis(look, { values: MOMENTS, space: 64 }),
      axis(look, {
        label: node.dataset.unit, labelFont: look.font, labelSize: 24, size: 20 + 8 * widest,
        incrs: [1, 2, 5].flatMap((one, at) =>
          Array.from({ length: 16 }, (_, power) => [1, 2, 5][at] * 10 ** power)).sort((a, b) => a - b),
        values: (_, ticks) => ticks.map(amount),
      }),
    ],
    series: [
      {},
      {
        stroke: look.ink, width: 2, paths: uPlot.paths.stepped({ align: 1 }),
        points: { show: points[0].length < 60, size: 5, fill: look.ink },
      },
    ],
  };
  node.replaceChildren();
  return new uPlot(options, points, node);
}

function drawAll() {
  for (const old of plots.splice(0)) old.destroy();
  for (const node of document.querySelectorAll(".balance-plot")) {
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", `Balance in ${node.dataset.unit}; the statement has the figures.`);
    plots.push(draw(node));
  }
}

drawAll();
let waiting = 0;
new ResizeObserver(() => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(drawAll);
}).observe(document.getElementById("main"));
// Colours change with the theme, by the reader's button or the system.
new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
