// An alarm as the form has it, and the call that makes it: on a metric, on math, outside a band, on PromQL, on log events, or of other
// alarms.
import { graphOf, metricOf, queriesOfRows, type Row } from "./graph";
import { type LogWatch, rateOf } from "./log-alarm";
import type { Query } from "./metrics";

export type Kind = "metric" | "math" | "anomaly" | "promql" | "log" | "composite";

export interface Form {
  kind: Kind;
  name: string;
  description: string;
  /** ARNs, with spaces between them: what is told when it fires, when it is OK again, and when it has too little data. */
  topic: string;
  ok: string;
  unknown: string;
  /** A metric, for `metric` and `anomaly`. */
  metric?: Row;
  stat: string;
  period: number;
  operator: string;
  /** NaN where there is none yet. */
  threshold: number;
  n: number;
  m: number;
  missing: string;
  /** Math: all rows, and the id of the one that is watched. */
  rows: Row[];
  of: string;
  /** How many standard deviations wide the band is on either side. */
  width: number;
  side: string;
  /** PromQL, and how long it must hold, and not hold, in seconds. */
  promql: string;
  pending: number;
  recovery: number;
  /** Log events: what is looked at; the role that AWS asks for; how many lines notifications have. */
  log: LogWatch;
  role: string;
  lines: number;
  rule: string;
  suppressor: string;
  wait: number;
  extension: number;
}

const PLAIN = ["Average", "Sum", "Minimum", "Maximum", "SampleCount"];
/** How often a PromQL query is asked, seconds. */
const INTERVAL = 60;

export const BAND = "ad1";

export const OPERATORS: [string, string][] = [
  ["GreaterThanThreshold", "greater than"],
  ["GreaterThanOrEqualToThreshold", "at least"],
  ["LessThanThreshold", "less than"],
  ["LessThanOrEqualToThreshold", "at most"],
];
export const SIDES: [string, string][] = [
  ["LessThanLowerOrGreaterThanUpperThreshold", "outside the band"],
  ["GreaterThanUpperThreshold", "above the band"],
  ["LessThanLowerThreshold", "below the band"],
];
export const MISSING: [string, string][] = [
  ["missing", "keeps the state"],
  ["notBreaching", "counts as good"],
  ["breaching", "counts as bad"],
  ["ignore", "is passed over"],
];
export const KINDS: [Kind, string][] = [
  ["metric", "Metric"],
  ["math", "Math"],
  ["anomaly", "Anomaly band"],
  ["promql", "PromQL"],
  ["log", "Logs"],
  ["composite", "Of other alarms"],
];

function rowIn(text: string): Row | undefined {
  try {
    const row = JSON.parse(text || "null");
    return row && typeof row === "object" ? row : undefined;
  } catch {
    return undefined;
  }
}

/** The form, as the parameters of the URL have it. */
export function formOf(param: (name: string) => string): Form {
  const text = (name: string, absent = "") => param(name) || absent;
  const number = (name: string, absent: number) => {
    const value = Number.parseFloat(param(name));
    return Number.isFinite(value) ? value : absent;
  };
  const every = number("every", 300);
  return {
    kind: KINDS.find(([key]) => key === param("kind"))?.[0] ?? "metric",
    name: param("new"),
    description: param("about"),
    topic: param("topic"),
    ok: param("ok"),
    unknown: param("unknown"),
    metric: rowIn(param("metric")),
    stat: text("stat", "Average"),
    period: number("period", 60),
    operator: text("operator", "GreaterThanThreshold"),
    threshold: number("threshold", Number.NaN),
    n: number("n", 3),
    m: number("m", 2),
    missing: text("missing", "missing"),
    rows: graphOf(param("graph")).filter((row) => !row.q),
    of: param("of"),
    width: number("width", 2),
    side: text("side", SIDES[0]?.[0]),
    promql: param("e"),
    pending: number("pending", 300),
    recovery: number("recovery", 300),
    log: {
      query: param("query"),
      groups: param("groups").split(",").filter(Boolean),
      aggregation: text("agg", "count(*)"),
      every,
      from: number("from", every),
      to: number("to", 0),
    },
    role: param("role"),
    lines: number("lines", 0),
    rule: param("rule"),
    suppressor: param("suppressor"),
    wait: number("wait", 120),
    extension: number("extension", 120),
  };
}

