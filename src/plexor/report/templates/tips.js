"use strict";
// What a chart's point stands for, in words beside it: under the pointer, or by arrow keys when the
// chart has the focus. Without this script the browser shows the same words as titles.
(() => {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.setAttribute("role", "status");
  tip.hidden = true;
  document.body.append(tip);

  function show(mark) {
    document.querySelector(".mark.at")?.classList.remove("at");
    mark.classList.add("at");
    tip.textContent = mark.dataset.told;
    tip.hidden = false;
    const point = (mark.querySelector("circle") || mark).getBoundingClientRect();
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(4, point.x + point.width / 2 - box.width / 2), document.documentElement.clientWidth - box.width - 4);
    const above = point.y - box.height - 6;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(above > 0 ? above : point.bottom + 6) + scrollY}px`;
  }

  function hide() {
    document.querySelector(".mark.at")?.classList.remove("at");
    tip.hidden = true;
  }

  for (const chart of document.querySelectorAll(".chart")) {
    const marks = [...chart.querySelectorAll(".mark")];
    if (!marks.length) continue;
    for (const mark of marks) {
      const title = mark.querySelector("title");
      mark.dataset.told = title.textContent;
      title.remove();
      mark.addEventListener("pointerenter", () => show(mark));
      mark.addEventListener("pointerleave", hide);
    }
    chart.tabIndex = 0;
    const go = (by) => {
      const now = marks.findIndex((mark) => mark.classList.contains("at"));
      show(marks[now < 0 ? 0 : (now + by + marks.length) % marks.length]);
    };
    chart.addEventListener("focus", () => { if (chart.matches(":focus-visible")) go(0); });
    chart.addEventListener("blur", hide);
    const keys = { ArrowRight: () => go(1), ArrowLeft: () => go(-1), Escape: hide };
    chart.addEventListener("keydown", (event) => {
      if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      keys[event.key]();
    });
  }
})();
