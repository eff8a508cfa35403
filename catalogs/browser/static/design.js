// A design: its picture, close or against what it was made from; what is known of it; what people say of it.

/**
 * @import { Design, DesignPage, Result, Verdict } from "../answers.js"
 * @import { Keys } from "./dialogs.js"
 */

import { $, clicks, el, part, parts } from "./elements.js";
import { ask, attempt, data, messageOf, named, picture, fileAct, tell, thumbnail } from "./server.js";
import { copying, exporting, header, moreLikeThese, question, showKeys, whichShortlist } from "./dialogs.js";
import { fresh } from "./fresh.js";
import { among, inTurn, judgeButtons, judging, showJudged } from "./judging.js";
import { copyLink } from "./links.js";
import { goBack, keyboard, leavesBy } from "./keyboard.js";
import { zoomable } from "./zoom.js";

/** @type {Keys} */
const KEYS = [
  ["P", "pick"], ["X", "reject"], ["U", "clear the verdict"], ["1 … 5", "stars"], ["0", "no stars"], ["Z", "undo"],
  ["D", "the design alone"], ["G", "against the garment"], ["T", "against the style"], ["B", "the style beside it"],
  ["← →", "move the line between two pictures"], ["+ −", "zoom"], ["Space", "in the picture: all of it, or dot for dot"],
  ["Home End", "in the picture: all of it, dot for dot"],
  ["← ↑ → ↓", "in the picture: move"],
  ["S", "put on a shortlist"], ["C", "compare with others"], ["E", "export"], ["M", "more like this"], ["L", "copy the link"],
  ["Esc", "back"], ["?", "this sheet"],
];
const MOST_COMPARED = 4;
const { design } = /** @type {DesignPage} */ (data);
const pane = $("picture");
const curtain = part(HTMLElement, ".curtain", pane);
const line = part(HTMLElement, ".line", pane);
const SOURCES = {
  garment: { path: `/templates/${encodeURIComponent(design.garmentId)}.webp`, title: "Garment" },
  style: { path: `/styles/${encodeURIComponent(design.styleId)}.webp`, title: "Style" },
};
const views = parts("[data-view]");
const level = part(HTMLElement, '[data-zoom="toggle"]');
const back = part(HTMLAnchorElement, "#back");

// The pictures.

/** The whole picture takes a while from a far store: its thumbnail stands in, in the same place. */
function bigPicture() {
  const { width, height } = design;
  const image = el("img", { src: thumbnail(design, 384), alt: named(design), width, height });
  const whole = el("img", { src: picture(design) });
  whole.decode().then(() => { image.src = whole.src; }, () => remark(picture(design)));
  return image;
}

/**
 * Say under the buttons why a picture does not come.
 * @param {string} path
 */
async function remark(path) {
  const why = await ask(path).then(() => "", messageOf);
  $("remark").textContent = why || "The picture cannot be shown.";
  $("remark").hidden = false;
}

/**
 * A garment's or style's picture; null, and the server's reason told, where there is none.
 * @param {keyof typeof SOURCES} name
 */
async function source(name) {
  const image = el("img", { src: SOURCES[name].path, alt: SOURCES[name].title });
  try {
    await image.decode();
    return image;
  } catch {
    await remark(SOURCES[name].path);
    return null;
  }
}

pane.prepend(bigPicture());
const view = zoomable([pane], { onzoom: (scale) => { level.textContent = `${Math.round(scale * 100)} %`; } });

/**
 * What shows a view; it resolves to whether its picture came.
 * @type {Record<string, () => Promise<boolean>>}
 */
const shows = {
  design: async () => true,
  garment: () => swipe("garment"),
  style: () => swipe("style"),
  beside,
};
let shown = "design";

/**
 * Show a view; where its picture does not come, the design alone. The address keeps it.
 * @param {string} name
 */
