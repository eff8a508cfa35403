// Filters with counts.

/** @import { Facet, Facets as Counts } from "../answers.js" */

import { el } from "./elements.js";

const SHOWN = 8;
/** @type {Record<string, string>} */
export const TITLES = { set: "style set", color: "main colour", flag: "look twice", run: "run" };
const OPEN = new Set(["verdict", "set", "color", "category", "garment"]);
/** @type {Record<string, string>} */
const DOTS = { black: "#161616", white: "#fafafa", grey: "#8c8c8c", beige: "#e3d6bb", red: "#c02530", orange: "#e5792b", yellow: "#ecc93a", green: "#3d9150",
  turquoise: "#2a9d9d", blue: "#2f55b5", purple: "#74419b", pink: "#e58bb0", brown: "#70482a" };

/** The list of facets. Nodes are made anew for every result; which are folded or long is remembered. */
export class Facets {
  open = /** @type {Map<string, boolean>} */ (new Map());
  long = /** @type {Set<string>} */ (new Set());

  /**
   * @param {HTMLElement} place
   * @param {{ toggle: (name: string, value: string, on: boolean) => void }} page
   */
  constructor(place, { toggle }) {
    this.place = place;
    this.toggle = toggle;
  }

  /**
   * @param {Counts} facets
   * @param {URLSearchParams} params
   */
  show(facets, params) {
    const shown = Object.entries(facets).filter(([, values]) => values.length);
    this.place.replaceChildren(...shown.map(([name, values]) => this.facet(name, values, new Set(params.getAll(name)))));
  }

  /**
   * @param {string} name
   * @param {Facet[]} values
   * @param {Set<string>} chosen
   * @returns {HTMLDetailsElement}
   */
  facet(name, values, chosen) {
    const open = this.open.get(name) ?? (OPEN.has(name) || chosen.size > 0);
    const first = this.long.has(name) ? values : values.filter((one, n) => n < SHOWN || chosen.has(one[0]));
    const list = el("ul", {}, ...first.map((one) => this.value(name, one, chosen.has(one[0]))));
    const box = el("details", { class: "facet", open, "data-facet": name }, el("summary", {}, TITLES[name] ?? name), list);
    if (first.length < values.length) {
      box.append(el("button", { type: "button", class: "quiet more", onclick: () => { this.long.add(name); box.replaceWith(this.facet(name, values, chosen)); } }, `${values.length - first.length} more`));
    }
    box.addEventListener("toggle", () => this.open.set(name, box.open));
    return box;
  }

  /**
   * @param {string} name
   * @param {Facet} facet
   * @param {boolean} on
   */
  value(name, [value, title, count], on) {
    const box = el("input", { type: "checkbox", checked: on, value });
    box.addEventListener("change", () => this.toggle(name, value, box.checked));
    const dot = name === "color" && DOTS[value] ? el("span", { class: "dot" }) : null;
    if (dot) dot.style.background = DOTS[value];
    const text = name === "stars" ? (value === "0" ? "none" : "★".repeat(Number(value))) : title || "not stated";
    return el("li", {}, el("label", { title: text }, box, dot, el("span", { class: "t", dir: "auto" }, text), el("span", { class: "c" }, count.toLocaleString("en"))));
  }
}
