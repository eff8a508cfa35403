// The wall of designs: only what is in sight is in the page, however long the result is.

/** @import { Design, Result, Verdict } from "../answers.js" */

import { around, el, part } from "./elements.js";
import { named, starred, thumbnail, VERDICTS } from "./server.js";

/**
 * @typedef {"s" | "m" | "l"} Size
 * @typedef {{ value: string, title: string, count: number }} Heading
 * @typedef {{ heading: Heading | null, from: number, to: number, top: number, height: number }} Row
 *   a heading, or designs from one place to before another; in pixels of the wall
 * @typedef {Pick<Design, "verdict" | "stars">} Said
 */

/**
 * What a wall asks of its page.
 * @typedef {{
 *   load: (start: number, count: number) => Promise<Design[]>,
 *   changed: (cursor: number) => void,
 *   chosen: (design: Design) => boolean,
 *   click: (event: MouseEvent, index: number, design: Design) => void,
 *   open: (design: Design) => void,
 * }} Page
 */

/** Widths of a cell, px. */
const SIZES = { s: 150, m: 230, l: 380 };
/** Width of a phone, px; below it the sizes are columns. */
const NARROW = 420;
const NARROW_COLUMNS = { s: 3, m: 2, l: 1 };
/** Designs that the grid asks the server for at once; at most PAGE_ROWS (routes/result_routes.py), or cells stay empty. */
const PAGE = 100;
const HEADING = 52;
/** Rows beyond the edge that are there already. */
const BEYOND = 2;
/** Pixels that every browser can scroll; a longer wall moves in larger steps. */
const TALLEST = 8e6;

export class Wall {
  result = /** @type {Result | null} */ (null);
  cursor = 0;
  /** How often all was asked for anew. */
  turn = 0;
  /** What was said of designs here, by their ids, and when. */
  said = /** @type {Map<string, { rating: Said, at: number }>} */ (new Map());
  /** Designs that are known, by their places; pages that are asked for. */
  designs = /** @type {Map<number, Design>} */ (new Map());
  asked = /** @type {Map<number, Promise<void>>} */ (new Map());
  /** What is in the page: designs by their places, headings by "h" and their values. */
  cells = /** @type {Map<number | string, HTMLElement>} */ (new Map());
  /** Rows; null until there is a width. Those with designs are kept apart once they are searched. */
  rows = /** @type {Row[] | null} */ (null);
  shelves = /** @type {Row[] | null} */ (null);
  wanted = /** @type {Size} */ ("m");
  columns = 1;
  cellWidth = 0;
  cellHeight = 0;
  height = 0;
  frame = 0;
  resting = 0;
  telling = 0;

