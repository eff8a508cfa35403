// A finger that sweeps over a picture goes to the next or the one before; it never says anything of a design.

const FAR = 40; // CSS pixels: less is a tap that slipped

/**
 * Call `next` where a finger sweeps left over an element, `previous` where it sweeps right. Two fingers zoom, and are left alone.
 * @param {HTMLElement} place
 * @param {{ next: () => unknown, previous: () => unknown }} ways
 */
export function swipeable(place, { next, previous }) {
  /** @type {PointerEvent | null} */
  let from = null;
  place.addEventListener("pointerdown", (event) => {
    from = event.isPrimary && event.pointerType !== "mouse" ? event : null;
  });
  // Else a browser takes the sweep for a fling that a tap soon after, on a button, would only stop.
  place.addEventListener("touchmove", (event) => { if (event.touches.length === 1) event.preventDefault(); }, { passive: false });
  place.addEventListener("pointercancel", () => { from = null; });
  place.addEventListener("pointerup", (event) => {
    if (!from || !event.isPrimary) return;
    const [across, down] = [event.clientX - from.clientX, event.clientY - from.clientY];
    from = null;
    if (Math.abs(across) < FAR || Math.abs(across) < 1.5 * Math.abs(down)) return;
    if (across < 0) next();
    else previous();
  });
}
