// The reader's page: consent, practice, cases, pauses; the server says what comes next.
import { call, bytes, element, newKey, Refused, words } from "./api.js";
import { decode } from "./png.js";
import { deliver, unsent } from "./outbox.js";
import { Questions } from "./questions.js";
import { measured, whenChanged, wrong } from "./screen-state.js";
import { Viewer } from "./viewer.js";

const $ = (id) => document.getElementById(id);
const page = { state: null, t: {}, viewers: [], questions: null, ahead: null, shownAt: 0, timer: 0, busy: false, blocked: false };

function message(title, ...body) {
  phase("message");
  $("reading").hidden = true;
  $("message").hidden = false;
  $("message-title").textContent = title;
  $("message-body").replaceChildren(...body);
  $("message-title").focus();
}

// What the page is doing: "consent", "loading", "reading", "sending", "feedback", "done", …
function phase(name) {
  document.body.dataset.phase = name;
}

function say(text, warn = false) {
  $("status").textContent = text;
  $("status").classList.toggle("warn", warn);
}

function paragraph(text) {
  return element("p", { textContent: text });
}

function button(text, action, plain = false) {
  const made = element("button", { type: "button", textContent: text, className: plain ? "plain" : "" });
  made.addEventListener("click", action);
  return made;
}

async function load() {
  try {
    page.state = await call("/api/state");
  } catch (error) {
    if (error instanceof Refused && error.code === "signed-out") location.replace("/enter");
    else setTimeout(load, 3000);
    return;
  }
  const { language } = page.state.study;
  document.documentElement.lang = language;
  page.t = await words(language);
  document.title = page.state.study.title;
  const kept = unsent(page.state.reader);
  if (kept) await deliverKept(kept);
  step(page.state);
}

async function deliverKept(kept) {
  message(page.state.study.title, paragraph(page.t.sending));
  try {
    const receipt = await deliver(page.state.reader, kept, () => message(page.state.study.title, paragraph(page.t.offline)));
    Object.assign(page.state, receipt.standing);
  } catch (error) {
    if (error.code === "signed-out") location.replace("/enter");
    else page.state = await call("/api/state");
  }
}

function step(now) {
  Object.assign(page.state, now);
  const { t, state } = page;
  const { study } = state;
  switch (state.state) {
    case "consent":
      askConsent();
      return phase("consent");
    case "reading":
      return showRead(state.read);
    case "pause":
      message(study.title, paragraph(`${t.pause} ${new Date(state.until).toLocaleString(study.language)}.`), own());
      return phase("pause");
    default:
      message(study.title, paragraph(t[state.state]), own());
      return phase(state.state);
  }
}

function own() {
  const { t } = page;
  const shown = element("pre", {});
  const data = button(t.data, async () => {
    shown.textContent = JSON.stringify(await call("/api/mine"), null, 1);
  }, true);
  const leave = button(t.withdraw, async () => {
    if (window.confirm(t["withdraw-sure"])) step(await call("/api/withdraw", {}));
  }, true);
  const parts = element("div", {}, data);
  if (page.state.state !== "withdrawn" && page.state.state !== "closed") parts.append(" ", leave);
  parts.append(shown);
  return parts;
}

function askConsent() {
  const { t, state } = page;
  const { study } = state;
  const language = element("select", { id: "language" }, ...study.languages.map((code) => element("option", { value: code, textContent: code })));
  language.value = study.language;
  const role = element("select", { id: "role", required: true }, ...["", "radiologist", "dermatologist", "other-physician", "resident", "student", "other"].map((name) => element("option", { value: name, textContent: name ? t[name] : "–" })));
  const years = element("input", { id: "years", type: "number", min: 0, max: 80, step: "any", required: true });
  const agree = element("input", { id: "agree", type: "checkbox", required: true });
  const form = element("form", {},
    element("label", { htmlFor: "language", textContent: t.language }), language,
    element("label", { htmlFor: "role", textContent: t.role }), role,
    element("label", { htmlFor: "years", textContent: t.years }), years,
    element("label", { className: "tick" }, agree, element("span", { textContent: t.agree })),
    element("p", {}, element("button", { type: "submit", textContent: t.begin })));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await call("/api/consent", { agree: true, language: language.value, role: role.value, years: Number(years.value) });
      await load();
    } catch {
      message(study.title, paragraph(t["reload-needed"]));
    }
  });
  const check = element("p", {}, element("a", { href: "/screen", textContent: t.screen }));
  message(study.title, element("h2", { textContent: t["consent-title"] }), paragraph(study.instructions), paragraph(study.consent), paragraph(t["fullscreen-hint"]), check, form);
}

