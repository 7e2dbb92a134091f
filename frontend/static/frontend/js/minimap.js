// <time-map>: all events at a glance, stacked by severity, with changes, marks and silences; a brush chooses a span.
// It tells of a chosen span by the event "brush", {since, until} in milliseconds; both null is all.

import { CHANGE, clockOf, duration, lowerBound, REJECTED, SEVERITIES } from "columns";

const BAR = 3, OUTLIERS = 0.01, LEAST_MS = 1_000, STEPS = 50;

class TimeMap extends HTMLElement {
  connectedCallback() {
    this.canvas = this.querySelector("canvas");
    this.handles = [...this.querySelectorAll("[data-edge]")];
    this.since = this.until = null;
    new ResizeObserver(() => this.draw()).observe(this);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.canvas.addEventListener("pointerdown", (event) => this.#brush(event));
    this.canvas.addEventListener("dblclick", () => this.zoomOut(true));
    for (const handle of this.handles) {
      handle.addEventListener("pointerdown", (event) => this.#drag(event, handle.dataset.edge));
      handle.addEventListener("keydown", (event) => this.#step(event, handle.dataset.edge));
    }
  }

  /** Show these events; the span of time is chosen so that a few strays do not squeeze the others. */
  show(columns, { marks, silences }) {
    Object.assign(this, { columns, marks, silences });
    this.#reach();
    this.draw();
  }

  set span({ since, until }) {
    const same = this.since === since && this.until === until;
    Object.assign(this, { since, until });
    if (same || !this.columns) return;
    this.#reach();
    this.draw();
  }

  /** Double what the brush holds, or let go of it. */
  zoomOut(entirely = false) {
    if (this.since === null && this.until === null) return false;
    const [from, to] = this.#chosen(), more = (to - from) / 2;
    const [all, end] = this.#whole();
    const beyond = entirely || (from - more <= all && to + more >= end);
    this.#tell(beyond ? null : from - more, beyond ? null : to + more);
    return true;
  }

  #whole() {
    const { at, size } = this.columns, marks = this.marks.map(([, time]) => time);
    return [Math.min(at[0], ...marks), Math.max(at[size - 1], ...marks)];
  }

  #reach() {
    const { at, size } = this.columns, whole = this.#whole();
    let [from, to] = whole;
    if (this.since !== null || this.until !== null) {
      const [since, until] = this.#chosen(), more = Math.max(until - since, LEAST_MS);
      [from, to] = [Math.max(from, since - more), Math.min(to, until + more)];
    } else {
      const marks = this.marks.map(([, time]) => time);
      const near = Math.min(at[Math.floor(size * OUTLIERS)], ...marks), far = Math.max(at[Math.ceil(size * (1 - OUTLIERS)) - 1], ...marks);
      if ((far - near) * 3 < to - from) [from, to] = [Math.max(from, near - (far - near) / 8), Math.min(to, far + (far - near) / 8)];
    }
    const margin = Math.max((to - from) / 100, LEAST_MS / 2);
    [this.from, this.to] = [from - margin, to + margin];
  }

  #chosen() {
    const [all, end] = this.#whole();
    return [this.since ?? all, this.until ?? end];
  }

