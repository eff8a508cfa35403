// Two to four designs side by side: looked at together, judged one by one.

/**
 * @import { ComparePage, Design, Verdict } from "../answers.js"
 * @import { Keys } from "./dialogs.js"
 */

import { $, clicks, el, part, parts } from "./elements.js";
import { counted, data, named, picture, fileAct, tell, thumbnail, VERDICTS } from "./server.js";
import { exporting, header, moreLikeThese, showKeys, whichShortlist } from "./dialogs.js";
import { among, inTurn, judgeButtons, judging, showJudged } from "./judging.js";
import { copyLink } from "./links.js";
import { goBack, keyboard, leavesBy } from "./keyboard.js";
import { zoomable } from "./zoom.js";

/** @type {Keys} */
const KEYS = [
  ["1 … 4", "choose a picture"], ["← →", "the one before, the next"], ["P", "pick"], ["X", "reject"],
  ["U", "clear the verdict"], ["K", "keep this one, reject the rest"], ["Z", "undo"],
  ["+ −", "zoom all"],
  ["Space", "in a picture: all of it, or dot for dot"], ["Home End", "in a picture: all of it, dot for dot"],
  ["← ↑ → ↓", "in a picture: move all"],
  ["S", "put it on a shortlist"], ["Enter", "open it"], ["E", "export them"], ["M", "more like them"], ["L", "copy the link"], ["Esc", "back"], ["?", "this sheet"],
];
/**
 * What is better in a row. The others are right up to a limit, and no better below it; a loss says nothing across recipes.
 * @type {Record<string, (...values: number[]) => number>}
 */
const BETTER = { "folds kept": Math.max, "distance to the style": Math.min, loss: Math.min };
const { designs } = /** @type {ComparePage} */ (data);
const back = part(HTMLAnchorElement, "#back");
const level = part(HTMLElement, ".level");
const here = location.pathname + location.search;
let active = 0;

const judge = judging(among(designs), judged);
const figures = designs.map(figure);
$("panes").append(...figures);
const panes = figures.map((one) => part(HTMLElement, ".pane", one));
const view = zoomable(panes, { onzoom: (scale) => { level.textContent = `${Math.round(scale * 100)} %`; } });

/**
 * @param {Design} design
 * @param {number} n
 */
function figure(design, n) {
  const { width, height } = design;
  const image = el("img", { src: thumbnail(design, 384), alt: named(design), width, height });
  const whole = el("img", { src: picture(design) });
  const why = el("small", { hidden: true });
  whole.decode().then(() => { image.src = whole.src; }, () => {
    why.hidden = false;
    why.textContent = "Its whole picture does not come.";
  });
  const label = `${n + 1}: ${named(design)}. Plus and minus zoom, arrows move all.`;
  const made = el("figure", { onpointerdown: () => activate(n), onfocusin: () => activate(n) },
    el("div", { class: "pane", tabindex: 0, role: "group", "aria-label": label },
      image, el("span", { class: "no", "aria-hidden": "true" }, String(n + 1)), el("span", { class: "badge", hidden: true })),
    el("figcaption", {},
      el("div", { class: "what" },
        el("a", { href: addressOf(design), title: named(design), dir: "auto" }, design.style),
        el("small", { dir: "auto" }, `${design.garment} · ${design.recipe}`),
        el("small", { title: design.id }, el("code", {}, design.id.slice(0, 12)), " ", why),
        designs.length > 2 ? leaveOutButton(design, n) : null),
      judgeButtons(design, judge)));
  showBadge(made, design);
  return made;
}

/**
 * @param {Design} design
 * @param {number} n
 */
function leaveOutButton(design, n) {
  const label = `Leave ${named(design)} out`;
  return el("button", { type: "button", class: "quiet", "aria-label": label, title: "Leave it out", onclick: () => leaveOut(n) }, "✕");
}

/** @param {Design} design */
function addressOf(design) {
  return `/designs/${encodeURIComponent(design.id)}?back=${encodeURIComponent(here)}`;
}

/**
 * @param {HTMLElement} made
 * @param {Design} design
 */
