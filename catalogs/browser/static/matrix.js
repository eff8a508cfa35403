// Garments down, styles across: what there is, and where nothing is.

/** @import { Cell, Matrix, Result, Side } from "../answers.js" */

import { el } from "./elements.js";
import { ask, counted, named, thumbnail } from "./server.js";

/** @type {Record<string, number>} */
const SIDES = { s: 72, m: 120, l: 190 };

/**
 * Lay a result out as a matrix.
 * @param {HTMLElement} place
 * @param {Result} result
 * @param {string} size
 * @param {URLSearchParams} params
 */
export async function showMatrix(place, result, size, params) {
  /** @type {Matrix} */
  const found = await ask(`/api/matrix/${result.result}`);
  const side = SIDES[size] ?? SIDES.m;
  const cells = new Map(found.cells.map((one) => [one.at.join(), one]));
  const head = el("tr", {}, el("th", {}, counted(result.total, "design")), ...found.styles.map((style) => el("th", { scope: "col", title: style.title, dir: "auto" }, style.title)));
  const rows = found.garments.map((garment, down) => el("tr", {}, el("th", { scope: "row", title: garment.title, dir: "auto" }, garment.title),
    ...found.styles.map((style, across) => el("td", {}, box(cells.get(`${down},${across}`), garment, style, side, params)))));
  place.replaceChildren(el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)));
}

/**
 * @param {Cell | undefined} cell
 * @param {Side} garment
 * @param {Side} style
 * @param {number} side
 * @param {URLSearchParams} params
 */
function box(cell, garment, style, side, params) {
  const made = cell ? link(cell, garment, style, side, params) : el("div", { class: "none", title: `${garment.title} – ${style.title}: none` });
  made.style.width = `${side}px`;
  made.style.height = `${Math.round(side * 1.2)}px`;
  return made;
}

/**
 * One design opens; of several the grid shows them.
 * @param {Cell} cell
 * @param {Side} garment
 * @param {Side} style
 * @param {number} side
 * @param {URLSearchParams} params
 */
function link({ design, count }, garment, style, side, params) {
  const narrowed = new URLSearchParams(params);
  ["view", "at", "garment", "style"].forEach((name) => narrowed.delete(name));
  narrowed.set("garment", garment.value);
  narrowed.set("style", style.value);
  const here = location.pathname + location.search;
  const href = count > 1 ? `/?${narrowed}` : `/designs/${design.id}?${new URLSearchParams({ back: here })}`;
  return el("a", { href, class: design.verdict ? `v-${design.verdict}` : "", title: named(design) },
    el("img", { src: thumbnail(design, side), loading: "lazy", decoding: "async", alt: named(design) }),
    count > 1 ? el("span", { class: "n" }, `${count}`) : null);
}
