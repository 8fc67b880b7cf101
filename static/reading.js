// Reading an open page: turn to a page, find, zoom, the whole width, ask about what is selected, and the keys for all of it.

const panel = document.getElementById("viewer");
const open = () => panel.querySelector("header")?.dataset;
const isText = () => Number(Boolean(panel.querySelector("article.text") && panel.querySelector('[data-text="0"]')));
const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable], dialog");

// Larger and smaller, kept by the browser.
const ZOOMS = [0.75, 0.9, 1, 1.15, 1.35, 1.6, 2, 2.5];
let zoom = ZOOMS.indexOf(Number(localStorage.getItem("zoom"))) + 1 ? Number(localStorage.getItem("zoom")) : 1;
function enlarge(step) {
  zoom = ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, ZOOMS.indexOf(zoom) + step))];
  panel.style.setProperty("--zoom", zoom);
  localStorage.setItem("zoom", zoom);
}
enlarge(0);
reading.zoom = (button) => enlarge(Number(button.dataset.step));

function widen(isWide) {
  app.toggleAttribute("data-wide", isWide);
  panel.querySelector(".wide")?.setAttribute("aria-pressed", String(isWide));
}
reading.wide = () => widen(!app.hasAttribute("data-wide"));
reading.keys = () => document.getElementById("keys").showModal();

function step(by) {
  const { document: id, page, pages } = open();
  const next = Number(page) + by;
  if (next < 1 || next > Number(pages)) return;
  turnTo(id, next, { find: panel.querySelector("#find")?.value ?? "", text: isText() });
}

// The boxes for a page and for words. Both are drawn anew with each page.
panel.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !open()) return;
  const { document: id, page, pages } = open();
  if (event.target.id === "go-to") {
    const wanted = Math.round(Number(event.target.value));
    if (wanted >= 1 && wanted <= Number(pages)) turnTo(id, wanted, { text: isText() });
    else event.target.value = page;
  } else if (event.target.id === "find") {
    const isSame = event.target.value === event.target.defaultValue && event.target.value;
    const after = isSame ? (Number(page) % Number(pages)) + 1 : Number(page);
    turnTo(id, event.target.value ? after : Number(page), { find: event.target.value, text: isText() });
  }
});

