// The grid's page: the address is the state; everything else follows it.

import { ask, attempt, counted, data, el, say, tell, VERDICTS } from "./server.js";
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

const KEYS = [
  ["← ↑ → ↓", "move"], ["P", "pick"], ["X", "reject"], ["U", "clear the verdict"], ["1 … 5", "stars"], ["0", "no stars"],
  ["Space", "big view"], ["Enter", "open the design"], ["C", "compare 2 to 4"], ["T", "choose this one"], ["Shift →", "choose a row of them"],
  ["A", "choose the whole result"], ["Esc", "choose none"], ["S", "put on a shortlist"], ["E", "export"], ["M", "more like these"],
  ["N", "near-duplicates of this one"], ["Z", "undo"], ["/", "search"], ["G", "grid or matrix"], ["L", "copy the link"], ["?", "this sheet"],
];
const VERDICT_KEYS = { p: "pick", x: "reject", u: "" };
const OWN = ["size", "view", "at"];
/** What says nothing without another name of the address, and goes with it. */
const WITH = { swatch: ["within"] };
/** Distances of colours (dE2000) in words, by their upper ends; and the one that holds unless told. */
const CLOSENESS = [[5, "exact"], [16, "similar"], [Infinity, "family"]];
const WITHIN = 12;
const $ = (id) => document.getElementById(id);

let params = new URLSearchParams(location.search);
let result = data;
let anchor = 0;

const wall = new Wall($("scroll"), $("canvas"), { load, changed: atChanged, chosen: (design) => chosen.has(design), click, open });
const chosen = new Chosen($("selection"), { result: () => result, changed: choiceChanged, leave: () => $("scroll").focus() });
const big = new Big($("big"), wall, {
  verdict: (value) => actOnOne("verdict", value), stars: (value) => actOnOne("stars", value), step, undo: undoLast,
  shortlist: () => shortlist(), open: () => open(wall.current()),
});
const coarse = matchMedia("(pointer: coarse)");
const facets = new Facets($("facet-list"), { toggle: toggleFacet });

/** The part of the address that the server knows. */
function query(from = params) {
  const own = new URLSearchParams(from);
  OWN.forEach((name) => own.delete(name));
  return own;
}

async function load(start, count) {
  try {
    return (await ask(`/api/result/${result.result}?start=${start}&count=${count}`)).designs;
  } catch (error) {
    // Kept results end: the same question gives a new one.
    if (error.status === 410) await look();
    else tell(error.message, { bad: true });
    return [];
  }
}

/** Go to an address: a step that "back" undoes, unless `replace`. */
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
  $("sort").value = params.get("sort") || (params.get("swatch") ? "swatch" : "new");
  $("group").value = params.get("group") ?? "";
  press("[data-size]", (button) => button.dataset.size === size);
  press("[data-view]", (button) => button.dataset.view === view);
  press('[data-do="stacked"]', () => params.get("stacked") === "1");
  $("tolerance").hidden = !params.has("swatch");
  if (params.has("swatch")) $("swatch").value = params.get("swatch");
  $("within").value = params.get("within") ?? WITHIN;
  sayCloseness();
  document.querySelector(".search input").value = params.get("q") ?? "";
  facets.show(result.facets, params);
  showChips();
  $("nothing").hidden = result.total > 0;
  if (result.nothing) $("why").replaceChildren(...whyNothing(result, go, query));
  $("scroll").hidden = view === "matrix" || !result.total;
  $("matrix").hidden = view === "grid" || !result.total;
  wall.size(size);
  performance.mark("shown");
  if (view === "matrix") attempt(() => showMatrix($("matrix"), result, size, params));
  else wall.draw();
}

/** Search for the colour; once more where it is the one that was searched for. */
async function findColour() {
  const color = $("swatch").value;
  if (params.get("swatch") !== color) return go((p) => p.set("swatch", color));
  await look();
  return show();
}

/** Say in a word how close colours are to come. */
function sayCloseness() {
  const within = Number($("within").value);
  const word = CLOSENESS.find(([end]) => within <= end)[1];
  document.querySelector("#tolerance output").textContent = word;
  $("within").setAttribute("aria-valuetext", word);
  $("tolerance").title = `Colours within ${within} dE2000`;
}

