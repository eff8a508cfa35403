// This very page as the server has it now, to take parts of it over without a reload.

/** Resolves to the page as a document; its scripts do not run. */
export async function fresh() {
  const answer = await fetch(location.pathname + location.search, { headers: { accept: "text/html" } });
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}
