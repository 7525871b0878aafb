// AWS's dashboard JSON: widgets with their places, and the metrics that they draw.
import { COLUMNS, fitted, type Place } from "./grid";
import type { Query } from "./metrics";
import { RANGES, span } from "./time";

export interface Widget {
  type: string;
  x?: number;
  y?: number;
  width?: number;
  height?: number;
  properties: Record<string, unknown>;
}

/** A body; what is not known of it is kept. */
export interface Dashboard extends Record<string, unknown> {
  widgets: Widget[];
}

export function dashboardOf(body: string): Dashboard {
  const read = JSON.parse(body);
  return {
    ...read,
    widgets: Array.isArray(read?.widgets) ? read.widgets.filter((w: unknown) => w && typeof w === "object") : [],
  };
}

/** The range that a body begins with (`-PT6H`), as one of those that can be chosen: the next longer one. */
export function rangeOf(dashboard: Dashboard): string | undefined {
  const parts = /^-P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?$/.exec(String(dashboard.start ?? ""));
  if (!parts) return undefined;
  const [weeks = 0, days = 0, hours = 0, minutes = 0] = parts.slice(1).map((n) => Number(n ?? 0));
  const wanted = (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60_000;
  return (RANGES.find(([key]) => (span(key) ?? 0) >= wanted) ?? RANGES.at(-1))?.[0];
}

/** The body with the widgets at their places. */
export function bodyOf(dashboard: Dashboard, widgets: Widget[], at: Place[]): string {
  const placed = widgets.map((widget, i) => ({ ...widget, ...(at[i] ?? {}) }));
  return JSON.stringify({ ...dashboard, widgets: placed });
}

/** Where widgets stand on a grid of 24 columns; those without a place follow each other, as in AWS. */
export function places(widgets: Widget[]): Place[] {
  let x = 0;
  let y = 0;
  let rowHeight = 0;
  return widgets.map((widget) => {
    const { width, height } = fitted({ x: 0, y: 0, width: widget.width ?? 6, height: widget.height ?? 6 });
    if (widget.x !== undefined && widget.y !== undefined) return fitted({ x: widget.x, y: widget.y, width, height });
    if (x + width > COLUMNS) {
      x = 0;
      y += rowHeight;
      rowHeight = 0;
    }
    const place = { x, y, width, height };
    x += width;
    rowHeight = Math.max(rowHeight, height);
    return place;
  });
}

export interface Drawn {
  query: Query;
  right: boolean;
  color?: string;
  visible: boolean;
}

type Options = {
  id?: string;
  label?: string;
  stat?: string;
  period?: number;
  yAxis?: string;
  visible?: boolean;
  color?: string;
  expression?: string;
  region?: string;
};

/** The `metrics` of a widget as queries. `.` repeats the value above, `...` those to its left. */
export function queriesOf(properties: Record<string, unknown>, autoPeriod: number): Drawn[] {
  const rows = Array.isArray(properties.metrics) ? (properties.metrics as unknown[][]) : [];
  const widgetStat = typeof properties.stat === "string" ? properties.stat : "Average";
  const widgetPeriod = typeof properties.period === "number" ? properties.period : autoPeriod;
  const taken = new Set(
    rows
      .flatMap((row) => (Array.isArray(row) ? row : []))
      .map((cell) => (cell as Options)?.id)
      .filter(Boolean),
  );
  let above: string[] = [];
  let n = 0;
  const all: Drawn[] = [];
  for (const row of rows) {
    if (!Array.isArray(row)) continue;
    const last = row.at(-1);
    const options: Options = last && typeof last === "object" ? (last as Options) : {};
    let cells = row.filter((cell): cell is string => typeof cell === "string");
    do n += 1;
    while (taken.has(`w${n}`));
    const base = { Id: options.id ?? `w${n}`, Label: options.label, ReturnData: options.visible !== false };
    const looks = { right: options.yAxis === "right", color: safeColour(options.color), visible: options.visible !== false };
    if (options.expression) {
      all.push({ query: { ...base, Expression: options.expression, Period: options.period ?? widgetPeriod }, ...looks });
      continue;
    }
    if (cells[0] === "...") {
      const given = cells.slice(1);
      cells = [...above.slice(0, Math.max(0, above.length - given.length)), ...given];
    }
    cells = cells.map((cell, i) => (cell === "." ? (above[i] ?? cell) : cell));
    above = cells;
    const [Namespace = "", MetricName = "", ...dimensions] = cells;
    const Dimensions = [];
    for (let i = 0; i + 1 < dimensions.length; i += 2)
      Dimensions.push({ Name: dimensions[i] ?? "", Value: dimensions[i + 1] ?? "" });
    all.push({
      query: {
        ...base,
        MetricStat: {
          Metric: { Namespace, MetricName, Dimensions },
          Stat: options.stat ?? widgetStat,
          Period: options.period ?? widgetPeriod,
        },
      },
      ...looks,
    });
  }
  return all;
}

/** A colour that is one: others could carry anything. */
export function safeColour(text: unknown): string | undefined {
  return typeof text === "string" && /^#[0-9a-f]{3,8}$/i.test(text) ? text : undefined;
}

/** A log widget's query: the groups that its SOURCE parts name, and the rest. */
export function sourcesOf(query: string): { groups: string[]; query: string } {
  const groups: string[] = [];
  let rest = query;
  for (let part = /^\s*SOURCE\s+'([^']+)'\s*\|?/i.exec(rest); part; part = /^\s*SOURCE\s+'([^']+)'\s*\|?/i.exec(rest)) {
    groups.push(part[1] ?? "");
    rest = rest.slice(part[0].length);
  }
  return { groups, query: rest.trim() };
}
