// <time-line>: takes over the list of events once it has the bones of all of them. The address holds the whole state.

import "minimap";
import { BURST, EVENT, inSight, layOut, lowerBound, MOST_PICKED, SLIM, unpack } from "columns";
import { fillRow, makeRow } from "row";
import { shortcut } from "keys";
import { toast } from "toast";
import { Windowed } from "windowed";

const TYPING_MS = 250, SELECT_MS = 120, FETCH_MS = 40, SAY_MS = 700, MOST_ROWS = 200;
const MODES = ["absolute", "relative", "delta"];
const ask = (selector) => document.querySelector(selector);

async function fetchJSON(address, options = {}) {
  const answer = await fetch(address, { headers: { "HX-Request": "true" }, ...options });
  if (answer.ok) return answer.json();
  throw Object.assign(new Error(await answer.text()), { status: answer.status });
}

class TimeLine extends HTMLElement {
  async connectedCallback() {
    if (this.view) return; // it was only moved
    Object.assign(this, { form: ask(".timeline-filters"), map: ask("time-map"), scroller: this.parentElement });
    this.view = { words: new Map(), unfolded: new Set(), pinned: new Set(), picked: new Set(), icons: this.getAttribute("icons"), active: -1, address: (id) => this.#address({ event: id }) };
    this.matched = null;
    this.#hear();
    try {
      await (this.refreshing = this.#fetch().finally(() => { this.refreshing = null; }));
    } catch (problem) {
      this.#fail(problem);
    }
  }

  // --- State: the address ------------------------------------------------------------------------------------------

  get state() {
    const query = new URLSearchParams(location.search), time = (name) => (query.get(name) ? Date.parse(query.get(name)) || null : null);
    return {
      q: query.get("q") ?? "", source: query.getAll("source"), severity: query.getAll("severity"), state: query.get("state") ?? "",
      since: time("since"), until: time("until"), newestFirst: query.get("order") !== "oldest",
      mode: MODES.includes(query.get("time")) ? query.get("time") : MODES[0], event: query.get("event") ?? "",
    };
  }

  /** Return the present address with some of its parameters changed; empty ones are left out. */
  #address(changes) {
    const query = new URLSearchParams(location.search);
    query.delete("after");
    for (const [name, value] of Object.entries(changes)) {
      query.delete(name);
      for (const one of [value].flat()) if (one) query.append(name, one);
    }
    return query.size ? `${location.pathname}?${query}` : location.pathname;
  }

  go(changes, { push = false } = {}) {
    const address = this.#address(changes);
    if (address === location.pathname + location.search) return;
    history[push ? "pushState" : "replaceState"](null, "", address);
    this.#sync();
  }

  /** Show what the address says. */
  async #sync() {
    const { q, state, event, mode, newestFirst } = this.state;
    const field = this.form.elements.q;
    if (document.activeElement !== field) field.value = q;
    this.form.elements.state.value = state;
    for (const box of this.form.querySelectorAll("[type=checkbox]")) box.checked = this.state[box.name].includes(box.value);
    for (const [name, at] of [["time", MODES.indexOf(mode)], ["order", newestFirst ? 0 : 1]]) {
      document.querySelectorAll(`[data-switch=${name}] a`).forEach((link, n) => (n === at ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
    }
    if (event !== this.view.selected) this.#open(event);
    if (!this.columns) return;
    await this.#match(q);
    this.#lay();
    if (event) this.#mark(event);
  }

  async #match(q) {
    if (q === (this.searched ?? "")) return;
    this.searched = q;
    if (!q) { this.matched = null; return; }
    try {
      const answer = await fetchJSON(`${this.getAttribute("matches")}?revision=${this.columns.revision}&q=${encodeURIComponent(q)}&state=${this.state.state}`);
      if (this.searched === q) this.matched = new Set(answer.handles);
    } catch (problem) {
      this.searched = null;
      if (problem.status === 409) await this.refresh();
      else toast(problem.message, { error: true });
    }
  }

  // --- Rows --------------------------------------------------------------------------------------------------------

  async #fetch() {
    const told = unpack(await fetchJSON(this.getAttribute("bones"), { cache: "no-cache" }));
    if (told.revision === this.columns?.revision) return;
    const words = await this.#wordsAround(told);
    const before = this.columns, anchor = before && this.#anchor();
    Object.assign(this.view, { columns: told, words, detected: told.marks.find(([label]) => label === "Detected")?.[1] ?? 0 });
    this.columns = told;
    this.view.unfolded.clear();
    this.searched = "";
    await this.#match(this.state.q);
    this.#lay();
    if (!before) this.#begin();
    else this.#keep(anchor, told.size - before.size);
  }