async function show(name) {
  $("remark").hidden = true;
  shown = name;
  const came = await shows[name]();
  if (shown !== name) return;
  if (!came) shown = "design";
  const two = shown === "garment" || shown === "style";
  for (const one of [curtain, line, ...parts(".tag", pane)]) one.hidden = !two;
  $("style-pane").hidden = shown !== "beside";
  views.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.view === shown)));
  history.replaceState(history.state, "", shown === "design" ? location.pathname + location.search : `#${shown}`);
  view.paint();
}

/** Show the view that the address names. */
function showAddressed() {
  const name = location.hash.slice(1);
  show(Object.hasOwn(shows, name) ? name : "design");
}

/** @param {keyof typeof SOURCES} name */
async function swipe(name) {
  const under = await source(name);
  if (!under || shown !== name) return under !== null;
  curtain.replaceChildren(under);
  // A template has the design's own shape. A style has its own, so it fills the design's, as cloth of it would.
  curtain.classList.toggle("covering", name === "style");
  part(HTMLElement, ".tag.left", pane).textContent = SOURCES[name].title;
  line.setAttribute("aria-label", `Line between the ${name}, on its left, and the design`);
  drawLine(Number(line.getAttribute("aria-valuenow")));
  return true;
}

async function beside() {
  const other = $("style-pane");
  if (other.querySelector("img")) return true;
  const style = await source("style");
  if (!style) return false;
  other.hidden = false;
  other.prepend(style);
  // Another picture of another shape: no spot of it belongs to one of the design, so it zooms by itself.
  zoomable([other]);
  return true;
}

/** @param {number} percent */
function drawLine(percent) {
  const at = Math.min(Math.max(percent, 0), 100);
  line.style.left = `${at}%`;
  curtain.style.clipPath = `inset(0 ${100 - at}% 0 0)`;
  line.setAttribute("aria-valuenow", String(Math.round(at)));
  line.setAttribute("aria-valuetext", `${Math.round(at)} % ${shown}, ${100 - Math.round(at)} % design`);
}

/** @type {Record<string, number>} */
const LINE_KEYS = { Home: -100, End: 100, PageUp: 10, PageDown: -10, ArrowUp: 2, ArrowDown: -2, ArrowRight: 2, ArrowLeft: -2 };
/** @param {number} by */
const moveLine = (by) => drawLine(Number(line.getAttribute("aria-valuenow")) + by);
const swiping = () => !line.hidden;

