// leap.js: what pages gain from JavaScript. Everything here improves markup that works without it:
// links stay links, forms stay forms, tables stay tables. No dependency, no eval, no inline style.

const $ = (selector, scope = document) => scope.querySelector(selector);
const $$ = (selector, scope = document) => [...scope.querySelectorAll(selector)];
const root = document.documentElement;

/** An element with properties and children; text is always text. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// ---- saying things --------------------------------------------------------------------------

const voice = make("div", { class: "hush", role: "status", "aria-live": "polite" });
/** Tells screen readers; and, where asked, everybody for two seconds. */
function say(words, show = false) {
  voice.textContent = words;
  if (!show) return;
  $(".toast")?.remove();
  const toast = make("div", { class: "toast", "aria-hidden": "true" }, words);
  document.body.append(toast);
  setTimeout(() => toast.remove(), 2000);
}
document.addEventListener("leap:say", (event) => say(event.detail));

// ---- theme and patterns ---------------------------------------------------------------------
// The server renders data-theme from the cookie, so that nothing flashes. Without JavaScript
// the same buttons post their form to /preferences.

function remember(name, value) {
  document.cookie =
    `leap_${name}=${value}; Path=/; Max-Age=31536000; SameSite=Lax` +
    (location.protocol === "https:" ? "; Secure" : "");
}
function prefer(name, value) {
  root.dataset[name] = value;
  remember(name, value);
  for (const button of $$(`button[name="${name}"]`))
    button.setAttribute("aria-pressed", String(button.value === value));
  charts?.then((module) => module.redraw());
}
document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!event.target.matches("form[data-preferences]") || !button) return;
  event.preventDefault();
  const off = button.name === "patterns" && root.dataset.patterns === "on";
  prefer(button.name, off ? "off" : button.value);
  say(`${button.name}: ${button.textContent.trim()}`);
});

// ---- menus: one open at a time, Escape and a click outside close ----------------------------

document.addEventListener("click", (event) => {
  for (const menu of $$("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = $("details.menu[open]");
  if (menu) {
    menu.open = false;
    $("summary", menu).focus();
  }
});

// ---- forms: a filter that changes is a new address ------------------------------------------
// <form method="get" data-auto>: sends itself on change, leaves out empty and default fields,
// and hides its button (class "apply").

document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.matches("form[data-auto]")) form.requestSubmit();
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "get" || !form.matches("[data-auto]")) return;
  event.preventDefault();
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form, event.submitter)) {
    const field = form.elements[name];
    if (value !== "" && value !== field?.dataset?.default) query.append(name, value);
  }
  const text = query.toString();
  location.assign(form.action.split("?")[0] + (text ? "?" + text : ""));
});

// ---- copy -----------------------------------------------------------------------------------
// <button data-copy="text"> or data-copy-from="#id", or data-copy-link for the present address.

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy], [data-copy-from], [data-copy-link]");
  if (!button) return;
  event.preventDefault();
  const from = button.dataset.copyFrom && $(button.dataset.copyFrom);
  const text = button.dataset.copy ?? (from ? (from.value ?? from.textContent) : location.href);
  try {
    await navigator.clipboard.writeText(text);
    say("Copied", true);
  } catch {
    const area = make("textarea", { class: "hush", "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    say(done ? "Copied" : "The browser does not allow copying here", true);
  }
});

// ---- tables ---------------------------------------------------------------------------------
// The server sorts: each sortable head holds a link with ?sort=. Where a table says
// data-sort="whole", all its rows are here, and the same link sorts in place. Arrow keys move
// through the first links of rows.

