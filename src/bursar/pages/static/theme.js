// Light or dark: the reader's system decides, until the reader does. Runs before the first paint.
"use strict";
(() => {
  const NAME = "bursar-theme";
  const page = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");

  function remembered() {
    try {
      const kept = localStorage.getItem(NAME);
      return kept === "light" || kept === "dark" ? kept : null;
    } catch {
      return null;  // Storage may be switched off; then the choice lasts as long as the page.
    }
  }

  const shown = () => page.dataset.theme || (system.matches ? "dark" : "light");
  const other = () => (shown() === "dark" ? "light" : "dark");

  const kept = remembered();
  if (kept) page.dataset.theme = kept;

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    const name = () => {
      button.textContent = other() === "dark" ? "Dark" : "Light";
      button.setAttribute("aria-label", `Show in ${other()} colours`);
    };
    button.hidden = false;
    name();
    system.addEventListener("change", name);
    button.addEventListener("click", () => {
      const chosen = other();
      page.dataset.theme = chosen;
      try {
        // What the system says anyway needs no remembering.
        if (chosen === (system.matches ? "dark" : "light")) localStorage.removeItem(NAME);
        else localStorage.setItem(NAME, chosen);
      } catch {
        // Not remembered, then.
      }
      name();
    });
  });
})();
