// Decisions about the timeline in the browser: which events are in sight, and the rows between them. No DOM here.
// An event is a handle: its place by time. What is known of all of them stands in columns.

export const SEVERITIES = ["critical", "high", "medium", "low", "info"];
export const SOURCES = ["git", "ci", "logs", "metrics", "traces", "alerts", "manual"];
export const CAUSE = 1, CONFIRMED = 2, MANUAL = 4, REJECTED = 8, CHANGE = 16;
export const EVENT = 0, BURST = 1, DAY = 2, GAP = 3, MARK = 4, SLIM = 5;
const TALL = 44, LOW = 26;
export const HEIGHTS = [TALL, TALL, LOW, LOW, LOW, LOW];
const GAP_MS = 600_000, DAY_MS = 86_400_000, SILENCE_MS = 300_000;
/** So many events are selected together, and of a burst the first so many. */
export const MOST_PICKED = 200;
const LEAST_FOLDED = 5, MOST_CHANGES = 200;

/** Unpack what the server sends of all events. */
export function unpack({ revision, start, steps, severity, source, flags, said, marks }) {
  const size = steps.length;
  const at = new Float64Array(size);
  let time = start;
  for (let i = 0; i < size; i += 1) at[i] = time += steps[i];
  const numbers = (text) => Uint8Array.from(text, (char) => char.charCodeAt(0) - 48);
  return { revision, size, at, severity: numbers(severity), source: numbers(source), flags: numbers(flags), said: Uint32Array.from(said), marks };
}

/** Return the first place in an ascending array whose value is not less than `value`. */
export function lowerBound(array, value) {
  let low = 0, high = array.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (array[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

const STATES = {
  "": (flags) => !(flags & REJECTED),
  cause: (flags) => flags & CAUSE,
  confirmed: (flags) => flags & CONFIRMED,
  manual: (flags) => flags & MANUAL,
  rejected: (flags) => flags & REJECTED,
  suggested: (flags) => !(flags & (CONFIRMED | MANUAL | REJECTED)),
};

/**
 * Return the handles in sight, oldest first, and how many the filters hide.
 * A change that only severity or source hides stays, as a slim row, as long as these are few; what is pinned stays.
 */
export function inSight(columns, { severity, source, state, since, until, matched, pinned }) {
  const { at, size } = columns;
  const [from, to] = [since ? lowerBound(at, since) : 0, until ? lowerBound(at, until + 1) : size];
  const stands = STATES[state] ?? STATES[""];
  const wanted = (all, chosen) => all.map((name) => !chosen.length || chosen.includes(name));
  const severities = wanted(SEVERITIES, severity), sources = wanted(SOURCES, source);
  const shown = [], slim = new Set();
  let hidden = 0;
  for (let i = 0; i < size; i += 1) {
    const flags = columns.flags[i];
    const within = i >= from && i < to && stands(flags) && (!matched || matched.has(i));
    if (within && severities[columns.severity[i]] && sources[columns.source[i]]) shown.push(i);
    else if (pinned.has(i)) shown.push(i);
    else {
      if (within && flags & CHANGE && !matched) { shown.push(i); slim.add(i); }
      hidden += flags & REJECTED ? 0 : 1;
    }
  }
  if (slim.size > MOST_CHANGES) return { shown: shown.filter((i) => !slim.has(i)), slim: new Set(), hidden };
  return { shown, slim, hidden };
}

/** Return for each event in sight which burst it is part of, and what each burst holds; bursts of fewer are none. */
function bursts(columns, shown, apart) {
  const of = new Map(), found = [], open = new Map();
  for (const i of shown) {
    const said = columns.said[i];
    if (!said || columns.flags[i] || apart.has(i)) continue;
    let burst = open.get(said);
    if (!burst || columns.at[i] - burst.last > SILENCE_MS) open.set(said, burst = { first: i, members: [], last: 0, severity: 4 });
    if (!burst.members.length) found.push(burst);
    burst.members.push(i);
    burst.last = columns.at[i];
    burst.severity = Math.min(burst.severity, columns.severity[i]);
  }
  for (const burst of found) if (burst.members.length >= LEAST_FOLDED) for (const i of burst.members) of.set(i, burst);
  return of;
}

/** Return the rows top to bottom: kind, what it is about, where it begins in pixels, and each event's row. */
export function layOut(columns, { shown, slim }, { newestFirst, unfolded, apart, marks }) {
  const { at } = columns, rows = { kind: [], about: [], top: [], place: [] }, told = new Set(), rowOf = new Map();
  const folded = bursts(columns, shown, apart);
  let height = 0, place = 0, before = null;
  const put = (kind, about) => {
    rows.kind.push(kind); rows.about.push(about); rows.top.push(height);
    height += HEIGHTS[kind];
    rows.place.push(kind === EVENT || kind === BURST || kind === SLIM ? place += 1 : 0);
  };
  const between = (time) => {
    const day = Math.floor(time / DAY_MS);
    if (before === null || day !== Math.floor(before / DAY_MS)) put(DAY, day * DAY_MS);
    if (before !== null && Math.abs(time - before) >= GAP_MS) put(GAP, Math.abs(time - before));
    before = time;
  };
  const waiting = [...marks].sort((a, b) => (newestFirst ? b[1] - a[1] : a[1] - b[1]));
  const markUpTo = (time) => {
    while (waiting.length && (newestFirst ? waiting[0][1] > time : waiting[0][1] <= time)) {
      between(waiting[0][1]);
      put(MARK, waiting.shift());
    }
  };
  for (let n = 0; n < shown.length; n += 1) {
    const i = shown[newestFirst ? shown.length - 1 - n : n];
    const burst = folded.get(i);
    if (burst && told.has(burst) && !unfolded.has(burst.first)) { rowOf.set(i, rowOf.get(burst)); continue; }
    markUpTo(at[i]);
    between(at[i]);
    if (burst && !told.has(burst)) {
      told.add(burst);
      rowOf.set(burst, rows.kind.length);
      burst.head = i;
      put(BURST, burst);
      if (!unfolded.has(burst.first)) { rowOf.set(i, rowOf.get(burst)); continue; }
    }
    rowOf.set(i, rows.kind.length);
    put(slim.has(i) ? SLIM : EVENT, i);
  }
  if (shown.length) markUpTo(newestFirst ? -Infinity : Infinity);
  rows.top.push(height);
  return { ...rows, top: Float64Array.from(rows.top), size: rows.kind.length, height, options: place, rowOf };
}

const two = (number) => String(number).padStart(2, "0");

/** Return a length of time in its two largest units: "40 s", "12 min", "3 h 20 min". */
export function duration(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const [d, h, m] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (d) return h ? `${d} d ${h} h` : `${d} d`;
  if (h) return m ? `${h} h ${m} min` : `${h} h`;
  return m ? `${m} min` : `${seconds} s`;
}

function offset(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000), sign = milliseconds < 0 ? "-" : "+";
  const [d, h, m] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (d) return `${sign}${d}d${two(h)}h`;
  return h ? `${sign}${h}h${two(m)}m` : `${sign}${m}m${two(seconds % 60)}s`;
}

export const clockOf = (time) => new Date(time).toISOString().slice(11, 19);

/** Return a time as the timeline shows it: of day, from detection, or from the row above. */
export function timeOf(time, mode, { detected, above }) {
  if (mode === "relative") return `t${offset(time - detected)}`;
  if (mode !== "delta" || above === null) return clockOf(time);
  const apart = time - above;
  return Math.abs(apart) < 60_000 ? `${apart < 0 ? "-" : "+"}${(Math.abs(apart) / 1000).toFixed(1)}s` : offset(apart);
}
