// The wall of designs: only what is in sight is in the page, however long the result is.

import { el, named, starred, thumbnail, VERDICTS } from "./server.js";

const SIZES = { s: 150, m: 230, l: 380 };
const NARROW = 420;
/** Pixels of a phone; below them the sizes are columns. */
const NARROW_COLUMNS = { s: 3, m: 2, l: 1 };
const PAGE = 100;
const HEADING = 52;
const BEYOND = 2;
/** Rows beyond the edge that are there already. */
const TALLEST = 8e6;
/** Pixels that every browser can scroll; a longer wall moves in larger steps. */

export class Wall {
  constructor(scroll, canvas, { load, changed, chosen, click, open }) {
    Object.assign(this, { scroll, canvas, load, changed, chosen, click, open });
    this.cursor = 0;
    this.turn = 0;
    this.said = new Map();
    this.columns = 1;
    this.designs = new Map();
    this.asked = new Map();
    this.cells = new Map();
    this.wanted = "m";
    scroll.addEventListener("scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.lay()).observe(scroll);
    canvas.addEventListener("click", (event) => this.clicked(event));
    canvas.addEventListener("dblclick", (event) => { const at = this.indexOf(event); if (at !== null && this.designs.get(at)) open(this.designs.get(at)); });
  }

  /** Show a result, from a place on. */
  take(result, at) {
    this.result = result;
    this.forget();
    result.designs.forEach((design, n) => this.designs.set(n, design));
    this.cursor = Math.min(Math.max(Math.floor(at) || 0, 0), Math.max(result.total - 1, 0));
    this.lay(true);
  }

  /** Ask for everything anew: what holds of designs out of sight may have changed. */
  forget() {
    this.turn += 1;
    this.designs.clear();
    this.asked.clear();
    this.cells.forEach((cell) => cell.remove());
    this.cells.clear();
    if (this.rows) this.draw();
  }

  size(size) {
    if (size !== this.wanted) { this.wanted = Object.hasOwn(SIZES, size) ? size : "m"; this.lay(true); }
  }

  /** Place rows: headings and designs, by the width there is. */
  lay(keep = true) {
    if (!this.result || !this.scroll.clientWidth) return;
    const width = this.scroll.clientWidth - 8;
    this.columns = width < NARROW ? NARROW_COLUMNS[this.wanted] : Math.max(2, Math.round(width / SIZES[this.wanted]));
    this.cellWidth = width / this.columns;
    this.cellHeight = Math.round(this.cellWidth * 1.22) + 52;
    this.rows = this.groups().flatMap(({ heading, from, count }) => [
      ...(heading ? [{ heading, height: HEADING }] : []),
      ...Array.from({ length: Math.ceil(count / this.columns) }, (_, n) => ({
        from: from + n * this.columns, to: Math.min(from + (n + 1) * this.columns, from + count), height: this.cellHeight })),
    ]);
    let top = 4;
    for (const row of this.rows) { row.top = top; top += row.height; }
    this.height = top + 8;
    this.rowOf = null;
    this.canvas.style.height = `${Math.min(this.height, TALLEST)}px`;
    this.cells.forEach((cell) => cell.remove());
    this.cells.clear();
    if (keep) this.reveal(true);
    this.draw();
  }

  groups() {
    const { groups, total } = this.result;
    if (!groups.length) return [{ from: 0, count: total }];
    let from = 0;
    return groups.map(([value, title, count]) => { const group = { heading: { value, title, count }, from, count }; from += count; return group; });
  }

  // A wall that is taller than a browser can scroll is scrolled in proportion.
  get ratio() {
    const room = Math.max(this.height - this.scroll.clientHeight, 1);
    const scrollable = Math.max(Math.min(this.height, TALLEST) - this.scroll.clientHeight, 1);
    return room / scrollable;
  }

  get top() { return this.scroll.scrollTop * this.ratio; }
  set top(value) { this.scroll.scrollTop = value / this.ratio; }

  rowAt(y) {
    let [low, high] = [0, this.rows.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.rows[middle].top <= y) low = middle; else high = middle - 1;
    }
    return low;
  }