function showBadge(made, { verdict, stars }) {
  const badge = part(HTMLElement, ".badge", made);
  badge.hidden = !verdict && !stars;
  badge.className = `badge ${verdict}`;
  badge.textContent = [verdict && VERDICTS[verdict], stars && `${stars} ★`].filter(Boolean).join(" · ");
}

/** @param {Design} design */
function judged(design) {
  const made = figures[designs.indexOf(design)];
  showJudged(made, design);
  showBadge(made, design);
}

/** @param {number} n */
function activate(n) {
  active = n;
  figures.forEach((one, at) => one.classList.toggle("active", at === n));
  parts(".which").forEach((one) => { one.textContent = String(n + 1); });
}

/**
 * Choose a pane by key; the focus goes along, so that what is chosen is said and seen.
 * @param {number} n
 */
function choose(n) {
  if (n >= 0 && n < panes.length) panes[n].focus();
}

/** @param {number} n */
function leaveOut(n) {
  const query = new URLSearchParams(location.search);
  query.delete("id");
  designs.forEach((design, at) => at === n || query.append("id", design.id));
  location.assign(`/compare?${query}`);
}

async function shortlist() {
  const name = await whichShortlist(1);
  if (!name) return;
  const filed = await inTurn(() => fileAct("list", { shortlist: name, target: { ids: [designs[active].id] } }));
  if (filed) tell(`${named(designs[active])} is on “${name}”.`);
}

async function keep() {
  const [kept, others] = [designs[active], counted(designs.length - 1, "other")];
  if (!(await judge.keep(kept, designs))) return;
  tell(`${named(kept)}: ${VERDICTS.pick}; ${others}: ${VERDICTS.reject}.`,
    { action: { label: "Undo", run: judge.takeBack }, seconds: 6 });
}

/** Mark the best of each row: by a dot and weight, for it is a hint and no verdict. */
function markBest() {
  const recipes = new Set(designs.map((design) => design.recipe));
  for (const row of parts("#measures tr[data-measure]")) {
    const better = BETTER[row.dataset.measure ?? ""];
    if (!better || (row.dataset.measure === "loss" && recipes.size > 1)) continue;
    const cells = parts("td > span", row).filter((cell) => Number.isFinite(Number(cell.textContent)));
    const values = cells.map((cell) => Number(cell.textContent));
    if (new Set(values).size < 2) continue;
    cells.forEach((cell, n) => {
      if (values[n] !== better(...values)) return;
      cell.append(el("span", { class: "unseen" }, " (best)"));
      cell.classList.add("best");
    });
  }
}

/** @param {Verdict} verdict */
const give = (verdict) => () => judge.verdict(designs[active], verdict);
const leave = () => goBack(back);
const all = () => ({ ids: designs.map(({ id }) => id), count: designs.length });
const exportAll = () => exporting(all(), designs.length, `${counted(designs.length, "design")} compared`);
/** Without the way back, which is this person's own. */
const link = () => copyLink(`/compare?${new URLSearchParams(designs.map(({ id }) => ["id", id]))}`);
const acts = { keep, shortlist, export: exportAll, link };
clicks("do", acts, ".bar");
clicks("zoom", { further: view.further, toggle: () => view.toggle(), closer: view.closer });
leavesBy(back);

keyboard({
  ...Object.fromEntries(designs.map((_, n) => [n + 1, () => choose(n)])),
  ArrowLeft: () => choose(active - 1), ArrowRight: () => choose(active + 1),
  p: give("pick"), x: give("reject"), u: give(""),
  k: keep, z: judge.takeBack, s: shortlist, e: exportAll, l: link, m: () => moreLikeThese(all(), designs.length, designs),
  "+": view.closer, "=": view.closer, "-": view.further,
  "?": () => showKeys(KEYS), Escape: leave, Backspace: leave,
});
// Enter opens what is chosen, but on a button or link it is theirs.
panes.forEach((pane, n) => pane.addEventListener("keydown", (event) => event.key === "Enter" && location.assign(addressOf(designs[n]))));
header(KEYS);
markBest();
activate(0);
// Out of the browser's memory, the page would show verdicts of before.
addEventListener("pageshow", (event) => event.persisted && location.reload());
