// One image or volume on a canvas: zoom, pan, window and level, slices, marks.
// The canvas has one pixel for each pixel of the screen; in pixel-true designs an image's pixel
// covers a whole number of these, and nothing is smoothed.
export class Viewer {
  constructor(box, options) {
    this.box = box;
    this.options = options;
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", options.label);
    box.replaceChildren(this.canvas);
    this.slices = [];
    this.slice = 0;
    this.marks = [];
    this.cross = null;
    this.offset = { x: 0, y: 0 };
    this.zoom = 1;
    this.source = document.createElement("canvas");
    this.listen();
    this.observer = new ResizeObserver(() => this.fit(true));
    this.observer.observe(box);
  }

  show(slices, view) {
    this.slices = slices;
    this.view = view;
    this.slice = Math.floor(slices.length / 2);
    this.window = view.window ? [...view.window] : [127.5, 255];
    this.source.width = view.width;
    this.source.height = view.height;
    this.fit(false);
    this.render();
  }

  hide() {
    this.slices = [];
    this.draw();
  }

  close() {
    this.observer.disconnect();
  }

  fit(keep) {
    const ratio = window.devicePixelRatio;
    this.canvas.width = Math.max(1, Math.floor(this.box.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.floor(this.box.clientHeight * ratio));
    this.canvas.style.width = `${this.canvas.width / ratio}px`;
    this.canvas.style.height = `${this.canvas.height / ratio}px`;
    if (this.view && !keep) {
      const most = Math.min(this.canvas.width / this.view.width, this.canvas.height / this.view.height);
      this.zoom = this.options.pixelTrue ? Math.max(1, Math.floor(most)) : most;
      this.zoom = Math.min(this.zoom, Math.max(1, this.options.zoom));
      this.centre();
    }
    this.draw();
  }

  centre() {
    this.offset.x = Math.round((this.canvas.width - this.view.width * this.zoom) / 2);
    this.offset.y = Math.round((this.canvas.height - this.view.height * this.zoom) / 2);
  }

  // Zooms in steps, round a place of the canvas (its middle if none is given).
  zoomBy(step, at) {
    if (!this.view) return;
    const place = at || { x: this.canvas.width / 2, y: this.canvas.height / 2 };
    const x = (place.x - this.offset.x) / this.zoom;
    const y = (place.y - this.offset.y) / this.zoom;
    const wanted = this.options.pixelTrue ? this.zoom + step : this.zoom * (step > 0 ? 1.25 : 0.8);
    const least = this.options.pixelTrue ? 1 : 0.1;
    this.zoom = Math.min(Math.max(wanted, least), this.options.zoom);
    this.offset.x = Math.round(place.x - x * this.zoom);
    this.offset.y = Math.round(place.y - y * this.zoom);
    this.draw();
    this.changed();
  }

  pan(dx, dy) {
    this.offset.x += Math.round(dx);
    this.offset.y += Math.round(dy);
    this.draw();
    this.changed();
  }

  turn(steps) {
    this.slice = Math.min(Math.max(this.slice + steps, 0), Math.max(this.slices.length - 1, 0));
    this.render();
    this.changed();
  }

  setWindow(level, width) {
    if (!this.options.window) return;
    this.window = [level, Math.max(width, 1)];
    this.render();
    this.changed();
  }

  changed() {
    if (this.options.changed) this.options.changed(this);
  }

  // The current slice, through window and level, into 8 bits.
  render() {
    const image = this.slices[this.slice];
    if (!image) return this.draw();
    const { width, height, channels, numbers } = image;
    const context = this.source.getContext("2d");
    const target = context.createImageData(width, height);
    const plain = channels === 3 || (this.view.bits === 8 && this.window[0] === 127.5 && this.window[1] === 255);
    const low = this.window[0] - this.window[1] / 2;
    const factor = 255 / this.window[1];
    for (let i = 0, p = 0; i < width * height; i += 1, p += 4) {
      for (let c = 0; c < 3; c += 1) {
        const n = numbers[channels === 3 ? 3 * i + c : i];
        target.data[p + c] = plain ? n : Math.round((n - low) * factor);
      }
      target.data[p + 3] = 255;
    }
    context.putImageData(target, 0, 0);
    this.draw();
  }

  draw() {
    const context = this.canvas.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.slices.length) return;
    context.imageSmoothingEnabled = !this.options.pixelTrue;
    const { width, height } = this.view;
    context.drawImage(this.source, this.offset.x, this.offset.y, width * this.zoom, height * this.zoom);
    this.drawMarks(context);
  }