const valueOf = (cell) => {
  const text = cell?.dataset.v ?? cell?.textContent.trim() ?? "";
  const number = Number(text.replaceAll(",", "").replace("\u2212", "-").replace(/\s.*$/, ""));
  return text !== "" && Number.isFinite(number) ? number : text.toLowerCase();
};
function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
function sort(table, head) {
  const down =
    head.getAttribute("aria-sort") === "descending" ||
    (head.getAttribute("aria-sort") == null && !head.classList.contains("n"))
      ? false
      : true;
  const column = head.cellIndex;
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  for (const body of table.tBodies) {
    const rows = [...body.rows];
    const pinned = rows.filter((row) => row.matches("[data-last]"));
    const free = rows
      .filter((row) => !row.matches("[data-last]"))
      .map((row, at) => ({ row, at, key: valueOf(row.cells[column]) }));
    free.sort((a, b) => (down ? compare(b.key, a.key) : compare(a.key, b.key)) || a.at - b.at);
    body.append(...free.map((entry) => entry.row), ...pinned);
  }
  say(`Sorted by ${head.textContent.trim()}, ${down ? "largest first" : "smallest first"}`);
}
document.addEventListener("click", (event) => {
  const link = event.target.closest?.('table[data-sort="whole"] thead th a');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  sort(link.closest("table"), link.closest("th"));
  const to = new URL(link.href);
  history.replaceState(history.state, "", to);
});
document.addEventListener("keydown", (event) => {
  const link = event.target;
  const row = link.closest?.("table.t tbody tr");
  if (!row || link.tagName !== "A" || event.altKey || event.ctrlKey || event.metaKey) return;
  const rows = [...row.closest("table").tBodies]
    .flatMap((body) => [...body.rows])
    .filter((each) => $("a", each));
  const at = rows.indexOf(row);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  if (to == null || !rows[to]) return;
  event.preventDefault();
  ($("a", rows[to].cells[link.closest("td, th").cellIndex]) ?? $("a", rows[to])).focus();
});
/** A box that scrolls sideways can be reached by keyboard; one that does not needs no stop. */
function boxes() {
  for (const box of $$(".scroll")) {
    const wide = box.scrollWidth > box.clientWidth + 1;
    box.toggleAttribute("tabindex", wide);
    if (wide) box.tabIndex = 0;
  }
}
addEventListener("resize", boxes);

// "Mark all" boxes of bulk forms, and the sentence that says how many are marked.
document.addEventListener("change", (event) => {
  const box = event.target;
  const form = box.form;
  if (box.type !== "checkbox" || !form) return;
  const all = $("[data-all]", form);
  const each = $$('input[type="checkbox"][name]', form);
  if (box === all) for (const other of each) other.checked = all.checked;
  else if (all) all.checked = each.every((other) => other.checked);
  const count = $("[data-count]", form);
  if (count) count.textContent = String(each.filter((other) => other.checked).length);
});

// ---- palette: Ctrl-K ------------------------------------------------------------------------
// GET /api/v1/search?q=…&limit=12[&kind=unit] → {"items": [{"kind", "title", "hint", "href"}]}.
// Pages come from the rail and commands from this file, so that the palette helps before an answer.

