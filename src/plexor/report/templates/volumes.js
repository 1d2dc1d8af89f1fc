"use strict";
// Three planes of a volume, drawn from numbers that the page holds itself: nothing is loaded.
(() => {
  const root = document.getElementById("planes");
  const packs = [...document.querySelectorAll("script.volume")];
  if (!root || !packs.length || !("DecompressionStream" in window)) return;
  const one = (selector) => root.querySelector(selector);
  const all = (selector) => [...root.querySelectorAll(selector)];
  // Of each plane: the axis across, the axis up, and the axis through its slices.
  const planes = [[0, 1, 2], [0, 2, 1], [1, 2, 0]];
  const ends = [["L", "R"], ["P", "A"], ["I", "S"]];
  const volumes = packs.map((pack) => ({ note: pack.dataset.note, text: pack.textContent }));
  const figures = all("figure");
  const sliders = all("[data-slice]");
  const sizes = [1, 2, 3, 4, 6, 8];
  let volume = null;
  let change = null;
  let at = [0, 0, 0];
  let size = 0;
  const [middle, span] = [one("[data-middle]"), one("[data-span]")];

  async function unpacked(text, bytes) {
    const flat = await plexor.inflated(text);
    if (bytes === 1) return new Int8Array(flat.buffer);
    const n = flat.length / 2;
    return Uint16Array.from({ length: n }, (_, i) => flat[i] | (flat[n + i] << 8));
  }

  async function open(index) {
    const entry = volumes[index];
    if (!entry.about) {
      entry.about = JSON.parse(entry.text);
      entry.codes = await unpacked(entry.about.data, 2);
      entry.text = "";
    }
    const other = !volume || String(entry.about.size) !== String(volume.about.size);
    volume = entry;
    if (other) at = volume.about.size.map((n) => n >> 1);
    const { changes, opens } = volume.about;
    const before = change && changes.findIndex(({ title }) => title === change.title);
    one("[data-change]").replaceChildren(...changes.map(({ title }, n) => new Option(title, n)));
    one("[data-volume-note]").textContent = volume.note;
    one("[data-sides]").disabled = !volume.about.upright;
    usual();
    await choose(before > -1 && before !== null ? before : opens);
    fit();
  }

  async function choose(n) {
    change = volume.about.changes[n];
    change.codes ||= await unpacked(change.data, 1);
    one("[data-change]").value = n;
    const [black, white] = volume.about.window;
    const full = change.reach ? (white - black) / 2 / change.reach : 1;
    one("[data-gain]").value = Math.max(0, Math.min(10, Math.round(4 * Math.log2(full)) / 4));
    draw();
  }

  // The window that the page opens with; the sliders reach four times its width.
  function usual() {
    const [black, white] = volume.about.window;
    const wide = white - black;
    Object.assign(middle, { min: black - wide, max: white + wide });
    Object.assign(span, { min: wide / 250, max: 4 * wide });
    middle.value = (black + white) / 2;
    span.value = wide;
  }

  const mirrored = (axis) =>
    axis === 0 && volume.about.upright && one("[data-sides]").value === "radiological";

  function draw() {
    const { size: n, low, step, window: [first, last], upright } = volume.about;
    const gain = 2 ** one("[data-gain]").value;
    const black = middle.value - span.value / 2;
    const shade = 255 / span.value;
    const amplified = (2 * gain * 255) / (last - first);
    one("[data-shown]").textContent = `${rounded(Math.abs(black) < 1e-6 * span.value ? 0 : black)} to ${rounded(black + Number(span.value))}`;
    const stride = [1, n[0], n[0] * n[1]];
    for (const figure of figures) {
      const [across, up, through] = planes[figure.dataset.plane];
      const { version } = figure.dataset;
      const canvas = figure.querySelector("canvas");
      canvas.width = n[across];
      canvas.height = n[up];
      const picture = new ImageData(n[across], n[up]);
      const bytes = new Uint32Array(picture.data.buffer);
      for (let row = 0; row < n[up]; row += 1) {
        const line = at[through] * stride[through] + (n[up] - 1 - row) * stride[up];
        for (let column = 0; column < n[across]; column += 1) {
          const x = mirrored(across) ? n[across] - 1 - column : column;
          const i = line + x * stride[across];
          const moved = version === "before" ? 0 : change.codes[i] * change.step;
          const difference = version === "difference";
          const grey = difference
            ? 255 - amplified * Math.abs(moved)
            : shade * (low + step * volume.codes[i] + moved - black);
          const level = Math.max(0, Math.min(255, Math.round(grey)));
          // Red where the change brightens, blue where it darkens; bytes are alpha, blue, green, red.
          const [blue, red] = difference ? [moved < 0 ? 255 : level, moved > 0 ? 255 : level] : [level, level];
          bytes[row * n[across] + column] = 0xff000000 | (blue << 16) | (level << 8) | red;
        }
      }
      canvas.getContext("2d").putImageData(picture, 0, 0);
      const letters = mirrored(across) ? [...ends[across]].reverse() : ends[across];
      figure.querySelector(".l").textContent = upright ? letters[0] : "";
      figure.querySelector(".r").textContent = upright ? letters[1] : "";
      figure.querySelector(".t").textContent = upright ? ends[up][1] : "";
      const place = mirrored(across) ? n[across] - 1 - at[across] : at[across];
      figure.querySelector(".v").style.left = `${(100 * (place + 0.5)) / n[across]}%`;
      figure.querySelector(".h").style.top = `${(100 * (n[up] - at[up] - 0.5)) / n[up]}%`;
    }
    say(gain);
  }

  const rounded = (value) => String(Number(value.toPrecision(4)));

  function say(gain) {
    const { size: n, low, step, unit } = volume.about;
    sliders.forEach((slider, plane) => {
      const through = planes[plane][2];
      slider.max = n[through] - 1;
      slider.value = at[through];
      slider.previousElementSibling.textContent = `${at[through] + 1} of ${n[through]}`;
    });
    one("[data-gained]").textContent = `${rounded(gain)} ×`;
    const captions = all("figcaption");
    captions[0].textContent = change.before;
    captions[1].textContent = change.after;
    captions[2].textContent = change.reach
      ? `Difference, amplified ${rounded(gain)} ×: red is brighter, blue darker, white unchanged; greatest change ${rounded(change.reach)} ${unit}`
      : "Difference: nothing changed";
    const i = at[0] + n[0] * (at[1] + n[1] * at[2]);
    const value = low + step * volume.codes[i];
    const moved = change.step * change.codes[i];
    one("[data-voxel]").textContent =
      `At the crosshair, ${unit}: ${rounded(value)} before, ${rounded(value + moved)} after, ` +
      `${moved > 0 ? "+" : ""}${rounded(moved)}.`;
  }

  function fit() {
    const { size: n, spacing } = volume.about;
    const least = Math.min(...spacing);
    for (const figure of figures) {
      const [across, up] = planes[figure.dataset.plane];
      const slice = figure.querySelector(".slice");
      slice.style.width = `${(n[across] * spacing[across] * sizes[size]) / least}px`;
      slice.style.height = `${(n[up] * spacing[up] * sizes[size]) / least}px`;
    }
    one("[data-times]").textContent = `${sizes[size]} ×`;
  }

  function go(axis, by) {
    at[axis] = Math.max(0, Math.min(volume.about.size[axis] - 1, at[axis] + by));
    draw();
  }

  function gain(by) {
    const slider = one("[data-gain]");
    slider.value = Number(slider.value) + by;
    draw();
  }

  function bigger(by) {
    size = Math.max(0, Math.min(sizes.length - 1, size + by));
    fit();
  }

  function cross(shown) {
    one("[data-cross]").checked = shown;
    root.classList.toggle("plain", !shown);
  }

  function sides() {
    const select = one("[data-sides]");
    select.selectedIndex = 1 - select.selectedIndex;
    draw();
  }

  const keys = {
    ArrowUp: () => go(2, 1),
    ArrowDown: () => go(2, -1),
    PageUp: () => go(1, 1),
    PageDown: () => go(1, -1),
    ArrowLeft: () => go(0, mirrored(0) ? 1 : -1),
    ArrowRight: () => go(0, mirrored(0) ? -1 : 1),
    g: () => gain(0.5),
    G: () => gain(-0.5),
    w: () => { usual(); draw(); },
    c: () => cross(!one("[data-cross]").checked),
    r: () => volume.about.upright && sides(),
    p: () => choose((Number(one("[data-change]").value) + 1) % volume.about.changes.length),
    "+": () => bigger(1),
    "=": () => bigger(1),
    "-": () => bigger(-1),
  };
  root.addEventListener("keydown", (event) => {
    // Lists and sliders keep their own keys.
    const act = keys[event.key];
    if (!act || event.target.closest("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });

  let turned = 0;
  for (const figure of figures) {
    const [across, up, through] = planes[figure.dataset.plane];
    const slice = figure.querySelector(".slice");
    slice.addEventListener("wheel", (event) => {
      event.preventDefault();
      // A trackpad sends many small turns, which make one slice together.
      turned += event.deltaMode ? 40 * event.deltaY : event.deltaY;
      const by = Math.trunc(turned / 40);
      turned -= 40 * by;
      if (by) go(through, -by);
    }, { passive: false });
    const set = (event) => {
      const n = volume.about.size;
      const box = slice.getBoundingClientRect();
      const column = Math.floor(((event.clientX - box.left) / box.width) * n[across]);
      const row = Math.floor(((event.clientY - box.top) / box.height) * n[up]);
      at[across] = mirrored(across) ? n[across] - 1 - column : column;
      at[up] = n[up] - 1 - row;
      go(across, 0);
      go(up, 0);
    };
    slice.addEventListener("pointerdown", (event) => {
      slice.setPointerCapture(event.pointerId);
      set(event);
    });
    slice.addEventListener("pointermove", (event) => { if (event.buttons & 1) set(event); });
  }
  sliders.forEach((slider, plane) => slider.addEventListener("input", () => {
    at[planes[plane][2]] = Number(slider.value);
    draw();
  }));
  one("[data-volume]").addEventListener("change", (event) => open(Number(event.target.value)));
  one("[data-change]").addEventListener("change", (event) => choose(Number(event.target.value)));
  one("[data-sides]").addEventListener("change", draw);
  for (const slider of [one("[data-gain]"), middle, span]) slider.addEventListener("input", draw);
  one("[data-usual]").addEventListener("click", () => { usual(); draw(); });
  one("[data-cross]").addEventListener("change", (event) => cross(event.target.checked));
  all("[data-bigger]").forEach((button) => button.addEventListener("click", () => bigger(Number(button.dataset.bigger))));

  open(0).then(() => {
    root.hidden = false;
    // The largest whole factor at which all nine slices are seen at once.
    const { size: n, spacing } = volume.about;
    const [x, y, z] = n.map((count, axis) => (count * spacing[axis]) / Math.min(...spacing));
    const fits = (factor) =>
      factor * (2 * x + y) + 60 <= root.clientWidth && factor * 3 * Math.max(y, z) <= innerHeight;
    size = Math.max(0, sizes.findLastIndex(fits));
    fit();
  });
})();
