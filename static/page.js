// The page's few own gestures. Run once by Gradio, with `trigger`, when the viewer is on the page; everything that can be
// pressed is a button that says in its data what it stands for, wherever it is drawn.

// Gradio fetches the code of each kind of part on its own, so that some parts may come after the viewer.
const PARTS = ["app", "side", "settings", "library", "main", "viewer", "places"];
while (!PARTS.every((id) => document.getElementById(id))) await new Promise((next) => { setTimeout(next, 20); });

const number = (text) => Number.parseInt(text ?? "0", 10) || 0;
const app = document.getElementById("app");
const reading = {}; // what is done with an open page, by the name that its button gives
let opener = null; // what opened the page that is shown, for the focus to go back to

function copy(button) {
  const exchange = button.closest(".message-row, .bot-row") ?? document.getElementById("chat");
  navigator.clipboard.writeText(exchange.querySelector(".answer")?.dataset.text ?? "").then(() => {
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

function show(theme) {
  document.body.classList.toggle("dark", theme === "dark");
  localStorage.setItem("theme", theme);
}

// Narrow screens show one part at a time: the library, the questions, or a page. The one that a person chose stays until
// that person opens something else, also while the page is still being filled.
let chosen = false;
function go(part) {
  app.dataset.part = part;
  for (const button of document.querySelectorAll("#places button")) {
    if (button.dataset.go === part) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
}

function turnTo(id, page, more) {
  trigger("input", { document: id, page, start: 0, end: 0, find: "", text: 0, ...more });
}

function close() {
  if (window.history.state?.isOpened) window.history.back();
  else trigger("clear", {});
  go("chat");
  opener?.focus();
  opener = null;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-act], button[data-go], button[data-page], button[data-document]");
  if (button && picks(button)) return;
  if (!button || button.disabled) return;
  const { act, document: id, page, go: part } = button.dataset;
  if (part) {
    chosen = true;
    go(part);
  } else if (act === "copy") copy(button);
  else if (act === "theme") show(document.body.classList.contains("dark") ? "light" : "dark");
  else if (act === "retry") trigger("retry", { turn: number(button.dataset.turn) });
  else if (act === "edit") trigger("edit", { turn: number(button.dataset.turn) });
  else if (act === "dismiss") button.parentElement.querySelector("div").replaceChildren();
  else if (act === "close") close();
  else if (act in reading) reading[act](button);
  else if (page) {
    if (!button.closest("#viewer")) opener = button;
    const { start, end, find, text } = button.dataset;
    turnTo(id, number(page), { start: number(start), end: number(end), find: find ?? "", text: number(text) });
    go("page");
  } else if (id) {
    chosen = false;
    trigger("select", { document: id });
    go("chat");
  }
});

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape" && document.querySelector("#viewer header")) return close();
  if (event.key === "Escape" && event.target.closest?.("#question")) {
    document.querySelector("#cancel-edit")?.click();
    return;
  }
  const cell = event.target.closest?.(".map .cell");
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!cell || !step) return;
  const cells = [...cell.parentElement.children];
  const next = cells[cells.indexOf(cell) + step];
  if (!next) return;
  cell.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
  event.preventDefault();
});

// What is uploaded is opened, wherever the viewer is. Until the server has the files, the page says that they are sent.
function send(files) {
  document.getElementById("sending").textContent = files ? `Sending ${files === 1 ? "a file" : `${files} files`} …` : "";
}
document.addEventListener("change", (event) => {
  const input = event.target;
  if (!input.matches?.("input[type=file]")) return;
  chosen = false;
  refuse(input);
  if (!input.files.length) event.stopImmediatePropagation();
  if (input.closest("#upload, #import")) send(input.files.length);
}, true);