  /** Fetch the words of what will be in sight before the rows change, so that none is blank for a moment. */
  async #wordsAround(columns) {
    const pins = JSON.parse(localStorage.getItem(this.#pinKey) ?? "[]");
    const at = this.columns ? lowerBound(columns.at, this.#anchor()?.time ?? Infinity) : this.state.newestFirst ? columns.size : 0;
    const first = Math.max(Math.min(at - 60, columns.size - 120), 0);
    const near = Array.from({ length: Math.min(120, columns.size) }, (_, n) => first + n);
    const base = `${this.getAttribute("rows")}?revision=${columns.revision}`, words = new Map();
    const known = [...new Set([...pins, this.state.event])].filter(Boolean);
    const answers = await Promise.all([
      near.length ? fetchJSON(`${base}&handles=${near}`) : { rows: {} },
      known.length ? fetchJSON(`${base}&${known.map((id) => `event=${encodeURIComponent(id)}`).join("&")}`) : { rows: {} },
    ]);
    for (const { rows } of answers) for (const [handle, said] of Object.entries(rows)) words.set(Number(handle), said);
    this.view.pinned = new Set([...words].filter(([, said]) => pins.includes(said[0])).map(([handle]) => handle));
    return words;
  }

  #begin() {
    const list = document.createElement("ol");
    list.className = "events windowed";
    list.tabIndex = 0;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-labelledby", "timeline-title");
    list.setAttribute("aria-multiselectable", "true");
    this.note = Object.assign(document.createElement("p"), { className: "events-note timeline-note", hidden: true });
    this.said = Object.assign(document.createElement("p"), { className: "visually-hidden" });
    this.said.setAttribute("role", "status");
    this.scroller.before(this.note);
    const walked = this.scroller.contains(document.activeElement) && document.activeElement.dataset.event;
    this.scroller.replaceChildren(this, list);
    this.append(this.said);
    this.list = list;
    list.addEventListener("click", (event) => this.#onClick(event));
    this.windowed = new Windowed(this.scroller, list, {
      make: makeRow, fill: (node, row) => fillRow(node, row, this.view), seen: (first, last) => this.#seen(first, last),
    });
    this.windowed.show(this.view.rows);
    this.#say();
    this.setAttribute("ready", "");
    performance.mark("timeline");
    if (walked) {
      list.focus({ preventScroll: true });
      this.go({ event: walked });
    } else if (this.state.event) this.#mark(this.state.event, { centre: true });
  }

  #lay() {
    const { state } = this;
    Object.assign(this.view, { mode: state.mode, above: (row) => this.#above(row) });
    const sight = inSight(this.columns, { ...state, matched: this.matched, pinned: this.view.pinned });
    const chosen = this.#handleOf(state.event);
    const apart = new Set([...this.view.pinned, chosen]);
    this.view.rows = layOut(this.columns, sight, { newestFirst: state.newestFirst, unfolded: this.view.unfolded, apart, marks: this.#marks(state) });
    Object.assign(this, { sight });
    this.view.active = this.view.rows.rowOf.get(chosen) ?? -1;
    this.map.show(this.columns, { marks: this.columns.marks, silences: this.#silences() });
    this.map.span = state;
    if (!this.list) return;
    this.windowed.show(this.view.rows);
    this.#say();
  }

  #marks({ since, until }) {
    return this.columns.marks.filter(([, time]) => (since === null || time >= since) && (until === null || time <= until));
  }

  #silences() {
    return [...document.querySelectorAll(".silences [data-since]")].map(({ dataset }) => [Date.parse(dataset.since), Date.parse(dataset.until)]);
  }

  #above(row) {
    const { kind, about } = this.view.rows;
    for (let at = row - 1; at >= 0 && row - at < 4; at -= 1) {
      if (kind[at] === EVENT || kind[at] === SLIM) return this.columns.at[about[at]];
      if (kind[at] === BURST) return this.columns.at[about[at].head];
    }
    return null;
  }

  #handleOf(id) {
    if (!id) return -1;
    for (const [handle, words] of this.view.words) if (words[0] === id) return handle;
    return -1;
  }

  #seen(first, last) {
    clearTimeout(this.fetching);
    this.fetching = setTimeout(async () => {
      const { kind, about } = this.view.rows, { words } = this.view, missing = [], blank = [], { revision } = this.columns;
      for (let row = first; row < last; row += 1) {
        const handle = kind[row] === BURST ? about[row].head : kind[row] === EVENT || kind[row] === SLIM ? about[row] : -1;
        if (handle < 0 || words.has(handle)) continue;
        missing.push(handle);
        blank.push(row);
      }
      if (!missing.length) return;
      try {
        const { rows } = await fetchJSON(`${this.getAttribute("rows")}?revision=${revision}&handles=${missing.slice(0, MOST_ROWS)}`);
        if (revision !== this.columns.revision) return;
        for (const handle of missing) words.set(handle, rows[handle] ?? ["", "This event is gone", "", "", 0]);
        this.windowed.again(blank);
      } catch (problem) {
        if (problem.status === 409) this.refresh();
      }
    }, FETCH_MS);
  }

  /** Say how many are in sight and how many are not, to the eye at once and to the ear when it has settled. */
  #say() {
    const { hidden, slim } = this.sight, shown = this.sight.shown.length - slim.size;
    this.note.hidden = hidden === 0;
    const all = Object.assign(document.createElement("button"), { type: "button", className: "button button-quiet", textContent: "Show all" });
    all.addEventListener("click", () => this.clear());
    this.note.replaceChildren(`${shown.toLocaleString("en")} shown, ${hidden.toLocaleString("en")} hidden by filters `, all);
    this.list.hidden = !this.sight.shown.length;
    this.querySelector(".empty")?.remove();
    if (!this.sight.shown.length) this.append(Object.assign(document.createElement("p"), { className: "empty", textContent: "No linked event matches." }));
    clearTimeout(this.saying);
    this.saying = setTimeout(() => { this.said.textContent = hidden ? `${shown} events shown, ${hidden} hidden by filters` : `${shown} events shown`; }, SAY_MS);
  }

  clear() {
    this.form.elements.q.value = "";
    this.go({ q: "", source: [], severity: [], state: "", since: "", until: "" });
  }

  #fail(problem) {
    const words = Object.assign(document.createElement("p"), { className: "events-note", textContent: `The whole timeline could not be fetched${problem.status === 401 ? ": your session has ended" : ""}; the first events stand below. ` });
    const again = Object.assign(document.createElement("button"), { type: "button", className: "button button-quiet", textContent: "Try again" });
    again.addEventListener("click", () => location.reload());
    words.append(again);
    this.scroller.prepend(words);
  }