function press(selector, on) {
  for (const button of document.querySelectorAll(selector)) button.setAttribute("aria-pressed", String(on(button)));
}

/** What narrows the result beside facets, each to be taken away. */
function showChips() {
  const texts = { q: (v) => `“${v}”`, swatch: (v) => `colour ${v}`, shortlist: (v) => `shortlist ${v}`, like: (v) => `like ${v.slice(0, 12)}` };
  const chips = Object.entries(texts).filter(([name]) => params.get(name)).map(([name, text]) =>
    el("button", { type: "button", class: "chip", title: "Take away", onclick: () => go((p) => [name, ...(WITH[name] ?? [])].forEach((one) => p.delete(one))) }, `${text(params.get(name))} ×`));
  $("chips").replaceChildren(...chips);
}

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

/** Choose everything between two places; what is not loaded yet is loaded first. */
async function chooseRange(from, to) {
  const [first, last] = [Math.min(from, to), Math.max(from, to)];
  for (const design of await wall.between(first, last)) chosen.put(design, true);
  chosen.show();
}

/** What an act is about: what is chosen, else the design at the cursor. */
function target() {
  const design = wall.current();
  return chosen.target() ?? (design ? { ids: [design.id], count: 1 } : null);
}

// --- what is said

const judge = judging((id) => wall.known(id) ?? { id }, ({ id, verdict, stars }) => wall.rate(id, { verdict, stars }));

function act(what, value) {
  return chosen.count && !big.isOpen ? actOnChosen(what, value) : actOnOne(what, value);
}

function actOnChosen(what, value) {
  const [about, verb] = [target(), VERBS[what](value)];
  return inTurn(async () => {
    try {
      if (await sure(`${verb} ${counted(about.count, "design")}?`, "Z undoes it.", verb)) heard(await say(what, { value, target: about }));
    } catch (error) {
      // What was kept has ended: it is found anew, and the person sees what they choose from.
      if (error.status === 410) await look();
      throw error;
    }
  });
}

/** The page shows it at once, and takes it back if it fails. */
async function actOnOne(what, value) {
  if (!result.total) return;
  const index = wall.cursor;
  const given = judge[what](wall.current() ?? null, value, async () => (await wall.between(index, index))[0]);
  if (what === "verdict" && value) step(1);
  await given;
  afterActs();
}

const VERBS = {
  verdict: (value) => (value ? VERDICTS[value] : "Clear the verdict of"),
  stars: (value) => (value ? `Give ${value} stars to` : "Take the stars of"),
};

/** Show what now holds of many, and say it. */
function heard(filed) {
  judge.hold(filed.ratings);
  tell(`${counted(filed.count, "design")} changed.`, { action: { label: "Undo", run: undoLast }, seconds: 6 });
  afterActs(filed);
}

/** Ask anew for what is out of sight, where it was more than one design; facets and the big view follow. */
function afterActs(filed = null) {
  if (filed?.count > 1) wall.forget();
  countLater();
  big.show();
}

async function undoLast() {
  const filed = await judge.takeBack();
  if (!filed) return;
  afterActs(filed);
  if (filed.count === 1) wall.find(Object.keys(filed.ratings)[0]);
}

let counting = 0;

/** Facets are counted again when the hand rests. */
function countLater() {
  clearTimeout(counting);
  counting = setTimeout(async () => {
    const found = await ask(`/api/counts?${query()}`).catch(() => null);
    if (found) facets.show((result.facets = found.facets), params);
  }, 1200);
}

