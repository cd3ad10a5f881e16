// How jobs, and what they did to the wallet, are put into words.

// What the page adds to a prompt for the pretend provider, which alone reads it.
const ORDERS = /\s*\[(?:fail|hang|crash|late)[^\]]*\]/g;
const ORDERED = [
  ["[fail 5", "told to fail"], ["[fail 4", "told to be refused"], ["[hang", "told to hang"],
  ["[crash", "told to crash"], ["[late", "told to come late"],
];

export const isOpen = ({ status }) => status === "queued" || status === "processing";

/** What a job was asked for, as a person would say it. */
export const promptOf = ({ input }) => String(input.prompt ?? "").replace(ORDERS, "").trim();

/** What the pretend provider was told to do with it; empty if nothing. */
export function orderOf({ input }) {
  const found = ORDERED.find(([word]) => String(input.prompt ?? "").includes(word));
  return found ? found[1] : "";
}

const CAUSES = {
  provider_error: "The provider failed",
  cancelled: "Cancelled",
  timeout: "It took too long",
  not_taken_up: "Nobody took it up in time",
  worker_lost: "The workers were lost",
  hold_lapsed: "The hold on the credit ran out",
  over_run: "It came to more than was held",
};

const causeOf = (job) => CAUSES[job.reason] ?? (job.reason ?? "It failed").replaceAll("_", " ");

/** How a job stands: a tone, a sign and a word, why, and what to announce of it. */
export function standing(job) {
  const back = `${job.price === 1 ? "your credit is" : "your credits are"} back`;
  switch (job.status) {
    case "queued": return job.attempts > 0
      ? state("warn", "…", "Waits for another try", lastError(job))
      : state("", "…", "Queued", "");
    case "processing": return state("", "…",
      job.attempts > 1 ? `Working, attempt ${job.attempts}` : "Working", "");
    case "completed": return state("good", "✓", "Finished", "");
    case "failed": return state("bad", "!", "Failed",
      `${causeOf(job)}. Your credit could not be given back yet; that is tried again by itself.`);
    default: return job.reason === "cancelled"
      ? state("", "↩", `Cancelled, ${back}`, "")
      : state("warn", "↩", `Failed, ${back}`, lastError(job) || `${causeOf(job)}.`);
  }
}

const state = (tone, sign, word, why) => ({ tone, sign, word, why });

const lastError = ({ error }) => (!error || /[.!?)]$/.test(error) ? error ?? "" : `${error}.`);

/** What is said of a job that has just become what it is. */
export function newsOf(job) {
  const { word, why } = standing(job);
  return `${word}: ${promptOf(job)}.${why && !isOpen(job) ? ` ${why}` : ""}`;
}

const REASONS = {
  "deducted before a job": "Deducted before a job",
  "opening credits": "Opening credits",
  "credits added on the demo page": "Credits added",
};

/**
 * An entry of the statement in words: what it was and why. `job` is the job that it names, if that
 * is known to the page.
 */
export function entryWords(entry, job) {
  const id = entry.metadata?.job;
  const what = job ? `“${promptOf(job)}”` : id ? `job ${short(id)}` : "";
  if (entry.verb === "capture") return [`Captured for job ${short(id)}`, job ? what : ""];
  if (entry.verb === "refund") {
    const reason = entry.reason ?? entry.metadata?.reason;
    return [reason ? `Refunded due to ${reason.replaceAll("_", " ")}` : "Refunded", what];
  }
  const reason = entry.reason || entry.verb;
  const words = REASONS[reason] ?? reason.replaceAll("_", " ");
  return [words.charAt(0).toUpperCase() + words.slice(1), what];
}

/** A job whose credit was held and never spent: what its end did to the wallet. */
export function releaseWords(job) {
  const reason = (job.reason ?? "an error").replaceAll("_", " ");
  return [`Refunded due to ${reason}`, `“${promptOf(job)}”; it was held, not spent`];
}

export const short = (id) => String(id ?? "").slice(0, 8);

/** 0 s, 7 s, 2 min 5 s */
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
