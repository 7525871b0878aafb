// An alarm as the form has it, and the call that makes it: on a metric, on math, outside a band, on PromQL, or of other alarms.
import { metricOf, queriesOfRows, type Row } from "./graph";
import type { Query } from "./metrics";

export type Kind = "metric" | "math" | "anomaly" | "promql" | "composite";

export interface Form {
  kind: Kind;
  name: string;
  description: string;
  topic: string;
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
  rule: string;
  suppressor: string;
  wait: number;
  extension: number;
}

const PLAIN = ["Average", "Sum", "Minimum", "Maximum", "SampleCount"];
/** How often a PromQL query is asked, seconds. */
const INTERVAL = 60;

export const BAND = "ad1";

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

/** The call, or what is missing for it. */
export function callOf(form: Form): { operation: string; input: Record<string, unknown> } | { missing: string } {
  const common = {
    AlarmName: form.name,
    AlarmDescription: form.description || undefined,
    AlarmActions: form.topic ? [form.topic] : [],
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
