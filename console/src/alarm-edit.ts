// Alarms that are edited: from what DescribeAlarms answers to the form, what stays as it is, and what the form would lose.
import { callOf, formOf } from "./alarm-draft";
import { type Row, rowOf } from "./graph";
import { watchOf } from "./log-alarm";
import type { Alarm, Query } from "./metrics";

/** The parameters that make the form of an alarm. */
export function paramsOf(alarm: Alarm): Record<string, string> {
  const all: Record<string, string | number | undefined> = {
    new: alarm.AlarmName,
    about: alarm.AlarmDescription,
    topic: alarm.AlarmActions?.join(" "),
    ok: alarm.OKActions?.join(" "),
    unknown: alarm.InsufficientDataActions?.join(" "),
    operator: alarm.ComparisonOperator,
    threshold: alarm.Threshold,
    n: alarm.EvaluationPeriods,
    m: alarm.DatapointsToAlarm ?? alarm.EvaluationPeriods,
    missing: alarm.TreatMissingData,
    ...paramsOfKind(alarm),
  };
  const said = Object.entries(all).filter(([, value]) => value !== undefined && value !== "");
  return Object.fromEntries(said.map(([name, value]) => [name, String(value)]));
}

function paramsOfKind(alarm: Alarm): Record<string, string | number | undefined> {
  const stat = (query?: Query) => ({ stat: query?.MetricStat?.Stat, period: query?.MetricStat?.Period });
  const promql = alarm.EvaluationCriteria?.PromQLCriteria;
  const log = watchOf(alarm);
  if (alarm.AlarmRule !== undefined)
    return {
      kind: "composite",
      rule: alarm.AlarmRule,
      suppressor: alarm.ActionsSuppressor,
      wait: alarm.ActionsSuppressorWaitPeriod,
      extension: alarm.ActionsSuppressorExtensionPeriod,
    };
  if (log)
    return {
      ...{ kind: "log", query: log.query, groups: log.groups.join(","), agg: log.aggregation },
      ...{ every: log.every, from: log.from, to: log.to },
      role: alarm.ScheduledQueryConfiguration?.ScheduledQueryRoleARN,
      lines: alarm.ActionLogLineCount,
      n: alarm.QueryResultsToEvaluate,
      m: alarm.QueryResultsToAlarm,
    };
  if (promql) return { kind: "promql", e: promql.Query, pending: promql.PendingPeriod, recovery: promql.RecoveryPeriod };
  const first = alarm.Metrics?.find((query) => query.MetricStat);
  if (alarm.ThresholdMetricId) {
    const band = alarm.Metrics?.find((query) => query.Id === alarm.ThresholdMetricId)?.Expression ?? "";
    return {
      kind: "anomaly",
      metric: first?.MetricStat && JSON.stringify(rowOf(first.MetricStat.Metric, "m1")),
      width: /,\s*([\d.]+)\s*\)/.exec(band)?.[1],
      side: alarm.ComparisonOperator,
      ...stat(first),
    };
  }
  if (alarm.Metrics?.length) {
    const rows = alarm.Metrics.map((query): Row => {
      const row = query.MetricStat
        ? rowOf(query.MetricStat.Metric, query.Id, query.MetricStat.Stat)
        : { i: query.Id, e: query.Expression ?? "" };
      return { ...row, p: query.MetricStat?.Period ?? query.Period, l: query.Label };
    });
    const of = alarm.Metrics.find((query) => query.ReturnData !== false)?.Id;
    return { kind: "math", graph: JSON.stringify(rows), of, period: first?.MetricStat?.Period };
  }
  const metric = { Namespace: alarm.Namespace ?? "", MetricName: alarm.MetricName ?? "", Dimensions: alarm.Dimensions ?? [] };
  return {
    metric: JSON.stringify(rowOf(metric, "m1")),
    stat: alarm.Statistic ?? alarm.ExtendedStatistic,
    period: alarm.Period,
  };
}

/** Members that a put replaces and the form does not have: they stay as they are. */
const KEPT = [
  "ActionsEnabled",
  "Unit",
  "EvaluateLowSampleCountPercentile",
  "EvaluationWindow",
  "WarmUpConfiguration",
  "ActionConfiguration",
  "ActionLogLineRoleArn",
] as const;

/** What an edited alarm has that the form does not write. */
export const keptOf = (alarm: Alarm): Record<string, unknown> => {
  const members = alarm as unknown as Record<string, unknown>;
  return Object.fromEntries(KEPT.filter((name) => members[name] !== undefined).map((name) => [name, members[name]]));
};

/** Members as they are compared: in one order, without what is absent, empty, or as it is when nobody says. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (!value || typeof value !== "object") return value;
  const isSaid = ([name, of]: [string, unknown]) =>
    of !== undefined &&
    of !== null &&
    of !== "" &&
    !(Array.isArray(of) && !of.length) &&
    !(name === "ReturnData" && of === true) &&
    !(name === "TreatMissingData" && of === "missing") &&
    !(name === "ActionLogLineCount" && of === 0) &&
    !(name === "EndTimeOffset" && of === 0) &&
    name !== "QueryARN";
  const entries = Object.entries(value).filter(isSaid);
  return Object.fromEntries(entries.sort(([a], [b]) => a.localeCompare(b)).map(([name, of]) => [name, plain(of)]));
}

/** What of an alarm the form would change by itself: it has no field for it. Empty where the alarm can be edited. */
export function lostOf(alarm: Alarm): string[] {
  const params = paramsOf(alarm);
  const call = callOf(formOf((name) => params[name] ?? ""));
  if ("missing" in call) return [call.missing];
  const would = plain({ ...call.input, ...keptOf(alarm) }) as Record<string, unknown>;
  const is = plain({ DatapointsToAlarm: alarm.EvaluationPeriods, ...alarm }) as Record<string, unknown>;
  return [...new Set([...Object.keys(would), ...Object.keys(is).filter((name) => WRITTEN.has(name))])].filter(
    (name) => JSON.stringify(would[name]) !== JSON.stringify(is[name]),
  );
}

/** Members of the answer that the calls write. */
const WRITTEN = new Set([
  ...["AlarmName", "AlarmDescription", "AlarmActions", "OKActions", "InsufficientDataActions"],
  ...["Namespace", "MetricName", "Dimensions", "Statistic", "ExtendedStatistic", "Period", "Unit"],
  ...["EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ThresholdMetricId", "ComparisonOperator", "TreatMissingData"],
  ...["Metrics", "EvaluationCriteria", "EvaluationInterval", "AlarmRule", "ScheduledQueryConfiguration", "ActionLogLineCount"],
  ...["ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"],
]);
