"use strict";
// Prints what is folded away, says which tables go on sideways, marks the section in sight.
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
})();