  drawMarks(context) {
    const size = 10 * window.devicePixelRatio;
    context.lineWidth = 2 * window.devicePixelRatio;
    context.font = `${14 * window.devicePixelRatio}px system-ui`;
    this.marks.forEach((mark, index) => {
      if (mark.slice !== this.slice) return;
      const x = this.offset.x + mark.x * this.zoom;
      const y = this.offset.y + mark.y * this.zoom;
      context.strokeStyle = context.fillStyle = "#ffd24a";
      context.beginPath();
      context.arc(x, y, size, 0, 2 * Math.PI);
      context.stroke();
      context.fillText(String(index + 1), x + size, y - size / 2);
    });
    if (this.cross) {
      const x = this.offset.x + this.cross.x * this.zoom;
      const y = this.offset.y + this.cross.y * this.zoom;
      context.strokeStyle = "#7fd4ff";
      context.beginPath();
      context.moveTo(x - size, y);
      context.lineTo(x + size, y);
      context.moveTo(x, y - size);
      context.lineTo(x, y + size);
      context.stroke();
    }
  }

  moveCross(dx, dy) {
    if (!this.view) return;
    const now = this.cross || { x: this.view.width / 2, y: this.view.height / 2 };
    this.cross = {
      x: Math.min(Math.max(now.x + dx, 0), this.view.width - 0.01),
      y: Math.min(Math.max(now.y + dy, 0), this.view.height - 0.01),
    };
    this.draw();
  }

  markAtCross() {
    if (this.cross) this.mark(this.cross);
  }

  mark(place) {
    if (!this.options.marked || !this.slices.length) return;
    const inside = place.x >= 0 && place.y >= 0 && place.x < this.view.width && place.y < this.view.height;
    if (inside) this.options.marked({ x: place.x, y: place.y, slice: this.slice });
  }

  place(event) {
    const ratio = window.devicePixelRatio;
    const box = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) * ratio, y: (event.clientY - box.top) * ratio };
  }

  listen() {
    let from = null;
    let moved = false;
    this.canvas.addEventListener("pointerdown", (event) => {
      from = this.place(event);
      moved = false;
      this.canvas.setPointerCapture(event.pointerId);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (!from) return;
      const now = this.place(event);
      if (!moved && Math.hypot(now.x - from.x, now.y - from.y) < 4) return;
      moved = true;
      if (event.buttons & 2) this.setWindow(this.window[0] + (now.y - from.y) * this.unit(), this.window[1] + (now.x - from.x) * this.unit());
      else this.pan(now.x - from.x, now.y - from.y);
      from = now;
    });
    this.canvas.addEventListener("pointerup", (event) => {
      if (from && !moved && event.button === 0) {
        const at = this.place(event);
        this.mark({ x: (at.x - this.offset.x) / this.zoom, y: (at.y - this.offset.y) / this.zoom });
      }
      from = null;
    });
    this.canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    this.canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const step = event.deltaY < 0 ? 1 : -1;
      if (this.slices.length > 1 && !event.ctrlKey) this.turn(-step);
      else this.zoomBy(step, this.place(event));
    }, { passive: false });
  }

  unit() {
    return this.view ? Math.max(this.view.top / 512, 0.5) : 1;
  }
}
