// What a person has chosen on a page, kept in its tab while they look at designs from there and come back.

const BEYOND = /^\/(compare|designs\/)/;

/**
 * Keep ids under a page's name, in the place of what was kept before: one choice a tab, of one page.
 * @param {string} page
 * @param {string[]} ids
 */
export function keepChoice(page, ids) {
  if (ids.length) sessionStorage.setItem("choice", JSON.stringify({ page, ids }));
  else sessionStorage.removeItem("choice");
}

/**
 * What was chosen on a page, if the person comes back to it; who comes from elsewhere begins anew.
 * @param {string} page
 * @returns {string[]}
 */
export function keptChoice(page) {
  /** @type {{ page: string, ids: string[] } | null} */
  const kept = JSON.parse(sessionStorage.getItem("choice") ?? "null");
  return kept?.page === page && cameBack() ? kept.ids : [];
}

function cameBack() {
  const [arrival] = performance.getEntriesByType("navigation");
  if (!(arrival instanceof PerformanceNavigationTiming) || arrival.type !== "navigate") return true;
  const from = document.referrer ? new URL(document.referrer) : null;
  return from !== null && from.origin === location.origin && BEYOND.test(from.pathname);
}
