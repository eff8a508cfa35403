// What a person has chosen on a page, kept in its tab while they look at designs from there and come back.

const BEYOND = /^\/(compare|designs\/)/;

/** Keep ids under a page's name, in the place of what was kept before: one choice a tab, of one page. */
export function keepChoice(page, ids) {
  if (ids.length) sessionStorage.setItem("choice", JSON.stringify({ page, ids }));
  else sessionStorage.removeItem("choice");
}

/** What was chosen on a page, if the person comes back to it; who comes from elsewhere begins anew. */
export function keptChoice(page) {
  const kept = JSON.parse(sessionStorage.getItem("choice") ?? "null");
  return kept?.page === page && cameBack() ? kept.ids : [];
}

function cameBack() {
  if (performance.getEntriesByType("navigation")[0]?.type !== "navigate") return true;
  const from = document.referrer && new URL(document.referrer);
  return Boolean(from) && from.origin === location.origin && BEYOND.test(from.pathname);
}
