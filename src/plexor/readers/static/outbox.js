// The answer that has not reached the server yet: kept in this browser until it has.
import { call, Refused } from "./api.js";

const WAITS = [1000, 2000, 4000, 8000, 15000];

function slot(reader) {
  return `plexor-unsent-${reader}`;
}

export function unsent(reader) {
  try {
    const kept = localStorage.getItem(slot(reader));
    return kept ? JSON.parse(kept) : null;
  } catch {
    return null;
  }
}

function keep(reader, answer) {
  try {
    if (answer) localStorage.setItem(slot(reader), JSON.stringify(answer));
    else localStorage.removeItem(slot(reader));
  } catch {
    // A browser without storage still sends; a reload before that would lose the answer.
  }
}

// Sends until the server has it. `waiting` is told of each attempt that failed.
export async function deliver(reader, answer, waiting) {
  keep(reader, answer);
  for (let attempt = 0; ; attempt += 1) {
    try {
      const receipt = await call(`/api/reads/${answer.read}/submissions`, answer.body);
      keep(reader, null);
      return receipt;
    } catch (error) {
      const refused = error instanceof Refused && error.status < 500 && error.status !== 429;
      if (refused && error.code === "signed-out") throw error;
      if (refused && error.code === "csrf") {
        // Another reader may have signed in with this browser; the answer waits for its own.
        const now = await call("/api/state");
        if (now.reader !== reader) throw new Refused(401, { code: "signed-out" });
      } else if (refused) {
        keep(reader, null);
        throw error;
      }
      waiting(error);
      const wait = WAITS[Math.min(attempt, WAITS.length - 1)];
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}
