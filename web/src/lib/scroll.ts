/**
 * Brings an element into view and does nothing else. `scrollIntoView` of the platform also moves the place from which the
 * next Tab goes on, so that a screen which shows something by itself would take the keyboard away from where it was.
 */

/** How far to scroll, in pixels, so that `top` to `bottom` is in view between `from` and `to`; as little as does it. */
export function shift(top: number, bottom: number, from: number, to: number): number {
  const fits = bottom - top <= to - from;
  if (top < from && bottom > to) return 0;
  if (top < from) return fits ? top - from : Math.min(0, bottom - to);
  if (bottom > to) return fits ? bottom - to : Math.max(0, top - from);
  return 0;
}

export function bringIntoView(element: Element): void {
  const style = getComputedStyle(element);
  const above = Number.parseFloat(style.scrollMarginTop) || 0;
  const below = Number.parseFloat(style.scrollMarginBottom) || 0;
  const page = document.scrollingElement;
  // Of what a box cuts off, the boxes around it know nothing.
  let [from, to] = [-Infinity, Infinity];
  for (let box = element.parentElement; box && box !== page; box = box.parentElement) {
    if (box.scrollHeight <= box.clientHeight || getComputedStyle(box).overflowY === "visible") continue;
    const at = element.getBoundingClientRect();
    const start = box.getBoundingClientRect().top + box.clientTop;
    box.scrollTop += shift(Math.max(at.top, from), Math.min(at.bottom, to), start, start + box.clientHeight);
    [from, to] = [Math.max(from, start), Math.min(to, start + box.clientHeight)];
  }
  const at = element.getBoundingClientRect();
  if (page) page.scrollTop += shift(Math.max(at.top, from) - above, Math.min(at.bottom, to) + below, 0, page.clientHeight);
}
