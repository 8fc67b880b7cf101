// The page's few own gestures. Run once by Gradio, with `trigger`, when the viewer is on the page; everything that can be
// pressed is a button that says in its data what it stands for, wherever it is drawn.

const number = (text) => Number.parseInt(text ?? "0", 10) || 0;
let opener = null; // what opened the page that is shown, for the focus to go back to

function copy(button) {
  const exchange = button.closest(".message-row, .bot-row") ?? document.getElementById("chat");
  const answer = exchange.querySelector(".md, .message-content")?.textContent.trim() ?? "";
  navigator.clipboard.writeText(answer).then(() => {
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
}

function show(theme) {
  document.body.classList.toggle("dark", theme === "dark");
  localStorage.setItem("theme", theme);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-act], button[data-page], button[data-document]");
  if (!button || button.disabled) return;
  const { act, document: id, page } = button.dataset;
  if (act === "copy") copy(button);
  else if (act === "theme") show(document.body.classList.contains("dark") ? "light" : "dark");
  else if (act === "retry") trigger("retry", { turn: number(button.dataset.turn) });
  else if (act === "edit") trigger("edit", { turn: number(button.dataset.turn) });
  else if (act === "close") { trigger("clear", {}); opener?.focus(); opener = null; }
  else if (page) {
    if (!button.closest("#viewer")) opener = button;
    trigger("input", { document: id, page: number(page), start: number(button.dataset.start), end: number(button.dataset.end) });
  } else if (id) trigger("select", { document: id });
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.querySelector("#viewer header")) {
    trigger("clear", {});
    opener?.focus();
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

// What is drawn anew must not lose the keyboard's place.
let place = null;
document.addEventListener("focusin", (event) => {
  const row = event.target.closest?.("#library button[data-document]");
  place = row ? row.dataset.document : null;
});
const library = document.getElementById("library");
if (library) {
  new MutationObserver(() => {
    if (place && document.activeElement === document.body) {
      library.querySelector(`button[data-document="${place}"]`)?.focus({ preventScroll: true });
    }
  }).observe(library, { childList: true, subtree: true });
}

// A cover that is not there leaves the binding behind it; a page that is opened is brought into view at its mark.
document.addEventListener("error", (event) => {
  if (event.target.matches?.(".cover img")) event.target.remove();
}, true);
const viewer = document.getElementById("viewer");
let shown = "";
new MutationObserver(() => {
  const page = viewer.querySelector(".sheet, .text");
  const name = page ? page.innerHTML.length + (viewer.querySelector("header p")?.textContent ?? "") : "";
  if (!page || name === shown) { shown = name; return; }
  shown = name;
  const mark = viewer.querySelector(".box, mark");
  const picture = page.querySelector("img");
  const find = () => { if (mark) page.scrollTop = Math.max(0, mark.offsetTop - page.clientHeight / 3); };
  if (picture && !picture.complete) picture.addEventListener("load", find, { once: true });
  find();
}).observe(viewer, { childList: true, subtree: true });

// The address names the document that is shown, so that a reload finds it again; on a narrow screen, where it lies below the
// library, a new one is brought into view.
new MutationObserver(() => {
  const address = new URL(window.location);
  const id = document.querySelector("#head header")?.dataset.id ?? null;
  if (id === address.searchParams.get("document")) return;
  const is_first = !address.searchParams.has("document");
  if (id) address.searchParams.set("document", id);
  else if (document.querySelector("#empty")) address.searchParams.delete("document");
  window.history.replaceState(null, "", address);
  if (id && !is_first && window.innerWidth < 768) document.getElementById("document")?.scrollIntoView({ behavior: "smooth" });
}).observe(document.getElementById("main"), { childList: true, subtree: true });

const kept = localStorage.getItem("theme");
if (kept) show(kept);
document.getElementById("head")?.setAttribute("aria-live", "polite");
document.documentElement.lang ||= "en";
