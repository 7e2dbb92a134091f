// Nothing typed is lost: what stands in a form with `data-draft` is kept in this browser until the server has it.
// A session that ended, a crash, a closed tab: the words are there when the page is opened again, until their owner signs
// out. With them is kept what they were made from, so that a colleague's change meanwhile is merged, not written over.

import { merge } from "merge";

const PREFIX = `rca.draft.${document.body.dataset.user}.`;
const SENT = "rca.sent";
const MOST_AGE_MS = 90 * 24 * 3600 * 1000;
const key = (form) => PREFIX + form.dataset.draft;
const unkept = new WeakSet();

export const clock = () => new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
export const fields = (form) => [...form.querySelectorAll("textarea, input[type=text], select")].filter((field) => field.name && !field.hasAttribute("data-follows-chosen"));
/** What a field held when the server last spoke of it. */
export const original = (field) => field.dataset.base ?? (field.matches("select") ? [...field.options].find((option) => option.defaultSelected)?.value ?? "" : field.defaultValue);
// White space around a text is not stored, so it is no change.
export const alike = (one, other) => one.replaceAll("\r\n", "\n").trim() === other.replaceAll("\r\n", "\n").trim();
export const changed = (form) => fields(form).filter((field) => !alike(field.value, original(field)));
/** Let a field count as saved with this value. */
export const settleField = (field, value) => { field.dataset.base = value; };

const idField = (form) => form.querySelector("input[type=hidden][name$=-id]");

export const disown = (form) => { idField(form).value = ""; };

/** Return the id of what a form makes: the writer's own (a version 7 UUID), made with the first try and kept with the draft. */
export function ownId(form) {
  const field = idField(form);
  if (!field.value) {
    const random = crypto.getRandomValues(new Uint8Array(10));
    random[0] = (random[0] & 0x0f) | 0x70;
    random[2] = (random[2] & 0x3f) | 0x80;
    const hex = Date.now().toString(16).padStart(12, "0") + Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
    field.value = hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    keep(form);
  }
  return field.value;
}

/** Say on a form how its text stands: saved, saving, kept (in this browser only) or bad. */
export function say(form, kind, words) {
  let state = form.querySelector(".save-state");
  if (!state) {
    state = Object.assign(document.createElement("output"), { className: "save-state" });
    (form.querySelector(".actions") ?? form).append(state);
  }
  if (state.textContent === words) return;
  state.dataset.kind = kind;
  state.textContent = words;
}

function read(form) {
  try {
    const kept = JSON.parse(localStorage.getItem(key(form)) ?? "{}");
    return Date.now() - kept.at < MOST_AGE_MS ? kept : {};
  } catch {
    return {};
  }
}

/** Write the journal of a form; when the browser cannot, leaving the page is warned of. */
export function keep(form) {
  const typed = changed(form);
  try {
    if (!typed.length) localStorage.removeItem(key(form));
    else {
      const words = Object.fromEntries(typed.map((field) => [field.name, field.value]));
      const base = Object.fromEntries(typed.map((field) => [field.name, original(field)]));
      localStorage.setItem(key(form), JSON.stringify({ words, base, at: Date.now(), id: idField(form)?.value }));
    }
    unkept.delete(form);
  } catch {
    unkept.add(form);
    say(form, "bad", "This browser cannot keep drafts: save before you leave");
  }
}

/** Ask what to make of a text that two people changed; nothing is saved until somebody chooses. */
export function settleConflict(form, field, { base, theirs, by = "Somebody" }) {
  const mine = field.value;
  form.querySelector(`.merge[data-for="${field.name}"]`)?.remove();
  const both = merge(base, mine, theirs);
  const box = Object.assign(document.createElement("div"), { className: "merge" });
  box.dataset.for = field.name;
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", "Conflict");
  const add = (tag, properties) => box.appendChild(Object.assign(document.createElement(tag), properties));
  add("p", { textContent: `${by} changed this while you were writing. ${both.clean ? "The changes go together: look at them merged." : "Both changed the same lines: choose what stands."}` });
  add("h4", { textContent: "Mine" });
  add("pre", { textContent: mine, tabIndex: 0 });
  add("h4", { textContent: "Theirs" });
  add("pre", { textContent: theirs, tabIndex: 0 });
  const label = add("label", { textContent: "Merged" });
  const merged = label.appendChild(Object.assign(document.createElement("textarea"), { rows: 6, value: both.text }));
  const actions = add("p", { className: "actions" });
  const choose = (words, value, primary) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: primary ? "button button-primary" : "button", textContent: words });
    button.addEventListener("click", () => {
      field.value = value();
      settleField(field, theirs);
      box.remove();
      keep(form);
      field.focus();
      form.dispatchEvent(new CustomEvent("settled", { bubbles: true }));
    });
    actions.append(button);
  };
  choose("Use merged", () => merged.value, true);
  choose("Keep mine", () => mine);
  choose("Take theirs", () => theirs);
  (field.closest(".field") ?? field).after(box);
  say(form, "bad", "Conflict: both texts are kept, choose one");
}

