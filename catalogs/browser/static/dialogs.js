// Questions to the person, and the sheet of keys. Every page has them.

import { attempt, ask, counted, data, el, exportAs, send, tell } from "./server.js";

/** Show a dialog with a form; resolves to the form's data, or null where it is left. */
export function question(title, body, { yes = "OK", no = "Cancel" } = {}) {
  return new Promise((resolve) => {
    const form = el("form", { method: "dialog" }, el("h2", {}, title), ...body,
      el("div", { class: "row" },
        no ? el("button", { type: "button", onclick: () => box.close() }, no) : null,
        el("button", { type: "submit", class: "main", value: "yes" }, yes)));
    const box = el("dialog", { "aria-label": title }, form);
    box.addEventListener("close", () => {
      resolve(box.returnValue === "yes" ? new FormData(form) : null);
      box.remove();
    });
    document.body.append(box);
    box.showModal();
    form.querySelector("input:not([type=hidden]), select, textarea")?.focus();
  });
}

/** Whether to go on; asked before a bulk act. */
export const sure = async (title, text, yes) => (await question(title, [el("p", {}, text)], { yes })) !== null;

/** The sheet of keys. `keys` is [[keys, what], ...]. */
export function showKeys(keys) {
  const sheet = el("div", { class: "keys" },
    ...keys.map(([names, what]) => el("div", {}, el("span", {}, what), el("span", {}, ...names.split(" ").flatMap((k) => [el("kbd", {}, k), " "])))));
  return question("Keys", [sheet], { yes: "Close", no: null });
}

/** Ask for a shortlist's name. */
export async function whichShortlist(count) {
  const field = el("input", { name: "name", list: "shortlist-names", maxlength: 80, required: true, autocomplete: "off" });
  const given = await question(`Put ${counted(count, "design")} on a shortlist`, [
    el("label", {}, el("span", {}, "A shortlist that there is, or a new name"), field),
    el("datalist", { id: "shortlist-names" }, ...data.shortlists.map((name) => el("option", { value: name }))),
  ], { yes: "Put on it" });
  return given?.get("name")?.trim() || null;
}

/** Ask in which form designs leave, and start the download. */
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
  const kind = given.get("kind");
  const said = Object.fromEntries(["title", "pictures", "vendor", "price", "product"].map((name) => [name, given.get(name)]));
  const asked = new URLSearchParams({ kind, pictures: said.pictures, price: said.price, product: said.product });
  // A download that fails would leave the page; so it is asked for first whether it can be made.
  if (!(await attempt(() => send(`/api/exportable?${asked}`, target)))) return;
  exportAs(kind, target, said);
  tell("The export is being made: the download begins when it is ready.", { seconds: 6 });
}

/** What Shopify's products need and the catalog does not know; shown where they are chosen. */
function shopFields() {
  const field = (name, label, more) => el("label", {}, el("span", {}, label), el("input", { name, ...more }));
  return el("fieldset", { class: "shop", hidden: true },
    el("label", {}, el("span", {}, "A product is"), el("select", { name: "product" },
      el("option", { value: "design" }, "a design"), el("option", { value: "garment" }, "a garment, its styles are variants"))),
    field("pictures", "Address of your pictures", { inputmode: "url", placeholder: "https://… with the files of Pictures (ZIP)", maxlength: 1000 }),
    field("vendor", "Vendor", { maxlength: 60 }),
    field("price", "Price", { inputmode: "decimal", placeholder: "19.90", maxlength: 12 }));
}

const WAYS = [
  ["recipe", "The same garments and styles by another recipe"],
  ["styles", "These garments in all styles of their sets"],
  ["garments", "These styles on all garments"],
];
/** What to choose where a way makes nothing. */
const OTHERWISE = {
  recipe: "Choose another recipe, or one of the other ways.",
  styles: "Choose another recipe, or these styles on all garments.",
  garments: "Choose another recipe, or these garments in all styles of their sets.",
};

