// What is chosen of a result, one by one or all but some, and the bar that says so.

import { counted } from "./server.js";

const [LEAST_COMPARED, MOST_COMPARED] = [2, 4];

/** A choice from what `result()` gives; `changed()` is called whenever it may be another one. `leave()` takes the focus. */
export class Chosen {
  constructor(bar, { result, changed, leave }) {
    Object.assign(this, { bar, result, changed, leave, ids: new Set(), all: false, out: new Set() });
    // What is told stands above the bar, however many lines this has.
    new ResizeObserver(() => document.documentElement.style.setProperty("--foot", `${bar.offsetHeight}px`)).observe(bar);
  }

  button(act) { return this.bar.querySelector(`[data-act="${act}"]`); }
  has(design) { return this.all ? !this.out.has(design.id) : this.ids.has(design.id); }
  get count() { return this.all ? this.result().total - this.out.size : this.ids.size; }
  get comparable() { return this.count >= LEAST_COMPARED && this.count <= MOST_COMPARED; }

  put(design, on) {
    if (this.all) this.out[on ? "delete" : "add"](design.id);
    else this.ids[on ? "add" : "delete"](design.id);
  }

  turn(design) { this.put(design, !this.has(design)); }

  /** Show the rarer acts of a narrow bar, or fold them away. */
  unfold() { this.button("further").setAttribute("aria-expanded", String(this.bar.classList.toggle("open"))); }

  none() { this.begin(false); }
  everything() { this.begin(true); }

  begin(all) {
    this.all = all;
    this.ids.clear();
    this.out.clear();
    this.show();
  }

  /** What an act is about; null where nothing is chosen. */
  target() {
    if (this.all) return { result: this.result().result, without: [...this.out], count: this.count };
    return this.ids.size ? { ids: [...this.ids], count: this.ids.size } : null;
  }

  show() {
    const { count, bar } = this;
    const { total } = this.result();
    const all = this.button("all");
    bar.hidden = count === 0;
    bar.querySelector("#chosen").textContent = this.all && !this.out.size ? `All ${counted(count, "design")} of this result` : `${counted(count, "design")} chosen`;
    all.querySelector(".n").textContent = total.toLocaleString("en");
    if (count === total && all === document.activeElement) this.leave();
    all.hidden = count === total;
    this.button("compare").disabled = !this.comparable;
    this.changed();
  }
}
