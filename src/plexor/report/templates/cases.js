"use strict";
// The table of all cases: columns that the page holds itself, one page of rows in the document.
(async () => {
  const root = document.getElementById("case-table");
  const packed = document.getElementById("case-rows");
  if (!root || !("DecompressionStream" in window)) return;
  const one = (selector) => root.querySelector(selector);
  const all = (selector) => [...root.querySelectorAll(selector)];
  const { columns, files } = JSON.parse(new TextDecoder().decode(await plexor.inflated(packed.textContent.trim())));
  const named = Object.fromEntries(columns.map((column) => [column.id, column]));
  const beside = new Map(files.map(([case_, probe, folder, ending]) => [`${case_} ${probe}`, [folder, ending]]));
  const articles = new Map([...document.querySelectorAll(".case[data-id]")].map((article) => [article.dataset.id, article]));
  const n = named.case.codes.length;
  const many = 25;
  const minus = "\u2212";
  let rows = [];
  let page = 0;
  let order = { id: "outcome", down: false };
  const opened = new Set();

  const shown = (column, row) => {
    if (column.texts) return column.texts[column.codes[row]];
    const value = column.numbers[row];
    if (value === null) return "\u2013";
    return (column.decimals === null ? String(value) : value.toFixed(column.decimals)).replace("-", minus);
  };

  // A column whose list is set to one probe or container says the same in every row.
  const set = (id) => Boolean(one(`[data-choices] [data-of="${id}"]`)?.value);
  const visible = () => columns.filter(({ id }) => !(["probe", "stored"].includes(id) && set(id)));

  // Of undefined numbers neither order knows the place: they stand last in both.
  const compare = (column, down) => (a, b) => {
    const values = column.codes || column.numbers;
    const [x, y] = [values[a], values[b]];
    if (x === y) return a - b;
    if (x === null || y === null) return x === null ? 1 : -1;
    return down ? y - x : x - y;
  };

  const key = (row) => `${named.case.codes[row]} ${named.probe.codes[row]}`;
  const kept = (row) => articles.has(shown(named.case, row)) || beside.has(key(row));

  function choose() {
    const wanted = all("[data-choices] select").filter((select) => select.value !== "").map((select) => [named[select.dataset.of].codes, Number(select.value)]);
    const text = one("[data-find]").value.trim().toLowerCase();
    const holds = (column) => column.texts.map((name) => name.toLowerCase().includes(text));
    const [inCase, inGroup] = [holds(named.case), holds(named.group)];
    const only = one("[data-kept]").checked;
    rows = [];
    for (let row = 0; row < n; row += 1) {
      const found = inCase[named.case.codes[row]] || inGroup[named.group.codes[row]];
      if (found && (!only || kept(row)) && wanted.every(([codes, code]) => codes[row] === code)) rows.push(row);
    }
    rows.sort(compare(named[order.id], order.down));
    page = 0;
    opened.clear();
    show();
  }

  function turn(by) {
    page = Math.min(Math.max(0, page + by), Math.max(0, Math.ceil(rows.length / many) - 1));
    opened.clear();
    show();
  }

  function show() {
    const [first, last] = [page * many, Math.min(rows.length, (page + 1) * many)];
    one("tbody").replaceChildren(...rows.slice(first, last).flatMap(drawn));
    const count = (number) => number.toLocaleString("en");
    one("[data-count]").textContent = `${count(rows.length)} of ${count(n)} rows, ${count(rows.filter(kept).length)} with pictures`;
    one("[data-page]").textContent = rows.length ? `${count(first + 1)} to ${count(last)}` : "none";
    one('[data-turn="-1"]').disabled = page === 0;
    one('[data-turn="1"]').disabled = last >= rows.length;
    one("thead tr").replaceChildren(...visible().map((column) => heads.get(column)));
    for (const head of all("thead th")) {
      const sorted = head.dataset.of === order.id;
      head.setAttribute("aria-sort", !sorted ? "none" : order.down ? "descending" : "ascending");
    }
    dispatchEvent(new Event("resize"));
  }

  function made(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  }

  function drawn(row) {
    const open = (one("[data-pictures]").checked && kept(row)) !== opened.has(row);
    const button = made("button", { type: "button", class: "bare", "aria-expanded": open }, shown(named.case, row));
    button.addEventListener("click", () => {
      opened.has(row) ? opened.delete(row) : opened.add(row);
      const place = rows.indexOf(row) - page * many;
      show();
      all("tbody .bare")[place].focus();
    });
    const rest = visible().slice(1).map((column) => made("td", column.texts ? { class: "text" } : {}, shown(column, row)));
    const line = made("tr", {}, made("th", { scope: "row" }, button), ...rest);
    return open ? [line, made("tr", { class: "looked" }, made("td", { colspan: visible().length }, look(row)))] : [line];
  }

  // A page that was sent without its folder of pictures shows the reduced ones.
  function full(shots) {
    for (const image of shots.querySelectorAll("img")) {
      if (!image.dataset.full) continue;
      const { src } = image;
      image.onerror = () => { image.onerror = null; image.src = src; };
      image.src = image.dataset.full;
    }
    return shots;
  }

  function look(row) {
    const id = shown(named.case, row);
    const probe = named.probe.ids[named.probe.codes[row]];
    const article = articles.get(id);
    const probed = article && [...article.querySelectorAll(".probed")].find((entry) => entry.dataset.probe === probe);
    const panel = made("div", { class: "look" });
    if (article) {
      const shots = probed ? probed.querySelector(".shots").cloneNode(true) : made("div", { class: "shots" });
      const words = probed?.dataset.before || "Original";
      shots.prepend(made("figure", {}, article.querySelector(".first").cloneNode(true), made("figcaption", {}, words)));
      panel.append(full(shots));
      if (probed) {
        const open = made("button", { type: "button" }, "Open in the comparator");
        open.addEventListener("click", () => document.getElementById("viewer").dispatchEvent(new CustomEvent("plexor-open", { detail: { id, probe } })));
        panel.append(open);
      }
      return panel;
    }
    const place = beside.get(key(row));
    if (!place) {
      panel.append(made("p", { class: "note" }, `${root.dataset.notKept} `, made("code", {}, root.dataset.command)));
      return panel;
    }
    const [folder, ending] = place;
    const figures = ["original", "perturbed"].map((which) => {
      const source = folder.split("/").map(encodeURIComponent).join("/");
      const words = which === "original" ? "Original" : shown(named.probe, row);
      const image = made("img", { src: `${source}/${which}${ending}`, alt: `${words}, ${id}` });
      const figure = made("figure", {}, made("a", { href: image.src }, image), made("figcaption", {}, words));
      image.onerror = () => figure.replaceChildren("The picture is not beside this page, where the audit wrote it.");
      return figure;
    });
    panel.append(made("div", { class: "shots" }, ...figures));
    return panel;
  }

  function sort(id) {
    order = { id, down: order.id === id && !order.down };
    choose();
  }

  function clear() {
    all("[data-choices] select").forEach((select) => { select.value = ""; });
    one("[data-find]").value = "";
    one("[data-kept]").checked = false;
    choose();
  }

  function save() {
    const numbers = (column, row) => (column.numbers ? String(column.numbers[row] ?? "") : shown(column, row));
    plexor.save("cases", [columns.map(({ label }) => label), ...rows.map((row) => columns.map((column) => numbers(column, row)))]);
  }

  const heads = new Map(columns.map((column) => {
    const { id, label, texts } = column;
    const button = made("button", { type: "button", class: "bare" }, label);
    button.addEventListener("click", () => sort(id));
    return [column, made("th", texts ? { scope: "col", "data-of": id, class: "text" } : { scope: "col", "data-of": id }, button)];
  }));
  one("[data-choices]").append(...columns.filter(({ chosen }) => chosen).map(({ id, label, texts, codes }) => {
    const select = made("select", { "data-of": id }, new Option("all", ""));
    const there = new Set(codes);
    texts.forEach((text, code) => { if (there.has(code)) select.append(new Option(text, code)); });
    select.addEventListener("change", choose);
    return made("label", { class: "cluster" }, label, select);
  }));
  let waiting = 0;
  one("[data-find]").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(choose, 150); });
  one("[data-pictures]").addEventListener("change", () => { opened.clear(); show(); });
  one("[data-kept]").addEventListener("change", choose);
  one("[data-clear]").addEventListener("click", clear);
  one("[data-save]").addEventListener("click", save);
  all("[data-turn]").forEach((button) => button.addEventListener("click", () => turn(Number(button.dataset.turn))));

  const opens = named.probe.ids.indexOf(root.dataset.opens);
  if (opens >= 0) one('[data-of="probe"]').value = opens;
  const stored = one('[data-choices] [data-of="stored"]');
  if (stored) stored.value = 0;
  root.hidden = false;
  choose();
})();