// A file that is too large or of another kind is not sent: Gradio would refuse those beside it, too, or leave it out silently.
function refuse(input) {
  const refused = document.querySelector("#refused [data-most-bytes]");
  const kinds = input.accept.split(", ");
  const [sent, lines, strange] = [new DataTransfer(), [], []];
  for (const file of input.files) {
    if (!kinds.some((kind) => file.name.toLowerCase().endsWith(kind))) {
      strange.push(`'${file.name}'`);
    } else if (file.size > number(refused.dataset.mostBytes)) {
      const instead = file.name.toLowerCase().endsWith(".beacon") ? "use “beacon-reader library import”" : "split it";
      lines.push(`'${file.name}' has more than ${refused.dataset.most}: ${instead}.`);
    } else sent.items.add(file);
  }
  if (strange.length) {
    const more = strange.length > 3 ? ` and ${strange.splice(3).length} more` : "";
    const are = more || strange.length > 1 ? "are" : "is";
    const known = input.closest("#upload") ? document.querySelector("#formats p").lastChild.textContent : input.accept;
    lines.unshift(`${strange.join(", ")}${more} ${are} of a kind that cannot be read. These can be: ${known}.`);
  }
  refused.replaceChildren(...lines.map((line) => {
    const note = document.createElement("p");
    note.className = "notice error";
    note.role = "alert";
    note.textContent = line;
    return note;
  }));
  if (lines.length) input.files = sent.files;
}

// Files can be dropped anywhere; the browser itself would leave the page and open them.
const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
let over = 0; // elements that the files are over; each one sends its own enter and leave
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  window.addEventListener(kind, (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    over = kind === "dragenter" ? over + 1 : kind === "dragleave" ? over - 1 : kind === "drop" ? 0 : over;
    app.toggleAttribute("data-dropping", over > 0);
    if (kind === "drop") add([...event.dataTransfer.files]);
  }, true);
}
function add(files) {
  const dropped = new DataTransfer();
  for (const file of files) dropped.items.add(file);
  const input = document.querySelector("#upload input[type=file]");
  input.files = dropped.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

// Files and texts that are pasted become documents: beside the boxes, or in the box for addresses, which phones can paste into.
window.addEventListener("paste", (event) => {
  const box = event.target.closest?.("input, textarea, select, [contenteditable]");
  if ((box && !box.closest("#address")) || document.querySelector("dialog[open]")) return;
  const files = [...event.clipboardData.files];
  const text = event.clipboardData.getData("text/plain").trim();
  const isText = text.includes("\n") || text.length > 300;
  if (!files.length && !isText) return;
  event.preventDefault();
  add(files.length ? files : [new File([text], `${titleOf(text)}.txt`, { type: "text/plain" })]);
});
function titleOf(text) {
  const line = text.split("\n", 1)[0].replace(/^[#=\s]+|[\\/:*?"<>|\p{Cc}]+/gu, " ").trim();
  const title = line.length > 60 ? line.slice(0, 60).replace(/\s\S*$/, "") : line;
  return title.replace(/[.\s]+$/, "") || "Pasted text";
}

// What was pressed is answered at once, and not only when the server has heard of it. The server's own words follow.
const question = () => document.getElementById("question");
const asked = () => document.querySelectorAll("#chat .user-row").length;
let isSent = false; // and not yet taken: the box still has it
function tell(text) {
  const box = question();
  if (!box) return;
  box.dataset.asked = asked();
  box.dataset.told = text;
  setTimeout(() => { if (box.dataset.told === text) delete box.dataset.told; }, 10000); // of a server that is gone
}
function heard() {
  const box = question();
  const has = (selector) => Boolean(document.querySelector(selector));
  // What is answered at once never waits.
  const isAsked = box?.dataset.told === LOOKING && (has("#chat .pending") || asked() > Number(box.dataset.asked));
  const isStopped = box?.dataset.told === STOPPING && has("#question .submit-button");
  if (isAsked || isStopped || (box?.dataset.told && has(".toast-body"))) delete box.dataset.told;
  if (isSent && box?.querySelector("textarea").value === "") {
    isSent = false;
    sessionStorage.removeItem("draft");
  }
}
const LOOKING = "Looking for the passage …";
const STOPPING = "Stopping …";
function asks() {
  if (document.querySelector("#question .submit-button") && question().querySelector("textarea").value.trim()) {
    isSent = true;
    tell(LOOKING);
  }
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && event.target.matches?.("#question textarea")) asks();
}, true);
document.addEventListener("click", (event) => {
  if (event.target.closest?.("#question .submit-button")) asks();
  if (event.target.closest?.("#question .stop-button")) tell(STOPPING);
  if (event.target.closest?.("#new-talk")) question().querySelector("textarea").focus();
  opensSettings = Boolean(event.target.closest?.("#settings button.label-wrap"));
}, true);

// The settings are at the bottom and open downwards, out of sight.
let opensSettings = false;
new ResizeObserver(() => {
  const side = document.getElementById("side");
  if (opensSettings) side.scrollTop = document.getElementById("settings").offsetTop - side.offsetTop - 12;
}).observe(document.getElementById("settings"));

// Names and states that Gradio leaves out, for people who do not see the page.
function name(selector, name) {
  for (const element of document.querySelectorAll(selector)) {
    if (element.getAttribute("aria-label") !== name) element.setAttribute("aria-label", name);
  }
}
function say() {
  name("#question textarea", "Question"); // its label holds the button, too
  name("#question .submit-button", "Send");
  name("#question .stop-button", "Stop");
  name("#chat .user-row", "You asked");
  name("#chat .bot-row", "Answer");
  for (const row of document.querySelectorAll("#chat .message-row:not([role])")) row.setAttribute("role", "group");
  // Gradio calls a message "bot's message: a component of type html"; a message without text must not have a name at all.
  for (const one of document.querySelectorAll("#chat :is([data-testid=bot], [data-testid=user])[aria-label]")) one.removeAttribute("aria-label");
  document.querySelector("#head:not([aria-live])")?.setAttribute("aria-live", "polite");
  for (const asks of document.querySelectorAll(":is(#confirm, #confirm-forget):not([role])")) asks.setAttribute("role", "alert");
  for (const fold of document.querySelectorAll("button.label-wrap")) {
    const isOpen = String(fold.classList.contains("open"));
    if (fold.getAttribute("aria-expanded") !== isOpen) fold.setAttribute("aria-expanded", isOpen);
  }
}
// A button that is gone when it has done its work leaves the keyboard its place.
let focused = null, refocusing = 0, isByKey = false;
document.addEventListener("focusin", (event) => { focused = event.target; });
document.addEventListener("keydown", () => { isByKey = true; }, true);
document.addEventListener("pointerdown", () => { isByKey = false; }, true);
function refocus() {
  if (!isByKey || document.activeElement !== document.body || !focused || focused.checkVisibility()) return;
  const places = [...document.querySelectorAll("#question textarea, #upload button")];
  places.find((one) => !one.disabled && one.checkVisibility())?.focus({ preventScroll: true });
}
let isEditing = false;
new MutationObserver(() => {
  say();
  heard();
  if (document.querySelector(".toast-body") && document.querySelector("#sending:not(:empty)")) send(0); // it was refused
  const edits = Boolean(document.querySelector("#editing"));
  if (edits && !isEditing) document.querySelector("#question textarea")?.focus();
  isEditing = edits;
  clearTimeout(refocusing);
  refocusing = setTimeout(refocus, 300);
}).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["class"] });

