// Zoom and pan over one to four pictures at once: what is done to one happens to all, so the same spot is compared.

import { around, part } from "./elements.js";

const STEP = 1.25;
const NEAREST = 16; // dots of the screen for a dot of the picture: nobody needs to see less of it
const PIXELS = 3; // from here on dots of the picture are shown as the squares that they are
const KEY_PAN = 0.12;

/**
 * A place in the window of a pane; how a zoom goes on from there.
 * @typedef {{ pane: HTMLElement, x: number, y: number }} Spot
 * @typedef {{ pane?: HTMLElement, x?: number, y?: number, glide?: boolean }} Way
 */

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/**
 * Where a picture begins in a room that it fills, or in whose middle it stands. `centre` is 0 to 1 of the picture.
 * @param {number} room
 * @param {number} size
 * @param {number} centre
 */
const begins = (room, size, centre) => (size <= room ? (room - size) / 2 : clamp(room / 2 - centre * size, room - size, 0));

/**
 * Give panes one zoom and pan. The first picture of a pane says its shape, others in it lie exactly over it.
 * `onzoom` hears how large the first pane's picture is, 1 being a dot of the screen for a dot of the picture.
 * @param {HTMLElement[]} panes
 * @param {{ onzoom?: (scale: number) => void }} options
 */
