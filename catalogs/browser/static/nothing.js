// What an empty result says of itself: why, and where to go on.

import { counted, el } from "./server.js";
import { TITLES } from "./facets.js";

const OTHERS = { search: "the search", swatch: "the colour", shortlist: "the shortlist", like: "near-duplicates of one design" };

/** Paragraphs about an empty result; `go` leads to another address of the page, `query` gives its filters. */
export function whyNothing({ all, nothing }, go, query) {
  const { colors, removal, narrowed } = nothing;
  if (!all) return [el("p", {}, "The catalog has no designs yet: run 'stylemill run' to make some.")];
  return [
    query().get("q") && el("p", {}, "Words search titles and tags; for a colour use Main Colour."),
    ...colors.map((way) => el("p", {}, link(way, `Main Colour “${way.what}”`, go, query), ` finds ${counted(way.count, "design")}.`)),
    removal && el("p", {}, link(removal, `Without ${nameOf(removal.what)}`, go, query), ` there are ${counted(removal.count, "design")}.`),
    !removal && narrowed && el("p", {}, "Taking one filter away is not enough: clear them all, or the most narrow ones."),
  ].filter(Boolean);
}

const nameOf = (what) => OTHERS[what] ?? `the filter “${TITLES[what] ?? what}”`;

/** A link that changes the filters and leaves the page's view as it is. */
function link({ address }, text, go, query) {
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
