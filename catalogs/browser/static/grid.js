// The grid's page: the address is the state; everything else follows it.

/**
 * @import { Design, Filed, GridPage, Result, Target, Verdict } from "../answers.js"
 * @import { Keys } from "./dialogs.js"
 */

import { $, around, clicks, el, part, parts } from "./elements.js";
import { ask, attempt, counted, data, messageOf, Refusal, fileAct, tell, VERDICTS } from "./server.js";
import { Big } from "./big.js";
import { Chosen } from "./chosen.js";
import { keepChoice, keptChoice } from "./choice.js";
import { elsewhere, exporting, header, moreLikeThese, showKeys, sure, whichShortlist } from "./dialogs.js";
import { Facets } from "./facets.js";
import { copyLink } from "./links.js";
import { whyNothing } from "./nothing.js";
import { inTurn, judging } from "./judging.js";
import { Wall } from "./wall.js";
import { showMatrix } from "./matrix.js";

/** @type {Keys} */
const KEYS = [
  ["← ↑ → ↓", "move"], ["P", "pick"], ["X", "reject"], ["U", "clear the verdict"], ["1 … 5", "stars"], ["0", "no stars"],
  ["Space", "big view"], ["Enter", "open the design"], ["C", "compare 2 to 4"], ["T", "choose this one"], ["Shift →", "choose a row of them"],
  ["A", "choose the whole result"], ["Esc", "choose none"], ["S", "put on a shortlist"], ["E", "export"], ["M", "more like these"],
  ["N", "near-duplicates of this one"], ["Z", "undo"], ["/", "search"], ["G", "grid or matrix"], ["L", "copy the link"], ["?", "this sheet"],
];
/** @type {Record<string, Verdict>} */
const VERDICT_KEYS = { p: "pick", x: "reject", u: "" };
const OWN = ["size", "view", "at"];
/**
 * What says nothing without another name of the address, and goes with it.
 * @type {Record<string, string[]>}
 */
const WITH = { swatch: ["within"] };
/**
 * Distances of colours (dE2000) in words, by their upper ends; and the one that holds unless told.
 * @type {[end: number, word: string][]}
 */
const CLOSENESS = [[5, "exact"], [16, "similar"], [Infinity, "family"]];
const WITHIN = "12";
const scroll = $("scroll");
const sort = part(HTMLSelectElement, "#sort");
const group = part(HTMLSelectElement, "#group");
const swatch = part(HTMLInputElement, "#swatch");
const within = part(HTMLInputElement, "#within");
const searched = part(HTMLInputElement, ".search input");

let params = new URLSearchParams(location.search);
let result = /** @type {Result} */ (/** @type {GridPage} */ (data));
let anchor = 0;

const wall = new Wall(scroll, $("canvas"), { load, changed: atChanged, chosen: (design) => chosen.has(design), click, open });
const chosen = new Chosen($("selection"), { result: () => result, changed: choiceChanged, leave: () => scroll.focus() });
const big = new Big(part(HTMLDialogElement, "#big"), wall, {
  verdict: (value) => actOnOne("verdict", value), stars: (value) => actOnOne("stars", value), step, undo: undoLast,
  shortlist: () => shortlist(), open: openCurrent,
});
const coarse = matchMedia("(pointer: coarse)");
const facets = new Facets($("facet-list"), { toggle: toggleFacet });

/** The part of the address that the server knows. */
function query(from = params) {
  const own = new URLSearchParams(from);
  OWN.forEach((name) => own.delete(name));
  return own;
}

/**
 * @param {number} start
 * @param {number} count
 */
async function load(start, count) {
  try {
    /** @type {Pick<Result, "designs">} */
    const found = await ask(`/api/result/${result.result}?start=${start}&count=${count}`);
    return found.designs;
  } catch (error) {
    // Kept results end: the same question gives a new one.
    if (ended(error)) await look();
    else tell(messageOf(error), { bad: true });
    return [];
  }
}

/**
 * Whether the server keeps a result no longer.
 * @param {unknown} error
 */
const ended = (error) => error instanceof Refusal && error.status === 410;

/**
 * Go to an address: a step that "back" undoes, unless `replace`.
 * @param {(next: URLSearchParams) => void} change
 * @param {{ replace?: boolean }} options
 */
async function go(change, { replace = false } = {}) {
  const next = new URLSearchParams(params);
  change(next);
  next.delete("at");
  history[replace ? "replaceState" : "pushState"](null, "", `/?${next}`);
  await arrive();
}

/** Show what the address says. */
async function arrive() {
  const before = query().toString();
  params = new URLSearchParams(location.search);
  if (query().toString() !== before) await look();
  show();
}

let looks = 0;

