// Counts over time, as bars that are wide enough to be seen.
import type { Range } from "./time";

export interface TimeBar {
  /** When it begins, milliseconds since 1970. */
  at: number;
  count: number;
  /** How many of them are of the second kind, drawn on top. */
  marked: number;
}

const STEPS = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800].map((s) => s * 1000);

/** Narrow bars as wider ones, of which about ninety fill the range. */
export function widened(bars: TimeBar[], width: number, range: Range): { bars: TimeBar[]; width: number } {
  const wanted = STEPS.find((step) => (range.end - range.start) / step <= 90) ?? 604_800_000;
  // Whole bars only: each wide one holds as many narrow ones.
  const wide = Math.max(1, Math.ceil(wanted / width)) * width;
  const all = new Map<number, TimeBar>();
  for (const { at, count, marked } of bars) {
    const begin = Math.floor(at / wide) * wide;
    const bar = all.get(begin) ?? { at: begin, count: 0, marked: 0 };
    bar.count += count;
    bar.marked += marked;
    all.set(begin, bar);
  }
  return { bars: [...all.values()], width: wide };
}

/** Bars of single happenings, wide enough that about ninety fill the range. */
export function barsOf(times: { at: number; marked: boolean }[], range: Range): { bars: TimeBar[]; width: number } {
  return widened(
    times.map(({ at, marked }) => ({ at, count: 1, marked: marked ? 1 : 0 })),
    1,
    range,
  );
}
