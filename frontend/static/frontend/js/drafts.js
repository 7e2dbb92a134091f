// Nothing typed is lost: what stands in a form with `data-draft` is kept in this browser until the form is saved.
// A session that ended, a crash, a closed tab: the words are there when the page is opened again, until their owner signs out.

const PREFIX = `rca.draft.${document.body.dataset.user}.`;
const SENT = "rca.sent";
const key = (form) => PREFIX + form.dataset.draft;
const fields = (form) => [...form.querySelectorAll("textarea, input[type=text]")].filter((field) => field.name);

function keep(form) {
  const changed = fields(form).filter((field) => field.value !== field.defaultValue);
  if (changed.length) localStorage.setItem(key(form), JSON.stringify(Object.fromEntries(changed.map((f) => [f.name, f.value]))));
  else localStorage.removeItem(key(form));
}

function recall(form) {
  const kept = JSON.parse(localStorage.getItem(key(form)) ?? "{}");
  for (const field of fields(form)) {
    const words = kept[field.name];
    // What the server sends back after an error or a conflict is newer than the draft.
    if (words === undefined || form.querySelector(".field-error, .message-error")) continue;
    if (field.value === field.defaultValue && words !== field.value) {
      field.value = words;
      form.closest("details")?.setAttribute("open", "");
      tell(form);
    }
  }
}

function tell(form) {
  if (form.querySelector(".draft-note")) return;
  const note = Object.assign(document.createElement("p"), { className: "draft-note small soft" });
  const drop = Object.assign(document.createElement("button"), {
    type: "button", className: "button button-quiet", textContent: "Discard",
  });
  drop.addEventListener("click", () => {
    localStorage.removeItem(key(form));
    form.reset();
    note.remove();
  });
  note.append("Restored what you had not saved. ", drop);
  form.querySelector(".actions")?.before(note);
}

/** Forget the draft of a form that was saved. */
export function settle(form) {
  if (form?.dataset?.draft) localStorage.removeItem(key(form));
}

function prepare(root) {
  const forms = root.matches?.("form[data-draft]") ? [root] : root.querySelectorAll("form[data-draft]");
  forms.forEach(recall);
}

export function start() {
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-draft]");
    if (form) keep(form);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.draft && event.submitter?.name !== "preview") sessionStorage.setItem(SENT, key(form));
    if (form.getAttribute("action") === "/sign-out") {
      Object.keys(localStorage).filter((name) => name.startsWith(PREFIX)).forEach((name) => localStorage.removeItem(name));
    }
  });
  // Only the server's word that it saved what was sent lets a draft go.
  if (document.querySelector("[data-saved]") && sessionStorage.getItem(SENT)) {
    localStorage.removeItem(sessionStorage.getItem(SENT));
    sessionStorage.removeItem(SENT);
  }
  prepare(document.body);
  document.addEventListener("htmx:load", (event) => prepare(event.detail.elt));
}
