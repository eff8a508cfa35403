// What an empty result says of itself: why, and where to go on.

/** @import { Nothing, Way } from "../answers.js" */

import { el } from "./elements.js";
import { counted } from "./server.js";
import { TITLES } from "./facets.js";

/**
 * How a page is led to another address of it, and what of its address the server knows.
 * @typedef {(change: (next: URLSearchParams) => void) => unknown} Go
 * @typedef {(from?: URLSearchParams) => URLSearchParams} Filters
 */

/** @type {Record<string, string>} */
const OTHERS = { search: "the search", swatch: "the colour", shortlist: "the shortlist", like: "near-duplicates of one design" };

/**
 * Paragraphs about an empty result of so many designs.
 * @param {number} all
 * @param {Nothing} nothing
 * @param {Go} go
 * @param {Filters} query
 */
export function whyNothing(all, { colors, removal, narrowed }, go, query) {
  if (!all) return [el("p", {}, "The catalog has no designs yet: run 'stylemill run' to make some.")];
  return [
    query().get("q") ? el("p", {}, "Words search titles and tags; for a colour use Main Colour.") : null,
    ...colors.map((way) => el("p", {}, link(way, `Main Colour “${way.what}”`, go, query), ` finds ${counted(way.count, "design")}.`)),
    removal ? el("p", {}, link(removal, `Without ${nameOf(removal.what)}`, go, query), ` there are ${counted(removal.count, "design")}.`) : null,
    !removal && narrowed ? el("p", {}, "Taking one filter away is not enough: clear them all, or the most narrow ones.") : null,
  ].filter((one) => one !== null);
}

/** @param {string} what */
const nameOf = (what) => OTHERS[what] ?? `the filter “${TITLES[what] ?? what}”`;

/**
 * A link that changes the filters and leaves the page's view as it is.
 * @param {Way} way
 * @param {string} text
 * @param {Go} go
 * @param {Filters} query
 */
function link({ address }, text, go, query) {
  /** @param {MouseEvent} event */
  const onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go((next) => {
      [...query(next).keys()].forEach((name) => next.delete(name));
      new URLSearchParams(address).forEach((value, name) => next.append(name, value));
    });
  };
  return el("a", { href: `/?${address || "sort=new"}`, onclick }, text);
}
