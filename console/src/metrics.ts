// Metrics as CloudWatch's operations have them: what there is, and values over a range.
import { aws, pages } from "./aws";
import type { Range } from "./time";

export interface Metric {
  Namespace: string;
  MetricName: string;
  Dimensions: { Name: string; Value: string }[];
}

/** A line of a graph: one metric with its statistic, or an expression. */
export interface Query {
  Id: string;
  Label?: string;
  Expression?: string;
  Period?: number;
  MetricStat?: { Metric: Metric; Stat: string; Period: number; Unit?: string };
  ReturnData?: boolean;
}

export interface Series {
  id: string;
  label: string;
  /** Milliseconds since 1970, oldest first. */
  times: number[];
  values: number[];
  messages: string[];
}

interface DataPage {
  MetricDataResults?: {
    Id: string;
    Label: string;
    Timestamps: number[];
    Values: number[];
    StatusCode: string;
    Messages?: { Code: string; Value: string }[];
  }[];
  Messages?: { Code: string; Value: string }[];
  NextToken?: string;
}

/** Pages of 100,800 points each. */
const PAGES_MAX = 20;

export async function metricData(queries: Query[], range: Range, signal?: AbortSignal, region?: string): Promise<Series[]> {
  if (!queries.length) return [];
  const all = new Map<string, Series>();
  let next: string | undefined;
  for (let page = 0; page < PAGES_MAX; page++) {
    const input = {
      MetricDataQueries: queries,
      StartTime: range.start / 1000,
      EndTime: range.end / 1000,
      ScanBy: "TimestampAscending",
      NextToken: next,
    };
    const answer = await aws<DataPage>("cloudwatch", "GetMetricData", input, signal, region);
    for (const result of answer.MetricDataResults ?? []) {
      const key = `${result.Id} ${result.Label}`;
      const series = all.get(key) ?? { id: result.Id, label: result.Label, times: [], values: [], messages: [] };
      for (const [i, time] of (result.Timestamps ?? []).entries()) {
        series.times.push(time * 1000);
        series.values.push(result.Values[i] ?? Number.NaN);
      }
      series.messages.push(...(result.Messages ?? []).map((m) => m.Value));
      all.set(key, series);
    }
    next = answer.NextToken;
    if (!next) break;
  }
  return [...all.values()];
}

/** Lines of a chart; what ANOMALY_DETECTION_BAND answers, an upper and a lower limit of one id, becomes a band. */
export function linesOf(
  series: Series[],
  looks: (series: Series) => { color?: string; right?: boolean; dash?: boolean },
): (Series & { color?: string; right?: boolean; dash?: boolean; band?: boolean })[] {
  const upper = (s: Series) => s.label.endsWith(" upper");
  const lowerOf = (s: Series) => series.find((o) => o.id === s.id && o.label === s.label.replace(/ upper$/, " lower"));
  return series.flatMap((s) => {
    const lower = upper(s) ? lowerOf(s) : undefined;
    if (lower)
      return [
        { ...lower, ...looks(lower) },
        { ...s, ...looks(lower), band: true },
      ];
    const isLower = series.some((o) => upper(o) && lowerOf(o) === s);
    return isLower ? [] : [{ ...s, ...looks(s) }];
  });
}

/** Metrics in the order of the server, at most `limit`. */
export function listMetrics(input: object, limit: number, signal?: AbortSignal) {
  return pages<{ Metrics?: Metric[]; NextToken?: string }, Metric>(
    "cloudwatch",
    "ListMetrics",
    input,
    { in: "NextToken", out: "NextToken" },
    (page) => page.Metrics,
    limit,
    signal,
  );
}

/** The shortest period, in seconds, that gives at most `points` points over a range. */
export function periodFor(range: Range, points = 400): number {
  const seconds = (range.end - range.start) / 1000;
  return [60, 300, 900, 3600, 21_600, 86_400].find((period) => seconds / period <= points) ?? 86_400;
}

/** `host=web-1, cpu=cpu-total`. */
export const dimensionsText = (metric: Metric) => metric.Dimensions.map((d) => `${d.Name}=${d.Value}`).join(", ");

/** Labels that tell metrics of one name apart, by the dimensions (and the statistic) in which they differ; given ones stay. */
export function labelled(queries: Query[]): Query[] {
  const plain = queries.filter((query) => query.MetricStat && !query.Label);
  const name = (query: Query) => query.MetricStat?.Metric.MetricName ?? "";
  const dimensionOf = (query: Query, dimension: string) =>
    query.MetricStat?.Metric.Dimensions.find((d) => d.Name === dimension)?.Value ?? "";
  return queries.map((query) => {
    if (!plain.includes(query)) return query;
    const alike = plain.filter((other) => name(other) === name(query));
    if (alike.length < 2) return query;
    const dimensions = [...new Set(alike.flatMap((other) => other.MetricStat?.Metric.Dimensions.map((d) => d.Name) ?? []))];
    const differing = dimensions.filter((dimension) => new Set(alike.map((other) => dimensionOf(other, dimension))).size > 1);
    const parts = differing.map((dimension) => dimensionOf(query, dimension)).filter(Boolean);
    if (new Set(alike.map((other) => other.MetricStat?.Stat)).size > 1) parts.push(query.MetricStat?.Stat ?? "");
    return { ...query, Label: [name(query), ...parts].join(" ") };
  });
}