  // --- Choosing ----------------------------------------------------------------------------------------------------

  #onClick(event) {
    const link = event.target.closest("[data-row]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.list.focus({ preventScroll: true });
    this.choose(Number(link.dataset.row), { push: true });
  }

  /** Open the event of a row, or fold and unfold a burst. */
  async choose(row, { push = false } = {}) {
    const { kind, about } = this.view.rows;
    if (kind[row] === BURST) return this.#fold(about[row].first);
    const words = this.view.words.get(about[row]);
    if (!words?.[0]) return undefined;
    this.#activate(row);
    return this.go({ event: words[0] }, { push });
  }

  #fold(first) {
    const { unfolded } = this.view;
    if (!unfolded.delete(first)) unfolded.add(first);
    const anchor = this.#anchor();
    this.#lay();
    this.#keep(anchor, 0);
  }

  #open(id) {
    this.view.selected = id;
    const address = this.#address({ event: id });
    return window.htmx?.ajax("GET", address, { target: "#details", swap: "innerHTML", source: this });
  }

  /** Mark which event the details pane shows, wherever it was chosen. */
  async #mark(id, { centre = false } = {}) {
    this.view.selected = id;
    let handle = this.#handleOf(id);
    if (handle < 0 && id && this.columns) {
      const { revision } = this.columns;
      const { rows } = await fetchJSON(`${this.getAttribute("rows")}?revision=${revision}&event=${encodeURIComponent(id)}`).catch(() => ({ rows: {} }));
      for (const [found, words] of Object.entries(rows)) this.view.words.set(handle = Number(found), words);
      if (handle >= 0) this.#lay();
    }
    const row = this.view.rows?.rowOf.get(handle);
    if (row === undefined) this.windowed?.refresh();
    else this.#activate(row, { centre });
  }

  #activate(row, options) {
    this.view.active = row;
    if (!this.windowed) return;
    this.windowed.reveal(row, options);
    this.windowed.refresh();
    this.list.setAttribute("aria-activedescendant", `option-${row}`);
  }

  /** Go some options down or up from the active one; what has settled opens. */
  step(by) {
    const { kind, size } = this.view.rows ?? {};
    if (!size || this.list.hidden) return false;
    const isOption = (row) => kind[row] === EVENT || kind[row] === BURST || kind[row] === SLIM;
    let row = this.view.active, left = Math.abs(by);
    if (row < 0) row = by > 0 ? this.windowed.range[0] - 1 : this.windowed.range[1];
    for (let at = row + Math.sign(by); at >= 0 && at < size && left; at += Math.sign(by)) if (isOption(at)) { row = at; left -= 1; }
    if (row < 0 || row >= size) return false;
    this.list.focus({ preventScroll: true });
    this.#activate(row);
    clearTimeout(this.selecting);
    if (kind[row] !== BURST) this.selecting = setTimeout(() => this.choose(row), SELECT_MS);
    return true;
  }

  get #pinKey() {
    return `rca.pins.${document.body.dataset.user}.${this.getAttribute("case")}`;
  }

  pin() {
    const { kind, about } = this.view.rows, row = this.view.active;
    const words = row >= 0 && kind[row] !== BURST && this.view.words.get(about[row]);
    if (!words) return false;
    const { pinned } = this.view;
    const now = !pinned.delete(about[row]);
    if (now) pinned.add(about[row]);
    localStorage.setItem(this.#pinKey, JSON.stringify([...pinned].map((handle) => this.view.words.get(handle)?.[0]).filter(Boolean).slice(-50)));
    this.#lay();
    toast(now ? "Pinned: it stays whatever the filters say." : "Not pinned any more.");
    return true;
  }

  /** Select the active event, or all of the active burst. */
  select() {
    const { kind, about } = this.view.rows ?? {}, row = this.view.active;
    if (!(row >= 0)) return false;
    const burst = kind[row] === BURST && about[row], handles = burst ? burst.members.slice(0, MOST_PICKED) : [about[row]];
    this.#pick(handles).catch(() => toast("The server cannot be reached. Try again.", { error: true }));
    return true;
  }

  /** Select events; what offers to do something with them comes with the first. */
  async #pick(handles) {
    const [ids, { Selection }] = await Promise.all([this.#ids(handles), import("selection")]);
    if (!this.selection) {
      this.selection = new Selection({
        ids: this.view.picked, decide: this.getAttribute("decide"), changed: () => this.windowed.refresh(), decided: (all) => this.#decided(all),
      });
      this.scroller.before(this.selection.bar);
    }
    if (ids.length) this.selection.toggle(ids);
  }

  /** Return the ids of events, of those whose words are not here yet from the server. */
  async #ids(handles) {
    const { words } = this.view, missing = handles.filter((handle) => !words.has(handle)), { revision } = this.columns;
    if (missing.length) {
      const { rows } = await fetchJSON(`${this.getAttribute("rows")}?revision=${revision}&handles=${missing}`);
      for (const [handle, said] of Object.entries(rows)) words.set(Number(handle), said);
    }
    return handles.map((handle) => words.get(handle)?.[0]).filter(Boolean);
  }

  /** What people made of links shows at once, in the rows and in the details. */
  #decided(ids) {
    this.refresh();
    if (ids.includes(this.state.event)) this.#open(this.state.event);
  }

  /** Let the brush begin or end at the active event. */
  edge(name) {
    const { kind, about } = this.view.rows, row = this.view.active;
    if (row < 0) return false;
    const handle = kind[row] === BURST ? about[row].head : about[row];
    this.go({ [name]: new Date(this.columns.at[handle]).toISOString() }, { push: true });
    return true;
  }

  turnMode() {
    const at = MODES.indexOf(this.state.mode);
    const next = MODES[(at + 1) % MODES.length];
    this.go({ time: next === MODES[0] ? "" : next });
  }

  // --- News --------------------------------------------------------------------------------------------------------

  /** Return what stands at the top of the list, to be found again after the rows have changed. */
  #anchor() {
    if (!this.windowed) return null;
    const [first, last] = this.windowed.range, { kind, about, top } = this.view.rows;
    for (let row = first; row < last; row += 1) {
      if (kind[row] > BURST) continue;
      const handle = kind[row] === BURST ? about[row].head : about[row];
      return { time: this.columns.at[handle], burst: kind[row] === BURST, offset: top[row] - this.scroller.scrollTop, atTop: this.scroller.scrollTop === 0 };
    }
    return null;
  }

  #keep(anchor, more) {
    if (!anchor) return;
    const handle = lowerBound(this.columns.at, anchor.time), row = this.view.rows.rowOf.get(handle);
    if (row !== undefined && !(anchor.atTop && more <= 0)) this.scroller.scrollTop = this.view.rows.top[row] - anchor.offset;
    this.windowed.refresh();
    if (more > 0) this.#chip(more);
  }

  #chip(more) {
    this.fresh = (this.fresh ?? 0) + more;
    this.chip ??= Object.assign(document.createElement("button"), { type: "button", className: "chip fresh-chip" });
    this.chip.textContent = `${this.fresh} new event${this.fresh === 1 ? "" : "s"}`;
    this.chip.onclick = () => {
      this.fresh = 0;
      this.chip.remove();
      this.scroller.scrollTop = this.state.newestFirst ? 0 : this.scroller.scrollHeight;
      this.list.focus({ preventScroll: true });
    };
    this.note.after(this.chip);
    this.said.textContent = this.chip.textContent;
  }

  /** Look whether events came, went or were judged. */
  async refresh() {
    try {
      await (this.refreshing ??= this.#fetch().finally(() => { this.refreshing = null; }));
    } catch {
      // Offline, or the session has ended: the next bell asks again.
    }
    return this.columns?.size;
  }

  // --- Hearing -----------------------------------------------------------------------------------------------------

  #hear() {
    const { form } = this;
    form.addEventListener("submit", (event) => { event.preventDefault(); this.#typed(); });
    form.addEventListener("change", (event) => event.target.name !== "q" && this.#typed());
    form.elements.q.addEventListener("input", (event) => {
      clearTimeout(this.typing);
      if (!event.isComposing) this.typing = setTimeout(() => this.#typed(), TYPING_MS);
    });
    this.map.addEventListener("brush", ({ detail: { since, until } }) => {
      const iso = (time) => (time === null ? "" : new Date(Math.round(time)).toISOString());
      this.go({ since: iso(since), until: iso(until) }, { push: true });
    });
    ask(".timeline .switches").addEventListener("click", (event) => {
      const link = event.target.closest("[data-switch] a");
      if (!link || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const { switch: name } = link.parentElement.dataset;
      this.go({ [name]: new URL(link.href).searchParams.get(name) ?? "" });
    });
    addEventListener("popstate", (event) => !event.state?.htmx && this.#sync());
    document.addEventListener("htmx:afterSwap", ({ detail }) => {
      if (detail.target.id !== "details") return;
      if (detail.requestConfig.verb === "post") this.refresh();
      const id = new URL(detail.pathInfo.responsePath ?? location.href, location.href).searchParams.get("event") ?? "";
      if (detail.requestConfig.verb === "get" && id !== this.view.selected) this.#mark(id);
    });
    document.addEventListener("ring", ({ detail }) => detail.waits.push(this.refresh()));
    document.addEventListener("click", ({ target }) => {
      const button = target.closest("[data-filter-by]");
      if (button) this.#filterBy(button.dataset);
    });
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[data-since]");
      if (!link || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.go({ since: link.dataset.since, until: link.dataset.until }, { push: true });
    });
    this.#keys();
  }

  #typed() {
    const { q, state } = this.form.elements;
    const checked = (name) => [...this.form.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value);
    this.go({ q: q.value.trim(), state: state.value, source: checked("source"), severity: checked("severity") });
  }

  /** Show only what has this word, or only what has not. */
  #filterBy({ filterBy, without }) {
    const word = /\s|-/.test(filterBy) ? `"${filterBy}"` : filterBy, term = without === undefined ? word : `-${word}`;
    const { q } = this.state;
    this.form.elements.q.value = q.includes(term) ? q : `${q} ${term}`.trim();
    this.#typed();
  }

  #keys() {
    const page = () => Math.max(Math.floor(this.scroller.clientHeight / 44) - 1, 1);
    const here = (deed) => () => (document.activeElement === this.list ? deed() : false);
    shortcut("j", "Next event", () => this.step(1), { before: true });
    shortcut("k", "Previous event", () => this.step(-1), { before: true });
    shortcut("ArrowDown", "Next event", here(() => this.step(1)), { before: true });
    shortcut("ArrowUp", "Previous event", here(() => this.step(-1)), { before: true });
    shortcut("Home", "First event", here(() => this.step(-Infinity)));
    shortcut("End", "Last event", here(() => this.step(Infinity)));
    shortcut("PageDown", "A page down", here(() => this.step(page())));
    shortcut("PageUp", "A page up", here(() => this.step(-page())));
    shortcut("Enter", "Open, or unfold", here(() => { if (this.view.active < 0) return false; this.choose(this.view.active, { push: true }); return true; }));
    shortcut("o", "Open, or unfold", () => { if (!(this.view.active >= 0)) return false; this.choose(this.view.active, { push: true }); return true; }, { before: true });
    shortcut("O", "Open at the source", () => { const link = ask("#details [data-external]"); link?.click(); return Boolean(link); });
    ["critical", "high", "medium", "low", "info"].forEach((severity, n) => shortcut(String(n + 1), `Only ${severity}, or not`, () => {
      const box = this.form.querySelector(`[name=severity][value=${severity}]`);
      if (!box) return false;
      box.checked = !box.checked;
      this.#typed();
      return true;
    }));
    shortcut("0", "Clear the filters", () => this.clear());
    shortcut("x", "Select, to decide or quote together", () => this.select());
    shortcut("p", "Pin: it stays whatever the filters say", () => this.pin());
    shortcut("r", "Times of day, from detection, from the row above", () => this.turnMode());
    shortcut("[", "Show only from this event on", () => this.edge("since"));
    shortcut("]", "Show only up to this event", () => this.edge("until"));
    shortcut("z", "Zoom out", () => this.map.zoomOut());
    shortcut("l", "Confirm the link, or link it", () => { const button = ask("#details [value=confirm], #details [name=event]"); button?.click(); return Boolean(button); });
    shortcut("c", "Comment on the event", () => { const field = ask("#comment-body"); field?.focus(); return Boolean(field); });
    shortcut("y", "Copy the address of what you see", async () => { await navigator.clipboard.writeText(location.href); toast("Address copied."); });
    shortcut("Escape", "Close: field, selection, event, brush, filters", () => this.#escape(), { before: true });
  }

  /** One rung down: the field, the selection, the event, the brush, the filters. */
  #escape() {
    if (document.activeElement?.matches("input, textarea, select")) return false;
    const { event, since, until, q, source, severity, state } = this.state;
    if (this.view.picked.size) this.selection.clear();
    else if (event) this.go({ event: "" });
    else if (since || until) this.go({ since: "", until: "" });
    else if (q || state || source.length || severity.length) this.clear();
    else return false;
    return true;
  }
}

customElements.define("time-line", TimeLine);
