// Time: ranges as the URL has them, and instants as people read them.
import { createSignal } from "solid-js";
import { param, setParams } from "./router";

export interface Range {
  /** Milliseconds since 1970. */
  start: number;
  end: number;
}

export const RANGES: [string, string][] = [
  ["15m", "15 minutes"],
  ["1h", "1 hour"],
  ["3h", "3 hours"],
  ["12h", "12 hours"],
  ["1d", "1 day"],
  ["3d", "3 days"],
  ["7d", "1 week"],
  ["30d", "30 days"],
  ["90d", "90 days"],
];

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `15m`, `3h`, `7d`; undefined for anything else. */
export function span(text: string): number | undefined {
  const parts = /^(\d{1,4})([mhd])$/.exec(text);
  return parts ? Number(parts[1]) * (UNITS[parts[2] ?? ""] ?? 0) : undefined;
}

/** Goes up when the user asks for fresh data; relative ranges follow. */
const [turn, setTurn] = createSignal(0);
export const refresh = () => setTurn((n) => n + 1);

/** The range of the page: `start` and `end` when they are there, else the last `range`. */
export function range(absent = "3h"): Range {
  turn();
  const start = Date.parse(param("start"));
  const end = Date.parse(param("end"));
  if (Number.isFinite(start) && Number.isFinite(end) && start < end) return { start, end };
  const now = Date.now();
  return { start: now - (span(param("range", absent)) ?? span(absent) ?? UNITS.h!), end: now };
}

export function zoom({ start, end }: Range): void {
  setParams({ start: new Date(start).toISOString(), end: new Date(end).toISOString(), range: "" });
}

const [utc, setUtc] = createSignal(localStorage.getItem("trailwatch-utc") === "1");

export { utc };
export function switchZone(): void {
  setUtc(!utc());
  localStorage.setItem("trailwatch-utc", utc() ? "1" : "0");
}

const two = (n: number) => String(n).padStart(2, "0");

function parts(ms: number) {
  const d = new Date(ms);
  return utc()
    ? {
        y: d.getUTCFullYear(),
        mo: d.getUTCMonth() + 1,
        d: d.getUTCDate(),
        h: d.getUTCHours(),
        mi: d.getUTCMinutes(),
        s: d.getUTCSeconds(),
        ms: d.getUTCMilliseconds(),
      }
    : {
        y: d.getFullYear(),
        mo: d.getMonth() + 1,
        d: d.getDate(),
        h: d.getHours(),
        mi: d.getMinutes(),
        s: d.getSeconds(),
        ms: d.getMilliseconds(),
      };
}

/** `2026-11-26 09:13:17`. */
export function dateTime(ms: number, millis = false): string {
  const p = parts(ms);
  return `${p.y}-${two(p.mo)}-${two(p.d)} ${two(p.h)}:${two(p.mi)}:${two(p.s)}${millis ? `.${String(p.ms).padStart(3, "0")}` : ""}`;
}

/** `09:13`, or `11-26 09:13` when more than a day is shown. */
export function tick(ms: number, spanMs: number): string {
  const p = parts(ms);
  if (spanMs <= 10 * UNITS.m!) return `${two(p.h)}:${two(p.mi)}:${two(p.s)}`;
  if (spanMs <= UNITS.d!) return `${two(p.h)}:${two(p.mi)}`;
  return `${two(p.mo)}-${two(p.d)} ${two(p.h)}:${two(p.mi)}`;
}

/** `3 min ago`. */
export function ago(ms: number, now = Date.now()): string {
  const seconds = Math.max(0, Math.round((now - ms) / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** `2 d 4 h`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}
