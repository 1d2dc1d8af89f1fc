"use strict";
// Without this script the page shows every case below the other; with it, one case at a time in a
// viewer that takes its images and words from those same cases.
(() => {
  const viewer = document.getElementById("viewer");
  if (!viewer) return;
  const cases = [...document.querySelectorAll(".case")];
  const all = (selector) => [...viewer.querySelectorAll(selector)];
  const one = (selector) => viewer.querySelector(selector);
  const panes = one(".panes");
  const stack = one(".stack");
  const slider = one(".split input");
  const select = one("[data-probe]");
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const scales = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32];
  const [centre, width, gain] = ["[data-centre]", "[data-width]", "[data-gain]"].map(one);
  let current = 0;
  let probe = "";
  let scale = 0;
  let timer = 0;
  let windowed = null;
  const scrolled = all(".pane");
  const placed = new Map();

  const probesOf = (article) => [...article.querySelectorAll(".probed")];

  function chosen() {
    const probes = probesOf(cases[current]);
    const titled = (title) => probes.find((entry) => entry.dataset.title === title);
    return titled(probe) || titled(cases[current].dataset.opens) || probes[0];
  }

  function fill(pane, images, caption, outline) {
    const figure = one(`[data-pane="${pane}"]`);
    figure.querySelectorAll("img").forEach((image, n) => {
      const { full } = images[n].dataset;
      // A page that was sent without its folder of pictures shows the reduced ones.
      image.onerror = full ? () => { image.onerror = null; image.src = images[n].src; } : null;
      image.src = full || images[n].src;
      image.alt = images[n].alt;
    });
    figure.querySelector("figcaption").textContent = caption;
    figure.querySelector(".outline")?.remove();
    if (outline) figure.querySelector(".layer").append(outline.cloneNode(true));
  }

  function show() {
    const article = cases[current];
    const probed = chosen();
    select.replaceChildren(...probesOf(article).map((entry) => new Option(entry.dataset.title)));
    select.value = probed.dataset.title;
    const before = article.querySelector(".original");
    const after = probed.querySelector(".perturbed");
    const difference = probed.querySelector(".difference");
    const outline = (image) => image.closest(".layer")?.querySelector(".outline");
    fill("before", [deep(before, article)], probed.dataset.before, outline(before));
    fill("after", [deep(after, probed)], probed.dataset.after, outline(after));
    fill("difference", [difference], difference.closest("figure").querySelector("figcaption").textContent);
    const margins = probed.querySelector(".margins");
    one('[data-pane="margins"]').hidden = !margins;
    if (margins) fill("margins", [margins], margins.closest("figure").querySelector("figcaption").textContent);
    fill("stack", [deep(before, article), deep(after, probed)], "");
    one('[data-pane="numbers"]').replaceChildren(...[...probed.querySelectorAll("table")].map((table) => table.cloneNode(true)));
    one("[data-position]").textContent = `${current + 1} of ${cases.length}`;
    one("[data-case]").textContent = article.querySelector("h3").firstChild.textContent;
    one("[data-note]").textContent = article.querySelector(".note")?.textContent || "";
    if (windowed !== article) resetWindow();
    else applyWindow();
    amplify();
    resize();
    label();
  }

  // A picture of more than 8 bits in place of the one that a fixed window has reduced to 8.
  function deep(image, described) {
    const source = described.dataset.deep;
    return source ? { src: source, alt: image.alt, dataset: {} } : image;
  }

  const rounded = (value) => Number(value.toPrecision(4)).toLocaleString("en").replace("-", "\u2212");
  const numbers = (text) => text.split(" ").map(Number);

  // What codes of 0 stand for, and how much more whole red and whole green do; without a depth, the
  // values between which the picture shows its own channels.
  function meaning() {
    const { window: shown, depth } = cases[current].dataset;
    const [black, white] = numbers(shown);
    if (!depth) return { low: black, high: white, black, white };
    const [low, step] = numbers(depth);
    return { low, high: low + 65535 * step, step, black, white };
  }

  function resetWindow() {
    windowed = cases[current];
    const { low, high, black, white } = meaning();
    const [least, most] = [Math.min(low, high), Math.max(low, high)];
    Object.assign(centre, { min: least, max: most });
    Object.assign(width, { min: (most - least) / 1000, max: most - least });
    // Of 16 bits few are used: the sliders reach four windows' widths, within what can be stored.
    const reach = 4 * (white - black);
    Object.assign(width, { min: reach / 4000, max: Math.min(most - least, reach) });
    Object.assign(centre, { min: Math.max(least, black - reach / 2), max: Math.min(most, white + reach / 2) });
    width.value = white - black;
    centre.value = (black + white) / 2;
    applyWindow();
  }

  function applyWindow() {
    const { low, high, step, black, white } = meaning();
    const [middle, span] = [Number(centre.value), Number(width.value)];
    const from = middle - span / 2;
    const offset = (low - from) / span;
    const grey = step ? `${(65280 * step) / span} ${(255 * step) / span} 0 0 ${offset}` : "";
    const scale = (high - low) / span;
    const rows = step ? [grey, grey, grey] : [`${scale} 0 0 0 ${offset}`, `0 ${scale} 0 0 ${offset}`, `0 0 ${scale} 0 ${offset}`];
    document.querySelector("#window feColorMatrix").setAttribute("values", `${rows.join(" ")} 0 0 0 1 0`);
    const usual = !step && Math.abs(from - black) + Math.abs(span - white + black) < 1e-6 * span;
    panes.classList.toggle("windowed", !usual);
    one("[data-windowed]").textContent = `${rounded(Math.abs(from) < 1e-6 * span ? 0 : from)} to ${rounded(from + span)}`;
  }

  function amplify() {
    const { reach } = chosen().dataset;
    const times = Number(gain.value);
    for (const channel of document.querySelectorAll("#amplified feComponentTransfer > *")) {
      channel.setAttribute("slope", times);
      channel.setAttribute("intercept", 1 - times);
    }
    panes.classList.toggle("amplified", times > 1);
    const { unit } = cases[current].dataset;
    const most = Number(reach) / times;
    const named = most === 1 || unit !== "level" ? unit : `${unit}s`;
    one(".legend").hidden = !Number(reach);
    one("[data-least]").textContent = `\u2212${rounded(most)} ${named}`;
    one("[data-most]").textContent = `+${rounded(most)} ${named}`;
  }

  function resize() {
    const article = cases[current];
    const lead = scrolled.find((pane) => pane.clientWidth);
    const [across, down] = [(lead.scrollLeft + lead.clientWidth / 2) / lead.scrollWidth, (lead.scrollTop + lead.clientHeight / 2) / lead.scrollHeight];
    for (const image of all("img")) {
      image.style.width = `${article.dataset.width * scales[scale]}px`;
      image.style.height = `${article.dataset.height * scales[scale]}px`;
    }
    one("[data-scale]").textContent = `${scales[scale]} ×`;
    // What was in the middle stays there.
    lead.scrollLeft = across * lead.scrollWidth - lead.clientWidth / 2;
    lead.scrollTop = down * lead.scrollHeight - lead.clientHeight / 2;
    follow(lead);
  }

  // Brings all pictures to the place of one. A narrower one may not get there, and must not pull the
  // others back: where each was put is kept.
  function follow(lead) {
    const place = [lead.scrollLeft, lead.scrollTop];
    placed.set(lead, place);
    for (const other of scrolled) {
      if (other === lead || !other.clientWidth) continue;
      [other.scrollLeft, other.scrollTop] = place;
      placed.set(other, [other.scrollLeft, other.scrollTop]);
    }
  }

  function label() {
    const probed = chosen();
    const mode = panes.dataset.mode;
    const flicker = stack.classList.contains("after") ? probed.dataset.after : probed.dataset.before;
    one('[data-pane="stack"] figcaption').textContent =
      mode === "flicker" ? flicker : `${probed.dataset.before} | ${probed.dataset.after}`;
  }

  function swap() {
    stack.classList.toggle("after");
    label();
  }

  function setMode(mode) {
    clearInterval(timer);
    timer = 0;
    panes.dataset.mode = mode;
    stack.classList.remove("after");
    one(`[name="mode"][value="${mode}"]`).checked = true;
    // Two swaps a second: far below what could harm, and nothing moves by itself where the
    // reader's system asks for stillness.
    if (mode === "flicker" && !still.matches) timer = setInterval(swap, 500);
    label();
  }

  function flicker() {
    if (panes.dataset.mode !== "flicker") setMode("flicker");
    else if (still.matches) swap();
    else setMode("side");
  }

  function step(by) {
    current = (current + by + cases.length) % cases.length;
    show();
  }

  function zoom(by) {
    scale = Math.min(scales.length - 1, Math.max(0, scale + by));
    resize();
  }

  function nextProbe() {
    select.selectedIndex = (select.selectedIndex + 1) % select.options.length;
    probe = select.value;
    show();
  }

  function split(percent) {
    stack.style.setProperty("--split", `${percent}%`);
    slider.value = percent;
  }

  const keys = {
    ArrowLeft: () => step(-1),
    ArrowRight: () => step(1),
    " ": flicker,
    p: nextProbe,
    "+": () => zoom(1),
    "=": () => zoom(1),
    "-": () => zoom(-1),
    w: resetWindow,
    d: () => { gain.selectedIndex = (gain.selectedIndex + 1) % gain.options.length; amplify(); },
  };
  viewer.addEventListener("keydown", (event) => {
    // Buttons, lists and sliders keep their own keys, and pictures scroll by arrows.
    const own = event.target.closest("input, select") || (event.key.startsWith("Arrow") && event.target.closest(".pane")) || (event.key === " " && event.target.closest("button"));
    const act = keys[event.key];
    if (own || !act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  all("[data-step]").forEach((button) => button.addEventListener("click", () => step(Number(button.dataset.step))));
  all("[data-zoom]").forEach((button) => button.addEventListener("click", () => zoom(Number(button.dataset.zoom))));
  all('[name="mode"]').forEach((radio) => radio.addEventListener("change", () => setMode(radio.value)));
  select.addEventListener("change", () => { probe = select.value; show(); });
  one("[data-outlines]")?.addEventListener("change", (event) => viewer.classList.toggle("bare", !event.target.checked));
  centre.addEventListener("input", applyWindow);
  width.addEventListener("input", applyWindow);
  gain.addEventListener("change", amplify);
  one("[data-reset]").addEventListener("click", resetWindow);
  slider.addEventListener("input", () => split(slider.value));
  stack.addEventListener("pointermove", (event) => {
    if (panes.dataset.mode !== "swipe") return;
    const box = stack.getBoundingClientRect();
    split(Math.round(100 * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))));
  });
  viewer.addEventListener("plexor-open", ({ detail }) => {
    current = cases.findIndex((article) => article.dataset.id === detail.id);
    probe = probesOf(cases[current]).find((entry) => entry.dataset.probe === detail.probe).dataset.title;
    show();
    viewer.scrollIntoView();
    viewer.focus({ preventScroll: true });
  });
  scrolled.forEach((pane) => pane.addEventListener("scroll", () => {
    if (String(placed.get(pane)) !== String([pane.scrollLeft, pane.scrollTop])) follow(pane);
  }));

  scrolled.forEach((pane) => pane.addEventListener("pointermove", (event) => {
    // A finger scrolls by itself.
    if (event.pointerType !== "mouse" || !(event.buttons & 1) || (panes.dataset.mode === "swipe" && pane.contains(stack))) return;
    pane.scrollBy(-event.movementX, -event.movementY);
  }));
  scrolled.forEach((pane) => pane.addEventListener("dragstart", (event) => event.preventDefault()));

  viewer.hidden = false;
  document.getElementById("cases").classList.add("viewing");
  // The largest whole factor at which two images and the numbers still stand beside each other, or
  // on a phone at which one fits.
  const beside = panes.clientWidth - 250;
  const room = (beside > 350 ? beside / 2 : panes.clientWidth) / cases[0].dataset.width;
  scale = Math.max(0, scales.findLastIndex((factor) => factor <= room));
  show();
})();
