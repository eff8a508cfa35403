// One shortlist: its order, its notes, and what goes out of it.

/**
 * @import { Entry, ShortlistPage, Verdict } from "../answers.js"
 * @import { Keys } from "./dialogs.js"
 */

import { $, clicks, el, part } from "./elements.js";
import { counted, data, named, fileAct, starred, tell, thumbnail, VERDICTS } from "./server.js";
import { keepChoice, keptChoice } from "./choice.js";
import { exporting, header, moreLikeThese, showKeys, sure } from "./dialogs.js";
import { fresh } from "./fresh.js";
import { among, inTurn, judging } from "./judging.js";
import { copyLink } from "./links.js";
import { goBack, keyboard, leavesBy } from "./keyboard.js";
import { reordering } from "./reorder.js";

/** @type {Keys} */
const KEYS = [
  ["← ↑ → ↓", "go from card to card"], ["Alt ← →", "move the card"], ["Alt ↑ ↓", "move it by a row"],
  ["Alt Home End", "move it to an end"],
  ["T", "choose this one"], ["N", "write its note"],
  ["Ctrl Enter", "keep the note"], ["Enter", "open the design"], ["Del", "take off the list"],
  ["P X U", "verdict"], ["1 … 5", "stars"], ["0", "no stars"], ["C", "compare the first four"],
  ["E", "export"], ["M", "more like these"], ["L", "copy the link"], ["Z", "undo"], ["Esc", "choose none"], ["Backspace", "back to the shortlists"], ["?", "this sheet"],
];
const MOST_COMPARED = 4;
const SHOWN = 200;
const page = /** @type {ShortlistPage} */ (data);
const { name } = page;
const here = `/shortlist?name=${encodeURIComponent(name)}`;
const back = part(HTMLAnchorElement, "#back");
const list = $("list");
/** @param {string} what */
const button = (what) => part(HTMLButtonElement, `.tools [data-do="${what}"]`);

let { entries } = page;
/** @type {Map<string | undefined, Entry>} */
let known = new Map();
let shown = SHOWN;
let judge = judging(among(entries), judged);
const chosen = new Set(keptChoice(here).filter((id) => entries.some((one) => one.id === id)));

/**
 * File an act on the list, after those before it; where it fails, the list is shown as the server has it.
 * @param {string} what
 * @param {string[]} ids
 * @param {string | number} value
 */
async function file(what, ids, value = "") {
  const filed = await inTurn(() => fileAct(what, { value, shortlist: name, target: { ids } }));
  if (!filed) await refresh();
  return filed;
}

// Cards.

/** @param {Entry} entry */
function card(entry) {
  const isChosen = chosen.has(entry.id);
  const off = `Take ${named(entry)} off the list`;
  const note = el("textarea", { rows: 2, maxlength: 2000, placeholder: "Note" });
  note.value = entry.note;
  note.setAttribute("aria-label", `Note on ${named(entry)}`);
  note.addEventListener("blur", () => keepNote(entry, note));
  note.addEventListener("keydown", (event) => noteKey(event, entry, note));
  const made = el("li", { tabindex: 0, "data-id": entry.id, "aria-describedby": "how" },
    el("div", { class: "shot" },
      el("a", { href: addressOf(entry), tabindex: -1, "aria-label": `Open ${named(entry)}` },
        el("img", { src: thumbnail(entry, 260), alt: "", loading: "lazy" })),
      el("span", { class: "no", "aria-hidden": "true" }),
      el("label", { class: "choose" },
        el("input", { type: "checkbox", "aria-label": `Choose ${named(entry)}`, checked: isChosen, onchange: () => choose(entry) })),
      el("span", { class: "grip", "aria-hidden": "true", title: "Drag to reorder" }, "⠿")),
    el("div", { class: "words" },
      el("b", {}, entry.garment), el("span", {}, entry.style),
      el("small", {}, `${entry.recipe} · put on by ${entry.added_by}`),
      el("span", { class: "held" }),
      el("div", { class: "note" }, note),
      el("button", { type: "button", class: "quiet off", "aria-label": off, onclick: () => takeOff([entry.id]) }, "Take off")));
  made.classList.toggle("chosen", isChosen);
  return made;
}

/** @param {Entry} entry */
function addressOf(entry) {
  return `/designs/${encodeURIComponent(entry.id)}?back=${encodeURIComponent(here)}`;
}

const cards = () => [...list.children].filter((one) => one instanceof HTMLElement);
/** @param {string | undefined} id */
const cardOf = (id) => cards().find((one) => one.dataset.id === id);
/** @param {HTMLElement | undefined} li */
const entryOf = (li) => known.get(li?.dataset.id);
const focused = () => cards().find((one) => one.contains(document.activeElement));