async function showRead(read) {
  const { t, state } = page;
  const { study } = state;
  clearInterval(page.timer);
  page.read = read;
  page.ready = false;
  phase("loading");
  $("message").hidden = true;
  $("reading").hidden = false;
  $("title").textContent = study.title;
  const number = read.revision ? "" : ` ${Math.min(state.done + 1, state.total)} ${t.of} ${state.total}`;
  $("where").textContent = read.kind === "training" ? t.training : `${t.case}${number}`;
  $("keys-title").textContent = t.keys;
  $("keys-text").textContent = t["keys-text"];
  $("leave").textContent = t.leave;
  $("contact").textContent = study.contact ? `${t.contact}: ${study.contact}` : "";
  say(t.loading);
  stage(read);
  page.questions = new Questions($("questions"), study.questions, t, (marks) => {
    page.viewers.forEach((viewer) => {
      viewer.marks = marks;
      viewer.draw();
    });
  });
  page.questions.ask(read.answers);
  tools(read);
  checkScreen();
  try {
    await fetchImages(read);
  } catch (error) {
    if (page.read !== read) return;
    if (error instanceof Refused && error.code !== "http") return load();
    say(t.offline, true);
    setTimeout(() => page.read === read && load(), 3000);
    return;
  }
  await unblocked();
  if (page.read !== read) return;
  page.ready = true;
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  page.shownAt = performance.now();
  say("");
  phase("reading");
  startClock(study.time_limit_s);
  call(`/api/reads/${read.id}/open`, measured(page.viewers[0].zoom)).catch(() => {});
  const { following } = page.state;
  if (following && page.ahead?.id !== following.id) page.ahead = fetching(following.id, following.slices);
}

function stage(read) {
  const { t, state } = page;
  const { display } = state.study;
  page.viewers.forEach((viewer) => viewer.close());
  const wantsMarks = state.study.questions.some((question) => question.type === "marks");
  const sides = [t["about-left"], t["about-right"]];
  const panes = read.stimuli.map((_, index) => {
    const box = element("div", { className: "box" });
    const pane = element("div", { className: "pane" }, box);
    if (read.stimuli.length > 1) pane.prepend(element("h2", { textContent: sides[index] }));
    return { pane, box };
  });
  $("stage").className = "stage";
  $("stage").replaceChildren(...panes.map(({ pane }) => pane));
  page.viewers = panes.map(({ box }, index) => new Viewer(box, {
    label: read.stimuli.length > 1 ? `${t["image-label"]}, ${sides[index]}` : t["image-label"],
    pixelTrue: display.pixel_true,
    zoom: display.zoom,
    window: display.window && read.stimuli[index].channels === 1,
    marked: wantsMarks && index === 0 ? (place) => page.questions.addMark(place) : null,
    changed: together,
  }));
}

// Two images move together.
function together(from) {
  for (const viewer of page.viewers) {
    if (viewer !== from) {
      viewer.zoom = from.zoom;
      viewer.offset = { ...from.offset };
      viewer.slice = from.slice;
      viewer.window = [...from.window];
      viewer.render();
    }
  }
  const slider = $("slice");
  if (slider) slider.value = from.slice;
}

