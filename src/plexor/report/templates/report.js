"use strict";
// Without this script the page shows every case below the other; with it, one case at a time in a
// viewer that takes its images and words from those same cases.
(() => {
  for (const details of document.querySelectorAll("details")) {
    addEventListener("beforeprint", () => { details.dataset.was = details.open; details.open = true; });
    addEventListener("afterprint", () => { details.open = details.dataset.was === "true"; });
  }

  const measure = () => {
    for (const part of document.querySelectorAll(".scroll")) {
      part.classList.toggle("more", part.scrollWidth > part.clientWidth + 1);
    }
  };
  addEventListener("resize", measure);
  addEventListener("toggle", measure, true);
  measure();

  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const watch = new IntersectionObserver((seen) => {
    for (const entry of seen) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id)?.setAttribute("aria-current", "location");
    }
  }, { rootMargin: "-15% 0px -75% 0px" });
  for (const section of document.querySelectorAll("main > section")) watch.observe(section);

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
  const scales = [1, 2, 3, 4, 6, 8];
  let current = 0;
  let probe = "";
  let scale = 0;
  let timer = 0;

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
    fill("before", [before], probed.dataset.before, outline(before));
    fill("after", [after], probed.dataset.after, outline(after));
    fill("difference", [difference], difference.closest("figure").querySelector("figcaption").textContent);
    const margins = probed.querySelector(".margins");
    one('[data-pane="margins"]').hidden = !margins;
    if (margins) fill("margins", [margins], margins.closest("figure").querySelector("figcaption").textContent);
    fill("stack", [before, after], "");
    one('[data-pane="numbers"]').replaceChildren(probed.querySelector("table").cloneNode(true));
    one("[data-position]").textContent = `${current + 1} of ${cases.length}`;
    one("[data-case]").textContent = article.querySelector("h3").textContent;
    one("[data-note]").textContent = article.querySelector(".note")?.textContent || "";
    resize();
    label();
  }

  function resize() {
    const article = cases[current];
    for (const image of all("img")) {
      image.style.width = `${article.dataset.width * scales[scale]}px`;
      image.style.height = `${article.dataset.height * scales[scale]}px`;
    }
    one("[data-scale]").textContent = `${scales[scale]} ×`;
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
  };
  viewer.addEventListener("keydown", (event) => {
    // Buttons, lists and sliders keep their own keys.
    const own = event.target.closest("input, select") || (event.key === " " && event.target.closest("button"));
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
  const scrolled = all(".pane");
  scrolled.forEach((pane) => pane.addEventListener("scroll", () => {
    for (const other of scrolled) {
      if (other.scrollLeft !== pane.scrollLeft) other.scrollLeft = pane.scrollLeft;
      if (other.scrollTop !== pane.scrollTop) other.scrollTop = pane.scrollTop;
    }
  }));

  viewer.hidden = false;
  document.getElementById("cases").classList.add("viewing");
  // The largest whole factor at which two images and the numbers still stand beside each other.
  const room = (panes.clientWidth - 250) / 2 / cases[0].dataset.width;
  scale = Math.max(0, scales.findLastIndex((factor) => factor <= room));
  show();
})();