export interface Alarm {
  AlarmName: string;
  AlarmArn: string;
  AlarmDescription?: string;
  StateValue: string;
  StateReason?: string;
  StateReasonData?: string;
  StateUpdatedTimestamp?: number;
  StateTransitionedTimestamp?: number;
  ActionsEnabled?: boolean;
  AlarmActions?: string[];
  OKActions?: string[];
  InsufficientDataActions?: string[];
  // Metric alarms.
  Namespace?: string;
  MetricName?: string;
  Dimensions?: { Name: string; Value: string }[];
  Statistic?: string;
  ExtendedStatistic?: string;
  Period?: number;
  EvaluationPeriods?: number;
  DatapointsToAlarm?: number;
  Threshold?: number;
  ThresholdMetricId?: string;
  ComparisonOperator?: string;
  TreatMissingData?: string;
  Metrics?: Query[];
  Unit?: string;
  EvaluationCriteria?: { PromQLCriteria?: { Query: string; PendingPeriod?: number; RecoveryPeriod?: number } };
  EvaluationInterval?: number;
  // Composite alarms.
  AlarmRule?: string;
  ActionsSuppressor?: string;
  ActionsSuppressorWaitPeriod?: number;
  ActionsSuppressorExtensionPeriod?: number;
  // Log alarms.
  ScheduledQueryConfiguration?: {
    QueryString: string;
    LogGroupIdentifiers?: string[];
    ScheduledQueryRoleARN?: string;
    AggregationExpression: string;
    ScheduleConfiguration: { ScheduleExpression: string; StartTimeOffset: number; EndTimeOffset?: number };
  };
  ActionLogLineCount?: number;
  ActionLogLineRoleArn?: string;
  QueryResultsToEvaluate?: number;
  QueryResultsToAlarm?: number;
}

export async function listAlarms(input: object, signal?: AbortSignal): Promise<{ alarms: Alarm[]; more: boolean }> {
  const found = await pages<
    { MetricAlarms?: Alarm[]; CompositeAlarms?: Alarm[]; LogAlarms?: Alarm[]; NextToken?: string },
    Alarm
  >(
    "cloudwatch",
    "DescribeAlarms",
    { AlarmTypes: ["MetricAlarm", "CompositeAlarm", "LogAlarm"], MaxRecords: 100, ...input },
    { in: "NextToken", out: "NextToken" },
    (page) => [...(page.CompositeAlarms ?? []), ...(page.MetricAlarms ?? []), ...(page.LogAlarms ?? [])],
    5000,
    signal,
  );
  return { alarms: found.items, more: found.more };
}

const COMPARISONS: Record<string, string> = {
  GreaterThanThreshold: ">",
  GreaterThanOrEqualToThreshold: "≥",
  LessThanThreshold: "<",
  LessThanOrEqualToThreshold: "≤",
  GreaterThanUpperThreshold: "above the band",
  LessThanLowerThreshold: "below the band",
  LessThanLowerOrGreaterThanUpperThreshold: "outside the band",
};

/** What fires an alarm, in words. */
export function condition(alarm: Alarm): string {
  if (alarm.AlarmRule) return alarm.AlarmRule;
  const promql = alarm.EvaluationCriteria?.PromQLCriteria;
  if (promql) return `${promql.Query} for ${promql.PendingPeriod ?? 0} s`;
  const query = alarm.ScheduledQueryConfiguration;
  if (query)
    return `${query.AggregationExpression} ${COMPARISONS[alarm.ComparisonOperator ?? ""] ?? ""} ${alarm.Threshold} in ${alarm.QueryResultsToAlarm ?? 1} of ${alarm.QueryResultsToEvaluate ?? 1} runs`;
  const what = alarm.MetricName ?? alarm.Metrics?.find((m) => m.ReturnData !== false)?.Label ?? "expression";
  const how = COMPARISONS[alarm.ComparisonOperator ?? ""] ?? alarm.ComparisonOperator ?? "";
  const limit = alarm.ThresholdMetricId ? "" : ` ${alarm.Threshold}`;
  const of = alarm.EvaluationPeriods ?? 1;
  const period = alarm.Period ?? alarm.Metrics?.find((m) => m.MetricStat)?.MetricStat?.Period ?? 60;
  return `${what} ${how}${limit} for ${alarm.DatapointsToAlarm ?? of} of ${of} × ${period} s`;
}

/** The alarms that a composite alarm's rule names. */
export function childrenOf(rule: string): string[] {
  const names = [...rule.matchAll(/\b(?:ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:"([^"]+)"|'([^']+)'|([^\s()"']+))\s*\)/g)].map(
    (match) => match[1] ?? match[2] ?? match[3] ?? "",
  );
  return [...new Set(names.map((name) => name.split(":alarm:").at(-1) ?? name))];
}
