// A graph as it stands in the URL: rows of metrics, math, searches, SQL and PromQL; and what they answer.
import { labelled, type Metric, metricData, periodFor, type Query, type Series } from "./metrics";
import { promRange } from "./promql";
import { href } from "./router";
import type { Range } from "./time";

/** A row of the graph builder; short names, for it stands in the URL. */
export interface Row {
  /** Id, such as `m1` or `e1`. */
  i: string;
  /** Namespace, name, dimensions; or an expression. */
  n?: string;
  m?: string;
  d?: [string, string][];
  e?: string;
  /** The expression is PromQL. */
  q?: 1;
  /** Statistic, period in seconds, label, right axis, hidden. */
  s?: string;
  p?: number;
  l?: string;
  r?: 1;
  h?: 1;
}

/** Rows of a graph. */
export const ROWS_MAX = 50;

export function graphOf(text: string): Row[] {
  try {
    const rows = JSON.parse(text || "[]");
    return Array.isArray(rows) ? rows.filter((row) => row && typeof row.i === "string").slice(0, ROWS_MAX) : [];
  } catch {
    return [];
  }
}

export const metricOf = (row: Row): Metric => ({
  Namespace: row.n ?? "",
  MetricName: row.m ?? "",
  Dimensions: (row.d ?? []).map(([Name, Value]) => ({ Name, Value })),
});

export const rowOf = (metric: Metric, id: string, stat?: string): Row => ({
  i: id,
  n: metric.Namespace,
  m: metric.MetricName,
  d: metric.Dimensions.map((d) => [d.Name, d.Value]),
  s: stat,
});

export const isSame = (row: Row, metric: Metric) =>
  row.e === undefined &&
  row.n === metric.Namespace &&
  row.m === metric.MetricName &&
  JSON.stringify(row.d ?? []) === JSON.stringify(metric.Dimensions.map((d) => [d.Name, d.Value]));

export function freeId(rows: Row[], letter: string): string {
  let n = 1;
  while (rows.some((row) => row.i === `${letter}${n}`)) n += 1;
  return `${letter}${n}`;
}

/** A graph of one metric, for a link. */
export function graphLink(metric: Metric, stat = "Average"): string {
  return href("/metrics", { graph: JSON.stringify([rowOf(metric, "m1", stat)]), namespace: metric.Namespace, q: "" });
}

/** The rows that are queries of GetMetricData. */
export function queriesOfRows(rows: Row[], autoPeriod: number): Query[] {
  return labelled(
    rows
      .filter((row) => !row.q)
      .map((row): Query => {
        const Period = row.p ?? autoPeriod;
        const base = { Id: row.i, Label: row.l || undefined, ReturnData: !row.h };
        return row.e === undefined
          ? { ...base, MetricStat: { Metric: metricOf(row), Stat: row.s ?? "Average", Period } }
          : { ...base, Expression: row.e, Period };
      }),
  );
}

async function readRows(rows: Row[], range: Range, signal: AbortSignal): Promise<Series[]> {
  const queries = queriesOfRows(rows, periodFor(range));
  const prom = rows.filter((row) => row.q && !row.h && row.e);
  const [series, ...answers] = await Promise.all([
    queries.some((query) => query.ReturnData !== false) ? metricData(queries, range, signal) : [],
    ...prom.map(async (row) => {
      const lines = await promRange(row.e ?? "", range, row.p ?? periodFor(range), signal);
      return lines.map(
        (line): Series => ({
          id: row.i,
          ...line,
          label: row.l && lines.length === 1 ? row.l : line.label,
          messages: [],
        }),
      );
    }),
  ]);
  return [...series, ...answers.flat()];
}

const DAY_MS = 86_400_000;

/** What the rows answer now, and what they did `days` before, moved to now. */
export async function readGraph(
  { rows, range, days }: { rows: Row[]; range: Range; days: number },
  signal: AbortSignal,
): Promise<{ now: Series[]; before: Series[] }> {
  const shift = days * DAY_MS;
  const [now, before] = await Promise.all([
    readRows(rows, range, signal),
    days ? readRows(rows, { start: range.start - shift, end: range.end - shift }, signal) : [],
  ]);
  return { now, before: before.map((s) => ({ ...s, times: s.times.map((time) => time + shift) })) };
}

/** The graph as a widget of a dashboard. */
export function widgetOf(rows: Row[], title: string, region: string): { type: string; properties: Record<string, unknown> } {
  const prom = rows.filter((row) => row.q);
  if (prom.length && prom.length === rows.length) {
    const queries = prom.map((row) => ({ id: row.i, language: "PromQL", query: row.e ?? "" }));
    return { type: "chart", properties: { title, region, view: "line", data: { queries } } };
  }
  const metrics = rows
    .filter((row) => !row.q)
    .map((row) => {
      const options = Object.fromEntries(
        Object.entries({
          id: row.i,
          expression: row.e,
          stat: row.e === undefined ? (row.s ?? "Average") : undefined,
          period: row.p,
          label: row.l,
          yAxis: row.r ? "right" : undefined,
          visible: row.h ? false : undefined,
        }).filter(([, value]) => value !== undefined),
      );
      return row.e === undefined ? [row.n, row.m, ...(row.d ?? []).flat(), options] : [options];
    });
  return { type: "metric", properties: { title, region, view: "timeSeries", stacked: false, metrics } };
}
