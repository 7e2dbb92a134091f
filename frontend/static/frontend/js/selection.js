// Events selected on the timeline (`x`): what is done to all of them at once, and the bar that offers it.

import { MOST_PICKED } from "columns";
import { quote } from "notebook";
import { toast } from "toast";

const cookie = (name) => document.cookie.split("; ").find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
const count = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;

export class Selection {
  /** @param ids which are selected; @param decide where links are decided on together, empty for who may not; `changed` is called when rows look different. */
  constructor({ ids, decide, changed, decided }) {
    Object.assign(this, { ids, decide, changed, decided });
    this.bar = Object.assign(document.createElement("div"), { className: "selection", hidden: true });
    this.bar.setAttribute("role", "group");
    this.bar.setAttribute("aria-label", "Selected events");
    this.words = document.createElement("output");
    this.bar.append(this.words);
    if (decide) {
      this.#button("Confirm", () => this.#judge("confirm"));
      this.#button("Reject", () => this.#judge("reject"));
    }
    this.#button("Quote in note", () => this.ids.forEach((id) => quote(id)));
    this.#button("Clear", () => this.clear());
  }

  #button(words, deed) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "chip", textContent: words });
    button.addEventListener("click", deed);
    this.bar.append(button);
  }

  /** Select all of these, or none of them where all are selected. */
  toggle(ids) {
    const all = ids.every((id) => this.ids.has(id));
    if (!all && this.ids.size + ids.length > MOST_PICKED) {
      toast(`At most ${MOST_PICKED} events are selected together.`, { error: true });
      return;
    }
    for (const id of ids) if (all) this.ids.delete(id); else this.ids.add(id);
    this.#show();
  }

  clear() {
    this.ids.clear();
    this.#show();
  }

  #show() {
    this.bar.hidden = !this.ids.size;
    this.words.textContent = `${this.ids.size} selected`;
    this.changed();
  }

  /** Confirm or reject them all; they stay selected, so that it can be taken back at once. */
  async #judge(decision) {
    const body = new URLSearchParams([["decision", decision], ...[...this.ids].map((id) => ["event", id])]);
    try {
      const answer = await fetch(this.decide, { method: "POST", body, headers: { "HX-Request": "true", "X-CSRFToken": cookie("csrftoken") } });
      if (!answer.ok) throw new Error(await answer.text());
      const { changed } = await answer.json();
      toast(`${count(changed, "link")} ${decision === "confirm" ? "confirmed" : "rejected"}.`);
      this.decided([...this.ids]);
    } catch (problem) {
      toast(problem instanceof TypeError ? "The server cannot be reached. Try again." : problem.message, { error: true });
    }
  }
}
