// What every page loads: shortcuts, drafts, news, and what htmx leaves to the page. Each page works without it.

import { start as startAutosave } from "autosave";
import { settle, start as startDrafts } from "drafts";
import { start as startKeys } from "keys";
import { start as startLive } from "live";
import { start as startNotebook } from "notebook";
import { toast } from "toast";

const SELECT_MS = 120;

function cookie(name) {
  return document.cookie.split("; ").find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
}

document.addEventListener("htmx:configRequest", ({ detail }) => {
  const { parameters, headers, verb } = detail;
  if (verb === "get") {
    // Addresses stay short: a filter that is not set is not in them.
    for (const name of new Set(parameters.keys())) if (parameters.getAll(name).every((value) => !value)) parameters.delete(name);
  } else {
    // Signing in again in another tab changes the token; the cookie has the present one.
    parameters.delete("csrfmiddlewaretoken");
    headers["X-CSRFToken"] = cookie("csrftoken");
  }
});

document.addEventListener("htmx:responseError", ({ detail }) => {
  const words = detail.xhr.getResponseHeader("Content-Type")?.startsWith("text/plain") ? detail.xhr.responseText : "";
  const request = detail.xhr.getResponseHeader("X-Request-Id");
  toast(words || detail.xhr.status === 401 ? detail.xhr.responseText : `That did not work. Nothing you typed is lost; try again. Request ${request ?? "unknown"}`, { error: true });
});
document.addEventListener("htmx:sendError", () => {
  toast("The server cannot be reached. Nothing you typed is lost; try again.", { error: true });
});
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const saved = detail.xhr.status === 200 && detail.requestConfig.verb === "post";
  if (saved && !detail.requestConfig.parameters?.has?.("preview")) settle(detail.requestConfig.elt.closest("form"));
});

/** Show on the list of events which one the details pane holds; the windowed timeline does that for itself. */
function mark(id) {
  for (const link of document.querySelectorAll("[data-step][data-event]")) {
    link.toggleAttribute("aria-current", false);
    if (link.dataset.event !== id) continue;
    link.setAttribute("aria-current", "true");
    link.scrollIntoView({ block: "nearest" });
  }
}
/** Who acted by keyboard goes on from there, although what had the focus was replaced. */
function refocus(acted) {
  const part = acted.closest("[data-holds-focus]");
  if (part?.id && document.activeElement === document.body) document.getElementById(part.id)?.querySelector(part.dataset.holdsFocus)?.focus();
}
document.addEventListener("htmx:afterSettle", ({ detail }) => detail.requestConfig?.verb === "post" && refocus(detail.requestConfig.elt));
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target.id !== "details") return;
  mark(new URL(detail.pathInfo.responsePath ?? location.href, location.href).searchParams.get("event") ?? "");
  detail.target.querySelector(".pane-scroll")?.scrollTo(0, 0);
  if (matchMedia("(max-width: 47.99rem)").matches) detail.target.scrollIntoView();
});

// What is waited for says so; the eye learns of it only when it takes long (the style waits).
for (const [name, busy] of [["htmx:beforeRequest", true], ["htmx:afterRequest", false]]) {
  document.addEventListener(name, ({ detail }) => detail.target?.setAttribute("aria-busy", String(busy)));
}

let selecting = 0;
document.addEventListener("step", ({ target }) => {
  clearTimeout(selecting);
  // The timeline may take the list over meanwhile, and goes on with what was chosen; a link that is gone would load a page.
  if (target.dataset.event) selecting = setTimeout(() => target.isConnected && target.click(), SELECT_MS);
});

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  toast("Copied.");
});

/** Count the characters of a text that has a limit; the server refuses more, so nothing is cut off here. */
function count(field) {
  const limit = Number(field.dataset.limit);
  const foot = field.parentElement.querySelector("[data-count]");
  if (!foot) return;
  const length = [...field.value].length;
  foot.textContent = `${length} / ${limit}`;
  foot.toggleAttribute("data-over", length > limit);
}
document.addEventListener("input", ({ target }) => target.dataset.limit && count(target));

startKeys();
startAutosave();
startDrafts();
startNotebook();
startLive();
document.querySelectorAll("[data-limit]").forEach(count);
document.querySelector("[aria-invalid=true]:not(.samples *)")?.focus();
document.querySelector("[data-event][aria-current]")?.scrollIntoView({ block: "center" });