async function look() {
  const turn = (looks += 1);
  /** @type {Result | undefined} */
  const found = await attempt(() => ask(`/api/result?${query()}`));
  // Of two answers under way the later question counts, whichever comes last.
  if (!found || turn !== looks) return;
  result = found;
  chosen.none();
  wall.take(result, Number(params.get("at") ?? 0));
}

function show() {
  const view = params.get("view") === "matrix" ? "matrix" : "grid";
  const size = params.get("size") ?? "m";
  $("total").textContent = result.total === result.all ? counted(result.total, "design") : `${result.total.toLocaleString("en")} of ${counted(result.all, "design")}`;
  sort.value = params.get("sort") || (params.get("swatch") ? "swatch" : "new");
  group.value = params.get("group") ?? "";
  press("[data-size]", (button) => button.dataset.size === size);
  press("[data-view]", (button) => button.dataset.view === view);
  press('[data-do="stacked"]', () => params.get("stacked") === "1");
  $("tolerance").hidden = !params.has("swatch");
  swatch.value = params.get("swatch") ?? swatch.value;
  within.value = params.get("within") ?? WITHIN;
  sayCloseness();
  searched.value = params.get("q") ?? "";
  facets.show(result.facets, params);
  showChips();
  $("nothing").hidden = result.total > 0;
  if (result.nothing) $("why").replaceChildren(...whyNothing(result.all, result.nothing, go, query));
  scroll.hidden = view === "matrix" || !result.total;
  $("matrix").hidden = view === "grid" || !result.total;
  wall.size(size);
  performance.mark("shown");
  if (view === "matrix") attempt(() => showMatrix($("matrix"), result, size, params));
  else wall.draw();
}

/** Search for the colour; once more where it is the one that was searched for. */
async function findColour() {
  const color = swatch.value;
  if (params.get("swatch") !== color) return go((p) => p.set("swatch", color));
  await look();
  return show();
}

/** Say in a word how close colours are to come. */
function sayCloseness() {
  const far = Number(within.value);
  const word = CLOSENESS.find(([end]) => far <= end)?.[1] ?? "";
  part(HTMLOutputElement, "#tolerance output").textContent = word;
  within.setAttribute("aria-valuetext", word);
  $("tolerance").title = `Colours within ${far} dE2000`;
}

/**
 * @param {string} selector
 * @param {(button: HTMLElement) => boolean} on
 */
function press(selector, on) {
  for (const button of parts(selector)) button.setAttribute("aria-pressed", String(on(button)));
}

/** What narrows the result beside facets, each to be taken away. */
function showChips() {
  /** @type {Record<string, (v: string) => string>} */
  const texts = { q: (v) => `“${v}”`, swatch: (v) => `colour ${v}`, shortlist: (v) => `shortlist ${v}`, like: (v) => `like ${v.slice(0, 12)}` };
  const chips = Object.entries(texts).filter(([name]) => params.get(name)).map(([name, text]) =>
    el("button", { type: "button", class: "chip", title: "Take away", onclick: () => go((p) => [name, ...(WITH[name] ?? [])].forEach((one) => p.delete(one))) }, `${text(params.get(name) ?? "")} ×`));
  $("chips").replaceChildren(...chips);
}

/**
 * @param {string} name
 * @param {string} value
 * @param {boolean} on
 */
function toggleFacet(name, value, on) {
  go((next) => {
    const values = next.getAll(name).filter((one) => one !== value);
    next.delete(name);
    [...values, ...(on ? [value] : [])].forEach((one) => next.append(name, one));
  });
}

// --- what is chosen

function choiceChanged() {
  keepChoice(query().toString(), [...chosen.ids]);
  wall.mark();
}

/**
 * Choose everything between two places; what is not loaded yet is loaded first.
 * @param {number} from
 * @param {number} to
 */
async function chooseRange(from, to) {
  const [first, last] = [Math.min(from, to), Math.max(from, to)];
  for (const design of await wall.between(first, last)) chosen.put(design, true);
  chosen.show();
}

/**
 * What an act is about: what is chosen, else the design at the cursor.
 * @returns {Target & { count: number } | null}
 */
function target() {
  return chosen.target() ?? atCursor();
}

function atCursor() {
  const design = wall.current();
  return design ? { ids: [design.id], count: 1 } : null;
}

// --- what is said

/**
 * What an act says of designs.
 * @typedef {"verdict" | "stars"} What
 * @typedef {Verdict | number} Value
 */

const judge = judging((id) => wall.known(id) ?? { id }, ({ id, verdict, stars }) => wall.rate(id, { verdict, stars }));

/**
 * @param {What} what
 * @param {Value} value
 */
function act(what, value) {
  return chosen.count && !big.isOpen ? actOnChosen(what, value) : actOnOne(what, value);
}

/**
 * @param {What} what
 * @param {Value} value
 */