// Gradio opens a list at any key that it sees, also at the one that leaves it, and then never closes it.
document.addEventListener("keydown", (event) => {
  if (event.key === "Tab" && event.target.matches?.("[role=combobox]")) event.stopPropagation();
}, true);

// What is drawn anew must not lose the keyboard's place.
let place = null;
document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("#library button[data-document]");
  place = row ? row.dataset.document : null;
});
const library = document.getElementById("library");
new MutationObserver(() => {
  if (place && document.activeElement === document.body) {
    library.querySelector(`button[data-document="${place}"]`)?.focus({ preventScroll: true });
  }
}).observe(library, { childList: true, subtree: true });

// A cover that is not there leaves the binding behind it; a page that is opened is brought into view at its mark.
document.addEventListener("error", (event) => {
  if (event.target.matches?.(".cover img")) event.target.remove();
}, true);
const viewer = document.getElementById("viewer");
let shown = "";
new MutationObserver(() => {
  const page = viewer.querySelector(".sheet, .text");
  const toPage = document.querySelector('#places [data-go="page"]');
  if (toPage) toPage.disabled = !page;
  const name = page ? page.innerHTML.length + (viewer.querySelector("header p")?.textContent ?? "") : "";
  const isSame = !page || name === shown;
  shown = name;
  follow();
  if (isSame) return;
  const mark = viewer.querySelector(".box, mark");
  const find = () => {
    if (mark) page.scrollTop += mark.getBoundingClientRect().top - page.getBoundingClientRect().top - page.clientHeight / 3;
  };
  // A picture moves what stands below it, and the marks on it, when it comes.
  for (const picture of page.querySelectorAll("img")) {
    if (!picture.complete) picture.addEventListener("load", find, { once: true });
  }
  find();
}).observe(viewer, { childList: true, subtree: true });