line.addEventListener("pointerdown", (event) => line.setPointerCapture(event.pointerId));
line.addEventListener("pointermove", (event) => {
  if (!line.hasPointerCapture(event.pointerId)) return;
  const { left, width } = pane.getBoundingClientRect();
  drawLine(((event.clientX - left) / width) * 100);
});
line.addEventListener("keydown", (event) => {
  const by = LINE_KEYS[event.key];
  if (by === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  moveLine(by);
});

views.forEach((button) => button.addEventListener("click", () => show(button.dataset.view ?? "design")));
clicks("zoom", { further: view.further, toggle: () => view.toggle(), closer: view.closer });

// What people say.

const judge = judging(among([design]), judged);
const buttons = judgeButtons(design, { verdict: (_, value) => judgeAndTell("verdict", value), stars: (_, value) => judgeAndTell("stars", value) });
$("judge").append(buttons);

function judged() {
  showJudged(buttons, design);
}

/**
 * @param {"verdict" | "stars"} what
 * @param {Verdict | number} value
 */
async function judgeAndTell(what, value) {
  await judge.give(design, what, value);
  await retell();
}

/** The history as the server has it now, others' acts with it. */
async function retell() {
  const page = await fresh().catch(() => null);
  const told = page?.getElementById("history");
  if (told) $("history").replaceChildren(...document.importNode(told, true).childNodes);
}

/** @param {Verdict} verdict */
const pick = (verdict) => () => judgeAndTell("verdict", verdict);
/** @param {number} stars */
const star = (stars) => () => judgeAndTell("stars", stars);

async function takeBack() {
  if (await judge.takeBack()) await retell();
}

async function shortlist() {
  const name = await whichShortlist(1);
  if (!name) return;
  if (await inTurn(() => fileAct("list", { shortlist: name, target: { ids: [design.id] } }))) {
    tell(`On “${name}”.`, { action: { label: "Open it", run: () => location.assign(`/shortlist?name=${encodeURIComponent(name)}`) } });
    await retell();
  }
}

// Others to compare with.

/**
 * @param {string} name
 * @param {Design[]} others
 */
function tiles(name, others) {
  return others.map((one) => el("label", {},
    el("input", { type: "checkbox", name: "id", value: one.id }),
    el("img", { src: thumbnail(one, 100), alt: "", loading: "lazy" }),
    name === "garment" ? one.style : one.garment, el("small", {}, ` ${one.recipe}`)));
}

async function compare() {
  const lists = [
    ["garment", design.garmentId, `Other designs of ${design.garment}`],
    ["style", design.styleId, `${design.style} on other garments`],
  ];
  /** @type {Result[] | undefined} */
  const found = await attempt(() => Promise.all(lists.map(([name, id]) => ask(`/api/result?${name}=${encodeURIComponent(id)}`))));
  if (!found) return;
  const sections = lists.flatMap(([name, , title], n) => {
    const others = found[n].designs.filter((one) => one.id !== design.id);
    return others.length ? [el("div", {}, el("h3", {}, title), el("div", { class: "others" }, ...tiles(name, others)))] : [];
  });
  if (!sections.length) return tell("There is no other design of this garment or style.");
  const given = await question("Compare with one to three others", sections, { yes: "Compare" });
  const ids = [...new Set(given?.getAll("id").map(String))].slice(0, MOST_COMPARED - 1);
  if (!ids.length) return given && tell("Choose at least one other design.");
  const query = new URLSearchParams([design.id, ...ids].map((id) => ["id", id]));
  query.set("back", location.pathname + location.search);
  location.assign(`/compare?${query}`);
}

// What is known.

function showKnown() {
  const flags = design.flags.map((flag) =>
    el("a", { href: `/?flag=${encodeURIComponent(flag)}`, title: `All designs with “${flag}”` }, flag));
  $("flags").append(...flags);
  $("flags").hidden = !flags.length;
  const swatches = design.colors.map((color) => {
    const dab = el("i", { "aria-hidden": "true" });
    dab.style.backgroundColor = color;
    return el("a", { href: `/?swatch=${encodeURIComponent(color)}`, title: `Designs with a colour close to ${color}` }, dab, color);
  });
  part(HTMLElement, "#colors .swatches").append(...swatches);
  $("colors").hidden = !swatches.length;
}

const leave = () => goBack(back);
/** Without the way back, which is this person's own. */
const link = () => copyLink(location.pathname + location.hash);
const acts = {
  shortlist, compare, link,
  export: () => exporting({ ids: [design.id], count: 1 }, 1, named(design)),
  more: () => moreLikeThese({ ids: [design.id] }, 1, [design]),
};
clicks("do", acts, ".about");
copying();
leavesBy(back);

keyboard({
  p: pick("pick"), x: pick("reject"), u: pick(""), z: takeBack,
  ...Object.fromEntries([0, 1, 2, 3, 4, 5].map((n) => [n, star(n)])),
  d: () => show("design"), g: () => show("garment"), t: () => show("style"), b: () => show("beside"),
  ArrowLeft: () => swiping() && moveLine(-2), ArrowRight: () => swiping() && moveLine(2),
  "+": view.closer, "=": view.closer, "-": view.further,
  s: shortlist, c: compare, e: acts.export, m: acts.more, l: link, "?": () => showKeys(KEYS), Escape: leave, Backspace: leave,
});
header(KEYS);
showKnown();
showAddressed();
addEventListener("hashchange", showAddressed);
// Out of the browser's memory, the page would show a verdict of before.
addEventListener("pageshow", (event) => event.persisted && location.reload());