function actOnChosen(what, value) {
  const [about, verb] = [target(), verbOf(what, value)];
  return inTurn(async () => {
    try {
      if (about && await sure(`${verb} ${counted(about.count, "design")}?`, "Z undoes it.", verb)) showFiled(await fileAct(what, { value, target: about }));
    } catch (error) {
      // What was kept has ended: it is found anew, and the person sees what they choose from.
      if (ended(error)) await look();
      throw error;
    }
  });
}

/**
 * The page shows it at once, and takes it back if it fails.
 * @param {What} what
 * @param {Value} value
 */
async function actOnOne(what, value) {
  if (!result.total) return;
  const index = wall.cursor;
  const given = judge.give(wall.current() ?? null, what, value, async () => (await wall.between(index, index))[0]);
  if (what === "verdict" && value) step(1);
  await given;
  afterActs();
}

/**
 * @param {What} what
 * @param {Value} value
 */
function verbOf(what, value) {
  if (what === "stars") return value ? `Give ${value} stars to` : "Take the stars of";
  return typeof value === "string" && value ? VERDICTS[value] : "Clear the verdict of";
}

/**
 * Show what now holds of many, and say it.
 * @param {Filed} filed
 */
function showFiled(filed) {
  judge.hold(filed.ratings);
  tell(`${counted(filed.count, "design")} changed.`, { action: { label: "Undo", run: undoLast }, seconds: 6 });
  afterActs(filed.count);
}

/** Ask anew for what is out of sight, where it was more than one design; facets and the big view follow. */
function afterActs(count = 1) {
  if (count > 1) wall.forget();
  countLater();
  big.show();
}

async function undoLast() {
  const filed = await judge.takeBack();
  if (!filed) return;
  afterActs(filed.count);
  if (filed.count === 1) wall.find(Object.keys(filed.ratings)[0]);
}

let counting = 0;

/** Facets are counted again when the hand rests. */
function countLater() {
  clearTimeout(counting);
  counting = setTimeout(async () => {
    /** @type {Pick<Result, "facets"> | null} */
    const found = await ask(`/api/counts?${query()}`).catch(() => null);
    if (found) facets.show((result.facets = found.facets), params);
  }, 1200);
}

/** Put on a shortlist what is seen large, else what an act is about. */
async function shortlist() {
  const about = big.isOpen ? atCursor() : target();
  const name = about && (await whichShortlist(about.count));
  if (!name) return;
  const filed = await attempt(() => fileAct("list", { shortlist: name, target: about }));
  if (!filed) return;
  if (!data.shortlists.includes(name)) data.shortlists.unshift(name);
  tell(`On the shortlist ${name}.`, { action: { label: "Open", run: () => { location.href = `/shortlist?${new URLSearchParams({ name })}`; } }, seconds: 6 });
}

async function compare() {
  if (!chosen.comparable) return tell("Choose two to four designs to compare (T chooses one).");
  const ids = chosen.all ? (await wall.between(0, result.total - 1)).filter((one) => chosen.has(one)).map(({ id }) => id) : [...chosen.ids];
  // Who comes back finds the same designs chosen, in a result that may have become another one.
  keepChoice(query().toString(), ids);
  location.href = `/compare?${new URLSearchParams([...ids.map((id) => ["id", id]), ["back", here()]])}`;
  return undefined;
}

const here = () => location.pathname + location.search;

/** The result's link; of what is seen large, the design's. */
function link() {
  const design = big.isOpen ? wall.current() : null;
  return copyLink(design ? `/designs/${design.id}` : here());
}

/** @param {Design} design */
function open(design) {
  location.href = `/designs/${design.id}?${new URLSearchParams({ back: here() })}`;
}

function openCurrent() {
  const design = wall.current();
  if (design) open(design);
}

function exportChosen() {
  const about = chosen.target() ?? { result: result.result, count: result.total };
  exporting({ ...about, notes_of: params.get("shortlist") ?? "" }, about.count, params.get("shortlist") ?? "Designs");
}

function more() {
  const about = target();
  if (!about) return;
  const loaded = [...wall.designs.values()].filter((one) => chosen.has(one));
  moreLikeThese(about, about.count, chosen.count ? loaded : [wall.current()]);
}

// --- the hand

/** @param {number} index */
function atChanged(index) {
  const next = new URLSearchParams(params);
  if (index) next.set("at", String(index));
  else next.delete("at");
  params = next;
  history.replaceState(history.state, "", `/?${next}`);
}

/** A step back or forward: out of the big view, or to another address. */
async function popped() {
  if (big.isOpen && !history.state?.big) big.close();
  const before = query().toString();
  await arrive();
  if (query().toString() === before) atChanged(wall.cursor);
}

/** @param {number} by */
function step(by) {
  wall.move(by);
  big.show();
}

