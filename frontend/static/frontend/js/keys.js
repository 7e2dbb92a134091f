// Keyboard shortcuts: one registry, one listener, and the sheet that prints the registry.

const OFF = "rca.keys.off";
const SEQUENCE_MS = 1000;
// What works while one types.
const FROM_FIELDS = ["mod+s", "mod+k", "Escape"];
const shortcuts = [];
let pending = "";
let forget = 0;

const ask = (selector) => document.querySelector(selector);
const go = (path) => () => location.assign(path);

/**
 * Add a shortcut: keys such as "j" or "g i", what it does in words, and the function that does it, or returns false
 * where it can do nothing; then the next one with these keys is tried. `before`: this one is tried before others.
 */
export function shortcut(keys, words, action, { before = false } = {}) {
  shortcuts[before ? "unshift" : "push"]({ keys, words, action });
}

export const enabled = () => localStorage.getItem(OFF) === null;

function typing(target) {
  return target.isContentEditable || target.matches("input:not([type=checkbox], [type=radio]), textarea, select");
}

function pressed(event) {
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && !event.altKey && (key === "s" || key === "k")) return `mod+${key}`;
  return event.ctrlKey || event.metaKey || event.altKey ? "" : event.key;
}

function onKey(event) {
  if (event.isComposing || event.defaultPrevented || !enabled()) return;
  const key = pressed(event);
  if (!key || ask("dialog[open]") || (typing(event.target) && !FROM_FIELDS.includes(key))) return;
  clearTimeout(forget);
  const found = shortcuts.filter(({ keys }) => keys === `${pending} ${key}` || (!pending && keys === key));
  pending = !found.length && !pending && shortcuts.some(({ keys }) => keys.startsWith(`${key} `)) ? key : "";
  if (pending) forget = setTimeout(() => { pending = ""; }, SEQUENCE_MS);
  if (found.some(({ action }) => action(event) !== false)) event.preventDefault();
}

/** Move the focus along the links of a list; on the timeline the event that has it opens. */
function step(by) {
  const links = [...document.querySelectorAll("[data-step]")];
  if (!links.length) return false;
  const at = links.findIndex((link) => link === document.activeElement);
  const chosen = links.findIndex((link) => link.hasAttribute("aria-current"));
  const from = at >= 0 ? at : chosen;
  const next = links[from < 0 ? 0 : Math.min(Math.max(from + by, 0), links.length - 1)];
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  next.dispatchEvent(new CustomEvent("step", { bubbles: true }));
  return true;
}

const arrow = (by) => () => (document.activeElement?.matches("[data-step]") ? step(by) : false);

function open() {
  const link = document.activeElement?.matches("[data-step]") ? document.activeElement : ask("[data-step][aria-current]");
  if (!link) return false;
  link.click();
  return true;
}

function leave() {
  if (!typing(document.activeElement)) return false;
  document.activeElement.blur();
  return true;
}

function save() {
  const form = document.activeElement?.closest("form[method=post]") ?? ask("form.form[method=post]");
  if (!form) return false;
  form.requestSubmit(form.querySelector("button[type=submit]:not([name=preview])"));
  return true;
}

/** Return the shortcuts, of those with the same keys the one that is tried first. */
function unique() {
  return [...new Map([...shortcuts].reverse().map((one) => [one.keys, one])).values()].reverse();
}

/** Move the focus to the next part of the page that can have it: the timeline, the details, the notes. */
function nextPane(by) {
  const panes = [...document.querySelectorAll(".pane")].map((pane) => pane.querySelector("[role=listbox]") ?? pane);
  if (!panes.length) return false;
  const at = panes.findIndex((pane) => pane.closest(".pane").contains(document.activeElement));
  const next = panes[(at + by + panes.length) % panes.length];
  if (!next.hasAttribute("tabindex")) next.tabIndex = -1;
  next.focus();
  return true;
}

async function sheet() {
  const { keyNames } = await import("palette");
  const dialog = document.createElement("dialog");
  dialog.className = "sheet";
  dialog.setAttribute("aria-labelledby", "sheet-title");
  const title = Object.assign(document.createElement("h2"), { id: "sheet-title", textContent: "Keyboard shortcuts" });
  const list = Object.assign(document.createElement("dl"), { tabIndex: 0 }); // it scrolls, so the keyboard must reach it
  for (const { keys, words } of unique()) {
    const term = document.createElement("dt");
    for (const name of keyNames(keys)) term.append(name, " ");
    list.append(term, Object.assign(document.createElement("dd"), { textContent: words }));
  }
  const label = document.createElement("label");
  const toggle = Object.assign(document.createElement("input"), { type: "checkbox", checked: enabled() });
  toggle.addEventListener("change", () => {
    if (toggle.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "1");
  });
  label.append(toggle, " Shortcuts are on");
  const close = Object.assign(document.createElement("button"), { type: "submit", className: "button", textContent: "Close", autofocus: true });
  const form = Object.assign(document.createElement("form"), { method: "dialog", className: "pager" });
  form.append(label, close);
  dialog.append(title, list, form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

export function start() {
  shortcut("j", "Next on the list", () => step(1));
  shortcut("k", "Previous on the list", () => step(-1));
  shortcut("ArrowDown", "Next, while on the list", arrow(1));
  shortcut("ArrowUp", "Previous, while on the list", arrow(-1));
  shortcut("o", "Open", open);
  shortcut("/", "Search or filter", () => { ask("[data-filter]")?.focus(); ask("[data-filter]")?.select(); });
  shortcut("Escape", "Leave the field", leave);
  shortcut("n", "Write a note", () => (ask(".note-form textarea") ? ask(".note-form textarea").focus() : false));
  shortcut("mod+s", "Save what you write", save);
  shortcut("mod+k", "Commands", async () => (await import("palette")).openPalette(unique().filter(({ keys }) => keys !== "mod+k")));
  shortcut("F6", "Next pane", (event) => nextPane(event?.shiftKey ? -1 : 1));
  shortcut("g a", "Go to analytics", () => { const link = ask('nav a[href^="/analytics"]'); link?.click(); return Boolean(link); });
  shortcut("g i", "Go to investigations", go("/investigations/"));
  shortcut("g e", "Go to events", go("/events/"));
  shortcut("g c", "Go to connectors", go("/connectors/"));
  shortcut("?", "This list", sheet);
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-keys-sheet]")) {
      event.target.closest("details")?.removeAttribute("open");
      sheet();
    }
  });
}