  #x(time) {
    return ((time - this.from) / (this.to - this.from)) * this.clientWidth;
  }

  #time(clientX) {
    const { left, width } = this.canvas.getBoundingClientRect();
    return Math.round(this.from + (Math.min(Math.max((clientX - left) / width, 0), 1)) * (this.to - this.from));
  }

  #colours() {
    const style = (value) => {
      this.style.color = value;
      const { color } = getComputedStyle(this);
      this.style.color = "";
      return color;
    };
    return { severities: SEVERITIES.map((name) => style(`var(--${name})`)), accent: style("var(--accent)"), ink: style("var(--ink-soft)"), line: style("var(--line-strong)"), tint: style("color-mix(in oklab, var(--accent) 14%, transparent)"), bad: style("color-mix(in oklab, var(--high) 22%, transparent)") };
  }

  draw() {
    const width = this.clientWidth, height = this.canvas.clientHeight;
    if (!width || !height || !this.columns) return;
    const ratio = devicePixelRatio, { canvas } = this;
    [canvas.width, canvas.height] = [width * ratio, height * ratio];
    const paint = canvas.getContext("2d"), colours = this.#colours();
    paint.scale(ratio, ratio);
    this.#shade(paint, colours, height);
    this.#bars(paint, colours, width, height - 6);
    this.#ticks(paint, colours, height);
    this.#label();
  }

  #shade(paint, { tint, bad }, height) {
    paint.fillStyle = bad;
    for (const [since, until] of this.silences) paint.fillRect(this.#x(since), 0, Math.max(this.#x(until) - this.#x(since), 2), height);
    if (this.since === null && this.until === null) return;
    const [since, until] = this.#chosen();
    paint.fillStyle = tint;
    paint.fillRect(this.#x(since), 0, Math.max(this.#x(until) - this.#x(since), 1), height);
  }

  #bars(paint, { severities }, width, height) {
    const { at, severity, flags } = this.columns, count = Math.max(Math.floor(width / BAR), 1), kinds = SEVERITIES.length;
    const bins = new Uint32Array(count * kinds), scale = count / (this.to - this.from);
    const end = lowerBound(at, this.to);
    for (let i = lowerBound(at, this.from); i < end; i += 1) {
      if (!(flags[i] & REJECTED)) bins[Math.min(Math.floor((at[i] - this.from) * scale), count - 1) * kinds + severity[i]] += 1;
    }
    const totals = Array.from({ length: count }, (_, bin) => bins.subarray(bin * kinds, (bin + 1) * kinds).reduce((a, b) => a + b, 0));
    const most = Math.sqrt(Math.max(...totals, 1));
    totals.forEach((total, bin) => {
      let bottom = height;
      const tall = (Math.sqrt(total) / most) * (height - 2);
      for (let kind = 0; kind < kinds && total; kind += 1) {
        const part = (bins[bin * kinds + kind] / total) * tall;
        paint.fillStyle = severities[kind];
        paint.fillRect((bin * width) / count, bottom - part, BAR - 1, part);
        bottom -= part;
      }
    });
  }

  #ticks(paint, { accent, ink, line }, height) {
    const { at, flags, size } = this.columns;
    paint.fillStyle = line;
    paint.fillRect(0, height - 6, this.clientWidth, 1);
    paint.fillStyle = ink;
    let last = -9;
    for (let i = 0; i < size; i += 1) {
      const x = flags[i] & CHANGE ? this.#x(at[i]) : -9;
      if (x - last < 2 || x < 0) continue;
      paint.fillRect(last = x, height - 5, 2, 5);
    }
    paint.fillStyle = accent;
    for (const [, time] of this.marks) paint.fillRect(this.#x(time) - 0.75, 0, 1.5, height);
  }

  #label() {
    const [since, until] = this.#chosen(), edges = { since, until };
    for (const handle of this.handles) {
      const time = edges[handle.dataset.edge];
      const place = Math.min(Math.max((time - this.from) / (this.to - this.from), 0), 1);
      handle.style.insetInlineStart = `${place * 100}%`;
      handle.setAttribute("aria-valuenow", String(Math.round(place * 100)));
      handle.setAttribute("aria-valuetext", `${new Date(time).toISOString().slice(0, 10)} ${clockOf(time)} UTC`);
    }
    const short = (time) => (this.to - this.from > 86_400_000 ? `${new Date(time).toISOString().slice(5, 10)} ` : "") + clockOf(time).slice(0, 5);
    this.querySelector("[data-from]").textContent = short(this.from);
    this.querySelector("[data-to]").textContent = `${short(this.to)} (${duration(this.to - this.from)})`;
  }

  #tell(since, until) {
    this.dispatchEvent(new CustomEvent("brush", { bubbles: true, detail: { since, until } }));
  }

  #follow(event, move, done) {
    event.preventDefault();
    const target = event.currentTarget;
    target.setPointerCapture(event.pointerId);
    target.addEventListener("pointermove", move);
    target.addEventListener("lostpointercapture", () => {
      target.removeEventListener("pointermove", move);
      done();
    }, { once: true });
  }

  #brush(event) {
    const began = this.#time(event.clientX), before = [this.since, this.until];
    let moved = false;
    this.#follow(event, ({ clientX }) => {
      const here = this.#time(clientX);
      moved ||= Math.abs(clientX - event.clientX) > 3;
      if (!moved) return;
      [this.since, this.until] = [Math.min(began, here), Math.max(began, here)];
      this.draw();
    }, () => {
      const chosen = [this.since, this.until];
      [this.since, this.until] = before;
      if (moved) this.#tell(...chosen);
    });
  }

  #drag(event, edge) {
    const before = [this.since, this.until];
    this.#follow(event, ({ clientX }) => {
      this[edge] = this.#time(clientX);
      this.draw();
    }, () => {
      const [since, until] = this.#chosen();
      [this.since, this.until] = before;
      this.#tell(Math.min(since, until), Math.max(since, until));
    });
    event.currentTarget.focus();
  }

  #step(event, edge) {
    const by = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    let [since, until] = this.#chosen();
    const step = (by * (this.to - this.from)) / STEPS;
    if (edge === "since") since = Math.min(since + step, until - LEAST_MS);
    else until = Math.max(until + step, since + LEAST_MS);
    this.#tell(Math.round(since), Math.round(until));
  }
}

customElements.define("time-map", TimeMap);
