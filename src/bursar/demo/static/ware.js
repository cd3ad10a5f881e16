// A small picture for each ware, drawn like the marketplace's houses.

const SVG = "http://www.w3.org/2000/svg";
const DRAWINGS = {
  // A shield before the days of a week.
  s: [
    ["plain", "M4 12H60V50H4ZM4 21H60M12 7V15M52 7V15M9 29h4M9 36h4M9 43h4M51 29h4M51 36h4M51 43h4"],
    ["job", "M32 17L45 21V33C45 41 39 46 32 50C25 46 19 41 19 33V21Z"],
    ["mark", "M26 33L30 37L38 28"],
  ],
  // Lightning between two stacks of points.
  b: [
    ["plain", "M3 50H61M7 50V42H17V50M47 50V30H57V50M47 36H57M47 43H57M7 46H17"],
    ["job", "M36 5L21 31H31L27 50L44 23H33Z"],
  ],
};

/** An <svg> for the ware with this slug. */
export function picture(slug) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 64 56");
  for (const [kind, d] of DRAWINGS[slug] ?? DRAWINGS.s) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    path.setAttribute("class", kind);
    svg.append(path);
  }
  return svg;
}