// The images of a read on their way: of the next one, while the reader looks at the current one.
function fetching(id, counts) {
  const images = Promise.all(counts.map(async (count, slot) => {
    const slices = [];
    for (let piece = 0; piece < count; piece += 1) {
      slices.push(await decode(await bytes(`/api/reads/${id}/images/${slot}/${piece}`)));
    }
    return slices;
  }));
  images.catch(() => {});  // whoever shows them learns of it
  return { id, images };
}

async function fetchImages(read) {
  const anew = () => fetching(read.id, read.stimuli.map((view) => view.slices)).images;
  const images = await (page.ahead?.id === read.id ? page.ahead.images.catch(anew) : anew());
  if (page.read === read) images.forEach((slices, slot) => page.viewers[slot].show(slices, read.stimuli[slot]));
}

function tools(read) {
  const { t, state } = page;
  const { display } = state.study;
  const first = () => page.viewers[0];
  const made = [
    button("+", () => first().zoomBy(1), true),
    button("−", () => first().zoomBy(-1), true),
    button(t.reset, () => page.viewers.forEach((viewer, i) => viewer.show(viewer.slices, read.stimuli[i])), true),
  ];
  made[0].setAttribute("aria-label", `${t.zoom} +`);
  made[1].setAttribute("aria-label", `${t.zoom} −`);
  for (const way of display.compare) {
    made.push(button(t[way], () => compare(way), true));
  }
  if (state.study.corrections && read.previous) {
    made.push(button(t.back, async () => showRead(await call(`/api/reads/${read.previous}`)), true));
  }
  if (read.stimuli[0].slices > 1) {
    const slider = element("input", { type: "range", id: "slice", min: 0, max: read.stimuli[0].slices - 1, value: Math.floor(read.stimuli[0].slices / 2) });
    slider.addEventListener("input", () => first().turn(Number(slider.value) - first().slice));
    made.push(element("label", {}, t.slice, slider));
  }
  if (display.window && read.stimuli[0].channels === 1) {
    for (const [name, index] of [["level", 0], ["window", 1]]) {
      const slider = element("input", { type: "range", min: index, max: read.stimuli[0].top, step: "any", value: read.stimuli[0].window[index] });
      slider.addEventListener("input", () => {
        const next = [...first().window];
        next[index] = Number(slider.value);
        first().setWindow(next[0], next[1]);
      });
      made.push(element("label", {}, t[name], slider));
    }
  }
  $("tools").replaceChildren(...made);
}

let flicker = 0;
function compare(way) {
  const panes = [...$("stage").children];
  clearInterval(flicker);
  $("stage").classList.toggle("flicker", way === "flicker");
  let on = 0;
  const show = () => panes.forEach((pane, index) => pane.classList.toggle("on", index === on));
  show();
  if (way === "flicker") {
    flicker = setInterval(() => {
      on = 1 - on;
      show();
    }, 700);
  }
}

function startClock(limit) {
  const clock = $("clock");
  clock.hidden = !limit;
  if (!limit) return;
  const tick = () => {
    const left = limit - (performance.now() - page.shownAt) / 1000;
    clock.textContent = `${page.t.time}: ${Math.max(0, Math.ceil(left))} s`;
    if (left > 0) return;
    clearInterval(page.timer);
    page.viewers.forEach((viewer) => viewer.hide());
    say(page.t["not-shown"], true);
    page.questions.send.disabled = false;
    page.over = page.read;
  };
  page.timer = setInterval(tick, 250);
  tick();
}

async function send(event) {
  event.preventDefault();
  const { t, state, read, questions } = page;
  const over = page.over === read;
  if (page.busy || page.blocked || !page.ready || (!over && !questions.complete())) {
    if (!page.busy && !questions.complete()) say(t["answer-all"], true);
    return;
  }
  page.busy = true;
  phase("sending");
  clearInterval(page.timer);
  questions.send.disabled = true;
  say(t.sending);
  const body = {
    client_key: newKey(),
    revises: read.revision,
    answers: over ? questions.forced() : { ...questions.answers },
    elapsed_ms: Math.round(performance.now() - page.shownAt),
    display: measured(page.viewers[0].zoom),
  };
  try {
    const receipt = await deliver(state.reader, { read: read.id, body }, () => say(t.offline, true));
    page.busy = false;
    await after(receipt, body.answers);
  } catch (error) {
    page.busy = false;
    if (error.code === "signed-out") location.replace("/enter");
    else await load();
  }
}

