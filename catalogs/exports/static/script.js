// The filter and the large view of an offline pack. Without this script every picture still opens by its link.
"use strict";

const cards = [...document.querySelectorAll(".card")];
const words = new Map(cards.map((card) => [card, card.textContent.toLowerCase()]));
const filter = document.getElementById("filter");
const light = document.getElementById("light");
const large = document.getElementById("large");
let current = null;

function shown() {
  return cards.filter((card) => !card.hidden && card.querySelector("a.picture"));
}

function search() {
  const wanted = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const card of cards) card.hidden = !wanted.every((word) => words.get(card).includes(word));
  const left = cards.filter((card) => !card.hidden).length;
  document.getElementById("count").textContent = wanted.length ? `${left} of ${cards.length}` : "";
  document.getElementById("nothing").hidden = left > 0;
}

function show(card) {
  const link = card.querySelector("a.picture");
  const among = shown();
  current = card;
  large.src = link.getAttribute("href");
  large.alt = link.querySelector("img").alt;
  document.getElementById("caption").textContent =
    card.querySelector("h2").textContent + " – " + card.querySelector(".style").textContent;
  document.getElementById("place").textContent = `${among.indexOf(card) + 1} / ${among.length}`;
  if (!light.open) light.showModal();
}

function step(by) {
  const among = shown();
  show(among[(among.indexOf(current) + by + among.length) % among.length]);
}

document.querySelector(".filter").hidden = false;
filter.addEventListener("input", search);
search(); // a browser may have kept the last words

document.querySelector(".grid").addEventListener("click", (event) => {
  const link = event.target.closest("a.picture");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(link.closest(".card"));
});

document.getElementById("back").addEventListener("click", () => step(-1));
document.getElementById("on").addEventListener("click", () => step(1));
document.getElementById("close").addEventListener("click", () => light.close());
light.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
});
light.addEventListener("close", () => current.querySelector("a.picture").focus());

document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !light.open && document.activeElement !== filter) {
    event.preventDefault();
    filter.focus();
  }
});