export function zoomable(panes, { onzoom = () => {} } = {}) {
  // Zoom is against what fits, and the centre a share of the picture, so pictures of different sizes stay locked.
  const at = { zoom: 1, x: 0.5, y: 0.5 };
  const pointers = /** @type {Map<number, Spot>} */ (new Map());
  const dots = () => devicePixelRatio || 1;

  /** @param {HTMLElement} pane */
  function shape(pane) {
    const image = part(HTMLImageElement, "img", pane);
    const width = Number(image.getAttribute("width")) || image.naturalWidth || 1;
    const height = Number(image.getAttribute("height")) || image.naturalHeight || 1;
    return { width, height, fits: Math.min(pane.clientWidth / width, pane.clientHeight / height) || 1 };
  }

  /** @param {HTMLElement} pane */
  function box(pane) {
    const { width, height, fits } = shape(pane);
    const size = { width: width * fits * at.zoom, height: height * fits * at.zoom, scale: fits * at.zoom * dots() };
    return { ...size, left: begins(pane.clientWidth, size.width, at.x), top: begins(pane.clientHeight, size.height, at.y) };
  }

  /** @param {HTMLElement} pane */
  const whole = (pane) => 1 / dots() / shape(pane).fits;

  /** Keep the centre where some pane still has picture to show, else panning back would begin with a dead stretch. */
  function keepInside() {
    /**
     * @param {number} room
     * @param {number} size
     */
    const reach = (room, size) => (size <= room ? 0.5 : room / 2 / size);
    const boxes = panes.map((pane) => ({ pane, ...box(pane) }));
    const x = Math.min(...boxes.map(({ pane, width }) => reach(pane.clientWidth, width)));
    const y = Math.min(...boxes.map(({ pane, height }) => reach(pane.clientHeight, height)));
    at.x = clamp(at.x, x, 1 - x);
    at.y = clamp(at.y, y, 1 - y);
  }

  function paint(glide = false) {
    keepInside();
    for (const pane of panes) {
      const { left, top, width, height, scale } = box(pane);
      pane.classList.toggle("glide", glide);
      pane.classList.toggle("zoomed", width > pane.clientWidth + 1 || height > pane.clientHeight + 1);
      pane.classList.toggle("pixels", scale >= PIXELS);
      for (const { style } of pane.querySelectorAll("img")) {
        style.width = `${width}px`;
        style.height = `${height}px`;
        style.transform = `translate(${left}px, ${top}px)`;
      }
    }
    onzoom(box(panes[0]).scale);
  }

  /**
   * Zoom so that the spot of the picture under a point of a pane stays there.
   * @param {number} zoom
   * @param {Way} way
   */
  function zoomTo(zoom, { pane = panes[0], x = pane.clientWidth / 2, y = pane.clientHeight / 2, glide = false } = {}) {
    const before = box(pane);
    at.zoom = clamp(zoom, Math.min(1, whole(pane)), Math.max(2, NEAREST * whole(pane)));
    const after = box(pane);
    at.x = clamp((x - before.left) / before.width, 0, 1) + (pane.clientWidth / 2 - x) / after.width;
    at.y = clamp((y - before.top) / before.height, 0, 1) + (pane.clientHeight / 2 - y) / after.height;
    paint(glide);
  }

  /**
   * @param {HTMLElement} pane
   * @param {number} x
   * @param {number} y
   */
  function panBy(pane, x, y, glide = false) {
    const { width, height } = box(pane);
    at.x -= x / width;
    at.y -= y / height;
    paint(glide);
  }

  /**
   * From all of it to a close look and back. Where 100 % is hardly closer than all of it, the look is at 200 or 400 %.
   * @param {Way} spot
   */
  function toggle(spot = {}) {
    const near = [1, 2, 4].map((times) => times * whole(spot.pane ?? panes[0])).find((zoom) => zoom > 1.2) ?? 2;
    zoomTo(at.zoom > 1.01 ? 1 : near, { ...spot, glide: true });
  }

  /**
   * @param {number} factor
   * @param {Way} spot
   */
  const by = (factor, spot = {}) => zoomTo(at.zoom * factor, { glide: true, ...spot });
  const fit = () => zoomTo(1, { glide: true });
  const actual = () => zoomTo(whole(panes[0]), { glide: true });

  /**
   * @param {HTMLElement} pane
   * @param {MouseEvent} event
   * @returns {Spot}
   */
  function spotOf(pane, event) {
    const { left, top } = pane.getBoundingClientRect();
    return { pane, x: event.clientX - left, y: event.clientY - top };
  }

  /**
   * @param {HTMLElement} pane
   * @param {WheelEvent} event
   */
  function wheeled(pane, event) {
    // At its smallest the wheel goes on scrolling the page, or nobody would get past the picture.
    if (event.deltaY > 0 && at.zoom <= Math.min(1, whole(pane)) * 1.001) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    const speed = event.ctrlKey ? 0.01 : 0.0016; // with Ctrl it is a pinch on a touchpad, which comes in small steps
    zoomTo(at.zoom * Math.exp(-clamp(event.deltaY * lines, -300, 300) * speed), spotOf(pane, event));
  }

  /**
   * @param {HTMLElement} pane
   * @param {PointerEvent} event
   */
  function pressed(pane, event) {
    if (event.button !== 0 || around(event, "[role=slider], button, a")) return;
    pointers.set(event.pointerId, spotOf(pane, event));
    pane.setPointerCapture(event.pointerId);
    pane.classList.add("held");
  }

  /** @param {PointerEvent} event */
  function dragged(event) {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = spotOf(before.pane, event);
    const other = [...pointers].find(([id, one]) => id !== event.pointerId && one.pane === before.pane)?.[1];
    if (other) pinched(other, before, now);
    else panBy(before.pane, now.x - before.x, now.y - before.y);
    pointers.set(event.pointerId, now);
  }

  /**
   * One of two fingers moved: what lies between them stays between them.
   * @param {Spot} other
   * @param {Spot} before
   * @param {Spot} now
   */
  function pinched(other, before, now) {
    /** @param {Spot} one */
    const far = (one) => Math.hypot(one.x - other.x, one.y - other.y) || 1;
    zoomTo((at.zoom * far(now)) / far(before), { pane: now.pane, x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    panBy(now.pane, (now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  /**
   * @param {HTMLElement} pane
   * @param {PointerEvent} event
   */
  function released(pane, event) {
    pointers.delete(event.pointerId);
    pane.classList.remove("held");
  }

  /**
   * @param {HTMLElement} pane
   * @param {KeyboardEvent} event
   */
  function typed(pane, event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== pane) return;
    const step = KEY_PAN * Math.min(pane.clientWidth, pane.clientHeight);
    /** @type {Record<string, () => void>} */
    const runs = {
      "+": () => by(STEP, { pane }), "=": () => by(STEP, { pane }), "-": () => by(1 / STEP, { pane }),
      " ": () => toggle({ pane }), Home: fit, End: actual,
      ArrowLeft: () => panBy(pane, step, 0, true), ArrowRight: () => panBy(pane, -step, 0, true),
      ArrowUp: () => panBy(pane, 0, step, true), ArrowDown: () => panBy(pane, 0, -step, true),
    };
    const run = runs[event.key];
    if (!run) return;
    event.preventDefault();
    run();
  }

  const resized = new ResizeObserver(() => paint());
  for (const pane of panes) {
    pane.addEventListener("wheel", (event) => wheeled(pane, event), { passive: false });
    pane.addEventListener("pointerdown", (event) => pressed(pane, event));
    pane.addEventListener("pointermove", (event) => dragged(event));
    pane.addEventListener("pointerup", (event) => released(pane, event));
    pane.addEventListener("pointercancel", (event) => released(pane, event));
    pane.addEventListener("dblclick", (event) => { if (!around(event, "[role=slider]")) toggle(spotOf(pane, event)); });
    pane.addEventListener("keydown", (event) => typed(pane, event));
    pane.addEventListener("dragstart", (event) => event.preventDefault());
    // A picture says its size when it comes; load events do not bubble, but they are captured.
    pane.addEventListener("load", () => paint(), true);
    resized.observe(pane);
  }
  paint();
  return { fit, actual, toggle, closer: () => by(STEP), further: () => by(1 / STEP), paint };
}
