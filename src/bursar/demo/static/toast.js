// Messages that stay until they are read.

const SHOWN_MAX = 5;
const list = document.getElementById("toasts");
const template = document.getElementById("toast");
let opener = null;

/**
 * Say something. `kind` is "done", "no" or "fault"; `code` and `more` are set small below the
 * sentence; `way` is the way out: { name, go }. The same message again is counted, not stacked.
 */
export function say({ kind, sentence, code = "", more = "", way = null }) {
  const same = [...list.children].find((toast) => toast.dataset.said === sentence + code + more);
  if (same) {
    const times = Number(same.dataset.times) + 1;
    same.dataset.times = times;
    same.querySelector(".times").textContent = `× ${times}`;
    return;
  }
  const toast = template.content.firstElementChild.cloneNode(true);
  toast.classList.add(kind);
  toast.dataset.said = sentence + code + more;
  toast.dataset.times = 1;
  toast.querySelector(".sign").textContent = { done: "✓", no: "–", fault: "!" }[kind];
  toast.querySelector(".sentence").textContent = sentence;
  toast.querySelector(".after").hidden = !(code || more);
  toast.querySelector("code").textContent = code;
  toast.querySelector(".more").textContent = more;
  toast.querySelector(".way").hidden = !way;
  const button = toast.querySelector(".way button");
  button.textContent = way?.name ?? "";
  button.addEventListener("click", () => {
    dismiss(toast);
    way.go();
  });
  toast.querySelector(".close").addEventListener("click", () => dismiss(toast));
  if (!list.contains(document.activeElement)) opener = document.activeElement;
  list.append(toast);
  while (list.children.length > SHOWN_MAX) list.firstElementChild.remove();
}

/** Take all messages away: they were for another reader, and so were their ways out. */
export const forget = () => list.replaceChildren();

// The focus goes to the next message, or back to where the reader was.
function dismiss(toast) {
  const hadFocus = toast.contains(document.activeElement);
  const next = toast.previousElementSibling ?? toast.nextElementSibling;
  toast.remove();
  if (!hadFocus) return;
  if (next) next.querySelector(".close").focus();
  else if (opener?.isConnected) opener.focus();
}

// What lies below the messages can be scrolled above them.
new ResizeObserver(() => {
  const height = list.children.length ? list.offsetHeight + 24 : 0;
  document.documentElement.style.setProperty("--toasts", `${height}px`);
}).observe(list);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && list.lastElementChild) dismiss(list.lastElementChild);
});
