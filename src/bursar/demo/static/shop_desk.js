// The operators' desk: whether the store is up, what may be claimed, what users are told, and how
// far the service is with what had to wait.

import { turn } from "./door.js";
import { complain, find } from "./page.js";
import { waitingCount } from "./shop_words.js";
import { set } from "./shop_view.js";
import { say } from "./toast.js";

let most = 0;
let edited = false;
// Changes of the desk that are on their way, and how often one began or was answered.
let turning = 0;
let turns = 0;

/** Which turn of the switches it is: what was asked in an earlier one says nothing of this one. */
export const deskTurn = () => turns;

/** Show how the shop stood when it was asked, in that turn. What the reader is typing stays. */
export function showDesk(status, turn) {
  const isDown = status.claims_mode === "queue";
  if (turning === 0 && turn === turns) showSwitches(status, isDown);
  showWaiting(status, isDown);
}

function showSwitches(status, isDown) {
  find("down").checked = isDown;
  for (const input of document.querySelectorAll("#desk [name='sku']")) {
    input.checked = status.skus[input.value] === true;
  }
  if (!edited) find("message").value = status.message;
}

function showWaiting(status, isDown) {
  const left = status.waiting_claims + status.waiting_events;
  const before = most;
  most = left === 0 ? 0 : isDown ? left : Math.max(most, left);
  const goesOn = !isDown && left > 0;
  const progress = find("progress");
  progress.hidden = !goesOn;
  if (goesOn) {
    progress.max = most;
    progress.value = most - left;
  }
  const counted = waitingCount(status);
  if (isDown) set("waiting-words", left ? `${counted} wait.` : "Nothing waits.");
  else if (goesOn) set("waiting-words", `${most - left} of ${most} carried out; ${counted} left.`);
  else if (before) set("waiting-words", `All ${before} carried out.`);
  else if (!find("waiting-words").textContent.startsWith("All")) set("waiting-words", "Nothing waits.");
}

/** Have the desk's switches turn what they say; `changed` is called after each. */
export function followDesk(changed) {
  const turned = async (name, value, sentence) => {
    [turning, turns] = [turning + 1, turns + 1];
    try {
      await turn(name, value);
      say({ kind: "done", sentence });
    } catch (error) {
      complain(error, null);
    }
    [turning, turns] = [turning - 1, turns + 1];
    await changed();
  };
  find("down").addEventListener("change", ({ target }) => (target.checked
    ? turned("mode", { mode: "queue" }, "The store is down: claims and events are kept")
    : turned("mode", { mode: "open" }, "The store is up: what has waited is carried out")));
  for (const input of document.querySelectorAll("#desk [name='sku']")) {
    const title = input.closest("label").textContent.trim();
    input.addEventListener("change", () => turned(
      "sku", { sku: input.value, on: input.checked },
      input.checked ? title : title.replace("can", "can no longer"),
    ));
  }
  find("message").addEventListener("input", () => { edited = true; });
  find("message-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const text = find("message").value.trim();
    edited = false;
    turned("message", { text }, text ? "Users are told so" : "The message is taken away");
  });
}
