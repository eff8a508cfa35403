// The filter and the large view of an offline pack. Without this script every picture still opens by its link.
"use strict";

/**
 * The first element that a selector finds, which is of a kind.
 * @template {Element} Kind
 * @param {new () => Kind} kind
 * @param {string} selector
 * @param {ParentNode} within
 * @returns {Kind}
 */
function part(kind, selector, within = document) {
  const found = within.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} that is '${selector}'.`);
  return found;
}

const cards = [...document.querySelectorAll(".card")].filter((card) => card instanceof HTMLElement);
const words = new Map(cards.map((card) => [card, card.textContent.toLowerCase()]));
const filter = part(HTMLInputElement, "#filter");
const light = part(HTMLDialogElement, "#light");
const large = part(HTMLImageElement, "#large");
/** @type {HTMLElement | null} */
let current = null;

function shown() {
  return cards.filter((card) => !card.hidden && card.querySelector("a.picture"));
}

function search() {
  const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const card of cards) card.hidden = !wanted.every((word) => words.get(card)?.includes(word));
  const left = cards.filter((card) => !card.hidden).length;
  part(HTMLElement, "#count").textContent = wanted.length ? `${left} of ${cards.length}` : "";
  part(HTMLElement, "#nothing").hidden = left > 0;
}

/** @param {HTMLElement} card */
function show(card) {
  const link = part(HTMLAnchorElement, "a.picture", card);
  const among = shown();
  current = card;
  large.src = link.getAttribute("href") ?? "";
  large.alt = part(HTMLImageElement, "img", link).alt;
  part(HTMLElement, "#caption").textContent =
    `${part(HTMLElement, "h2", card).textContent} – ${part(HTMLElement, ".style", card).textContent}`;
  part(HTMLElement, "#place").textContent = `${among.indexOf(card) + 1} / ${among.length}`;
  if (!light.open) light.showModal();
}

/** @param {number} by */
function step(by) {
  const among = shown();
  show(among[(among.findIndex((card) => card === current) + by + among.length) % among.length]);
}

part(HTMLElement, ".filter").hidden = false;
filter.addEventListener("input", search);
search(); // a browser may have kept the last words

part(HTMLElement, ".grid").addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a.picture") : null;
  const card = cards.find((one) => one.contains(link));
  if (!link || !card || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(card);
});

part(HTMLElement, "#back").addEventListener("click", () => step(-1));
part(HTMLElement, "#on").addEventListener("click", () => step(1));
part(HTMLElement, "#close").addEventListener("click", () => light.close());
light.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
});
light.addEventListener("close", () => current && part(HTMLElement, "a.picture", current).focus());

document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !light.open && document.activeElement !== filter) {
    event.preventDefault();
    filter.focus();
  }
});
