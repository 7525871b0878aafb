// PromQL over the metrics of the account, asked in the session: what Grafana asks as /api/v1/query_range.
import { query as form, own } from "./own";
import type { Range } from "./time";

interface Answer {
  status: string;
  error?: string;
  errorType?: string;
  data?: { result?: { metric?: Record<string, string>; values?: [number, string][] }[] };
}

export interface PromLine {
  label: string;
  times: number[];
  values: number[];
}

/** Series of one answer that are shown. */
const SERIES_MAX = 100;

/** `cpu{host="web-1"}` without what all of its kind have. */
function labelOf(metric: Record<string, string>): string {
  const { __name__: name = "", ...rest } = metric;
  const parts = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `${name}${parts.length ? `{${parts.join(", ")}}` : ""}` || "value";
}

export async function promRange(query: string, range: Range, step: number, signal?: AbortSignal): Promise<PromLine[]> {
  const asked = form({
    query,
    start: Math.floor(range.start / 1000),
    end: Math.ceil(range.end / 1000),
    step,
    limit: SERIES_MAX,
  });
  const answer = await own<Answer>(`prometheus/api/v1/query_range${asked}`, undefined, signal);
  return (answer.data?.result ?? []).map((series) => ({
    label: labelOf(series.metric ?? {}),
    times: (series.values ?? []).map(([at]) => at * 1000),
    values: (series.values ?? []).map(([, value]) => Number(value)),
  }));
}
