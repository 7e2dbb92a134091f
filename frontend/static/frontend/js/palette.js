// The command palette: everything the keyboard can do here, and every page, found by typing.

const shown = (key) => key.replace("mod+", "Ctrl+").replace("ArrowDown", "↓").replace("ArrowUp", "↑").replace("Escape", "Esc");

export const keyNames = (keys) => keys.split(" ").map((key) => Object.assign(document.createElement("kbd"), { textContent: shown(key) }));

/** Show a dialog of commands, each {words, keys, action}; what is chosen is done once it is closed. */
export function openPalette(commands) {
  const dialog = Object.assign(document.createElement("dialog"), { className: "sheet palette" });
  dialog.setAttribute("aria-label", "Commands");
  const field = Object.assign(document.createElement("input"), { type: "search", placeholder: "What do you want to do?", autofocus: true });
  const attributes = { role: "combobox", "aria-label": "Command", "aria-expanded": "true", "aria-controls": "palette-list", "aria-autocomplete": "list" };
  for (const [name, value] of Object.entries(attributes)) field.setAttribute(name, value);
  const list = Object.assign(document.createElement("ul"), { id: "palette-list" });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Commands");
  let found = [], at = 0;

  const draw = () => {
    const wanted = field.value.toLowerCase().split(/\s+/);
    found = commands.filter(({ words }) => wanted.every((word) => words.toLowerCase().includes(word)));
    at = Math.min(at, Math.max(found.length - 1, 0));
    list.replaceChildren(...found.map(({ words, keys }, n) => {
      const row = Object.assign(document.createElement("li"), { id: `command-${n}` });
      row.setAttribute("role", "option");
      row.setAttribute("aria-selected", String(n === at));
      const names = document.createElement("span");
      names.append(...keyNames(keys));
      row.append(words, names);
      row.addEventListener("click", () => choose(n));
      return row;
    }));
    if (found.length) field.setAttribute("aria-activedescendant", `command-${at}`);
    else field.removeAttribute("aria-activedescendant");
    list.children[at]?.scrollIntoView({ block: "nearest" });
  };
  const choose = (n) => {
    dialog.close();
    found[n]?.action();
  };
  field.addEventListener("input", () => { at = 0; draw(); });
  field.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.isComposing || (!by && event.key !== "Enter")) return;
    event.preventDefault();
    if (!by) choose(at);
    else { at = (at + by + found.length) % Math.max(found.length, 1); draw(); }
  });
  const before = document.activeElement;
  dialog.append(field, list);
  dialog.addEventListener("close", () => { dialog.remove(); if (document.activeElement === document.body) before?.focus(); });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  draw();
}