/** Plan more designs like some, show what it comes to, start it or give the command. `designs` are those that the page knows. */
export async function moreLikeThese(target, count, designs) {
  if (!data.recipes.length) return tell("Start the browser with --garments and --styles to make more from here.", { bad: true });
  // A recipe of somebody's own has its digest behind its name where the catalog keeps it.
  const own = designs.map((one) => [one?.kept, one?.recipe].find((name) => data.recipes.includes(name))).filter(Boolean);
  const recipe = el("select", { name: "recipe" }, ...data.recipes.map((name) => el("option", { value: name }, name)));
  let left = true; // as it was preselected
  const preselect = (way) => {
    const other = data.recipes.find((name) => !own.includes(name)) ?? data.recipes[0];
    if (left) recipe.value = way === "recipe" ? other : own[0] ?? other;
  };
  recipe.addEventListener("change", () => { left = false; });
  preselect(WAYS[0][0]);
  const choice = ([value, label], n) => el("label", { class: "row" },
    el("input", { type: "radio", name: "way", value, checked: n === 0, onchange: () => preselect(value) }), label);
  const given = await question(`More like ${count === 1 ? "this design" : `these ${counted(count, "design")}`}`, [
    el("div", {}, ...WAYS.map(choice)),
    el("label", {}, el("span", {}, "Recipe"), recipe),
  ], { yes: "Show the plan" });
  if (!given) return;
  const order = { way: given.get("way"), recipe: given.get("recipe"), target };
  const plan = await attempt(() => send("/api/again", order));
  if (plan?.to_make) await showPlan(plan, order);
  else if (plan && (await nothingToMake(plan, order.way))) await moreLikeThese(target, count, designs);
}

/** Say what to choose instead; resolves to whether the person wants to. */
async function nothingToMake({ there, remarks }, way) {
  const why = there ? `${there === 1 ? "This design is" : `All ${counted(there, "design")} are`} there already.` : "No design comes of this choice.";
  return (await question("Nothing to make", [
    el("p", {}, `${why} ${OTHERWISE[way]}`), ...remarks.map((one) => el("p", { class: "soft" }, one)),
  ], { yes: "Choose again", no: "Close" })) !== null;
}

async function showPlan(plan, order) {
  const time = plan.seconds == null ? "how long is not known before the first designs" : `about ${lasting(plan.seconds)}`;
  const go = await question("The plan", [
    el("p", {}, `${counted(plan.to_make, "design")} to make, ${counted(plan.there, "design")} there already; ${time}.`),
    ...plan.remarks.map((one) => el("p", { class: "soft" }, one)),
    el("label", {}, el("span", {}, "The command"), el("textarea", { readonly: true, rows: 4, onfocus: (event) => event.target.select() }, plan.command)),
  ], { yes: data.canStart ? "Start it" : "Copy the command", no: "Close" });
  if (!go) return;
  if (data.canStart) {
    const begun = await attempt(() => send("/api/again/start", order));
    if (begun) tell(`Started: ${begun.where}`, { seconds: 10 });
  } else {
    await copied(plan.command);
  }
}

/** Copy a text; browsers allow it to pages of this machine and over TLS only. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    tell("Copied.");
  } catch {
    tell("Copying is not allowed here: select the text.", { bad: true });
  }
}

function lasting(seconds) {
  return seconds < 120 ? `${Math.round(seconds)} s` : seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** The person's name in the log. */
export async function rename(button) {
  const given = await question("Your name", [
    el("label", {}, el("span", {}, "Verdicts and notes are filed under it"), el("input", { name: "name", value: button.textContent.trim(), maxlength: 60, required: true })),
  ], { yes: "Use it" });
  if (!given?.get("name")) return;
  const csrf = document.querySelector('meta[name="csrf"]').content;
  const answer = await attempt(() => ask("/api/who", { method: "POST", headers: { "x-csrf-token": csrf }, body: new URLSearchParams({ name: given.get("name") }) }));
  if (answer) button.textContent = answer.who;
}

/** Wire what the header has; `keys` is the page's sheet. */
export function header(keys) {
  document.querySelector('[data-do="keys"]')?.addEventListener("click", () => showKeys(keys));
  const who = document.querySelector('[data-do="who"]');
  who?.addEventListener("click", () => rename(who));
}

/** Let each command of a page be copied by the button beside it. */
export function copying() {
  for (const button of document.querySelectorAll('.command [data-do="copy"]')) {
    button.addEventListener("click", () => copy(button.parentElement.querySelector("code")));
  }
}

async function copy(command) {
  try {
    await navigator.clipboard.writeText(command.textContent);
    tell("Copied.");
  } catch {
    // Without TLS, away from this machine, no page may copy: then the person does, by two keys.
    getSelection().selectAllChildren(command);
    tell("Selected: copy it with Ctrl+C.");
  }
}

/** Whether a key is meant for a field that is written in, or a dialog. */
export const elsewhere = (event) =>
  event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]:not(#big)") ||
  event.target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select");
