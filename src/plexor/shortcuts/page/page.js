"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const el = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const EDGES = ["x0", "y0", "x1", "y1"];
  // The rows of each image as they will be saved; a row is never changed in place, so that a state
  // of the past is a list of rows.
  const images = data.images.map((image) => ({ ...image, saved: image.rows }));
  let at = 0, chosen = -1, drag = null;
  let past = [], future = [], unsaved = false;

  const isBox = (row) => row.kind !== data.none && row.kind !== data.unread;
  const boxes = () => images[at].rows.filter(isBox);
  const box = () => boxes()[chosen];
  const numbers = (row) => EDGES.map((edge) => Number(row[edge]));

  function inside([x0, y0, x1, y1], { width, height }) {
    // The box as whole pixels of the image, at least one in each direction.
    const put = (v, low, high) => Math.min(Math.max(Math.round(v), low), high);
    [x0, x1] = [Math.min(x0, x1), Math.max(x0, x1)];
    [y0, y1] = [Math.min(y0, y1), Math.max(y0, y1)];
    x0 = put(x0, 0, width - 1); y0 = put(y0, 0, height - 1);
    return [x0, y0, put(x1, x0 + 1, width), put(y1, y0 + 1, height)];
  }

  function blank(kind) {
    const row = Object.fromEntries(data.columns.map((column) => [column, ""]));
    const first = images[at].saved[0] ?? {};
    return { ...row, path: images[at].path, ...("id" in row ? { id: first.id ?? "" } : {}), kind };
  }

  function redrawn(row, edges) {
    const next = { ...row };
    EDGES.forEach((edge, i) => { next[edge] = String(edges[i]); });
    if ("score" in row) next.score = "1.0";
    return next;
  }

  function put(list) {
    const kept = images[at].rows.filter((row) => row.kind === data.unread);
    images[at].rows = kept.concat(list);
    if (!images[at].rows.length) images[at].rows = [blank(data.none)];
  }

  function change(list, next, word) {
    past.push({ at, rows: images[at].rows, chosen });
    future = [];
    put(list);
    chosen = Math.min(next, boxes().length - 1);
    unsaved = true;
    draw(word);
  }

  function step(from, to, word) {
    const state = from.pop();
    if (!state) return;
    to.push({ at: state.at, rows: images[state.at].rows, chosen });
    at = state.at;
    images[at].rows = state.rows;
    chosen = Math.min(state.chosen, boxes().length - 1);
    unsaved = true;
    draw(word);
  }

  function setEdges(edges, word) {
    const row = box();
    if (!row) return;
    const now = inside(edges, images[at]);
    if (now.every((value, i) => value === Number(row[EDGES[i]]))) return draw();
    change(boxes().map((other) => (other === row ? redrawn(row, now) : other)), chosen, word);
  }

  function setKind(kind) {
    const row = box();
    if (!row || row.kind === kind) return;
    change(boxes().map((other) => (other === row ? { ...row, kind } : other)), chosen, `kind: ${kind}`);
  }

  function add(edges) {
    const { width, height, src } = images[at];
    if (!src) return;
    const side = Math.max(4, Math.round(Math.min(width, height) / 12));
    const middle = [width / 2 - side, height / 2 - side, width / 2 + side, height / 2 + side];
    const row = redrawn(blank(el("kind").value || data.kinds[0]), inside(edges ?? middle, images[at]));
    if ("mirrored" in row) row.mirrored = "0";
    if ("turns" in row) row.turns = "0";
    change([...boxes(), row], boxes().length, "box added");
  }

  function remove() {
    if (box()) change(boxes().filter((_, i) => i !== chosen), chosen, "box deleted");
  }

  const FITS = {
    all: () => true,
    tags: (image) => image.rows.some(isBox),
    none: (image) => !image.rows.some(isBox),
    changed: (image) => image.rows !== image.saved,
  };
  function go(by) {
    const fits = FITS[el("filter").value];
    for (let i = 1; i <= images.length; i++) {
      const index = (at + by * i + images.length * i) % images.length;
      if (fits(images[index])) {
        at = index; chosen = boxes().length ? 0 : -1;
        return draw();
      }
    }
    draw("no such image");
  }

  function shape(name, attributes, parent) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  }

  const words = (row, i) =>
    `${i + 1}: ${row.kind}${row.text ? ` ${row.text}` : ""}, x ${row.x0} to ${row.x1}, y ${row.y0} to ${row.y1}`;

  function draw(word = "") {
    const image = images[at], list = boxes(), focused = document.activeElement?.dataset?.box !== undefined;
    el("position").textContent = `${at + 1} of ${images.length}`;
    el("path").textContent = image.path;
    el("told").textContent = word || (image.src ? "" : "this image could not be read; its row is kept");
    const picture = el("picture");
    if (picture.dataset.at !== String(at)) {
      picture.dataset.at = String(at);
      picture.src = image.src;
      picture.alt = image.src ? `Image ${image.path}` : "";
    }
    el("stage").hidden = !image.src;
    const svg = el("boxes"), size = Math.max(image.width, image.height) / 90;
    svg.setAttribute("viewBox", `0 0 ${image.width || 1} ${image.height || 1}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.replaceChildren();
    el("list").replaceChildren();
    list.forEach((row, i) => {
      const [x0, y0, x1, y1] = numbers(row);
      const place = { x: x0, y: y0, width: Math.max(0, x1 - x0), height: Math.max(0, y1 - y0) };
      const group = shape("g", { tabindex: "0", role: "button", "aria-label": `Box ${words(row, i)}`, "aria-pressed": String(i === chosen), class: i === chosen ? "chosen" : "" }, svg);
      group.dataset.box = String(i);
      shape("rect", { ...place, class: "under" }, group);
      shape("rect", { ...place, class: "over" }, group);
      if (i === chosen) {
        for (const [corner, x, y] of [["nw", x0, y0], ["ne", x1, y0], ["sw", x0, y1], ["se", x1, y1]]) {
          shape("rect", { x: x - size / 2, y: y - size / 2, width: size, height: size, class: `corner ${corner}`, "data-corner": corner }, group);
        }
      }
      group.addEventListener("focus", () => choose(i));
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.textContent = words(row, i).replace(/^\d+: /, "");
      button.addEventListener("click", () => { choose(i); focusBox(); });
      if (i === chosen) item.setAttribute("aria-current", "true");
      item.append(button);
      el("list").append(item);
    });
    const row = box();
    for (const field of [el("kind"), ...EDGES.map(el)]) field.disabled = !row;
    if (row) { el("kind").value = row.kind; EDGES.forEach((edge) => { el(edge).value = row[edge]; }); }
    document.querySelector("[data-do=remove]").disabled = !row;
    document.querySelector("[data-do=undo]").disabled = !past.length;
    document.querySelector("[data-do=redo]").disabled = !future.length;
    if (focused) focusBox();
  }

  function choose(i) { if (i !== chosen) { chosen = i; draw(); } }
  function focusBox() { document.querySelector(`[data-box="${chosen}"]`)?.focus({ preventScroll: true }); }

  function point(event) {
    const frame = el("boxes").getBoundingClientRect(), { width, height } = images[at];
    return [((event.clientX - frame.left) / frame.width) * width, ((event.clientY - frame.top) / frame.height) * height];
  }

  el("boxes").addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !images[at].src) return;
    event.preventDefault();
    const group = event.target.closest("[data-box]");
    const corner = event.target.dataset.corner;
    if (group) { chosen = Number(group.dataset.box); draw(); focusBox(); }
    drag = { from: point(event), corner, edges: group ? numbers(box()) : null, now: null };
    el("boxes").setPointerCapture(event.pointerId);
  });
  el("boxes").addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [x, y] = point(event), dx = x - drag.from[0], dy = y - drag.from[1];
    drag.now = moved(drag, Math.round(dx), Math.round(dy), x, y);
    const shown = document.querySelectorAll(drag.edges ? `[data-box="${chosen}"] .under, [data-box="${chosen}"] .over` : "#boxes .new");
    const [x0, y0, x1, y1] = inside(drag.now, images[at]);
    const place = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
    if (!shown.length && !drag.edges) shape("rect", { ...place, class: "over new" }, el("boxes"));
    shown.forEach((rect) => { for (const key in place) rect.setAttribute(key, place[key]); });
  });
  function moved({ from, corner, edges }, dx, dy, x, y) {
    if (!edges) return [Math.floor(Math.min(from[0], x)), Math.floor(Math.min(from[1], y)), Math.ceil(Math.max(from[0], x)), Math.ceil(Math.max(from[1], y))];
    const [x0, y0, x1, y1] = edges, { width, height } = images[at];
    if (!corner) {
      dx = Math.min(Math.max(dx, -x0), width - x1); dy = Math.min(Math.max(dy, -y0), height - y1);
      return [x0 + dx, y0 + dy, x1 + dx, y1 + dy];
    }
    return [x0 + (corner[1] === "w" ? dx : 0), y0 + (corner[0] === "n" ? dy : 0), x1 + (corner[1] === "e" ? dx : 0), y1 + (corner[0] === "s" ? dy : 0)];
  }
  el("boxes").addEventListener("pointerup", () => {
    if (!drag) return;
    const { now, edges } = drag;
    drag = null;
    if (!now) return;
    if (edges) return setEdges(now, "box changed");
    const [x0, y0, x1, y1] = now;
    if (x1 - x0 > 1 && y1 - y0 > 1) { add(now); focusBox(); } else draw();
  });
  el("boxes").addEventListener("pointercancel", () => { drag = null; draw(); });

  const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  function csv() {
    const rows = images.flatMap((image) => image.rows).concat(data.others);
    const lines = rows.map((row) => data.columns.map((column) => cell(row[column] ?? "")).join(","));
    return [data.columns.map(cell).join(","), ...lines].map((line) => `${line}\n`).join("");
  }
  function save() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
    link.download = data.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    unsaved = false;
    draw("saved into your downloads");
  }

  const DO = { previous: () => go(-1), next: () => go(1), add: () => { add(); focusBox(); }, remove, undo: () => step(past, future, "undone"), redo: () => step(future, past, "done again"), save };
  document.querySelectorAll("[data-do]").forEach((button) => button.addEventListener("click", () => DO[button.dataset.do]()));
  const KEYS = { n: "next", p: "previous", a: "add", Delete: "remove", Backspace: "remove", u: "undo", y: "redo", s: "save" };
  const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select") || event.altKey || event.metaKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey && !(key in MOVES)) {
      if (key === "z") { event.preventDefault(); DO.undo(); }
      return;
    }
    if (key in MOVES && box()) {
      const [dx, dy] = MOVES[key].map((way) => way * (event.shiftKey ? 10 : 1));
      const edges = numbers(box());
      event.preventDefault();
      if (event.ctrlKey) return setEdges([edges[0], edges[1], Math.max(edges[0] + 1, edges[2] + dx), Math.max(edges[1] + 1, edges[3] + dy)], "box resized");
      return setEdges(moved({ edges }, dx, dy), "box moved");
    }
    if (/^[1-9]$/.test(key) && data.kinds[key - 1]) { event.preventDefault(); return setKind(data.kinds[key - 1]); }
    if (key in KEYS) { event.preventDefault(); DO[KEYS[key]](); }
  });
  el("form").addEventListener("submit", (event) => event.preventDefault());
  el("kind").addEventListener("change", () => setKind(el("kind").value));
  EDGES.forEach((edge) => el(edge).addEventListener("change", () => setEdges(EDGES.map((name) => Number(el(name).value)), "box changed")));
  window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
  data.kinds.forEach((kind, i) => el("kind").append(new Option(`${i + 1} ${kind}`, kind)));
  if (!images.length) { el("told").textContent = "no images"; return; }
  chosen = boxes().length ? 0 : -1;
  draw();
})();