/**
 * @param {MouseEvent} event
 * @param {number} index
 * @param {Design} design
 */
function click(event, index, design) {
  const tick = around(event, ".tick");
  if (tick) {
    chosen.turn(design);
    anchor = index;
  } else if (around(event, ".stack")) {
    near(design);
    return;
  } else if (event.shiftKey) chooseRange(anchor, index);
  else if (event.ctrlKey || event.metaKey) {
    chosen.turn(design);
    anchor = index;
  } else anchor = index;
  wall.to(index);
  chosen.show();
  // A finger cannot click twice as fast as a mouse, and has no keys: its tap looks closer.
  if (coarse.matches && !tick) big.open();
}

/**
 * The near-duplicates of a design, unstacked.
 * @param {Design} design
 */
function near(design) {
  go((next) => {
    [...query(next).keys()].forEach((name) => next.delete(name));
    next.set("like", design.id);
  });
}

/** @type {Record<string, () => number>} */
const MOVES = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -wall.columns, ArrowDown: () => wall.columns,
  PageUp: () => -wall.page(), PageDown: () => wall.page(), Home: () => -Infinity, End: () => Infinity };
/** @type {Record<string, () => unknown>} */
const COMMANDS = { " ": () => (big.isOpen ? big.close() : big.open()), Enter: openCurrent, c: compare, s: shortlist, e: exportChosen, m: more,
  n: () => { const design = wall.current(); if (design) near(design); }, z: undoLast, a: () => chosen.everything(), l: link, "/": () => searched.focus(), "?": () => showKeys(KEYS),
  g: () => go((p) => (p.get("view") === "matrix" ? p.delete("view") : p.set("view", "matrix"))),
  t: () => { const design = wall.current(); if (design) { chosen.turn(design); anchor = wall.cursor; chosen.show(); } },
  Escape: () => (big.isOpen ? big.close() : chosen.none()) };

/** @param {KeyboardEvent} event */
function press_(event) {
  if (event.key === "a" && (event.ctrlKey || event.metaKey) && event.target === scroll) { event.preventDefault(); return chosen.everything(); }
  if (elsewhere(event) || (around(event, "button, a, summary") && ["Enter", " "].includes(event.key))) return undefined;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const move = scroll.hidden ? null : MOVES[event.key];
  if (move) {
    const from = wall.cursor;
    step(move());
    if (event.shiftKey) chooseRange(from, wall.cursor);
  } else if (key in VERDICT_KEYS) act("verdict", VERDICT_KEYS[key]);
  else if (/^[0-5]$/.test(key)) act("stars", Number(key));
  else if (COMMANDS[key]) COMMANDS[key]();
  else return undefined;
  event.preventDefault();
  return undefined;
}

const BUTTONS = { all: () => chosen.everything(), none: () => chosen.none(), pick: () => act("verdict", "pick"), reject: () => act("verdict", "reject"),
  clear: () => act("verdict", ""), compare, shortlist, more, export: exportChosen,
  further: () => chosen.unfold() };

function wire() {
  header(KEYS);
  document.addEventListener("keydown", press_);
  addEventListener("popstate", popped);
  part(HTMLFormElement, '[data-do="search"]').addEventListener("submit", (event) => {
    event.preventDefault();
    const text = searched.value.trim();
    go((p) => (text ? p.set("q", text) : p.delete("q")));
    scroll.focus();
  });
  sort.addEventListener("change", () => go((p) => p.set("sort", sort.value)));
  group.addEventListener("change", () => go((p) => (group.value ? p.set("group", group.value) : p.delete("group"))));
  within.addEventListener("input", sayCloseness);
  within.addEventListener("change", () => go((p) => p.set("within", within.value)));
  swatch.addEventListener("change", findColour);
  clicks("do", {
    swatch: findColour,
    stacked: () => go((p) => (p.has("stacked") ? p.delete("stacked") : p.set("stacked", "1"))),
    clear: () => go((p) => [...query(p).keys()].forEach((name) => p.delete(name))),
    link,
    facets: () => $("facets").classList.toggle("open"),
    view: () => {
      const opened = $("view").classList.toggle("open");
      part(HTMLElement, '[data-do="view"]').setAttribute("aria-expanded", String(opened));
    },
  });
  for (const button of parts("[data-size]")) {
    button.addEventListener("click", () => go((p) => p.set("size", button.dataset.size ?? ""), { replace: true }));
  }
  for (const button of parts("[data-view]")) {
    button.addEventListener("click", () => go((p) => p.set("view", button.dataset.view ?? "")));
  }
  clicks("act", BUTTONS);
}

wire();
chosen.ids = new Set(keptChoice(query().toString()));
wall.take(result, Number(params.get("at") ?? 0));
show();
chosen.show();
scroll.focus({ preventScroll: true });
if (history.state?.big) big.open({ again: true });