// Who was signed out meanwhile, in another window or after some days, is asked who they are, and comes back to the document.
let isLeaving = false;
document.addEventListener("submit", () => { isLeaving = true; }, true);
const ask = window.fetch;
window.fetch = async (...request) => {
  const answer = await ask(...request);
  if (answer.status === 401 && !isLeaving) window.location.reload();
  return answer;
};

// The address names the document that is shown, so that a reload finds it again; the way back leads to what was shown before.
let returning = null; // where a step back or forward leads, until a person does something else
function record(id) {
  const { document: of, page } = document.querySelector("#viewer header")?.dataset ?? {};
  const before = window.history.state;
  // A page that is loaded on a slow server may be empty for a moment once more: it keeps its place in the history.
  const now = { document: id ?? before?.document ?? null, page: page && { document: of, page } };
  if (returning) {
    if (id !== returning.document || Boolean(page) !== Boolean(returning.page)) return; // it is on its way
    returning = null;
  }
  const isOpened = Boolean(page && !before?.page);
  const isStep = Boolean(before && id && (isOpened || (before.document && id !== before.document)));
  const address = new URL(window.location);
  if (id) address.searchParams.set("document", id);
  else address.searchParams.delete("document");
  // Whether this step opened the page: then the step back closes it.
  now.isOpened = isStep ? isOpened && id === before.document : before?.isOpened;
  if (JSON.stringify(now) === JSON.stringify(before) && address.href === window.location.href) return;
  window.history[isStep ? "pushState" : "replaceState"](now, "", address);
}
function reopen({ document: id, page }) {
  returning = { document: id, page };
  // A page of one of several documents would open that one alone, unless they are shown already.
  const isNext = Boolean(page && (page.document === id || id === seen));
  if (isNext) turnTo(page.document, number(page.page));
  return isNext;
}
window.addEventListener("popstate", ({ state }) => {
  if (!state) return;
  const isPage = reopen(state);
  if (state.document && state.document !== seen) trigger("select", { document: state.document });
  if (!isPage) trigger("clear", {});
  chosen = true;
  go(isPage ? "page" : "chat");
});
for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, () => { returning = null; }, true);

let seen; // the document that was shown last; null: none
function follow() {
  const id = document.querySelector("#head header")?.dataset.id ?? null;
  const isEmpty = Boolean(document.querySelector("#empty"));
  if (id !== seen && (id || isEmpty)) {
    const isLeft = id || seen; // else the page that was linked came before its document
    seen = id;
    app.dataset.open = id ? "yes" : "no";
    const page = document.querySelector("#viewer header");
    const isOpen = Boolean(id) && page?.dataset.document === id;
    if (page && !isOpen && isLeft) trigger("clear", {}); // the page of another document
    if (!chosen || !id) go(id ? isOpen ? "page" : "chat" : "library");
    const back = returning?.document === id ? returning.page : null;
    if (back && back.document !== id) { // of several documents, which are shown now
      turnTo(back.document, number(back.page));
      go("page");
    }
  }
  if (id || (isEmpty && seen === null)) record(id);
}
new MutationObserver(follow).observe(document.getElementById("main"), { childList: true, subtree: true });
go("library");
if (window.history.state?.page) reopen(window.history.state); // after a reload
follow();

const kept = localStorage.getItem("theme");
if (kept) show(kept);
document.documentElement.lang ||= "en";
