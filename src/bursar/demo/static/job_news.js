// How a job goes on, as it happens: by its server-sent events; where those do not get through, by
// asking and waiting. A lost connection is taken up again until the job has ended.

import { Lost, lost, Refusal } from "./door.js";

// The service says something every ten seconds, if only that it is still there.
const SILENCE_MS = 25_000;
// What gathers answers on the way would keep the first event to itself.
const FIRST_MS = 5_000;
const WAIT_SECONDS = 15;
const AGAIN_MS = 1_000;

const pause = (ms) => new Promise((resume) => { setTimeout(resume, ms); });
const hasEnded = ({ status }) => status !== "queued" && status !== "processing";

/** Events do not get through to this page. */
class Unusable extends Error {}

/** Have `hear(job)` called with a job now and at each change, until it has ended or is aborted. */
export async function follow(me, jobId, hear, signal) {
  const path = `functions/v1/generation-jobs/${jobId}`;
  let next = listen;
  let tag = "";
  const told = (job, itsTag = "") => {
    tag = itsTag;
    hear(job);
    return hasEnded(job);
  };
  while (!signal.aborted) {
    try {
      if (await next(me, path, told, signal, tag)) return;
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refusal && error.status === 404) return;
      if (error instanceof Unusable) next = ask;
    }
    await pause(next === ask && tag ? 0 : AGAIN_MS);
  }
}

/** Listen to a job's events; answers whether it has ended. */
async function listen(me, path, told, signal) {
  const silence = new AbortController();
  const both = AbortSignal.any([signal, silence.signal]);
  let heard = false;
  let timer = setTimeout(() => silence.abort(), FIRST_MS);
  try {
    const answer = await me.open(`${path}/events`, { signal: both });
    if (!answer.body || !answer.headers.get("content-type")?.startsWith("text/event-stream")) {
      throw new Unusable("These are no events.");
    }
    let text = "";
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return false;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      heard = true;
      const parts = (text + value).split("\n\n");
      text = parts.pop();
      for (const part of parts) {
        const data = /^data: (.*)$/m.exec(part);
        if (data && told(JSON.parse(data[1]))) return true;
      }
    }
  } catch (error) {
    if (signal.aborted || error instanceof Unusable || error instanceof Lost) throw error;
    if (silence.signal.aborted && !heard) throw new Unusable("Nothing was heard.");
    if (error instanceof Refusal) throw error;
    throw lost();
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/** Ask for the job, which is answered when it is another than `tag` says; whether it has ended. */
async function ask(me, path, told, signal, tag) {
  const patience = AbortSignal.timeout((WAIT_SECONDS + 15) * 1_000);
  const answer = await me.open(tag ? `${path}?wait=${WAIT_SECONDS}` : path, {
    headers: tag ? { "if-none-match": tag } : {},
    signal: AbortSignal.any([signal, patience]),
  });
  return answer.status === 304 ? false : told(await answer.json(), answer.headers.get("etag"));
}
