// <form data-autosave="address of the object in the API">: saves by itself what one stops typing, over the version it was
// made from. A version that has moved on is merged; a session that ended and a network that is away are waited for.
// <form data-autosave-new="address of the list">: what one begins is made there first, under an id of the writer's own, so
// that it is made once however often that is tried.

import { alike, changed, clock, disown, fields, keep, original, ownId, say, settle, settleConflict, settleField } from "drafts";

const PAUSE_MS = 5_000;
const RETRY_MS = 15_000;
const timers = new WeakMap();
const saving = new WeakSet();
const waiting = new Set();
const refusedForms = new Set();

const cookie = (name) => document.cookie.split("; ").find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
const column = (field) => field.name.replace(/^.*-/, "");
const SAVED_FORMS = "form[data-autosave], form[data-autosave-new]";
const version = (form) => form.querySelector("input[name$=version]");

function later(form, after = PAUSE_MS) {
  clearTimeout(timers.get(form));
  timers.set(form, setTimeout(() => form.isConnected && save(form), after));
}

function wait(form, words) {
  say(form, "kept", words);
  waiting.add(form);
  later(form, RETRY_MS);
}

/** Whether the person who signed in, perhaps in another tab, is the one who typed: nobody's words go out under another name. */
async function stillMe() {
  const answer = await fetch("/api/v1/me", { headers: { Accept: "application/json" } });
  return answer.ok && (await answer.json()).id === document.body.dataset.user;
}

/** Take up what the server holds now; true when nothing that was typed here is touched by it. */
function takeUp(form, present) {
  let clear = true;
  version(form).value = present.version;
  for (const field of fields(form)) {
    const [base, theirs] = [original(field), present[column(field)] ?? ""];
    if (alike(theirs, base) || alike(theirs, field.value)) settleField(field, theirs);
    else if (alike(field.value, base)) {
      field.value = theirs;
      settleField(field, theirs);
    } else if (field.matches("textarea")) {
      clear = false;
      settleConflict(form, field, { base, theirs, by: present.updated_by_name ?? "Somebody" });
    }
  }
  keep(form);
  return clear;
}

const headers = (more) => ({ "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": cookie("csrftoken"), ...more });

/** Make on the server what has only been typed so far; what follows is saved over it. */
async function begin(form, typed) {
  const sent = Object.fromEntries(typed.map((field) => [column(field), field.value]));
  const answer = await fetch(form.dataset.autosaveNew, { method: "POST", headers: headers(), body: JSON.stringify({ id: ownId(form), ...sent }) });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) return failed(form, answer, said);
  form.dataset.autosave = `${form.dataset.autosaveNew}/${said.id}`;
  // What was made under this id before, in another tab or before a crash, may say something else.
  return settled(form, typed, Object.fromEntries(typed.map((field) => [column(field), said[column(field)]])), said);
}

async function send(form, typed) {
  const sent = Object.fromEntries(typed.map((field) => [column(field), field.value]));
  const answer = await fetch(form.dataset.autosave, {
    method: "PATCH", headers: headers({ "If-Match": `"${version(form).value}"` }), body: JSON.stringify(sent),
  });
  const said = await answer.json().catch(() => ({}));
  return answer.ok ? settled(form, typed, sent, said) : failed(form, answer, said);
}

/** The server has what was sent; what was typed meanwhile comes next. */
function settled(form, typed, sent, said) {
  version(form).value = said.version;
  for (const field of typed) settleField(field, sent[column(field)]);
  keep(form);
  form.querySelector(".draft-note")?.remove();
  if (changed(form).length) return later(form);
  settle(form);
  return say(form, "saved", `Saved ${clock()}`);
}

