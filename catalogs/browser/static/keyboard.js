// Keys of a page, and its leaving by them.

import { elsewhere } from "./dialogs.js";

/**
 * Run what a page has for a key, unless the key is meant for a field, a dialog, or was taken on its way.
 * @param {Record<string, () => unknown>} runs
 */
export function keyboard(runs) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || elsewhere(event)) return;
    const run = runs[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!run) return;
    event.preventDefault();
    run();
  });
}

/**
 * Make a plain click on a link go back as its key does.
 * @param {HTMLAnchorElement} link
 */
export function leavesBy(link) {
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    goBack(link);
  });
}

/**
 * Go where a link leads; by the browser's own way back where that is the page we came from, for it knows the scroll.
 * @param {HTMLAnchorElement} link
 */
export function goBack(link) {
  const from = document.referrer && new URL(document.referrer);
  if (from && from.origin === location.origin && from.href === link.href) history.back();
  else location.assign(link.href);
}