// What is selected on a page can be asked about.
const askAbout = () => document.getElementById("ask-about"); // drawn after the viewer
function selected() { // as words, and where they are
  const selection = window.getSelection();
  const text = panel.querySelector(".text");
  if (!text || !selection?.rangeCount || !text.contains(selection.anchorNode)) return [""];
  const range = selection.getRangeAt(0).cloneRange();
  const ends = text.contains(range.endContainer) && text.contains(range.startContainer);
  if (!text.contains(range.endContainer)) range.setEndAfter(text.lastChild); // a triple click reaches into what follows
  if (!text.contains(range.startContainer)) range.setStartBefore(text.firstChild);
  const words = (ends ? selection : range).toString().replace(/\s+/g, " ").trim().slice(0, 600);
  return [words, range.getBoundingClientRect()];
}
document.addEventListener("selectionchange", () => {
  const [text, place] = selected();
  const button = askAbout();
  if (!button) return;
  button.hidden = !text;
  if (!text) return;
  button.style.left = `${Math.max(8, Math.min(place.left, window.innerWidth - 160))}px`;
  button.style.top = `${Math.min(place.bottom + 6, window.innerHeight - 90)}px`;
});
document.addEventListener("pointerdown", (event) => {
  if (event.target === askAbout()) event.preventDefault(); // the selection stays
});
reading["ask-about"] = () => {
  const [text] = selected();
  if (text) write(`What does this mean: “${text}”?`);
};
function fill(box, text) { // as if it was typed
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box, text);
  box.dispatchEvent(new Event("input", { bubbles: true }));
}
function write(question) {
  const box = document.querySelector("#question textarea");
  if (!box) return;
  widen(false);
  go("chat");
  askAbout().hidden = true;
  fill(box, question);
  box.focus();
  box.setSelectionRange(0, question.indexOf(":") < 0 ? question.length : question.indexOf(":")); // to be changed at once
  box.scrollTop = 0;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || event.target.closest?.(".map")) return;
  const act = {
    "/": () => {
      const box = panel.querySelector("#find") ?? document.querySelector("#search :is(input, textarea)");
      if (!panel.querySelector("#find")) go("library");
      box?.focus();
      box?.select?.();
    },
    "?": () => reading.keys(),
    q: () => { go("chat"); document.querySelector("#question textarea")?.focus(); },
    a: () => reading["ask-about"](),
    ...(open() && {
      ArrowLeft: () => step(-1),
      ArrowRight: () => step(1),
      "+": () => enlarge(1),
      "-": () => enlarge(-1),
    }),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// A page that is drawn anew keeps the keyboard where it was among its tools.
let tool = null;
panel.addEventListener("focusin", (event) => {
  tool = event.target.id ? `#${event.target.id}` : `[aria-label="${event.target.getAttribute("aria-label")}"]`;
});
document.addEventListener("focusin", (event) => { if (!panel.contains(event.target)) tool = null; });
new MutationObserver(() => {
  if (!open()) return widen(false);
  widen(app.hasAttribute("data-wide"));
  if (!tool || document.activeElement !== document.body) return;
  (panel.querySelector(`${tool}:not(:disabled)`) ?? panel.querySelector(".text, .sheet"))?.focus({ preventScroll: true });
}).observe(panel, { childList: true, subtree: true });

// An address may name a page, as a citation elsewhere does.
const linked = new URL(window.location);
if (linked.searchParams.has("at") && linked.searchParams.has("document")) {
  turnTo(linked.searchParams.get("document"), number(linked.searchParams.get("at")));
  linked.searchParams.delete("at");
  window.history.replaceState(null, "", linked);
}

// Several documents: rows are pressed to choose them while "Select" is on, and stay chosen when the list is drawn anew.
const side = document.getElementById("side");
const picked = new Set();
let isPicking = false;
let said = ""; // what was done with those that are chosen
function picks(button) {
  if (!isPicking || !button.matches("#library .entry[data-document]")) return false;
  const { document: id } = button.dataset;
  if (!picked.delete(id)) picked.add(id);
  drawPicked();
  return true;
}
function drawPicked(done = "") {
  const bar = side.querySelector(".picked");
  if (!bar) return;
  keepOrder(document.getElementById("order"));
  bar.hidden = !isPicking;
  side.querySelector('[data-act="pick"]').setAttribute("aria-pressed", String(isPicking));
  said = done;
  const line = said || (picked.size ? `${picked.size} selected` : "Choose documents from the list.");
  const status = bar.querySelector("p");
  if (status.textContent !== line) status.textContent = line;
  for (const row of side.querySelectorAll("#library .entry[data-document]")) {
    if (!isPicking) row.removeAttribute("aria-pressed");
    else if (row.getAttribute("aria-pressed") !== String(picked.has(row.dataset.document))) {
      row.setAttribute("aria-pressed", String(picked.has(row.dataset.document)));
    }
  }
}
function keepOrder(box) { // when it is drawn, as it was chosen last
  const kept = localStorage.getItem("order");
  if (box.dataset.kept) return;
  box.dataset.kept = "yes";
  if (kept === box.value || ![...box.options].some((one) => one.value === kept)) return;
  box.value = kept;
  trigger("option_select", { order: kept });
}
new MutationObserver(() => drawPicked(said)).observe(side, { childList: true, subtree: true });
reading.pick = () => {
  isPicking = !isPicking;
  picked.clear();
  drawPicked();
};
// All that are listed; once more, none.
reading["pick-all"] = () => {
  const ids = [...side.querySelectorAll("#library .entry[data-document]")].map((row) => row.dataset.document);
  const areAll = ids.every((id) => picked.has(id));
  for (const id of ids) picked[areAll ? "delete" : "add"](id);
  drawPicked();
};
function many(act, value = "") {
  trigger("apply", { act, value, documents: [...picked] });
  if (act === "tag") return;
  if (side.querySelector(".picked").contains(document.activeElement)) side.querySelector('[data-act="pick"]').focus();
  reading.pick();
  if (act === "together") go("chat");
}
reading.together = () => many("together");
reading["tag-many"] = () => {
  const box = document.getElementById("tag-many");
  const tag = box.value.trim();
  if (!tag) return;
  many("tag", tag);
  box.value = "";
  drawPicked(picked.size ? `${picked.size} tagged “${tag}”` : "");
};
// What cannot be undone is asked once more, on its own button.
function isSure(button, words) {
  if (button.dataset.sure) return true;
  const before = button.textContent;
  button.dataset.sure = "yes";
  button.textContent = words;
  setTimeout(() => { delete button.dataset.sure; button.textContent = before; }, 15000);
  return false;
}
reading["remove-many"] = (button) => {
  if (isSure(button, `Remove ${picked.size} for good?`)) many("remove");
};
side.addEventListener("change", (event) => {
  if (event.target.id !== "order") return;
  localStorage.setItem("order", event.target.value);
  trigger("option_select", { order: event.target.value });
});
side.addEventListener("keydown", (event) => {
  if (event.target.id === "tag-many" && event.key === "Enter") reading["tag-many"]();
});
reading["run-cancel"] = (button) => trigger("delete", { act: "cancel", run: button.dataset.run });
reading["run-remove"] = (button) => {
  if (isSure(button, "Delete for good?")) trigger("delete", { act: "remove", run: button.dataset.run });
};

// On a phone a menu has what has a button of its own elsewhere.
reading.press = (button) => document.querySelector(button.dataset.on)?.click();
reading["keep-answers"] = () => trigger("submit", {});

// A question that is suggested is asked at once.
reading.idea = (button) => {
  write(button.textContent);
  setTimeout(() => document.querySelector("#question .submit-button")?.click(), 60); // when the box has taken it
};
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu.contains(event.target) && !event.target.closest("a, button")) continue;
    if (menu.contains(document.activeElement)) menu.firstElementChild.focus(); // what is hidden would lose the focus
    menu.open = false;
  }
});

// What is typed outlives a reload, also that after the server was started again, until the server has taken it.
document.addEventListener("input", (event) => {
  if (event.target.matches?.("#question textarea")) sessionStorage.setItem("draft", event.target.value);
});
const draft = sessionStorage.getItem("draft");
if (draft) {
  const restoring = new MutationObserver(() => {
    const box = document.querySelector("#question textarea");
    if (!box || box.disabled) return;
    restoring.disconnect();
    if (!box.value) fill(box, draft);
  });
  restoring.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled"] });
}
