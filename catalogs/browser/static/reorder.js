// Putting cards in another order by dragging them: by mouse anywhere on the picture, by finger on the grip.

import { around } from "./elements.js";
import { reduced } from "./server.js";

/**
 * A card under a pointer: where the pointer is, where it grasped the card, the order before.
 * @typedef {{
 *   card: HTMLElement, id: number, x: number, y: number, lifted: boolean, grabX: number, grabY: number,
 *   before: HTMLElement[], over: HTMLElement | null,
 * }} Drag
 */

const THRESHOLD = 6; // pixels from which on a press is a drag and no click
const EDGE = 90; // pixels from the window's edge in which it scrolls along
const GLIDE = { duration: 140, easing: "ease-out" };

/**
 * Let the children of `list` be dragged by what matches `handle`; `dropped` hears of it where the order changed.
 * @param {HTMLElement} list
 * @param {{ handle: string, finger: string, dropped: () => void }} options
 */
export function reordering(list, { handle, finger, dropped }) {
  /** @type {Drag | null} */
  let drag = null;

  const cards = () => [...list.children].filter((one) => one instanceof HTMLElement);

  /** @param {PointerEvent} event */
  function pressed(event) {
    const card = around(event, "li");
    const grasped = around(event, event.pointerType === "mouse" ? `${handle}, ${finger}` : finger);
    if (drag || event.button !== 0 || !card || !grasped) return;
    const at = { x: event.clientX, y: event.clientY };
    drag = { card, id: event.pointerId, ...at, lifted: false, grabX: 0, grabY: 0, before: cards(), over: null };
  }

  /** @param {Drag} held */
  function lift(held) {
    const corner = held.card.getBoundingClientRect();
    Object.assign(held, { lifted: true, grabX: held.x - corner.left, grabY: held.y - corner.top });
    held.card.setPointerCapture(held.id);
    held.card.classList.add("lifted");
    document.body.classList.add("dragging");
    requestAnimationFrame(scrollAlong);
  }

  /** @param {PointerEvent} event */
  function moved(event) {
    if (!drag || event.pointerId !== drag.id) return;
    const far = Math.hypot(event.clientX - drag.x, event.clientY - drag.y);
    if (!drag.lifted && far < THRESHOLD) return;
    if (!drag.lifted) lift(drag);
    Object.assign(drag, { x: event.clientX, y: event.clientY });
    follow(drag);
  }

  /**
   * Siblings from one to another. They are what moves in the page: what is dragged would lose its pointer.
   * @param {Element | null} first
   * @param {Element | null} last
   */
  function run(first, last) {
    const all = cards();
    return all.slice(all.findIndex((one) => one === first), all.findIndex((one) => one === last) + 1);
  }

  /**
   * Put the card under the pointer, and in the place of the card that the pointer came upon.
   * @param {Drag} held
   */
  function follow(held) {
    const { card } = held;
    const corner = list.getBoundingClientRect();
    const at = { x: held.x - corner.left, y: held.y - corner.top };
    const over = cards().find((one) => one !== card && contains(one, at)) ?? null;
    // A place is taken when it is entered: with cards of different heights the two would change places for ever.
    if (over && over !== held.over) {
      const down = card.compareDocumentPosition(over) & Node.DOCUMENT_POSITION_FOLLOWING;
      gliding(card, () => (down ? card.before(...run(card.nextElementSibling, over)) : card.after(...run(over, card.previousElementSibling))));
    }
    held.over = over;
    card.style.transform = `translate(${at.x - held.grabX - card.offsetLeft}px, ${at.y - held.grabY - card.offsetTop}px)`;
  }

  /**
   * @param {HTMLElement} one
   * @param {{ x: number, y: number }} at
   */
  const contains = (one, { x, y }) =>
    x >= one.offsetLeft && x <= one.offsetLeft + one.offsetWidth && y >= one.offsetTop && y <= one.offsetTop + one.offsetHeight;

  /**
   * Change the order; the cards that make room for another are seen to do so.
   * @param {HTMLElement} card
   * @param {() => void} change
   */
  function gliding(card, change) {
    const others = cards().filter((one) => one !== card).map((one) => ({ one, was: { x: one.offsetLeft, y: one.offsetTop } }));
    change();
    if (reduced) return;
    others.forEach(({ one, was }) => {
      const [x, y] = [was.x - one.offsetLeft, was.y - one.offsetTop];
      if (x || y) one.animate([{ transform: `translate(${x}px, ${y}px)` }, { transform: "none" }], GLIDE);
    });
  }

  function scrollAlong() {
    if (!drag?.lifted) return;
    const by = drag.y < EDGE ? drag.y - EDGE : Math.max(drag.y - innerHeight + EDGE, 0);
    if (by) {
      scrollBy(0, by / 6);
      follow(drag);
    }
    requestAnimationFrame(scrollAlong);
  }

  /** @param {Drag} held */
  function settle({ card, lifted }) {
    card.classList.remove("lifted");
    card.style.transform = "";
    document.body.classList.remove("dragging");
    drag = null;
    // The click that ends a drag is no click on what was dragged.
    if (!lifted) return;
    /** @param {Event} event */
    const swallow = (event) => { event.preventDefault(); event.stopPropagation(); };
    addEventListener("click", swallow, { capture: true });
    setTimeout(() => removeEventListener("click", swallow, { capture: true }));
  }

  /** @param {PointerEvent} event */
  function released(event) {
    if (!drag || event.pointerId !== drag.id) return;
    const { before } = drag;
    settle(drag);
    if (before.some((one, n) => list.children[n] !== one)) dropped();
  }

  function left() {
    if (!drag) return;
    list.replaceChildren(...drag.before);
    settle(drag);
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