  rowWith(index) {
    if (!this.rowOf) this.rowOf = this.rows.map((row, n) => [row, n]).filter(([row]) => !row.heading);
    let [low, high] = [0, this.rowOf.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.rowOf[middle][0].from <= index) low = middle; else high = middle - 1;
    }
    return this.rowOf[low]?.[0];
  }

  /** Put into the page what is in sight, take out what is not, and ask for what is not known. */
  draw() {
    if (!this.rows?.length || this.scroll.hidden) return;
    const [top, bottom] = [this.top, this.top + this.scroll.clientHeight];
    const [first, last] = [Math.max(this.rowAt(top) - BEYOND, 0), Math.min(this.rowAt(bottom) + BEYOND, this.rows.length - 1)];
    const shift = this.scroll.scrollTop - top;
    const keep = new Set();
    const wanted = [];
    for (const row of this.rows.slice(first, last + 1)) {
      if (row.heading) keep.add(this.place(`h${row.heading.value}`, () => this.heading(row.heading), 0, row.top + shift, null, row.height));
      else for (let n = row.from; n < row.to; n += 1) {
        keep.add(this.place(n, () => this.cell(n), (n - row.from) * this.cellWidth + 4, row.top + shift, this.cellWidth, row.height));
        if (!this.designs.has(n)) wanted.push(n);
      }
    }
    const ahead = Math.min((this.rows[last].to ?? 0) + PAGE / 2, this.result.total - 1);
    if (!this.designs.has(ahead)) wanted.push(ahead);
    for (const [key, cell] of this.cells) if (!keep.has(key)) { cell.remove(); this.cells.delete(key); }
    this.need(wanted);
    this.mark();
  }

  place(key, make, x, y, width, height) {
    let cell = this.cells.get(key);
    if (!cell) { cell = make(); this.cells.set(key, cell); this.canvas.append(cell); }
    cell.style.translate = `${x}px ${y}px`;
    if (width) cell.style.width = `${width}px`;
    cell.style.height = `${height}px`;
    return key;
  }

  heading({ title, count }) {
    return el("div", { class: "heading", role: "presentation" }, el("strong", { dir: "auto" }, title), el("span", { class: "soft" }, count.toLocaleString("en")));
  }

  cell(n) {
    const cell = el("div", { class: "cell waiting", role: "option", id: `c${n}`, "data-n": n, "aria-posinset": n + 1, "aria-setsize": this.result.total }, el("div", { class: "card" }));
    if (this.designs.has(n)) this.fill(cell, this.designs.get(n));
    return cell;
  }

  fill(cell, design) {
    const image = el("img", { src: thumbnail(design, this.cellWidth), alt: "", decoding: "async", draggable: "false" });
    image.addEventListener("error", () => image.replaceWith(el("span", { class: "lost" }, "The picture is missing: 'stylemill doctor' tells more.")), { once: true });
    cell.querySelector(".card").replaceChildren(
      el("div", { class: "shot" }, image, design.flags.length ? el("span", { class: "badge flag" }, design.flags.join(", ")) : null),
      el("div", { class: "line" }, el("span", { class: "name" }, el("b", { dir: "auto" }, design.garment), el("span", { dir: "auto" }, design.style), ...(design.twin ? [el("small", { class: "recipe" }, design.twin)] : [])), el("span", { class: "stars" }, "★".repeat(design.stars))),
      ...(design.verdict ? [el("span", { class: `badge v-${design.verdict}` }, VERDICTS[design.verdict])] : []),
      ...(design.stack > 1 ? [el("span", { class: "badge stack", title: "Its near-duplicates (N)" }, `×${design.stack}`)] : []),
      // For the pointer only: what is chosen is said by the option itself.
      el("span", { class: "tick", "aria-hidden": "true", title: "Choose (T)" }));
    cell.className = `cell v-${design.verdict || "none"}`;
    cell.setAttribute("aria-label", [named(design), design.twin, VERDICTS[design.verdict], starred(design.stars), ...design.flags].filter(Boolean).join(", "));
  }

  /** Ask for the pages that these designs are on; once each. */
  need(indices) {
    for (const page of new Set(indices.map((n) => Math.floor(n / PAGE)))) this.page_(page);
  }

  page_(page) {
    if (!this.asked.has(page)) {
      const [turn, began] = [this.turn, performance.now()];
      this.asked.set(page, this.load(page * PAGE, PAGE).then((designs) => {
        // An answer to what was asked before all was forgotten would bring back what held then.
        if (turn !== this.turn) return;
        designs.forEach((design, n) => this.designs.set(page * PAGE + n, this.upToDate(design, began)));
        if (!designs.length) this.asked.delete(page);
        for (const [key, cell] of this.cells) if (cell.classList.contains("waiting") && this.designs.has(key)) this.fill(cell, this.designs.get(key));
        this.mark();
      }));
    }
    return this.asked.get(page);
  }

  /** A design as it was answered, with what was said of it since it was asked for. */
  upToDate(design, began) {
    const said = this.said.get(design.id);
    return said?.at > began ? { ...design, ...said.rating } : design;
  }

  /** Designs from one place to another, loaded if need be. */
  async between(first, last) {
    const pages = [];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page += 1) pages.push(page);
    await Promise.all(pages.filter((page) => !this.whole(page, first, last)).map((page) => this.page_(page)));
    return Array.from({ length: last - first + 1 }, (_, n) => this.designs.get(first + n)).filter(Boolean);
  }

  whole(page, first, last) {
    for (let n = Math.max(page * PAGE, first); n <= Math.min(page * PAGE + PAGE - 1, last); n += 1) if (!this.designs.has(n)) return false;
    return true;
  }

  /** Show the cursor and what is chosen. */
  mark() {
    for (const [key, cell] of this.cells) {
      const design = this.designs.get(key);
      if (!design) continue;
      const on = this.chosen(design);
      cell.setAttribute("aria-selected", String(on));
      cell.classList.toggle("at", key === this.cursor);
    }
    if (this.cells.has(this.cursor)) this.scroll.setAttribute("aria-activedescendant", `c${this.cursor}`);
    else this.scroll.removeAttribute("aria-activedescendant");
  }

  /** Change what is known of a design. */
  rate(id, rating) {
    this.said.set(id, { rating: { ...this.said.get(id)?.rating, ...rating }, at: performance.now() });
    for (const [n, design] of this.designs) {
      if (design.id !== id) continue;
      Object.assign(design, rating);
      const cell = this.cells.get(n);
      if (cell) this.fill(cell, design);
    }
    this.mark();
  }

  move(by) { this.to(Math.min(Math.max(this.cursor + by, 0), this.result.total - 1)); }

  to(index) {
    if (!this.result.total) return;
    this.cursor = index;
    this.reveal();
    this.draw();
    this.tell();
  }

  /** A design that is loaded. */
  known(id) {
    for (const design of this.designs.values()) if (design.id === id) return design;
    return undefined;
  }

  /** Go to a design that is loaded. */
  find(id) {
    for (const [n, design] of this.designs) if (design.id === id) return this.to(n);
    return undefined;
  }

  /** Scroll so that the cursor is in sight. */
  reveal(middle = false) {
    const row = this.rowWith(this.cursor);
    if (!row) return;
    const [top, height] = [this.top, this.scroll.clientHeight];
    if (middle) this.top = this.cursor < this.columns ? 0 : row.top - Math.max((height - row.height) / 3, 0);
    else if (row.top < top) this.top = row.top - 4;
    else if (row.top + row.height > top + height) this.top = row.top + row.height - height + 4;
  }

  scrolled() {
    if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
    clearTimeout(this.resting);
    // A hand that scrolls by wheel leaves the cursor behind: it comes along, so that "back" and keys go on from here.
    this.resting = setTimeout(() => this.rested(), 200);
  }

  rested() {
    const row = this.rowWith(this.cursor);
    if (row && (row.top + row.height < this.top || row.top > this.top + this.scroll.clientHeight)) {
      const next = this.rows.slice(this.rowAt(this.top)).find((one) => !one.heading && one.top >= this.top - 8);
      if (next) { this.cursor = next.from; this.mark(); }
    }
    this.tell();
  }

  tell() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.changed(this.cursor), 150);
  }

  clicked(event) {
    const n = this.indexOf(event);
    if (n === null) return;
    const design = this.designs.get(n);
    if (design) this.click(event, n, design);
  }

  indexOf(event) {
    const cell = event.target.closest(".cell");
    return cell ? Number(cell.dataset.n) : null;
  }

  current() { return this.designs.get(this.cursor); }
  peek(by) { return this.designs.get(this.cursor + by); }
  page() { return Math.max(Math.floor(this.scroll.clientHeight / this.cellHeight), 1) * this.columns; }
}