/** The queries that the preview draws. */
export function previewOf(form: Form): Query[] {
  // Nothing is drawn before it is said what is watched: a call must ask for something.
  if (form.kind === "math" && !form.rows.some((row) => row.i === form.of)) return [];
  if (form.kind === "math")
    return queriesOfRows(form.rows, form.period).map((query) => ({ ...query, ReturnData: query.Id === form.of }));
  if (!form.metric || (form.kind !== "metric" && form.kind !== "anomaly")) return [];
  const of: Query = { Id: "m1", MetricStat: { Metric: metricOf(form.metric), Stat: form.stat, Period: form.period } };
  return form.kind === "metric" ? [of] : [of, { Id: BAND, Expression: `ANOMALY_DETECTION_BAND(m1, ${form.width})` }];
}

const words = (text: string) => text.split(/[\s,]+/).filter(Boolean);

/** The call, or what is missing for it. */
export function callOf(form: Form): { operation: string; input: Record<string, unknown> } | { missing: string } {
  const common = {
    AlarmName: form.name,
    AlarmDescription: form.description || undefined,
    AlarmActions: words(form.topic),
    OKActions: words(form.ok),
    InsufficientDataActions: words(form.unknown),
  };
  const points = { EvaluationPeriods: form.n, DatapointsToAlarm: form.m, TreatMissingData: form.missing };
  const metric = (more: Record<string, unknown>) => ({ operation: "PutMetricAlarm", input: { ...common, ...more } });
  switch (form.kind) {
    case "metric": {
      if (!form.metric) return { missing: "Choose a metric first." };
      if (!Number.isFinite(form.threshold)) return { missing: "Say from which threshold it fires." };
      return metric({
        ...metricOf(form.metric),
        ...(PLAIN.includes(form.stat) ? { Statistic: form.stat } : { ExtendedStatistic: form.stat }),
        Period: form.period,
        ...points,
        Threshold: form.threshold,
        ComparisonOperator: form.operator,
      });
    }
    case "math": {
      const watched = form.rows.find((row) => row.i === form.of);
      if (!watched) return { missing: "Add rows, and choose which of them is watched." };
      if (!Number.isFinite(form.threshold)) return { missing: "Say from which threshold it fires." };
      return metric({ Metrics: previewOf(form), ...points, Threshold: form.threshold, ComparisonOperator: form.operator });
    }
    case "anomaly":
      if (!form.metric) return { missing: "Choose a metric first." };
      return metric({
        Metrics: previewOf(form).map((query) => ({ ...query, ReturnData: true })),
        ThresholdMetricId: BAND,
        ComparisonOperator: form.side,
        ...points,
      });
    case "promql":
      if (!form.promql.trim()) return { missing: "Write a query first." };
      return metric({
        EvaluationCriteria: {
          PromQLCriteria: { Query: form.promql, PendingPeriod: form.pending, RecoveryPeriod: form.recovery },
        },
        EvaluationInterval: INTERVAL,
      });
    case "log":
      return logCall(form, common);
    case "composite":
      if (!form.rule.trim()) return { missing: "Write a rule first." };
      return {
        operation: "PutCompositeAlarm",
        input: {
          ...common,
          AlarmRule: form.rule,
          ...(form.suppressor
            ? {
                ActionsSuppressor: form.suppressor,
                ActionsSuppressorWaitPeriod: form.wait,
                ActionsSuppressorExtensionPeriod: form.extension,
              }
            : {}),
        },
      };
  }
}

/** A query that begins with SOURCE names its groups itself. */
export const namesGroups = (query: string) => /^\s*source\b/i.test(query);

function logCall(form: Form, common: object): ReturnType<typeof callOf> {
  const { query, groups, aggregation, every, from, to } = form.log;
  if (!groups.length && !namesGroups(query)) return { missing: "Choose a log group first." };
  if (!Number.isFinite(form.threshold)) return { missing: "Say from which threshold it fires." };
  if (!form.role.trim()) return { missing: "Name the role that may run the query." };
  const role = form.role.trim();
  const input = {
    ...common,
    ScheduledQueryConfiguration: {
      QueryString: query,
      LogGroupIdentifiers: namesGroups(query) ? undefined : groups,
      ScheduledQueryRoleARN: role,
      ScheduleConfiguration: {
        ScheduleExpression: rateOf(every),
        StartTimeOffset: from,
        EndTimeOffset: to || undefined,
      },
      AggregationExpression: aggregation,
    },
    QueryResultsToEvaluate: form.n,
    QueryResultsToAlarm: form.m,
    Threshold: form.threshold,
    ComparisonOperator: form.operator,
    TreatMissingData: form.missing,
    ...(form.lines ? { ActionLogLineCount: form.lines, ActionLogLineRoleArn: role } : {}),
  };
  return { operation: "PutLogAlarm", input };
}
