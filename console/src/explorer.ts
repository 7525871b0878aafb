// Explorer widgets: which metrics they mean, as far as dimensions and the tags of log groups tell, and lines drawn together.
import type { Metric, Series } from "./metrics";

export type Func = "AVG" | "MIN" | "MAX" | "SUM" | "STDDEV";

export interface Explorer {
  metrics: { metricName: string; stat: string; namespace?: string }[];
  labels: { key: string; value?: string }[];
  /** The label that tells graphs apart, and the one whose lines are drawn as one; `*` draws all of a graph as one. */
  splitBy?: string;
  aggregateBy?: string;
  func?: Func;
  period?: number;
  view: "timeSeries" | "bar" | "pie";
  stacked: boolean;
  /** Graphs beside each other. */
  columns: number;
}

/** The tags of what a metric is about, where this server knows them. */
export type Tags = Record<string, string>;

const text = (value: unknown) => (typeof value === "string" && value ? value : undefined);

/** `AWS::EC2::Instance` has its metrics in AWS/EC2. */
const namespaceOf = (resourceType: string | undefined) => {
  const parts = resourceType?.split("::") ?? [];
  return parts.length === 3 && parts[0] === "AWS" ? `AWS/${parts[1]}` : undefined;
};

export function explorerOf(properties: Record<string, unknown>): Explorer {
  const list = (value: unknown) =>
    (Array.isArray(value) ? value : []).filter((one): one is Record<string, unknown> => !!one && typeof one === "object");
  const aggregate = (properties.aggregateBy ?? {}) as Record<string, unknown>;
  const options = (properties.widgetOptions ?? {}) as Record<string, unknown>;
  const view = options.view === "bar" || options.view === "pie" ? options.view : "timeSeries";
  return {
    metrics: list(properties.metrics).map((metric) => ({
      metricName: text(metric.metricName) ?? "",
      stat: text(metric.stat) ?? "Average",
      namespace: namespaceOf(text(metric.resourceType)),
    })),
    labels: list(properties.labels).map((label) => ({ key: text(label.key) ?? "", value: text(label.value) })),
    splitBy: text(properties.splitBy),
    aggregateBy: text(aggregate.key),
    func: (["AVG", "MIN", "MAX", "SUM", "STDDEV"] as const).find((func) => func === aggregate.func),
    period: typeof properties.period === "number" ? properties.period : undefined,
    view,
    stacked: options.stacked === true,
    columns: typeof options.widgetsPerRow === "number" ? Math.min(Math.max(Math.round(options.widgetsPerRow), 1), 6) : 2,
  };
}

/** The log group that a metric is about: of all that has metrics here, log groups alone have tags as well. */
export const logGroupOf = (metric: Metric) =>
  metric.Namespace === "AWS/Logs" ? metric.Dimensions.find((d) => d.Name === "LogGroupName")?.Value : undefined;

/** What a metric has for a label: a dimension, else a tag. */
export const labelOf = (metric: Metric, key: string, tags: Tags = {}): string | undefined =>
  metric.Dimensions.find((d) => d.Name === key)?.Value ?? (Object.hasOwn(tags, key) ? tags[key] : undefined);

/** True when the names of a metric are asked for, whatever its labels. */
export function isNamed(metric: Metric, explorer: Explorer): boolean {
  const of = explorer.metrics.find((m) => m.metricName === metric.MetricName);
  if (!of) return false;
  // Metrics of AWS's own types that were sent here keep their namespace; others may stand anywhere.
  return !(of.namespace && metric.Namespace.startsWith("AWS/") && metric.Namespace !== of.namespace);
}

/** True when a metric has all the labels, each with one of the values given for it. */
export function matches(metric: Metric, explorer: Explorer, tags?: Tags): boolean {
  if (!isNamed(metric, explorer)) return false;
  return explorer.labels.every((label) => {
    const wanted = explorer.labels.filter((other) => other.key === label.key && other.value).map((other) => other.value);
    const has = labelOf(metric, label.key, tags);
    return has !== undefined && (!wanted.length || wanted.includes(has));
  });
}

/** True when a label, or what is split or put together by, is no dimension of a metric, so that its tags are wanted. */
export const wantsTags = (metric: Metric, explorer: Explorer) =>
  [...explorer.labels.map((label) => label.key), explorer.splitBy, explorer.aggregateBy].some(
    (key) => key && key !== "*" && labelOf(metric, key) === undefined,
  );

const FUNCS: Record<Func, (values: number[]) => number> = {
  AVG: (v) => v.reduce((a, b) => a + b, 0) / v.length,
  MIN: (v) => Math.min(...v),
  MAX: (v) => Math.max(...v),
  SUM: (v) => v.reduce((a, b) => a + b, 0),
  STDDEV: (v) => {
    const mean = v.reduce((a, b) => a + b, 0) / v.length;
    return Math.sqrt(v.reduce((a, b) => a + (b - mean) ** 2, 0) / v.length);
  },
};

/** One line for each group, its value at each instant made of those of its members. */
export function aggregated(series: Series[], groupOf: (series: Series) => string, func: Func) {
  const groups = new Map<string, Map<number, number[]>>();
  for (const one of series) {
    const group = groupOf(one);
    const at = groups.get(group) ?? new Map<number, number[]>();
    for (const [i, time] of one.times.entries()) {
      const values = at.get(time) ?? [];
      values.push(one.values[i] ?? Number.NaN);
      at.set(time, values);
    }
    groups.set(group, at);
  }
  return [...groups].map(([label, at]) => {
    const times = [...at.keys()].sort((a, b) => a - b);
    return { label, times, values: times.map((time) => FUNCS[func](at.get(time) ?? [])) };
  });
}
