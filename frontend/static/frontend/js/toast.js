// One line at the corner of the page, read out by screen readers, gone after a while unless it is an error.

const SECONDS = 6;

export function toast(text, { error = false } = {}) {
  document.querySelector(".toast")?.remove();
  const note = document.createElement("div");
  note.className = error ? "message message-error toast" : "message toast";
  note.setAttribute("role", error ? "alert" : "status");
  const words = document.createElement("span");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button button-quiet";
  close.textContent = "Close";
  close.addEventListener("click", () => note.remove());
  note.append(words, close);
  document.body.append(note);
  if (!error) setTimeout(() => note.remove(), SECONDS * 1000);
}
