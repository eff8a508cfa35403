// What is chosen of a result, one by one or all but some, and the bar that says so.

/** @import { Design, Result, Target } from "../answers.js" */

import { part } from "./elements.js";
import { counted } from "./server.js";

const [LEAST_COMPARED, MOST_COMPARED] = [2, 4];

/** A choice from what `result()` gives; `changed()` is called whenever it may be another one. `leave()` takes the focus. */
export class Chosen {
  /** What is chosen, unless `all` is but what is `out`. */
  ids = /** @type {Set<string>} */ (new Set());
  all = false;
  out = /** @type {Set<string>} */ (new Set());

  /**
   * @param {HTMLElement} bar
   * @param {{ result: () => Result, changed: () => void, leave: () => void }} page
   */
  constructor(bar, { result, changed, leave }) {
    this.bar = bar;
    this.result = result;
    this.changed = changed;
    this.leave = leave;
    // What is told stands above the bar, however many lines this has.
    new ResizeObserver(() => document.documentElement.style.setProperty("--foot", `${bar.offsetHeight}px`)).observe(bar);
  }

  /** @param {string} act */
  button(act) { return part(HTMLButtonElement, `[data-act="${act}"]`, this.bar); }

  /** @param {Design} design */
  has(design) { return this.all ? !this.out.has(design.id) : this.ids.has(design.id); }
  get count() { return this.all ? this.result().total - this.out.size : this.ids.size; }
  get comparable() { return this.count >= LEAST_COMPARED && this.count <= MOST_COMPARED; }

  /**
   * @param {Design} design
   * @param {boolean} on
   */
  put(design, on) {
    if (this.all) this.out[on ? "delete" : "add"](design.id);
    else this.ids[on ? "add" : "delete"](design.id);
  }

  /** @param {Design} design */
  turn(design) { this.put(design, !this.has(design)); }

  /** Show the rarer acts of a narrow bar, or fold them away. */
  unfold() { this.button("further").setAttribute("aria-expanded", String(this.bar.classList.toggle("open"))); }

  none() { this.begin(false); }
  everything() { this.begin(true); }

  /** @param {boolean} all */
  begin(all) {
    this.all = all;
    this.ids.clear();
    this.out.clear();
    this.show();
  }

  /**
   * What an act is about; null where nothing is chosen.
   * @returns {Target & { count: number } | null}
   */
  target() {
    if (this.all) return { result: this.result().result, without: [...this.out], count: this.count };
    return this.ids.size ? { ids: [...this.ids], count: this.ids.size } : null;
  }

  show() {
    const { count, bar } = this;
    const { total } = this.result();
    const all = this.button("all");
    bar.hidden = count === 0;
    part(HTMLElement, "#chosen", bar).textContent = this.all && !this.out.size ? `All ${counted(count, "design")} of this result` : `${counted(count, "design")} chosen`;
    part(HTMLElement, ".n", all).textContent = total.toLocaleString("en");
    if (count === total && all === document.activeElement) this.leave();
    all.hidden = count === total;
    this.button("compare").disabled = !this.comparable;
    this.changed();
  }
}
