// Questions to the person, and the sheet of keys. Every page has them.

/** @import { Design, Order, Plan, Target } from "../answers.js" */

import { around, el, part, parts } from "./elements.js";
import { attempt, ask, counted, data, exportAs, send, tell } from "./server.js";

/**
 * A page's sheet of keys: keys, and what they do.
 * @typedef {[keys: string, what: string][]} Keys
 */

/**
 * Show a dialog with a form; resolves to the form's data, or null where it is left.
 * @param {string} title
 * @param {Node[]} body
 * @param {{ yes?: string, no?: string | null }} options
 * @returns {Promise<FormData | null>}
 */
export function question(title, body, { yes = "OK", no = "Cancel" } = {}) {
  return new Promise((resolve) => {
    const box = el("dialog", { "aria-label": title });
    const form = el("form", { method: "dialog" }, el("h2", {}, title), ...body,
      el("div", { class: "row" },
        no ? el("button", { type: "button", onclick: () => box.close() }, no) : null,
        el("button", { type: "submit", class: "main", value: "yes" }, yes)));
    box.append(form);
    box.addEventListener("close", () => {
      resolve(box.returnValue === "yes" ? new FormData(form) : null);
      box.remove();
    });
    document.body.append(box);
    box.showModal();
    parts("input:not([type=hidden]), select, textarea", form)[0]?.focus();
  });
}

/**
 * What was written in a field of a form.
 * @param {FormData | null} given
 * @param {string} name
 */
export function written(given, name) {
  const value = given?.get(name);
  return typeof value === "string" ? value.trim() : "";
}

/**
 * Whether to go on; asked before a bulk act.
 * @param {string} title
 * @param {string} text
 * @param {string} yes
 */
export const sure = async (title, text, yes) => (await question(title, [el("p", {}, text)], { yes })) !== null;

/**
 * The sheet of keys.
 * @param {Keys} keys
 */
export function showKeys(keys) {
  const sheet = el("div", { class: "keys" },
    ...keys.map(([names, what]) => el("div", {}, el("span", {}, what), el("span", {}, ...names.split(" ").flatMap((k) => [el("kbd", {}, k), " "])))));
  return question("Keys", [sheet], { yes: "Close", no: null });
}

/**
 * Ask for the name of a shortlist for so many designs; null where none is given.
 * @param {number} count
 */
export async function whichShortlist(count) {
  const field = el("input", { name: "name", list: "shortlist-names", maxlength: 80, required: true, autocomplete: "off" });
  const given = await question(`Put ${counted(count, "design")} on a shortlist`, [
    el("label", {}, el("span", {}, "A shortlist that there is, or a new name"), field),
    el("datalist", { id: "shortlist-names" }, ...data.shortlists.map((name) => el("option", { value: name }))),
  ], { yes: "Put on it" });
  return written(given, "name") || null;
}

/**
 * Ask in which form so many designs leave, and start the download.
 * @param {Target} target
 * @param {number} count
 * @param {string} title
 */
export async function exporting(target, count, title) {
  const shop = shopFields();
  const kinds = data.formats.map(({ name, title: label, about }, n) =>
    el("label", { class: "row" },
      el("input", { type: "radio", name: "kind", value: name, checked: n === 0, onchange: () => { shop.hidden = name !== "shopify"; } }),
      el("span", {}, label, el("small", { class: "soft" }, about))));
  const given = await question(`Export ${counted(count, "design")}`, [
    el("div", { class: "kinds" }, ...kinds),
    shop,
    el("label", {}, el("span", {}, "Title"), el("input", { name: "title", value: title, maxlength: 200 })),
  ], { yes: "Export" });
  if (!given) return;
  const kind = String(given.get("kind"));
  const said = Object.fromEntries(["title", "pictures", "vendor", "price", "product"].map((name) => [name, String(given.get(name))]));
  const asked = new URLSearchParams({ kind, pictures: said.pictures, price: said.price, product: said.product });
  // A download that fails would leave the page; so it is asked for first whether it can be made.
  if (!(await attempt(() => send(`/api/exportable?${asked}`, target)))) return;
  exportAs(kind, target, said);
  tell("The export is being made: the download begins when it is ready.", { seconds: 6 });
}

/** What Shopify's products need and the catalog does not know; shown where they are chosen. */
function shopFields() {
  /**
   * @param {string} name
   * @param {string} label
   * @param {Record<string, string | number>} more
   */
  const field = (name, label, more) => el("label", {}, el("span", {}, label), el("input", { name, ...more }));
  return el("fieldset", { class: "shop", hidden: true },
    el("label", {}, el("span", {}, "A product is"), el("select", { name: "product" },
      el("option", { value: "design" }, "a design"), el("option", { value: "garment" }, "a garment, its styles are variants"))),
    field("pictures", "Address of your pictures", { inputmode: "url", placeholder: "https://… with the files of Pictures (ZIP)", maxlength: 1000 }),
    field("vendor", "Vendor", { maxlength: 60 }),
    field("price", "Price", { inputmode: "decimal", placeholder: "19.90", maxlength: 12 }));
}

/** @type {[value: string, label: string][]} */
const WAYS = [
  ["recipe", "The same garments and styles by another recipe"],
  ["styles", "These garments in all styles of their sets"],
  ["garments", "These styles on all garments"],
];
/**
 * What to choose where a way makes nothing.
 * @type {Record<string, string>}
 */
const OTHERWISE = {
  recipe: "Choose another recipe, or one of the other ways.",
  styles: "Choose another recipe, or these styles on all garments.",
  garments: "Choose another recipe, or these garments in all styles of their sets.",
};

/**
 * Plan more designs like some, show what it comes to, start it or give the command. `designs` are those that the page knows.
 * @param {Target} target
 * @param {number} count
 * @param {(Design | undefined)[]} designs
 * @returns {Promise<void>}
 */
