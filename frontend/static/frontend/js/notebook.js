// The notebook: quoting events in what one writes, and who else looks at the investigation.

import { toast } from "toast";

const LOOK_IN_MS = 20_000;
let last = null;

const chosen = () => new URL(location.href).searchParams.get("event");
const cookie = (name) => document.cookie.split("; ").find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";

/** Put an event as a chip where the writer's cursor stood last, else into the first text of the notebook. */
export function quote(event) {
  const field = last?.isConnected ? last : document.querySelector("#notes textarea");
  if (!field) {
    toast("Open the notes or the findings to quote an event there.");
    return;
  }
  const [start, end] = [field.selectionStart, field.selectionEnd];
  const gap = start && !/\s/.test(field.value[start - 1]) ? " " : "";
  field.setRangeText(`${gap}[[${event}]] `, start, end, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

/** What is offered follows the event in the details pane. */
function follow() {
  const event = chosen();
  document.querySelectorAll("[data-quote-chosen]").forEach((button) => { button.hidden = !event; });
  for (const select of document.querySelectorAll("select[data-follows-chosen]")) {
    if ([...select.options].some((option) => option.value === event)) select.value = event;
  }
}

class WhoIsHere extends HTMLElement {
  connectedCallback() {
    this.look();
    this.looking = setInterval(() => document.visibilityState === "visible" && this.look(), LOOK_IN_MS);
  }

  disconnectedCallback() {
    clearInterval(this.looking);
  }

  async look() {
    try {
      const answer = await fetch(this.getAttribute("address"), { method: "POST", headers: { "HX-Request": "true", "X-CSRFToken": cookie("csrftoken") } });
      const html = answer.ok ? (await answer.text()).trim() : "";
      if (this.said !== html) this.innerHTML = this.said = html;
    } catch {
      // Offline: who is here is not known, and not pretended.
      this.innerHTML = this.said = "";
    }
  }
}

export function start() {
  customElements.define("who-is-here", WhoIsHere);
  document.addEventListener("focusin", ({ target }) => { if (target.matches("#notes form[data-draft] textarea")) last = target; });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-quote], [data-quote-chosen]");
    if (button) quote(button.dataset.quote ?? chosen());
  });
  for (const name of ["htmx:pushedIntoHistory", "htmx:load", "popstate"]) addEventListener(name, follow);
  follow();
}