async function shortlist(about = big.isOpen ? { ids: [wall.current().id], count: 1 } : target()) {
  const name = about && (await whichShortlist(about.count ?? 1));
  if (!name) return;
  const filed = await attempt(() => say("list", { shortlist: name, target: about }));
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
const link = () => copyLink(big.isOpen ? `/designs/${wall.current().id}` : here());

function open(design) {
  location.href = `/designs/${design.id}?${new URLSearchParams({ back: here() })}`;
}

function exportChosen() {
  const about = chosen.target() ?? { result: result.result, count: result.total };
  about.notes_of = params.get("shortlist") ?? "";
  exporting(about, about.count, params.get("shortlist") ?? "Designs");
}

function more() {
  const about = target();
  if (!about) return;
  const loaded = [...wall.designs.values()].filter((one) => chosen.has(one));
  moreLikeThese(about, about.count, chosen.count ? loaded : [wall.current()]);
}

// --- the hand

function atChanged(index) {
  const next = new URLSearchParams(params);
  if (index) next.set("at", index);
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

function step(by) {
  wall.move(by);
  big.show();
}

function click(event, index, design) {
  if (event.target.closest(".tick")) {
    chosen.turn(design);
    anchor = index;
  } else if (event.target.closest(".stack")) {
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
  if (coarse.matches && !event.target.closest(".tick")) big.open();
}

/** The near-duplicates of a design, unstacked. */
function near(design) {
  go((next) => {
    [...query(next).keys()].forEach((name) => next.delete(name));
    next.set("like", design.id);
  });
}

const MOVES = { ArrowLeft: () => -1, ArrowRight: () => 1, ArrowUp: () => -wall.columns, ArrowDown: () => wall.columns,
  PageUp: () => -wall.page(), PageDown: () => wall.page(), Home: () => -Infinity, End: () => Infinity };
const COMMANDS = { " ": () => (big.isOpen ? big.close() : big.open()), Enter: () => wall.current() && open(wall.current()), c: compare, s: () => shortlist(), e: exportChosen, m: more,
  n: () => wall.current() && near(wall.current()), z: undoLast, a: () => chosen.everything(), l: link, "/": () => document.querySelector(".search input").focus(), "?": () => showKeys(KEYS),
  g: () => go((p) => (p.get("view") === "matrix" ? p.delete("view") : p.set("view", "matrix"))),
  t: () => { const design = wall.current(); if (design) { chosen.turn(design); anchor = wall.cursor; chosen.show(); } },
  Escape: () => (big.isOpen ? big.close() : chosen.none()) };

function press_(event) {
  if (event.key === "a" && (event.ctrlKey || event.metaKey) && event.target === $("scroll")) { event.preventDefault(); return chosen.everything(); }
  if (elsewhere(event) || (event.target.closest("button, a, summary") && ["Enter", " "].includes(event.key))) return undefined;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const move = $("scroll").hidden ? null : MOVES[event.key];
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
  clear: () => act("verdict", ""), compare, shortlist: () => shortlist(), more, export: exportChosen,
  further: () => chosen.unfold() };

function wire() {
  header(KEYS);
  document.addEventListener("keydown", press_);
  addEventListener("popstate", popped);
  document.querySelector('[data-do="search"]').addEventListener("submit", (event) => {
    event.preventDefault();
    const text = event.target.q.value.trim();
    go((p) => (text ? p.set("q", text) : p.delete("q")));
    $("scroll").focus();
  });
  $("sort").addEventListener("change", (event) => go((p) => p.set("sort", event.target.value)));
  $("group").addEventListener("change", (event) => go((p) => (event.target.value ? p.set("group", event.target.value) : p.delete("group"))));
  $("within").addEventListener("input", sayCloseness);
  $("within").addEventListener("change", (event) => go((p) => p.set("within", event.target.value)));
  $("swatch").addEventListener("change", findColour);
  const doing = {
    swatch: findColour,
    stacked: () => go((p) => (p.has("stacked") ? p.delete("stacked") : p.set("stacked", "1"))),
    clear: () => go((p) => [...query(p).keys()].forEach((name) => p.delete(name))),
    link,
    facets: () => $("facets").classList.toggle("open"),
    view: () => {
      const opened = $("view").classList.toggle("open");
      document.querySelector('[data-do="view"]').setAttribute("aria-expanded", opened);
    },
  };
  for (const [name, run] of Object.entries(doing)) {
    document.querySelectorAll(`[data-do="${name}"]`).forEach((one) => one.addEventListener("click", run));
  }
  for (const button of document.querySelectorAll("[data-size]")) {
    button.addEventListener("click", () => go((p) => p.set("size", button.dataset.size), { replace: true }));
  }
  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => go((p) => p.set("view", button.dataset.view)));
  }
  for (const button of document.querySelectorAll("[data-act]")) button.addEventListener("click", () => BUTTONS[button.dataset.act]());
}

wire();
chosen.ids = new Set(keptChoice(query().toString()));
wall.take(result, Number(params.get("at") ?? 0));
show();
chosen.show();
$("scroll").focus({ preventScroll: true });
if (history.state?.big) big.open({ again: true });
