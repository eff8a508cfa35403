// Putting cards in another order by dragging them: by mouse anywhere on the picture, by finger on the grip.

import { reduced } from "./server.js";

const THRESHOLD = 6; // pixels from which on a press is a drag and no click
const EDGE = 90; // pixels from the window's edge in which it scrolls along
const GLIDE = { duration: 140, easing: "ease-out" };

/** Siblings from one to another. They are what moves in the page: what is dragged would lose its pointer. */
function run(first, last) {
  const all = [...first.parentElement.children];
  return all.slice(all.indexOf(first), all.indexOf(last) + 1);
}

/** Let the children of `list` be dragged by what matches `handle`; `dropped` hears of it where the order changed. */
export function reordering(list, { handle, finger, dropped }) {
  let drag = null;

  function pressed(event) {
    const card = event.target.closest("li");
    const grasped = event.target.closest(event.pointerType === "mouse" ? `${handle}, ${finger}` : finger);
    if (drag || event.button !== 0 || !card || !grasped) return;
    drag = { card, id: event.pointerId, x: event.clientX, y: event.clientY, lifted: false, before: [...list.children], over: null };
  }

  function lift() {
    const { left, top } = drag.card.getBoundingClientRect();
    Object.assign(drag, { lifted: true, grabX: drag.x - left, grabY: drag.y - top });
    drag.card.setPointerCapture(drag.id);
    drag.card.classList.add("lifted");
    document.body.classList.add("dragging");
    requestAnimationFrame(scrollAlong);
  }

  function moved(event) {
    if (event.pointerId !== drag?.id) return;
    const far = Math.hypot(event.clientX - drag.x, event.clientY - drag.y);
    if (!drag.lifted && far < THRESHOLD) return;
    if (!drag.lifted) lift();
    Object.assign(drag, { x: event.clientX, y: event.clientY });
    follow();
  }

  /** Put the card under the pointer, and in the place of the card that the pointer came upon. */
  function follow() {
    const { card } = drag;
    const { left, top } = list.getBoundingClientRect();
    const at = { x: drag.x - left, y: drag.y - top };
    const over = [...list.children].find((one) => one !== card && contains(one, at)) ?? null;
    // A place is taken when it is entered: with cards of different heights the two would change places for ever.
    if (over && over !== drag.over) {
      const down = card.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING;
      gliding(() => (down ? card.before(...run(card.nextElementSibling, over)) : card.after(...run(over, card.previousElementSibling))));
    }
    drag.over = over;
    card.style.transform = `translate(${at.x - drag.grabX - card.offsetLeft}px, ${at.y - drag.grabY - card.offsetTop}px)`;
  }

  const contains = (one, { x, y }) =>
    x >= one.offsetLeft && x <= one.offsetLeft + one.offsetWidth && y >= one.offsetTop && y <= one.offsetTop + one.offsetHeight;

  /** Change the order; the cards that make room are seen to do so. */
  function gliding(change) {
    const others = [...list.children].filter((one) => one !== drag.card);
    const before = others.map((one) => [one.offsetLeft, one.offsetTop]);
    change();
    if (reduced) return;
    others.forEach((one, n) => {
      const [x, y] = [before[n][0] - one.offsetLeft, before[n][1] - one.offsetTop];
      if (x || y) one.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }], GLIDE);
    });
  }

  function scrollAlong() {
    if (!drag?.lifted) return;
    const by = drag.y < EDGE ? drag.y - EDGE : Math.max(drag.y - innerHeight + EDGE, 0);
    if (by) {
      scrollBy(0, by / 6);
      follow();
    }
    requestAnimationFrame(scrollAlong);
  }

  function settle() {
    const { card, lifted } = drag;
    card.classList.remove("lifted");
    card.style.transform = "";
    document.body.classList.remove("dragging");
    drag = null;
    // The click that ends a drag is no click on what was dragged.
    if (!lifted) return;
    const swallow = (event) => { event.preventDefault(); event.stopPropagation(); };
    addEventListener("click", swallow, { capture: true });
    setTimeout(() => removeEventListener("click", swallow, { capture: true }));
  }

  function released(event) {
    if (event.pointerId !== drag?.id) return;
    const { before } = drag;
    settle();
    if (before.some((one, n) => list.children[n] !== one)) dropped();
  }

  function left() {
    if (!drag) return;
    list.replaceChildren(...drag.before);
    settle();
  }

  list.addEventListener("pointerdown", pressed);
  list.addEventListener("pointermove", moved);
  list.addEventListener("pointerup", released);
  list.addEventListener("pointercancel", left);
  list.addEventListener("dragstart", (event) => event.preventDefault());
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !drag?.lifted) return;
    event.preventDefault();
    left();
  }, { capture: true });
}
