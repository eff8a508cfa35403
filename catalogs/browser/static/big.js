// One design of the grid over the whole window: looked at, judged, and swept through.

import { el, named, picture, starred, VERDICTS } from "./server.js";
import { judgeButtons, showJudged } from "./judging.js";
import { swipeable } from "./swipe.js";

/** The big view of a wall's design at the cursor. `acts` are {verdict, stars, step, undo, shortlist, open}. */
export class Big {
  constructor(box, wall, acts) {
    Object.assign(this, { box, wall, image: box.querySelector("img") });
    this.buttons = judgeButtons({ get stars() { return wall.current()?.stars; } }, {
      verdict: (_, value) => acts.verdict(value), stars: (_, value) => acts.stars(value),
    });
    box.querySelector("#big-judge").append(this.buttons);
    const doing = { ...acts, close: () => this.close() };
    for (const button of box.querySelectorAll("[data-big]")) button.addEventListener("click", () => doing[button.dataset.big]());
    const shot = box.querySelector(".big-shot");
    swipeable(shot, { next: () => acts.step(1), previous: () => acts.step(-1) });
    // A finger on the picture means to sweep or to zoom; a pointer has no other use for it.
    shot.addEventListener("click", (event) => event.pointerType === "mouse" && this.close());
    box.addEventListener("close", () => this.closed());
  }

  get isOpen() { return this.box.open; }

  /** Open it; on the way back it is a page of its own, as a phone's "back" is the way out of what covers the screen. */
  open({ again = false } = {}) {
    if (this.isOpen || !this.wall.current()) return;
    if (!again) history.pushState({ big: true }, "", location.href);
    this.box.append(document.getElementById("toasts"));
    this.box.showModal();
    this.box.focus();
    this.show();
  }

  close() { this.box.close(); }

  closed() {
    document.body.append(document.getElementById("toasts"));
    if (history.state?.big) history.back();
  }

  show() {
    const design = this.wall.current();
    if (!this.isOpen || !design) return;
    if (this.image.dataset.id !== design.id) this.paint(design);
    showJudged(this.buttons, design);
    this.box.querySelector(".big-line").replaceChildren(
      el("span", {}, design.twin ? `${named(design)} (${design.twin})` : named(design)),
      el("span", { class: design.verdict }, VERDICTS[design.verdict]),
      ...design.flags.map((flag) => el("span", { class: "doubtful" }, flag)),
      el("span", { class: "stars", role: "img", "aria-label": `${design.stars} stars` }, starred(design.stars)),
      el("span", {}, `${this.wall.cursor + 1} of ${this.wall.result.total.toLocaleString("en")}`));
  }

  paint(design) {
    this.image.dataset.id = design.id;
    this.image.src = picture(design);
    this.image.alt = named(design);
    const next = this.wall.peek(1);
    if (next) new Image().src = picture(next);
  }
}
