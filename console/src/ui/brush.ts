// A span of time, drawn with the pointer over a picture of time.
import { createSignal } from "solid-js";
import type { Range } from "../time";

/**
 * `shown` is the time of the whole width. `handlers` go to the element; `span` is what is held meanwhile; `done` gets what was
 * drawn, unless it is hardly a stroke.
 */
export function brush(shown: () => Range, done: (range: Range) => void) {
  const [held, setHeld] = createSignal<[number, number]>();
  const at = (event: PointerEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const part = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1);
    return shown().start + part * (shown().end - shown().start);
  };
  const span = (): Range | undefined => {
    const ends = held();
    return ends && { start: Math.min(...ends), end: Math.max(...ends) };
  };
  const handlers = {
    onPointerDown: (event: PointerEvent) => {
      if ((event.target as Element).closest("a")) return;
      (event.currentTarget as Element).setPointerCapture(event.pointerId);
      setHeld([at(event), at(event)]);
    },
    onPointerMove: (event: PointerEvent) => {
      const ends = held();
      if (ends) setHeld([ends[0], at(event)]);
    },
    onPointerUp: () => {
      const drawn = span();
      setHeld(undefined);
      if (drawn && drawn.end - drawn.start > (shown().end - shown().start) / 200) done(drawn);
    },
    onPointerCancel: () => setHeld(undefined),
  };
  return { handlers, span };
}
