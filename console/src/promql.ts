// PromQL over the metrics of the account, asked in the session: what Grafana asks as /api/v1/query_range.
import { AwsError } from "./aws";
import { param } from "./router";
import { session } from "./session";
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

const PATH = "/_trailwatch/prometheus/api/v1/query_range";
/** Series of one answer that are shown. */
const SERIES_MAX = 100;

/** `cpu{host="web-1"}` without what all of its kind have. */
function labelOf(metric: Record<string, string>): string {
  const { __name__: name = "", ...rest } = metric;
  const parts = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `${name}${parts.length ? `{${parts.join(", ")}}` : ""}` || "value";
}

/** Asks a server path of our own in the session; errors as those of AWS calls. */
export async function own<T>(path: string, init: RequestInit, call: string, signal?: AbortSignal): Promise<T> {
  const now = session();
  const headers: Record<string, string> = { ...(init.headers as Record<string, string>) };
  if (now.signedIn) headers["x-trailwatch-csrf"] = now.csrf;
  const region = param("region");
  if (region) headers["x-trailwatch-region"] = region;
  let answer: Response;
  try {
    answer = await fetch(path, { ...init, headers, credentials: "same-origin", signal });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new AwsError("Unreachable", "The server did not answer.", 0, call);
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body as T;
  const code = String(body.__type ?? body.errorType ?? answer.headers.get("x-amzn-errortype") ?? "Unknown").replace(/^.*#/, "");
  throw new AwsError(
    code,
    body.message ?? body.Message ?? body.error ?? `The server answered ${answer.status}.`,
    answer.status,
    call,
    body,
  );
}

export async function promRange(query: string, range: Range, step: number, signal?: AbortSignal): Promise<PromLine[]> {
  const form = new URLSearchParams({
    query,
    start: String(Math.floor(range.start / 1000)),
    end: String(Math.ceil(range.end / 1000)),
    step: String(step),
    limit: String(SERIES_MAX),
  });
  const answer = await own<Answer>(
    PATH,
    { method: "POST", headers: { "content-type": "application/x-www-form-urlencoded" }, body: form.toString() },
    "PromQL query_range",
    signal,
  );
  return (answer.data?.result ?? []).map((series) => ({
    label: labelOf(series.metric ?? {}),
    times: (series.values ?? []).map(([at]) => at * 1000),
    values: (series.values ?? []).map(([, value]) => Number(value)),
  }));
}