function draw() {
  const at = focused()?.dataset.id;
  known = new Map(entries.map((entry) => [entry.id, entry]));
  list.replaceChildren(...entries.slice(0, shown).map(card));
  entries.slice(0, shown).forEach(judged);
  $("further").hidden = entries.length <= shown;
  $("further").textContent = `Show ${Math.min(entries.length - shown, SHOWN)} more of ${entries.length}`;
  cardOf(at)?.focus();
  number();
}

/** What depends on the order and on what is chosen. */
function number() {
  keepChoice(here, [...chosen]);
  cards().forEach((li, n) => {
    const entry = entryOf(li);
    if (!entry) return;
    part(HTMLElement, ".no", li).textContent = String(n + 1);
    const held = [entry.verdict && VERDICTS[entry.verdict], entry.stars && counted(entry.stars, "star")].filter(Boolean);
    li.setAttribute("aria-label", [`${n + 1} of ${entries.length}: ${named(entry)}`, ...held].join(", "));
  });
  $("count").textContent = counted(entries.length, "design");
  $("none").hidden = entries.length > 0;
  $("how").hidden = entries.length < 2;
  $("chosen").textContent = chosen.size ? `${chosen.size} chosen` : "";
  button("off").disabled = !chosen.size;
  button("compare").disabled = compared().length < 2;
  button("export").disabled = button("more").disabled = !entries.length;
}

/** @param {Entry} entry */
function judged({ id, verdict, stars }) {
  const li = cardOf(id);
  if (!li) return;
  part(HTMLElement, ".held", li).replaceChildren(
    ...(verdict ? [el("span", { class: verdict }, VERDICTS[verdict])] : []), " ",
    ...(stars ? [el("span", { class: "stars", "aria-label": counted(stars, "star"), role: "img" }, starred(stars))] : []));
}

/** The list as the server has it now. One that is no more has no page. */
async function refresh() {
  const anew = await fresh().catch(() => null); // that the server does not answer was told by who asked first
  if (!anew) return undefined;
  /** @type {Partial<ShortlistPage>} */
  const found = JSON.parse(part(HTMLScriptElement, "#data", anew).text);
  if (!found.entries) return location.assign("/shortlists");
  entries = found.entries;
  judge = judging(among(entries), judged);
  for (const id of chosen) if (!entries.some((one) => one.id === id)) chosen.delete(id);
  return draw();
}

// The order.

function reordered() {
  const before = entries;
  entries = [...cards().flatMap((li) => entryOf(li) ?? []), ...before.slice(list.children.length)];
  number();
  const at = entries.findIndex((entry, n) => entry !== before[n]);
  if (at < 0) return;
  // One was moved: onward, if the next of before stands where it stood; else to here.
  const moved = entries[at] === before[at + 1] ? before[at] : entries[at];
  file("move", [moved.id], entries.indexOf(moved) + 1);
}

/**
 * Move a card to a place, and say so to who does not see it.
 * @param {HTMLElement} li
 * @param {number} place
 */
function moveTo(li, place) {
  const [from, entry] = [cards().indexOf(li), entryOf(li)];
  const to = Math.min(Math.max(place, 0), entries.length - 1);
  if (to === from || !entry) return;
  const other = list.children[to];
  if (to > from) other.after(li);
  else other.before(li);
  li.focus();
  li.scrollIntoView({ block: "nearest" });
  reordered();
  $("said").textContent = `${named(entry)}: ${to + 1} of ${entries.length}`;
}

const columns = () => cards().filter((one, _, [first]) => one.offsetTop === first.offsetTop).length;

/**
 * Where a key leads from a place, if anywhere.
 * @param {string} key
 * @param {number} place
 */
function steps(key, place) {
  /** @type {Record<string, number>} */
  const places = {
    ArrowLeft: place - 1, ArrowRight: place + 1, ArrowUp: place - columns(), ArrowDown: place + columns(), Home: 0, End: entries.length - 1,
  };
  return places[key];
}

/**
 * The card that an event is about itself, not something in it.
 * @param {Event} event
 */
const cardItself = (event) => cards().find((one) => one === event.target);

list.addEventListener("keydown", (event) => {
  const li = cardItself(event);
  if (!li || event.ctrlKey || event.metaKey) return;
  const to = steps(event.key, cards().indexOf(li));
  if (to === undefined) return;
  event.preventDefault();
  if (event.altKey) moveTo(li, to);
  else cards()[to]?.focus();
});

