// Progress by reader; no answers come to this page.
import { call, element, Refused } from "./api.js";

const login = document.getElementById("login");
const status = document.getElementById("status");

async function show() {
  let found;
  try {
    found = await call("/api/investigator/progress");
  } catch {
    login.hidden = false;
    document.getElementById("password").focus();
    return;
  }
  login.hidden = true;
  status.textContent = found.name;
  document.getElementById("progress").hidden = false;
  const state = document.getElementById("state");
  state.textContent = state.dataset[found.state];
  document.getElementById("rows").replaceChildren(
    ...found.readers.map((reader) =>
      element("tr", {},
        element("th", { scope: "row", textContent: reader.pilot ? `${reader.reader} (pilot)` : reader.reader }),
        element("td", { textContent: `${reader.done} / ${reader.total}` }),
        element("td", { textContent: reader.last_ms ? new Date(reader.last_ms).toLocaleString() : "–" }))),
  );
  setTimeout(show, 15000);
}

login.addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = document.getElementById("password");
  try {
    await call("/api/investigator/login", { password: field.value });
    field.value = "";
    await show();
  } catch (error) {
    const wait = error instanceof Refused && error.code === "too-many";
    status.textContent = wait ? status.dataset.wait : status.dataset.wrong;
  }
});

show();