function failed(form, answer, said) {
  // The same words went out twice, or somebody changed another field: then there is nothing to ask anybody.
  if (answer.status === 412 || answer.status === 409) return (said.present ? takeUp(form, said.present) : true) && later(form, 0);
  if (answer.status === 401 || answer.status === 403) return refused(form, said);
  if (answer.status >= 500 || answer.status === 429) return wait(form, "The server does not answer: kept in this browser");
  if (said.errors?.id && !form.dataset.anew) {
    // The note under this id was deleted meanwhile: the words become another one.
    form.dataset.anew = "true";
    delete form.dataset.autosave;
    disown(form);
    return later(form, 0);
  }
  if (said.errors?.id) disown(form); // a clock that is far off makes no id that counts: the button needs none
  return say(form, "bad", `Not saved: ${Object.values(said.errors ?? {}).flat().join(" ") || said.detail || answer.status}`);
}

async function refused(form, said) {
  if (await stillMe()) return cookie("csrftoken") && said.detail?.includes("CSRF") ? later(form, RETRY_MS) : say(form, "bad", `Not saved: ${said.detail ?? "this is not permitted"}`);
  return wait(form, "Signed out: kept in this browser. Sign in again in another tab, and it is saved");
}

async function save(form) {
  clearTimeout(timers.get(form));
  const typed = changed(form);
  if (saving.has(form) || form.querySelector(".merge")) return;
  if (!typed.length) return;
  if (!navigator.onLine) return wait(form, "Offline: kept in this browser");
  saving.add(form);
  waiting.delete(form);
  say(form, "saving", "Saving");
  try {
    if (await stillMe()) await (form.dataset.autosave ? send : begin)(form, typed);
    else wait(form, "Signed out: kept in this browser. Sign in again in another tab, and it is saved");
  } catch {
    wait(form, navigator.onLine ? "The server cannot be reached: kept in this browser" : "Offline: kept in this browser");
  } finally {
    saving.delete(form);
  }
}

const again = () => {
  sendAgain();
  for (const form of waiting) if (form.isConnected) later(form, 0); else waiting.delete(form);
};

/** A form that htmx sent and the ended session kept out is sent again once its writer has signed in. */
async function sendAgain() {
  if (!refusedForms.size || !(await stillMe().catch(() => false))) return;
  for (const form of refusedForms) if (form.isConnected) form.requestSubmit(form.querySelector("button[type=submit]:not([name=preview])"));
  refusedForms.clear();
}

export function start() {
  const formOf = ({ target }) => target.closest?.(SAVED_FORMS);
  document.addEventListener("input", (event) => {
    const form = formOf(event);
    if (!form || event.target.closest(".merge")) return;
    say(form, "kept", navigator.onLine ? "Not saved yet: kept in this browser" : "Offline: kept in this browser");
    later(form);
  });
  document.addEventListener("settled", (event) => formOf(event) && later(formOf(event), 0));
  document.addEventListener("submit", (event) => {
    const form = formOf(event);
    // What is new is sent by the form itself, which then shows it among the others.
    if (!form || form.dataset.autosaveNew || event.submitter?.name === "preview") return;
    event.preventDefault();
    if (changed(form).length) save(form);
    else if (!form.querySelector(".merge")) say(form, "saved", "Everything is saved");
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") again();
    else document.querySelectorAll(SAVED_FORMS).forEach((form) => save(form));
  });
  document.addEventListener("htmx:responseError", ({ detail }) => {
    const form = detail.elt.closest("form[data-draft]");
    if (!form || detail.xhr.status !== 401 || detail.requestConfig.parameters?.has?.("preview")) return;
    say(form, "kept", "Signed out: kept in this browser. Sign in again in another tab, and it is saved");
    refusedForms.add(form);
  });
  document.addEventListener("htmx:sendError", ({ detail }) => {
    const form = detail.elt.closest("form[data-draft]");
    if (form) say(form, "kept", navigator.onLine ? "The server cannot be reached: kept in this browser" : "Offline: kept in this browser");
  });
  addEventListener("online", again);
  addEventListener("focus", again);
}
