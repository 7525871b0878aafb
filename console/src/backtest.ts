// When an alarm would have fired: the server's own evaluator over stored history.
import type { Span } from "./charts/chart";
import { own } from "./own";
import type { Range } from "./time";

export interface Transition {
  at: string;
  from: string;
  to: string;
  reason: string;
}

export interface Backtest {
  evaluations: number;
  failures: number;
  failure: string | null;
  fires: number;
  fires_per_week: number;
  alarm_secs: number;
  transitions: Transition[];
  by_threshold: { threshold: number; fires: number; fires_per_week: number; alarm_secs: number }[];
}

/** An alarm that exists, or the input that would make one. */
export type Subject = { alarm_name: string } | { alarm: Record<string, unknown> };

export function backtest(subject: Subject, range: Range, signal?: AbortSignal): Promise<Backtest> {
  const question = { ...subject, start: new Date(range.start).toISOString(), end: new Date(range.end).toISOString() };
  return own<Backtest>("alarms/backtest", question, signal);
}

/** The times in ALARM. */
export function alarmSpans(found: Backtest, end: number): Span[] {
  const spans: Span[] = [];
  let since: number | undefined;
  for (const { at, to } of found.transitions) {
    const now = Date.parse(at);
    if (to === "ALARM") since ??= now;
    else if (since !== undefined) {
      spans.push({ start: since, end: now });
      since = undefined;
    }
  }
  if (since !== undefined) spans.push({ start: since, end });
  return spans;
}