async function after(receipt, answers) {
  const { t, state } = page;
  if (Object.keys(receipt.feedback).length) {
    return tellAnswer(receipt, answers);
  }
  step(receipt.standing);
  if (!receipt.counted) say(t.already, true);
  else if (receipt.late) say(t["too-late"], true);
  else if (state.state === "reading") $("questions").focus();
}

function tellAnswer(receipt, answers) {
  const { t, state } = page;
  const lines = state.study.questions.filter((one) => one.id in receipt.feedback).map((question) => {
    const right = receipt.feedback[question.id];
    if (question.type === "marks") {
      page.viewers[0].marks = right.map(([x, y, slice]) => ({ x, y, slice }));
      page.viewers[0].draw();
      return paragraph(right.length ? t["training-there"] : t["training-absent"]);
    }
    if (question.type === "rating") return paragraph(right ? t["training-there"] : t["training-absent"]);
    if (answers[question.id] === right) return paragraph(t.correct);
    const names = { true: t.yes, false: t.no, left: t.left, right: t.right };
    const option = (question.options || []).find((one) => one.id === right);
    return paragraph(`${t.wrong}: ${option ? option.text : names[String(right)]}`);
  });
  const go = button(t.continue, () => step(receipt.standing));
  $("questions").replaceChildren(...lines, go);
  say("");
  phase("feedback");
  go.focus();
}

// Time does not run while the screen is refused.
async function unblocked() {
  while (page.blocked) await new Promise((resolve) => setTimeout(resolve, 100));
}

function checkScreen() {
  const problem = page.state && !$("reading").hidden ? wrong(page.state.study.display) : "";
  page.blocked = Boolean(problem);
  $("refusal").hidden = !problem;
  if (problem) $("refusal").replaceChildren(paragraph(page.t[problem]));
}

function keys(event) {
  if ($("reading").hidden || page.blocked || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches?.("select, input:not([type=radio]), textarea, summary")) return;
  const viewer = page.viewers[0];
  const step = viewer ? viewer.unit() * 8 : 0;
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const radio = event.target.matches?.("input[type=radio]");
  const actions = {
    "+": () => viewer.zoomBy(1),
    "=": () => viewer.zoomBy(1),
    "-": () => viewer.zoomBy(-1),
    0: () => viewer.fit(false),
    PageUp: () => viewer.turn(1),
    PageDown: () => viewer.turn(-1),
    m: () => viewer.markAtCross(),
    w: () => viewer.setWindow(viewer.window[0] + step, viewer.window[1]),
    s: () => viewer.setWindow(viewer.window[0] - step, viewer.window[1]),
    a: () => viewer.setWindow(viewer.window[0], viewer.window[1] - step),
    d: () => viewer.setWindow(viewer.window[0], viewer.window[1] + step),
  };
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key === "Enter" && !event.target.matches?.("button, a")) {
    event.preventDefault();
    $("questions").requestSubmit();
  } else if (moves[key] && !radio) {
    event.preventDefault();
    const [x, y] = moves[key];
    if (event.shiftKey) viewer.moveCross(x, y);
    else viewer.pan(-x * 20, -y * 20);
  } else if (page.questions?.form.contains(page.questions.send) && page.questions.press(key)) {
    event.preventDefault();
  } else if (actions[key] && viewer) {
    event.preventDefault();
    actions[key]();
  }
}

$("questions").addEventListener("submit", send);
$("leave").addEventListener("click", async () => {
  await call("/api/leave", {}).catch(() => {});
  page.read = null;
  message(page.state.study.title, paragraph(page.t.bye));
});
document.addEventListener("keydown", keys);
// A page that the browser kept and shows again, after "back", is of before.
window.addEventListener("pageshow", (event) => event.persisted && load());
whenChanged(checkScreen);
load();