function recall(form) {
  const { words = {}, base = {}, id } = read(form);
  if (id && idField(form) && !idField(form).value) idField(form).value = id;
  for (const field of fields(form)) {
    const typed = words[field.name];
    // What the server sends back after an error or a conflict is newer than the draft.
    if (typed === undefined || alike(typed, original(field)) || form.querySelector(".field-error, .message-error")) continue;
    if (!alike(field.value, original(field))) continue;
    const theirs = original(field);
    field.value = typed;
    form.closest("details")?.setAttribute("open", "");
    tell(form);
    if (!alike(base[field.name] ?? "", theirs) && field.matches("textarea")) settleConflict(form, field, { base: base[field.name] ?? "", theirs });
    else field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  // A preview is of what is not saved yet.
  if (form.querySelector(".note-preview")) changed(form).forEach((field) => field.dispatchEvent(new Event("input", { bubbles: true })));
}

function tell(form) {
  if (form.querySelector(".draft-note")) return;
  const note = Object.assign(document.createElement("p"), { className: "draft-note small soft" });
  const drop = Object.assign(document.createElement("button"), {
    type: "button", className: "button button-quiet", textContent: "Discard",
  });
  drop.addEventListener("click", () => {
    for (const field of fields(form)) field.value = original(field);
    form.querySelectorAll(".merge, .save-state").forEach((part) => part.remove());
    keep(form);
    note.remove();
  });
  note.append("Restored what you had not saved. ", drop);
  form.querySelector(".actions")?.before(note);
}

/** Forget the draft of a form that was saved. */
export function settle(form) {
  if (!form?.dataset?.draft) return;
  localStorage.removeItem(key(form));
  unkept.delete(form);
}

/** Another tab of this person typed into the same form: show it where nothing was typed here, else say so. */
function fromOtherTab(name) {
  for (const form of document.querySelectorAll("form[data-draft]")) {
    if (key(form) !== name) continue;
    const { words } = read(form);
    if (!words) continue;
    if (changed(form).length) say(form, "kept", "You are writing this in another tab too");
    else recall(form);
  }
}

function prepare(root) {
  const forms = root.matches?.("form[data-draft]") ? [root] : root.querySelectorAll("form[data-draft]");
  forms.forEach(recall);
}

export function start() {
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-draft]");
    if (!form || event.target.closest(".merge")) return;
    keep(form);
    if (unkept.has(form) || form.dataset.autosave || form.dataset.autosaveNew) return;
    if (changed(form).length) say(form, "kept", navigator.onLine ? "Not saved yet: kept in this browser" : "Offline: kept in this browser");
    else form.querySelector(".save-state")?.remove();
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.draft && event.submitter?.name !== "preview") sessionStorage.setItem(SENT, key(form));
    unkept.delete(form);
    if (form.getAttribute("action") === "/sign-out") {
      Object.keys(localStorage).filter((name) => name.startsWith(PREFIX)).forEach((name) => localStorage.removeItem(name));
    }
  });
  // Only where this browser could not keep what was typed is leaving a loss.
  addEventListener("beforeunload", (event) => {
    if ([...document.querySelectorAll("form[data-draft]")].some((form) => unkept.has(form) && changed(form).length)) event.preventDefault();
  });
  addEventListener("storage", ({ key: name }) => name?.startsWith(PREFIX) && fromOtherTab(name));
  // Only the server's word that it saved what was sent lets a draft go.
  if (document.querySelector("[data-saved]") && sessionStorage.getItem(SENT)) {
    localStorage.removeItem(sessionStorage.getItem(SENT));
    sessionStorage.removeItem(SENT);
  }
  prepare(document.body);
  document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
}
