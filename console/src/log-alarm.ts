// Log alarms: their schedule in words, and queries that show what their runs find.
import type { Alarm } from "./metrics";
import type { Range } from "./time";

/** What of an alarm says what it looks at. */
export interface LogWatch {
  query: string;
  groups: string[];
  aggregation: string;
  /** Seconds between runs; and which time before a run is looked at, from and to. */
  every: number;
  from: number;
  to: number;
}

/** Rows of a preview; values that are drawn of each line; runs that a backtest replays (the server's limit is 500, with both ends). */
const ROWS_MAX = 10_000;
const DRAWN_MAX = 300;
export const REPLAYED_MAX = 499;

const UNITS: [name: string, seconds: number][] = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

/** `rate(5 minutes)` in seconds; undefined for what is no rate. */
export function rateSeconds(expression: string): number | undefined {
  const [, count, unit] = /^\s*rate\((\d+) (minute|hour|day)s?\)\s*$/.exec(expression) ?? [];
  const seconds = UNITS.find(([name]) => name === unit)?.[1];
  return seconds && Number(count) > 0 ? Number(count) * seconds : undefined;
}

/** Seconds as `rate(5 minutes)`, in the largest unit that says it. */
export function rateOf(seconds: number): string {
  const minutes = Math.max(1, Math.round(seconds / 60)) * 60;
  const [name, unit] = UNITS.find(([, each]) => minutes % each === 0) ?? ["minute", 60];
  const count = minutes / unit;
  return `rate(${count} ${name}${count === 1 ? "" : "s"})`;
}

/** `5 min`, `90 s`. */
export const inUnits = (seconds: number) => {
  if (seconds % 86_400 === 0 && seconds > 0) return `${seconds / 86_400} d`;
  if (seconds % 3600 === 0 && seconds > 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 && seconds > 0 ? `${seconds / 60} min` : `${seconds} s`;
};

/** What an alarm of logs looks at; undefined for another alarm. */
export function watchOf(alarm: Alarm): LogWatch | undefined {
  const of = alarm.ScheduledQueryConfiguration;
  if (!of) return undefined;
  return {
    query: of.QueryString,
    groups: of.LogGroupIdentifiers ?? [],
    aggregation: of.AggregationExpression,
    every: rateSeconds(of.ScheduleConfiguration.ScheduleExpression) ?? 60,
    from: of.ScheduleConfiguration.StartTimeOffset,
    to: of.ScheduleConfiguration.EndTimeOffset ?? 0,
  };
}

/** `every 5 min, over the 10 min that end 1 min before`. */
export function runWords({ every, from, to }: LogWatch): string {
  return `every ${inUnits(every)}, over the ${inUnits(from - to)} ${to ? `that end ${inUnits(to)} before` : "before"}`;
}

/** The value and the fields of `count(*) as n by service | sort desc`. */
function parts(aggregation: string): { value: string; fields: string } {
  const unsorted = aggregation.replace(/\|\s*sort\s+(asc|desc)\s*$/i, "").trim();
  const [, value = unsorted, fields = ""] = /^(.*?)\s+by\s+(.*)$/is.exec(unsorted) ?? [];
  return { value, fields };
}

/** Events with their times are no longer there after these, so that they cannot be parted by time. */
const LOSES_TIME = /(^|\|)\s*(stats|pattern|diff|anomaly)\b/i;

/** How much time a run looks at, seconds. */
export const looked = ({ from, to }: LogWatch) => Math.max(1, from - to);

/**
 * A query for values over time, each of as much time as a run looks at, so that they compare with the threshold: undefined where the
 * query counts by itself.
 */
export function overTime(of: LogWatch): string | undefined {
  const { query, aggregation } = of;
  if (LOSES_TIME.test(query)) return undefined;
  const { value, fields } = parts(aggregation);
  const by = [`bin(${looked(of)}s)`, fields].filter(Boolean).join(", ");
  return `${query.trim() || "fields @timestamp"}\n| stats ${value} by ${by}\n| limit ${ROWS_MAX}`;
}

/** A query for the values of one run. */
export function ofOneRun({ query, aggregation }: LogWatch): string {
  const { value, fields } = parts(aggregation);
  return `${query.trim() || "fields @timestamp"}\n| stats ${value}${fields ? ` by ${fields}` : ""}\n| limit 500`;
}

/** What the run at `now` looks at. */
export const windowAt = ({ from, to }: LogWatch, now: number): Range => ({ start: now - from * 1000, end: now - to * 1000 });

/** The time that is drawn: the last of a range, from the beginning of a value on. */
export function drawn(of: LogWatch, { start, end }: Range): Range {
  const each = looked(of) * 1000;
  const first = Math.max(start, end - DRAWN_MAX * each);
  return { start: Math.floor(first / each) * each, end };
}

/** Groups as Logs Insights takes them: names, also of those that are given by their ARN. */
export const groupNames = (identifiers: string[]) =>
  identifiers.map((one) => /^arn:[^:]*:logs:[^:]*:[^:]*:log-group:([^:]+)/.exec(one)?.[1] ?? one);
