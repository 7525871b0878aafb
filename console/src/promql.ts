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

/** Series of one answer that are shown. */
const SERIES_MAX = 100;

/** `cpu{host="web-1"}` without what all of its kind have. */
function labelOf(metric: Record<string, string>): string {
  const { __name__: name = "", ...rest } = metric;
  const parts = Object.entries(rest).map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  return `${name}${parts.length ? `{${parts.join(", ")}}` : ""}` || "value";
}

/** Asks one of our own paths in the session: JSON, or a form; errors as those of AWS calls. */
export async function own<T>(path: string, input: unknown, signal?: AbortSignal): Promise<T> {
  const now = session();
  const isForm = input instanceof URLSearchParams;
  const headers: Record<string, string> = {
    "content-type": isForm ? "application/x-www-form-urlencoded" : "application/json",
  };
  if (now.signedIn) headers["x-trailwatch-csrf"] = now.csrf;
  const region = param("region");
  if (region) headers["x-trailwatch-region"] = region;
  const call = `trailwatch ${path}`;
  let answer: Response;
  try {
    answer = await fetch(`/_trailwatch/${path}`, {
      method: "POST",
      body: isForm ? input.toString() : JSON.stringify(input),
      headers,
      credentials: "same-origin",
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new AwsError("Unreachable", "The server did not answer.", 0, call);
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body as T;
  const code = String(body.__type ?? body.errorType ?? answer.headers.get("x-amzn-errortype") ?? "Unknown").replace(/^.*#/, "");
  const message = body.message ?? body.Message ?? body.error ?? `The server answered ${answer.status}.`;
  throw new AwsError(code, message, answer.status, call, body);
}

export async function promRange(query: string, range: Range, step: number, signal?: AbortSignal): Promise<PromLine[]> {
  const form = new URLSearchParams({
    query,
    start: String(Math.floor(range.start / 1000)),
    end: String(Math.ceil(range.end / 1000)),
    step: String(step),
    limit: String(SERIES_MAX),
  });
  const answer = await own<Answer>("prometheus/api/v1/query_range", form, signal);
  return (answer.data?.result ?? []).map((series) => ({
    label: labelOf(series.metric ?? {}),
    times: (series.values ?? []).map(([at]) => at * 1000),
    values: (series.values ?? []).map(([, value]) => Number(value)),
  }));
}
