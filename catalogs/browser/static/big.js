// One design of the grid over the whole window: looked at, judged, and swept through.

/**
 * @import { Design, Verdict } from "../answers.js"
 * @import { Wall } from "./wall.js"
 */

import { $, clicks, el, part } from "./elements.js";
import { named, picture, starred, VERDICTS } from "./server.js";
import { judgeButtons, showJudged } from "./judging.js";
import { swipeable } from "./swipe.js";

/**
 * What the big view does beside showing.
 * @typedef {{
 *   verdict: (value: Verdict) => unknown, stars: (value: number) => unknown, step: (by: number) => unknown,
 *   undo: () => unknown, shortlist: () => unknown, open: () => unknown,
 * }} Acts
 */

/** The big view of a wall's design at the cursor. */
export class Big {
  /**
   * @param {HTMLDialogElement} box
   * @param {Wall} wall
   * @param {Acts} acts
   */
  constructor(box, wall, acts) {
    this.box = box;
    this.wall = wall;
    this.image = part(HTMLImageElement, "img", box);
    this.buttons = judgeButtons({ get stars() { return wall.current()?.stars; } }, {
      verdict: (_, value) => acts.verdict(value), stars: (_, value) => acts.stars(value),
    });
    $("big-judge").append(this.buttons);
    clicks("big", { undo: acts.undo, shortlist: acts.shortlist, open: acts.open, close: () => this.close() });
    const shot = part(HTMLElement, ".big-shot", box);
    swipeable(shot, { next: () => acts.step(1), previous: () => acts.step(-1) });
    // A finger on the picture means to sweep or to zoom; a pointer has no other use for it.
    shot.addEventListener("click", (event) => event.pointerType === "mouse" && this.close());
    box.addEventListener("close", () => this.closed());
  }

  get isOpen() { return this.box.open; }

  /**
   * Open it; on the way back it is a page of its own, as a phone's "back" is the way out of what covers the screen.
   * @param {{ again?: boolean }} options
   */
  open({ again = false } = {}) {
    if (this.isOpen || !this.wall.current()) return;
    if (!again) history.pushState({ big: true }, "", location.href);
    this.box.append($("toasts"));
    this.box.showModal();
    this.box.focus();
    this.show();
  }

  close() { this.box.close(); }

  closed() {
    document.body.append($("toasts"));
    if (history.state?.big) history.back();
  }

  show() {
    const design = this.wall.current();
    if (!this.isOpen || !design) return;
    if (this.image.dataset.id !== design.id) this.paint(design);
    showJudged(this.buttons, design);
    part(HTMLElement, ".big-line", this.box).replaceChildren(
      el("span", {}, design.twin ? `${named(design)} (${design.twin})` : named(design)),
      el("span", { class: design.verdict }, VERDICTS[design.verdict]),
      ...design.flags.map((flag) => el("span", { class: "doubtful" }, flag)),
      el("span", { class: "stars", role: "img", "aria-label": `${design.stars} stars` }, starred(design.stars)),
      el("span", {}, `${this.wall.cursor + 1} of ${this.wall.total.toLocaleString("en")}`));
  }

  /** @param {Design} design */
  paint(design) {
    this.image.dataset.id = design.id;
    this.image.src = picture(design);
    this.image.alt = named(design);
    const next = this.wall.peek(1);
    if (next) new Image().src = picture(next);
  }
}
