// Investigations: what is asked, what the server answers, and that answer as one timeline.
import { own } from "./own";
import { param } from "./router";
import { range } from "./time";

export interface Change {
  time: string;
  event_id: string;
  event_source: string;
  event_name: string;
  actor: string | null;
  user: string;
  account: string;
  region: string;
  source_ip: string;
  error_code: string;
  resources: { type: string; name: string }[];
  rank: number | null;
  count: number;
}

export interface Cause {
  rank: number;
  score: number;
  share: number;
  verdict: string;
  summary: string;
  event: Change;
  event_ids: string[];
  factors: { name: string; score: number; reason: string }[];
}

export interface MetricLine {
  label: string;
  namespace: string | null;
  metric_name: string | null;
  dimensions: Record<string, string> | null;
  statistic: string | null;
  period: number;
  threshold: number | null;
  points: [string, number][];
  change: { time: string; before: number; after: number; score: number } | null;
}

export interface Pattern {
  kind: string;
  log_group: string;
  pattern_id: string;
  pattern: string;
  severity: string | null;
  before: number;
  after: number;
  before_per_minute: number;
  after_per_minute: number;
  first: string;
  last: string;
  sample: string;
}

export interface Transition {
  time: string;
  alarm_name: string;
  from: string;
  to: string;
  summary: string;
  is_subject: boolean;
}

export interface Answer {
  subject: {
    kind: string;
    alarm_name: string | null;
    state: string | null;
    region: string;
    log_groups: string[];
    terms: { text: string; from: string }[];
  };
  window: { at: string; from: string; to: string };
  onset: { from: string; to: string; source: string; before: number | null; after: number | null; reason: string };
  metrics: MetricLine[];
  transitions: Transition[];
  log_patterns: Pattern[];
  changes: Change[];
  causes: Cause[];
  looked: { events: number; history_events: number; history_days: number; log_lines: number; notes: string[] };
}

export type Kind = "alarm" | "metric" | "window";

/** Windows to offer, seconds. */
export const WINDOWS: [string, string][] = [
  ["900", "15 minutes"],
  ["3600", "1 hour"],
  ["10800", "3 hours"],
  ["21600", "6 hours"],
  ["43200", "12 hours"],
  ["86400", "24 hours"],
];

export const kindOf = (): Kind => {
  const kind = param("kind", "alarm");
  return kind === "metric" || kind === "window" ? kind : "alarm";
};

/** A metric in the URL, such as `{"namespace":"Shop","metric_name":"Latency","dimensions":{"Service":"checkout"}}`. */
export function metricOf(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text);
    return value && typeof value === "object" && value.namespace && value.metric_name ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What the URL asks, or nothing when it does not say what about. */
export function asked(): Record<string, unknown> | undefined {
  const kind = kindOf();
  const groups = param("groups").split(",").filter(Boolean);
  const body: Record<string, unknown> = groups.length ? { log_groups: groups } : {};
  if (kind === "window") {
    const { start, end } = range("1h");
    return { ...body, from: new Date(start).toISOString(), to: new Date(end).toISOString() };
  }
  const metric = metricOf(param("metric"));
  if (kind === "alarm" ? !param("alarm") : !metric) return undefined;
  if (kind === "alarm") body.alarm_name = param("alarm");
  else body.metric = metric;
  const at = Date.parse(param("at"));
  if (Number.isFinite(at)) body.at = new Date(at).toISOString();
  if (/^\d{3,5}$/.test(param("window"))) body.window = Number(param("window"));
  return body;
}

export const investigate = (body: Record<string, unknown>, signal?: AbortSignal) => own<Answer>("investigate", body, signal);

/** One thing that happened. */
export interface Moment {
  at: number;
  kind: "change" | "transition" | "log" | "metric" | "onset";
  /** What is said of it. */
  title: string;
  detail: string;
  rank: number | null;
  tone: "bad" | "good" | "warn" | "plain";
  /** Of a change. */
  event?: Change;
  pattern?: Pattern;
  alarm?: string;
}

/** Everything that happened, in order. */
export function moments(answer: Answer): Moment[] {
  const all: Moment[] = [
    ...answer.changes.map(
      (change): Moment => ({
        at: Date.parse(change.time),
        kind: "change",
        title: change.event_name,
        detail: [
          change.resources.map((r) => r.name).join(", "),
          `by ${change.user || change.actor || "nobody known"}`,
          change.count > 1 ? `${change.count} times` : "",
          change.error_code,
        ]
          .filter(Boolean)
          .join(" · "),
        rank: change.rank,
        tone: change.error_code ? "warn" : "plain",
        event: change,
      }),
    ),
    ...answer.transitions.map(
      (transition): Moment => ({
        at: Date.parse(transition.time),
        kind: "transition",
        title: transition.alarm_name,
        detail: transition.summary,
        rank: null,
        tone: transition.to === "ALARM" ? "bad" : transition.to === "OK" ? "good" : "warn",
        alarm: transition.alarm_name,
      }),
    ),
    ...answer.log_patterns.map(
      (pattern): Moment => ({
        at: Date.parse(pattern.first),
        kind: "log",
        title: `${pattern.kind === "new" ? "New" : "Surged"} in ${pattern.log_group}`,
        detail: pattern.pattern,
        rank: null,
        tone: /error|fatal|critical/i.test(pattern.severity ?? "") ? "bad" : "warn",
        pattern,
      }),
    ),
    ...answer.metrics.flatMap((metric): Moment[] =>
      metric.change
        ? [
            {
              at: Date.parse(metric.change.time),
              kind: "metric",
              title: metric.label,
              detail: `from about ${rounded(metric.change.before)} to about ${rounded(metric.change.after)}`,
              rank: null,
              tone: "bad",
            },
          ]
        : [],
    ),
    { at: Date.parse(answer.onset.from), kind: "onset", title: "It began", detail: answer.onset.reason, rank: null, tone: "bad" },
  ];
  return all.filter((moment) => Number.isFinite(moment.at)).sort((a, b) => a.at - b.at);
}

export const rounded = (n: number) => Number(n.toPrecision(3)).toString();

/** A line through points, in a box of `width` and `height` from `from` to `to`; the values' range with the threshold in it. */
export function pathOf(
  metric: MetricLine,
  span: { from: number; to: number },
  box: { width: number; height: number },
): { path: string; low: number; high: number; threshold?: number } {
  const points = metric.points
    .map(([time, value]): [number, number] => [Date.parse(time), value])
    .filter(([at, value]) => at >= span.from && at <= span.to && Number.isFinite(value));
  const values = [...points.map(([, value]) => value), ...(metric.threshold === null ? [] : [metric.threshold])];
  const low = Math.min(0, ...values);
  const high = Math.max(...values, low + 1e-9);
  const y = (value: number) => box.height - ((value - low) / (high - low)) * (box.height - 4) - 2;
  const x = (at: number) => ((at - span.from) / (span.to - span.from)) * box.width;
  let path = "";
  let last = Number.NEGATIVE_INFINITY;
  for (const [at, value] of points) {
    // A gap in the data is a gap in the line.
    const command = at - last > metric.period * 2500 ? "M" : "L";
    path += `${command}${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    last = at;
  }
  return { path, low, high, threshold: metric.threshold === null ? undefined : y(metric.threshold) };
}
