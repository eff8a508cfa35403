// Elements of a page: made, and found by what they are. A page without one that its script needs is at fault, and says which.

/**
 * What `el` sets: listeners by "on…", attributes by all other names; false, null and undefined are left out.
 * @typedef {{
 *   onclick?: (event: MouseEvent) => unknown, onchange?: (event: Event) => unknown, onfocus?: (event: FocusEvent) => unknown,
 *   onfocusin?: (event: FocusEvent) => unknown, onpointerdown?: (event: PointerEvent) => unknown,
 *   [name: string]: string | number | boolean | null | undefined | ((event: never) => unknown),
 * }} Attributes
 */

/**
 * Make an element: el("a", {class: "x", href: "/"}, child, "text"). Text is never HTML.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name} name
 * @param {Attributes} attributes
 * @param {(Node | string | null | undefined)[]} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") made.addEventListener(key.slice(2), /** @type {EventListener} */ (value));
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/**
 * The first element that a selector finds, which is of a kind: part(HTMLInputElement, "#filter").
 * @template {Element} Kind
 * @param {new () => Kind} kind
 * @param {string} selector
 * @param {ParentNode} within
 * @returns {Kind}
 */
export function part(kind, selector, within = document) {
  const found = within.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} that is '${selector}'.`);
  return found;
}

/**
 * All HTML elements that a selector finds.
 * @param {string} selector
 * @param {ParentNode} within
 */
export function parts(selector, within = document) {
  return [...within.querySelectorAll(selector)].filter((one) => one instanceof HTMLElement);
}

/**
 * The element of an id.
 * @param {string} id
 */
export const $ = (id) => part(HTMLElement, `#${id}`);

/**
 * Where an event happened: the innermost HTML element there that a selector finds.
 * @param {Event} event
 * @param {string} selector
 */
export function around(event, selector) {
  const found = event.target instanceof Element ? event.target.closest(selector) : null;
  return found instanceof HTMLElement ? found : null;
}

/**
 * Let a click on what has an attribute "data-…" do the act that it names.
 * @param {string} attribute
 * @param {Record<string, () => unknown>} acts
 * @param {string} within
 */
export function clicks(attribute, acts, within = "body") {
  for (const one of parts(`${within} [data-${attribute}]`)) {
    const act = acts[one.dataset[attribute] ?? ""];
    if (act) one.addEventListener("click", () => act());
  }
}
