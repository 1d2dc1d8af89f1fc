// Requests to the server, and the words of the page.
let csrf = "";

export class Refused extends Error {
  constructor(status, body) {
    super(body.message || String(status));
    this.status = status;
    this.code = body.code || "http";
  }
}

// Rejects with Refused where the server said no, with TypeError where it cannot be reached.
export async function call(path, body) {
  const options = { credentials: "same-origin", cache: "no-store", redirect: "error" };
  if (body !== undefined) {
    options.method = "POST";
    options.headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  const text = await response.text();
  let found = {};
  try {
    found = text ? JSON.parse(text) : {};
  } catch {
    found = {};
  }
  if (!response.ok) throw new Refused(response.status, found);
  if (found.csrf) csrf = found.csrf;
  return found;
}

export async function bytes(path) {
  const response = await fetch(path, { credentials: "same-origin", cache: "no-store" });
  if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})));
  return new Uint8Array(await response.arrayBuffer());
}

export async function words(language) {
  return call(`/texts/${language}`);
}

// A name drawn for one submission, so that sending it twice is sending it once.
export function newKey() {
  const numbers = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(numbers, (n) => n.toString(16).padStart(2, "0")).join("");
}

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}