let palette;
function commands() {
  const pages = $$(".rail a").map((link) => ({
    kind: "page",
    title: link.dataset.name ?? link.textContent.trim(),
    href: link.href,
  }));
  return [
    ...pages,
    { kind: "command", title: "Theme: light", run: () => prefer("theme", "light") },
    { kind: "command", title: "Theme: dark", run: () => prefer("theme", "dark") },
    { kind: "command", title: "Theme: as the system", run: () => prefer("theme", "auto") },
    {
      kind: "command",
      title: "Patterns in charts: on or off",
      run: () => prefer("patterns", root.dataset.patterns === "on" ? "off" : "on"),
    },
    {
      kind: "command",
      title: "Copy the address of this page",
      run: () => navigator.clipboard?.writeText(location.href).then(() => say("Copied", true)),
    },
    { kind: "command", title: "Print this page", run: () => print() },
  ];
}
function build() {
  const input = make("input", {
    type: "text",
    role: "combobox",
    "aria-expanded": "true",
    "aria-controls": "palette-list",
    "aria-autocomplete": "list",
    "aria-label": "Search teams, services, resources, pages and commands",
    placeholder: "Team, service, resource, page \u2026",
    autocomplete: "off",
    spellcheck: "false",
  });
  const list = make("ul", { id: "palette-list", role: "listbox", "aria-label": "Results" });
  const note = make("p", {}, "\u2191 \u2193 to choose, Enter to open, Esc to close");
  const dialog = make("dialog", { class: "palette", "aria-label": "Search" }, input, list, note);
  const state = {
    dialog,
    input,
    list,
    note,
    items: [],
    at: 0,
    kind: "",
    asked: 0,
    wait: 0,
    stop: null,
  };
  document.body.append(dialog);
  input.addEventListener("input", () => {
    clearTimeout(state.wait);
    state.wait = setTimeout(() => seek(state), 90);
    show(state, local(state));
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && state.items.length) {
      event.preventDefault();
      choose(state, (state.at + step + state.items.length) % state.items.length);
    }
    if (event.key === "Enter") {
      event.preventDefault();
      open(state, state.items[state.at], event.ctrlKey || event.metaKey);
    }
  });
  list.addEventListener("click", (event) => {
    const option = event.target.closest("[role=option]");
    if (option) open(state, state.items[Number(option.dataset.at)], event.ctrlKey || event.metaKey);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  return state;
}
const local = (state) => {
  const words = state.input.value.trim().toLowerCase().split(/\s+/);
  return state.kind
    ? []
    : commands().filter((item) => words.every((word) => item.title.toLowerCase().includes(word)));
};
function show(state, items) {
  state.items = items;
  state.list.replaceChildren(
    ...items.map((item, at) =>
      make(
        "li",
        { role: "option", id: `palette-${at}`, "data-at": at },
        make("span", { class: "kind" }, item.kind),
        make("span", {}, item.title),
        item.hint ? make("span", { class: "hint" }, item.hint) : "",
      ),
    ),
  );
  state.input.setAttribute("aria-expanded", String(items.length > 0));
  if (items.length) choose(state, 0);
  else state.input.removeAttribute("aria-activedescendant");
}
function choose(state, at) {
  state.at = at;
  [...state.list.children].forEach((child, index) =>
    child.setAttribute("aria-selected", String(index === at)),
  );
  state.list.children[at].scrollIntoView({ block: "nearest" });
  state.input.setAttribute("aria-activedescendant", `palette-${at}`);
}
function open(state, item, apart) {
  if (!item) {
    if (state.input.value) location.assign(`/search?q=${encodeURIComponent(state.input.value)}`);
    return;
  }
  state.dialog.close();
  if (item.run) item.run();
  else if (apart) window.open(item.href, "_blank", "noopener");
  else location.assign(item.href);
}
async function seek(state) {
  const query = state.input.value.trim();
  state.stop?.abort();
  if (!query && !state.kind) return show(state, local(state));
  const turn = ++state.asked;
  state.stop = new AbortController();
  const address = new URLSearchParams({ q: query, limit: "12" });
  if (state.kind) address.set("kind", state.kind);
  try {
    const answer = await fetch(`/api/v1/search?${address}`, {
      headers: { accept: "application/json" },
      signal: state.stop.signal,
    });
    if (!answer.ok) throw new Error(String(answer.status));
    const { items } = await answer.json();
    if (turn !== state.asked) return;
    // only addresses of this site: a result can name a resource, never a script
    const safe = items.filter(
      (item) =>
        typeof item.href === "string" &&
        new URL(item.href, location.href).origin === location.origin,
    );
    show(state, [...safe, ...local(state)]);
    state.note.textContent = safe.length
      ? "\u2191 \u2193 to choose, Enter to open, Esc to close"
      : `Nothing is called \u201c${query}\u201d. Enter searches descriptions and tags.`;
    say(`${safe.length} results`);
  } catch (error) {
    if (error.name !== "AbortError")
      state.note.textContent = "The search does not answer now. Pages and commands still work.";
  }
}
function summon(kind = "", words = "") {
  palette ??= build();
  palette.kind = kind;
  palette.input.value = words;
  palette.dialog.showModal();
  palette.input.focus();
  show(palette, local(palette));
  if (words || kind) seek(palette);
}
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    if (palette?.dialog.open) palette.dialog.close();
    else summon();
  }
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-palette]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  summon(link.dataset.palette);
});

// ---- charts: loaded where a page has one, and only then -------------------------------------

let charts;
function enhance(scope = document) {
  boxes();
  if ($("figure.chart[data-chart] .plot", scope)) {
    charts ??= import(new URL("charts.js", import.meta.url));
    charts.then((module) => module.watch(scope));
  }
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  charts?.then((module) => module.redraw()),
);
// paper is light
let screenTheme;
addEventListener("beforeprint", () => {
  screenTheme = root.dataset.theme;
  root.dataset.theme = "light";
  charts?.then((module) => {
    module.redraw();
    module.drawAll();
  });
});
addEventListener("afterprint", () => {
  root.dataset.theme = screenTheme ?? "auto";
  charts?.then((module) => module.redraw());
});
document.addEventListener("htmx:after:swap", () => {
  enhance();
  charts?.then((module) => module.redraw());
});
// An error of a part of a page is said where the part would be, and by voice.
document.addEventListener("htmx:error", () =>
  say("That did not work; the page is as it was.", true),
);

document.body.append(voice);
$(".rail [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
for (const button of $$("form[data-auto] .apply")) button.hidden = true;
for (const help of $$(".find kbd"))
  if (/Mac|iPhone|iPad/.test(navigator.platform)) help.textContent = "\u2318 K";
enhance();