  /**
   * @param {HTMLElement} scroll
   * @param {HTMLElement} canvas
   * @param {Page} page
   */
  constructor(scroll, canvas, { load, changed, chosen, click, open }) {
    this.scroll = scroll;
    this.canvas = canvas;
    this.load = load;
    this.changed = changed;
    this.chosen = chosen;
    this.click = click;
    scroll.addEventListener("scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.lay()).observe(scroll);
    canvas.addEventListener("click", (event) => this.clicked(event));
    canvas.addEventListener("dblclick", (event) => { const design = this.designs.get(this.indexOf(event) ?? -1); if (design) open(design); });
  }

  get total() { return this.result?.total ?? 0; }

  /**
   * Show a result, from a place on.
   * @param {Result} result
   * @param {number} at
   */
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

  /** @param {string} size */
  size(size) {
    if (size !== this.wanted) { this.wanted = size === "s" || size === "l" ? size : "m"; this.lay(true); }
  }

  /** Place rows: headings and designs, by the width there is. */
  lay(keep = true) {
    const { result } = this;
    if (!result || !this.scroll.clientWidth) return;
    const width = this.scroll.clientWidth - 8;
    this.columns = width < NARROW ? NARROW_COLUMNS[this.wanted] : Math.max(2, Math.round(width / SIZES[this.wanted]));
    this.cellWidth = width / this.columns;
    this.cellHeight = Math.round(this.cellWidth * 1.22) + 52;
    this.rows = this.groups(result).flatMap(({ heading, from, count }) => [
      ...(heading ? [{ heading, from, to: from, top: 0, height: HEADING }] : []),
      ...Array.from({ length: Math.ceil(count / this.columns) }, (_, n) => ({
        heading: null, from: from + n * this.columns, to: Math.min(from + (n + 1) * this.columns, from + count), top: 0, height: this.cellHeight })),
    ]);
    let top = 4;
    for (const row of this.rows) { row.top = top; top += row.height; }
    this.height = top + 8;
    this.shelves = null;
    this.canvas.style.height = `${Math.min(this.height, TALLEST)}px`;
    this.cells.forEach((cell) => cell.remove());
    this.cells.clear();
    if (keep) this.reveal(true);
    this.draw();
  }

  /** @param {Result} result */
  groups({ groups, total }) {
    if (!groups.length) return [{ heading: null, from: 0, count: total }];
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

  /**
   * The number of the row at a height.
   * @param {Row[]} rows
   * @param {number} y
   */
  rowAt(rows, y) { return lastOf(rows, (row) => row.top <= y); }

  /**
   * The row that a design is in.
   * @param {number} index
   */
  rowWith(index) {
    this.shelves ??= (this.rows ?? []).filter((row) => !row.heading);
    return this.shelves.at(lastOf(this.shelves, (row) => row.from <= index));
  }

  /** Put into the page what is in sight, take out what is not, and ask for what is not known. */
  draw() {
    const { rows } = this;
    if (!rows?.length || this.scroll.hidden) return;
    const [top, bottom] = [this.top, this.top + this.scroll.clientHeight];
    const [first, last] = [Math.max(this.rowAt(rows, top) - BEYOND, 0), Math.min(this.rowAt(rows, bottom) + BEYOND, rows.length - 1)];
    const shift = this.scroll.scrollTop - top;
    const keep = new Set();
    const wanted = [];
    for (const row of rows.slice(first, last + 1)) {
      const { heading } = row;
      if (heading) keep.add(this.place(`h${heading.value}`, () => this.heading(heading), 0, row.top + shift, null, row.height));
      else for (let n = row.from; n < row.to; n += 1) {
        keep.add(this.place(n, () => this.cell(n), (n - row.from) * this.cellWidth + 4, row.top + shift, this.cellWidth, row.height));
        if (!this.designs.has(n)) wanted.push(n);
      }
    }
    const ahead = Math.min(rows[last].to + PAGE / 2, this.total - 1);
    if (!this.designs.has(ahead)) wanted.push(ahead);
    for (const [key, cell] of this.cells) if (!keep.has(key)) { cell.remove(); this.cells.delete(key); }
    this.need(wanted);
    this.mark();
  }

  /**
   * Put what a key stands for in its place; `make` makes it where it is not in the page.
   * @param {number | string} key
   * @param {() => HTMLElement} make
   * @param {number} x
   * @param {number} y
   * @param {number | null} width
   * @param {number} height
   */
  place(key, make, x, y, width, height) {
    let cell = this.cells.get(key);
    if (!cell) { cell = make(); this.cells.set(key, cell); this.canvas.append(cell); }
    cell.style.translate = `${x}px ${y}px`;
    if (width) cell.style.width = `${width}px`;
    cell.style.height = `${height}px`;
    return key;
  }

  /** @param {Heading} heading */
  heading({ title, count }) {
    return el("div", { class: "heading", role: "presentation" }, el("strong", { dir: "auto" }, title), el("span", { class: "soft" }, count.toLocaleString("en")));
  }

  /** @param {number} n */
  cell(n) {
    const cell = el("div", { class: "cell waiting", role: "option", id: `c${n}`, "data-n": n, "aria-posinset": n + 1, "aria-setsize": this.total }, el("div", { class: "card" }));
    const design = this.designs.get(n);
    if (design) this.fill(cell, design);
    return cell;
  }

  /**
   * @param {HTMLElement} cell
   * @param {Design} design
   */
  fill(cell, design) {
    const image = el("img", { src: thumbnail(design, this.cellWidth), alt: "", decoding: "async", draggable: "false" });
    image.addEventListener("error", () => image.replaceWith(el("span", { class: "lost" }, "The picture is missing: 'stylemill doctor' tells more.")), { once: true });
    part(HTMLElement, ".card", cell).replaceChildren(
      el("div", { class: "shot" }, image, design.flags.length ? el("span", { class: "badge flag" }, design.flags.join(", ")) : null),
      el("div", { class: "line" }, el("span", { class: "name" }, el("b", { dir: "auto" }, design.garment), el("span", { dir: "auto" }, design.style), ...(design.twin ? [el("small", { class: "recipe" }, design.twin)] : [])), el("span", { class: "stars" }, "★".repeat(design.stars))),
      ...(design.verdict ? [el("span", { class: `badge v-${design.verdict}` }, VERDICTS[design.verdict])] : []),
      ...(design.stack > 1 ? [el("span", { class: "badge stack", title: "Its near-duplicates (N)" }, `×${design.stack}`)] : []),
      // For the pointer only: what is chosen is said by the option itself.
      el("span", { class: "tick", "aria-hidden": "true", title: "Choose (T)" }));
    cell.className = `cell v-${design.verdict || "none"}`;
    cell.setAttribute("aria-label", [named(design), design.twin, VERDICTS[design.verdict], starred(design.stars), ...design.flags].filter(Boolean).join(", "));
  }

  /**
   * Ask for the pages that these designs are on; once each.
   * @param {number[]} indices
   */
  need(indices) {
    for (const page of new Set(indices.map((n) => Math.floor(n / PAGE)))) this.page_(page);
  }

  /** @param {number} page */
  page_(page) {
    const asked = this.asked.get(page);
    if (asked) return asked;
    const [turn, began] = [this.turn, performance.now()];
    const asking = this.load(page * PAGE, PAGE).then((designs) => {
      // An answer to what was asked before all was forgotten would bring back what held then.
      if (turn !== this.turn) return;
      designs.forEach((design, n) => this.designs.set(page * PAGE + n, this.upToDate(design, began)));
      if (!designs.length) this.asked.delete(page);
      for (const [cell, design] of this.filled()) if (cell.classList.contains("waiting")) this.fill(cell, design);
      this.mark();
    });
    this.asked.set(page, asking);
    return asking;
  }

  /**
   * Cells of the page whose designs are known.
   * @returns {[cell: HTMLElement, design: Design, n: number][]}
   */
  filled() {
    return [...this.cells].flatMap(([key, cell]) => {
      const design = typeof key === "number" ? this.designs.get(key) : undefined;
      return typeof key === "number" && design ? [[cell, design, key]] : [];
    });
  }

  /**
   * A design as it was answered, with what was said of it since it was asked for.
   * @param {Design} design
   * @param {number} began
   */
  upToDate(design, began) {
    const said = this.said.get(design.id);
    return said && said.at > began ? { ...design, ...said.rating } : design;
  }

  /**
   * Designs from one place to another, loaded if need be.
   * @param {number} first
   * @param {number} last
   */
  async between(first, last) {
    const pages = [];
    for (let page = Math.floor(first / PAGE); page <= Math.floor(last / PAGE); page += 1) pages.push(page);
    await Promise.all(pages.filter((page) => !this.whole(page, first, last)).map((page) => this.page_(page)));
    return Array.from({ length: last - first + 1 }, (_, n) => this.designs.get(first + n)).filter((design) => design !== undefined);
  }

  /**
   * Whether of a page all is known from one place to another.
   * @param {number} page
   * @param {number} first
   * @param {number} last
   */
  whole(page, first, last) {
    for (let n = Math.max(page * PAGE, first); n <= Math.min(page * PAGE + PAGE - 1, last); n += 1) if (!this.designs.has(n)) return false;
    return true;
  }

  /** Show the cursor and what is chosen. */
  mark() {
    for (const [cell, design, n] of this.filled()) {
      cell.setAttribute("aria-selected", String(this.chosen(design)));
      cell.classList.toggle("at", n === this.cursor);
    }
    if (this.cells.has(this.cursor)) this.scroll.setAttribute("aria-activedescendant", `c${this.cursor}`);
    else this.scroll.removeAttribute("aria-activedescendant");
  }

  /**
   * Change what is known of a design.
   * @param {string} id
   * @param {Said} rating
   */
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

  /** @param {number} by */
  move(by) { this.to(Math.min(Math.max(this.cursor + by, 0), this.total - 1)); }

  /** @param {number} index */
  to(index) {
    if (!this.total) return;
    this.cursor = index;
    this.reveal();
    this.draw();
    this.tell();
  }

  /**
   * A design that is loaded.
   * @param {string} id
   */
  known(id) {
    for (const design of this.designs.values()) if (design.id === id) return design;
    return undefined;
  }

  /**
   * Go to a design that is loaded.
   * @param {string} id
   */
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
      const rows = this.rows ?? [];
      const next = rows.slice(this.rowAt(rows, this.top)).find((one) => !one.heading && one.top >= this.top - 8);
      if (next) { this.cursor = next.from; this.mark(); }
    }
    this.tell();
  }

  tell() {
    clearTimeout(this.telling);
    this.telling = setTimeout(() => this.changed(this.cursor), 150);
  }

  /** @param {MouseEvent} event */
  clicked(event) {
    const n = this.indexOf(event);
    if (n === null) return;
    const design = this.designs.get(n);
    if (design) this.click(event, n, design);
  }

  /** @param {Event} event */
  indexOf(event) {
    const cell = around(event, ".cell");
    return cell ? Number(cell.dataset.n) : null;
  }

  current() { return this.designs.get(this.cursor); }
  /** @param {number} by */
  peek(by) { return this.designs.get(this.cursor + by); }
  page() { return Math.max(Math.floor(this.scroll.clientHeight / this.cellHeight), 1) * this.columns; }
}

/**
 * The place of the last of some rows that are before a point; 0 where none is.
 * @param {Row[]} rows
 * @param {(row: Row) => boolean} before
 */
function lastOf(rows, before) {
  let [low, high] = [0, rows.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (before(rows[middle])) low = middle; else high = middle - 1;
  }
  return low;
}
