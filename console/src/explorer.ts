// Explorer widgets: which metrics they mean, as far as dimensions tell, and lines drawn together.
import type { Metric, Series } from "./metrics";

export type Func = "AVG" | "MIN" | "MAX" | "SUM" | "STDDEV";

export interface Explorer {
  metrics: { metricName: string; stat: string; namespace?: string }[];
  labels: { key: string; value?: string }[];
  splitBy?: string;
  func?: Func;
  period?: number;
  view: "timeSeries" | "bar" | "pie";
  stacked: boolean;
  /** What the widget asks for and cannot have here. */
  notes: string[];
}

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
  const notes: string[] = [];
  const splitBy = text(properties.splitBy) ?? text(aggregate.key);
  if (text(properties.splitBy) && text(aggregate.key) && properties.splitBy !== aggregate.key)
    notes.push(`Split by ${properties.splitBy}; grouping by ${aggregate.key}, too, is not done here.`);
  return {
    metrics: list(properties.metrics).map((metric) => ({
      metricName: text(metric.metricName) ?? "",
      stat: text(metric.stat) ?? "Average",
      namespace: namespaceOf(text(metric.resourceType)),
    })),
    labels: list(properties.labels).map((label) => ({ key: text(label.key) ?? "", value: text(label.value) })),
    splitBy,
    func: (["AVG", "MIN", "MAX", "SUM", "STDDEV"] as const).find((func) => func === aggregate.func),
    period: typeof properties.period === "number" ? properties.period : undefined,
    view,
    stacked: options.stacked === true,
    notes,
  };
}

/** True when a metric has all the labels as dimensions, each with one of the values given for it. */
export function matches(metric: Metric, explorer: Explorer): boolean {
  const of = explorer.metrics.find((m) => m.metricName === metric.MetricName);
  if (!of) return false;
  // Metrics of AWS's own types that were sent here keep their namespace; others may stand anywhere.
  if (of.namespace && metric.Namespace.startsWith("AWS/") && metric.Namespace !== of.namespace) return false;
  return explorer.labels.every((label) => {
    const wanted = explorer.labels.filter((other) => other.key === label.key && other.value).map((other) => other.value);
    const dimension = metric.Dimensions.find((d) => d.Name === label.key);
    return !!dimension && (!wanted.length || wanted.includes(dimension.Value));
  });
}

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