reordering(list, { handle: ".shot a", finger: ".grip", dropped: reordered });

// Notes.

/**
 * @param {Entry} entry
 * @param {HTMLTextAreaElement} note
 */
async function keepNote(entry, note) {
  const text = note.value.trim();
  if (text === entry.note) return;
  const before = entry.note;
  entry.note = text;
  if (await file("note", [entry.id], text)) tell("Note kept.");
  else entry.note = before;
}

/**
 * @param {KeyboardEvent} event
 * @param {Entry} entry
 * @param {HTMLTextAreaElement} note
 */
function noteKey(event, entry, note) {
  if (event.key === "Escape") note.value = entry.note;
  else if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  cardOf(entry.id)?.focus();
}

/** @param {Entry} entry */
function writeNote({ id }) {
  cardOf(id)?.querySelector("textarea")?.focus();
}

// What is done with them.

/** @param {Entry} entry */
function choose({ id }) {
  if (!chosen.delete(id)) chosen.add(id);
  const li = cardOf(id);
  if (li) {
    li.classList.toggle("chosen", chosen.has(id));
    part(HTMLInputElement, ".choose input", li).checked = chosen.has(id);
  }
  number();
}

function chooseNone() {
  entries.filter(({ id }) => chosen.has(id)).forEach(choose);
}

/** What is chosen, in the list's order; where nothing is, the whole list. */
const meant = () => (chosen.size ? entries.filter(({ id }) => chosen.has(id)) : entries);
const compared = () => meant().slice(0, MOST_COMPARED);

/** @param {string[]} ids */
async function takeOff(ids) {
  if (!ids.length) return;
  const at = entries.findIndex(({ id }) => id === ids[0]);
  entries = entries.filter(({ id }) => !ids.includes(id));
  ids.forEach((id) => chosen.delete(id));
  draw();
  cards()[Math.min(at, entries.length - 1)]?.focus();
  if (await file("unlist", ids)) tell(`${counted(ids.length, "design")} taken off.`, { action: { label: "Undo", run: takeBack } });
}

async function takeBack() {
  if (await judge.takeBack()) await refresh();
}

/** What is chosen, in the list's order, else all of it. */
const target = () => ({ ids: meant().map(({ id }) => id), count: meant().length, notes_of: name });

function exportMeant() {
  if (entries.length) exporting(target(), meant().length, name);
}

function compare() {
  if (compared().length < 2) return tell("Choose at least two to compare.");
  const query = new URLSearchParams(compared().map(({ id }) => ["id", id]));
  query.set("back", here);
  location.assign(`/compare?${query}`);
}

async function putAway() {
  const text = `“${name}” goes out of sight; nothing of it is lost, and undo (Z) on the page of shortlists brings it back.`;
  if (!(await sure("Put the shortlist away?", text, "Put it away"))) return;
  if (await file("close", [])) location.assign("/shortlists");
}

const leave = () => goBack(back);
/** @param {(entry: Entry) => unknown} run */
const withFocused = (run) => () => {
  const entry = entryOf(focused());
  if (entry) run(entry);
};
/**
 * @param {"verdict" | "stars"} what
 * @param {Verdict | number} value
 */
const rate = (what, value) => withFocused(async (entry) => {
  await judge.give(entry, what, value);
  number();
});
const acts = {
  export: exportMeant, compare, undo: takeBack, close: putAway,
  more: () => entries.length && moreLikeThese(target(), meant().length, meant()),
  off: () => takeOff([...chosen]),
  link: () => copyLink(here),
};
clicks("do", acts, ".tools");

keyboard({
  p: rate("verdict", "pick"), x: rate("verdict", "reject"), u: rate("verdict", ""),
  ...Object.fromEntries([0, 1, 2, 3, 4, 5].map((n) => [n, rate("stars", n)])),
  t: withFocused(choose), n: withFocused(writeNote),
  Delete: () => takeOff(chosen.size ? [...chosen] : [entryOf(focused())].flatMap((entry) => entry?.id ?? [])),
  c: compare, e: exportMeant, m: acts.more, l: acts.link, z: takeBack,
  "?": () => showKeys(KEYS), Escape: chooseNone, Backspace: leave,
});
// Enter opens the card itself; on what is in it, it is theirs.
list.addEventListener("keydown", (event) => {
  const entry = entryOf(cardItself(event));
  if (event.key === "Enter" && entry) location.assign(addressOf(entry));
});
header(KEYS);
leavesBy(back);
$("further").addEventListener("click", () => { shown += SHOWN; draw(); });
draw();
addEventListener("pageshow", (event) => event.persisted && location.reload());