export async function moreLikeThese(target, count, designs) {
  if (!data.recipes.length) return tell("Start the browser with --garments and --styles to make more from here.", { bad: true });
  // A recipe of somebody's own has its digest behind its name where the catalog keeps it.
  const own = designs.flatMap((one) => [one?.kept, one?.recipe].find((name) => name !== undefined && data.recipes.includes(name)) ?? []);
  const recipe = el("select", { name: "recipe" }, ...data.recipes.map((name) => el("option", { value: name }, name)));
  let left = true; // as it was preselected
  /** @param {string} way */
  const preselect = (way) => {
    const other = data.recipes.find((name) => !own.includes(name)) ?? data.recipes[0];
    if (left) recipe.value = way === "recipe" ? other : own[0] ?? other;
  };
  recipe.addEventListener("change", () => { left = false; });
  preselect(WAYS[0][0]);
  const choice = (/** @type {[value: string, label: string]} */ [value, label], /** @type {number} */ n) => el("label", { class: "row" },
    el("input", { type: "radio", name: "way", value, checked: n === 0, onchange: () => preselect(value) }), label);
  const given = await question(`More like ${count === 1 ? "this design" : `these ${counted(count, "design")}`}`, [
    el("div", {}, ...WAYS.map(choice)),
    el("label", {}, el("span", {}, "Recipe"), recipe),
  ], { yes: "Show the plan" });
  if (!given) return;
  const order = { way: String(given.get("way")), recipe: String(given.get("recipe")), target };
  /** @type {Plan | undefined} */
  const plan = await attempt(() => send("/api/again", order));
  if (plan?.to_make) await showPlan(plan, order);
  else if (plan && (await nothingToMake(plan, order.way))) await moreLikeThese(target, count, designs);
}

/**
 * Say what to choose instead; resolves to whether the person wants to.
 * @param {Plan} plan
 * @param {string} way
 */
async function nothingToMake({ there, remarks }, way) {
  const why = there ? `${there === 1 ? "This design is" : `All ${counted(there, "design")} are`} there already.` : "No design comes of this choice.";
  return (await question("Nothing to make", [
    el("p", {}, `${why} ${OTHERWISE[way]}`), ...remarks.map((one) => el("p", { class: "soft" }, one)),
  ], { yes: "Choose again", no: "Close" })) !== null;
}

/**
 * @param {Plan} plan
 * @param {Order} order
 */
async function showPlan(plan, order) {
  const command = el("textarea", { readonly: true, rows: 4 }, plan.command);
  command.addEventListener("focus", () => command.select());
  const time = plan.seconds === null ? "how long is not known before the first designs" : `about ${lasting(plan.seconds)}`;
  const go = await question("The plan", [
    el("p", {}, `${counted(plan.to_make, "design")} to make, ${counted(plan.there, "design")} there already; ${time}.`),
    ...plan.remarks.map((one) => el("p", { class: "soft" }, one)),
    el("label", {}, el("span", {}, "The command"), command),
  ], { yes: data.canStart ? "Start it" : "Copy the command", no: "Close" });
  if (!go) return;
  if (data.canStart) {
    /** @type {{ where: string } | undefined} */
    const begun = await attempt(() => send("/api/again/start", order));
    if (begun) tell(`Started: ${begun.where}`, { seconds: 10 });
  } else {
    await copied(plan.command);
  }
}

/**
 * Copy a text; browsers allow it to pages of this machine and over TLS only.
 * @param {string} text
 */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    tell("Copied.");
  } catch {
    tell("Copying is not allowed here: select the text.", { bad: true });
  }
}

/** @param {number} seconds */
function lasting(seconds) {
  return seconds < 120 ? `${Math.round(seconds)} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/**
 * The person's name in the log, which a button shows.
 * @param {HTMLElement} button
 */
export async function rename(button) {
  const given = await question("Your name", [
    el("label", {}, el("span", {}, "Verdicts and notes are filed under it"), el("input", { name: "name", value: button.textContent?.trim(), maxlength: 60, required: true })),
  ], { yes: "Use it" });
  const name = given?.get("name");
  if (typeof name !== "string" || !name) return;
  const csrf = part(HTMLMetaElement, 'meta[name="csrf"]').content;
  /** @type {{ who: string } | undefined} */
  const answer = await attempt(() => ask("/api/who", { method: "POST", headers: { "x-csrf-token": csrf }, body: new URLSearchParams({ name }) }));
  if (answer) button.textContent = answer.who;
}

/**
 * Wire what the header has.
 * @param {Keys} keys
 */
export function header(keys) {
  document.querySelector('[data-do="keys"]')?.addEventListener("click", () => showKeys(keys));
  const [who] = parts('[data-do="who"]');
  who?.addEventListener("click", () => rename(who));
}

/** Let each command of a page be copied by the button beside it. */
export function copying() {
  for (const command of parts(".command")) {
    for (const button of parts('[data-do="copy"]', command)) button.addEventListener("click", () => copy(part(HTMLElement, "code", command)));
  }
}

/** @param {HTMLElement} command */
async function copy(command) {
  try {
    await navigator.clipboard.writeText(command.textContent ?? "");
    tell("Copied.");
  } catch {
    // Without TLS, away from this machine, no page may copy: then the person does, by two keys.
    getSelection()?.selectAllChildren(command);
    tell("Selected: copy it with Ctrl+C.");
  }
}

/**
 * Whether a key is meant for a field that is written in, or a dialog.
 * @param {KeyboardEvent} event
 */
export const elsewhere = (event) =>
  event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]:not(#big)") !== null ||
  around(event, "input:not([type=checkbox]):not([type=radio]), textarea, select") !== null;
