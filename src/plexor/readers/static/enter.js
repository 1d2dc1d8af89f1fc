// The token stands behind the # of the link: it is in no request but this one.
import { call, Refused } from "./api.js";

const status = document.getElementById("status");
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

async function enter() {
  if (!token) {
    try {
      await call("/api/state");
      location.replace("/study");
    } catch {
      status.textContent = status.dataset.missing;
    }
    return;
  }
  try {
    const { next } = await call("/api/enter", { token });
    location.replace(next);
  } catch (error) {
    const key = !(error instanceof Refused) ? "offline" : error.code === "too-many" ? "wait" : "expired";
    status.textContent = status.dataset[key];
  }
}

enter();
