// How one row of the windowed timeline looks: an event, a burst of the same, or what stands between them.

import { BURST, CAUSE, CHANGE, clockOf, CONFIRMED, DAY, duration, GAP, HEIGHTS, MANUAL, MARK, MOST_PICKED, REJECTED, SEVERITIES, SLIM, SOURCES, timeOf } from "columns";

const KINDS = ["event", "event event-burst", "row-day", "row-gap", "row-mark", "event event-slim"];
const SVG = "http://www.w3.org/2000/svg";
const day = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
const capital = (word) => word[0].toUpperCase() + word.slice(1);

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function icon() {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "icon");
  drawing.setAttribute("aria-hidden", "true");
  drawing.append(document.createElementNS(SVG, "use"));
  return drawing;
}

/** Return an empty row: the words of an event, which are also an option of the list, and the words of what is none. */
export function makeRow() {
  const [source, severity, mark] = [icon(), icon(), icon()];
  const parts = {
    time: element("span", "event-time"), source, title: element("span", "event-title"), mark,
    score: element("span", "event-score"), severity, grade: document.createTextNode(""), type: element("span"), service: element("span"),
  };
  const { time, title, score, grade, type, service } = parts;
  const meta = element("span", "event-meta", element("span", "severity", severity, grade), type, service);
  parts.link = element("a", "", time, element("span", "event-icon", source), title, element("span", "event-state", mark, score), meta);
  parts.link.setAttribute("role", "option");
  parts.link.tabIndex = -1;
  parts.other = element("span", "row-words");
  parts.other.setAttribute("aria-hidden", "true"); // in between options stands nothing else; each says its own time
  const row = element("li", "", parts.link, parts.other);
  row.setAttribute("role", "presentation");
  row.parts = parts;
  return row;
}

/** Set what a node shows only where it differs: most of scrolling is that. */
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function draw(node, icons, name) {
  const address = name ? `${icons}#${name}` : "";
  const use = node.firstChild;
  if (use.getAttribute("href") !== address) use.setAttribute("href", address);
  node.toggleAttribute("hidden", !name);
}

const stateOf = (flags) => (flags & REJECTED ? "rejected" : flags & CONFIRMED ? "confirmed" : flags & MANUAL ? "manual" : "suggested");

function markOf(flags, pinned) {
  if (pinned) return ["pin", "Pinned"];
  if (flags & CAUSE) return ["cause", "Cause"];
  if (flags & REJECTED) return ["cross", "Rejected"];
  return flags & (CONFIRMED | MANUAL) ? ["check", capital(stateOf(flags))] : ["", ""];
}

function fillOther(parts, kind, about) {
  const words = { [DAY]: () => day.format(about), [GAP]: () => `${duration(about)}, nothing`, [MARK]: () => `${about[0]} ${clockOf(about[1])}` };
  say(parts.other, words[kind]());
}

/** Make `node` show a row. `view` knows the columns, the words of each event, and how times are shown. */
export function fillRow(node, row, view) {
  const { rows, columns, icons } = view, kind = rows.kind[row], about = rows.about[row], parts = node.parts;
  const option = kind < DAY || kind === SLIM;
  node.style.blockSize = `${HEIGHTS[kind]}px`;
  parts.link.hidden = !option;
  parts.other.hidden = option;
  if (!option) {
    node.className = KINDS[kind];
    node.removeAttribute("id");
    fillOther(parts, kind, about);
    return;
  }
  const handle = kind === BURST ? about.head : about;
  const severity = SEVERITIES[kind === BURST ? about.severity : columns.severity[handle]];
  const flags = columns.flags[handle], words = view.words.get(handle), source = SOURCES[columns.source[handle]];
  node.className = `${KINDS[kind]} ${severity} link-${stateOf(flags)}${flags & CHANGE ? " event-change" : ""}`;
  if (words && kind !== BURST) node.id = `row-${words[0]}`;
  else node.removeAttribute("id");
  const time = timeOf(columns.at[handle], view.mode, { detected: view.detected, above: view.above(row) });
  const [mark, state] = markOf(flags, view.pinned.has(handle));
  say(parts.time, time);
  parts.time.title = new Date(columns.at[handle]).toISOString().replace("T", " ").replace(".000Z", " UTC");
  draw(parts.source, icons, source);
  draw(parts.severity, icons, severity);
  draw(parts.mark, icons, mark);
  const title = words ? words[1] : "…";
  say(parts.title, kind === BURST ? `${about.members.length}× ${title}` : title);
  say(parts.score, kind === BURST ? (view.unfolded.has(about.first) ? "Fold" : "Unfold") : words ? `${words[4]} %` : "");
  say(parts.grade, capital(severity));
  say(parts.type, kind === BURST ? `within ${duration(about.last - columns.at[about.first])}` : words?.[3] ?? "");
  say(parts.service, words?.[2] ?? "");
  describe(parts.link, row, view, { words, state, source, severity, title, time, burst: kind === BURST && about });
}

/** Say what an option is to those who do not see it. */
function describe(link, row, { rows, address, selected, active, unfolded, picked, words: known }, { words, state, source, severity, title, time, burst }) {
  link.id = `option-${row}`;
  link.href = words && !burst ? address(words[0]) : "#timeline-title";
  link.title = title;
  if (words && !burst) link.dataset.event = words[0];
  else delete link.dataset.event;
  link.dataset.row = row;
  link.setAttribute("aria-posinset", rows.place[row]);
  link.setAttribute("aria-setsize", rows.options);
  const chosen = Boolean(words) && !burst && words[0] === selected;
  const told = (handle) => picked.has(known.get(handle)?.[0]);
  const isPicked = picked.size > 0 && (burst ? burst.members.slice(0, MOST_PICKED).every(told) : picked.has(words?.[0]));
  link.setAttribute("aria-selected", String(picked.size ? isPicked : chosen));
  link.toggleAttribute("data-picked", isPicked);
  link.toggleAttribute("aria-current", chosen);
  if (chosen) link.setAttribute("aria-current", "true");
  link.toggleAttribute("data-active", row === active);
  const count = burst ? `${burst.members.length} times, ${unfolded.has(burst.first) ? "unfolded" : "folded"}, ` : "";
  link.setAttribute("aria-label", [`${count}${title}`, severity, source, words?.[2], time, state].filter(Boolean).join(", "));
}
