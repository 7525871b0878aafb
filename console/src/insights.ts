// Queries of Logs Insights: started, watched, cancelled; and their results as a table or as lines.
import { AwsError, aws } from "./aws";
import type { LogStream } from "./logs";
import type { Range } from "./time";

export interface Results {
  columns: string[];
  rows: Record<string, string>[];
  statistics: { recordsMatched: number; recordsScanned: number; bytesScanned: number };
  status: string;
}

interface Answer {
  status: string;
  results?: { field: string; value: string }[][];
  statistics?: Results["statistics"];
}

/** How long to wait between two looks: short at first, for most queries are. */
const WAITS_MS = [60, 120, 200, 300, 500, 800, 1000];

function resultsOf(answer: Answer): Results {
  const columns = new Set<string>();
  const rows = (answer.results ?? []).map((fields) => {
    const row: Record<string, string> = {};
    for (const { field, value } of fields) {
      row[field] = value;
      if (field !== "@ptr") columns.add(field);
    }
    return row;
  });
  return {
    columns: [...columns],
    rows,
    statistics: answer.statistics ?? { recordsMatched: 0, recordsScanned: 0, bytesScanned: 0 },
    status: answer.status,
  };
}

/** Stops a query that still runs: one that has ended meanwhile, as short ones do, would be refused. */
async function stop(queryId: string, region?: string): Promise<void> {
  try {
    const { status } = await aws<Answer>("logs", "GetQueryResults", { queryId }, undefined, region);
    if (status === "Scheduled" || status === "Running") await aws("logs", "StopQuery", { queryId }, undefined, region);
  } catch {
    // Nobody waits for it any more.
  }
}

/** Runs a query to its end; `progress` is told what there is so far. An aborted one is stopped at the server, too. */
export async function runQuery(
  groups: string[],
  query: string,
  range: Range,
  signal: AbortSignal,
  progress?: (results: Results) => void,
  region?: string,
): Promise<Results> {
  const input: Record<string, unknown> = {
    startTime: Math.floor(range.start / 1000),
    endTime: Math.ceil(range.end / 1000),
    queryString: query,
  };
  // A query that begins with SOURCE names its groups itself.
  if (groups.length) input.logGroupNames = groups;
  const { queryId } = await aws<{ queryId: string }>("logs", "StartQuery", input, signal, region);
  for (let turn = 0; ; turn++) {
    await new Promise((done) => setTimeout(done, WAITS_MS[Math.min(turn, WAITS_MS.length - 1)]));
    if (signal.aborted) {
      void stop(queryId, region);
      throw new DOMException("cancelled", "AbortError");
    }
    const answer = await aws<Answer>("logs", "GetQueryResults", { queryId }, undefined, region);
    const results = resultsOf(answer);
    if (["Complete", "Cancelled", "Failed", "Timeout"].includes(answer.status)) {
      if (answer.status === "Failed" || answer.status === "Timeout")
        throw new AwsError(
          answer.status,
          answer.status === "Failed" ? "The query failed." : "The query took too long. Take a shorter range, or filter first.",
          400,
          "logs StartQuery",
        );
      return results;
    }
    progress?.(results);
  }
}

const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/;
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?$/;

/** Milliseconds of `2026-11-26 09:00:00.000`, which is UTC. */
export const timeOf = (text: string): number | undefined =>
  TIME.test(text) ? Date.parse(`${text.replace(" ", "T")}Z`) : /^\d{13}$/.test(text) ? Number(text) : undefined;

export interface Lines {
  kind: "time" | "bars";
  lines: { label: string; times: number[]; values: number[] }[];
  bars: { label: string; value: number }[];
  bars_of: string;
}

/** A result as a chart: lines when a column is a time, bars when there is a name and a number. */
export function asChart(results: Results): Lines | undefined {
  const filled = (column: string) =>
    results.rows.map((row) => row[column]).filter((value): value is string => value !== undefined);
  const numbers = results.columns.filter(
    (column) => filled(column).length > 0 && filled(column).every((value) => NUMBER.test(value)),
  );
  const time = results.columns.find((column) => filled(column).length > 0 && filled(column).every((value) => TIME.test(value)));
  const names = results.columns.filter((column) => column !== time && !numbers.includes(column));
  if (!numbers.length) return undefined;
  if (time) {
    const lines = new Map<string, { label: string; times: number[]; values: number[] }>();
    for (const row of results.rows) {
      const group = names
        .map((name) => row[name])
        .filter(Boolean)
        .join(" ");
      for (const number of numbers) {
        const label = group ? (numbers.length > 1 ? `${group} ${number}` : group) : number;
        const line = lines.get(label) ?? { label, times: [], values: [] };
        const value = row[number];
        if (value === undefined || !row[time]) continue;
        line.times.push(timeOf(row[time]) ?? 0);
        line.values.push(Number(value));
        lines.set(label, line);
      }
    }
    for (const line of lines.values()) {
      const order = line.times.map((_, i) => i).sort((a, b) => (line.times[a] ?? 0) - (line.times[b] ?? 0));
      const { times, values } = line;
      line.times = order.map((i) => times[i] ?? 0);
      line.values = order.map((i) => values[i] ?? Number.NaN);
    }
    return { kind: "time", lines: [...lines.values()], bars: [], bars_of: "" };
  }
  if (!names.length) return undefined;
  const of = numbers[0] ?? "";
  const bars = results.rows
    .slice(0, 50)
    .map((row) => ({ label: names.map((name) => row[name] ?? "").join(" "), value: Number(row[of] ?? 0) }));
  return { kind: "bars", lines: [], bars, bars_of: of };
}

/** The fields that events of a group have, as its newest events show them. Completion without them is still one. */
export async function fieldsOf(logGroupName: string | undefined): Promise<string[]> {
  if (!logGroupName) return [];
  try {
    const newest = { logGroupName, orderBy: "LastEventTime", descending: true, limit: 1 };
    const { logStreams } = await aws<{ logStreams?: LogStream[] }>("logs", "DescribeLogStreams", newest);
    const last = logStreams?.[0]?.lastEventTimestamp;
    const input = last ? { logGroupName, time: Math.floor(last / 1000) } : { logGroupName };
    const found = await aws<{ logGroupFields?: { name: string }[] }>("logs", "GetLogGroupFields", input);
    return (found.logGroupFields ?? []).map((field) => field.name);
  } catch {
    return [];
  }
}

/** Where in the text an error lies, when its answer says so. */
export function mistakeIn(error: unknown, text: string): { from: number; to: number } | undefined {
  if (!(error instanceof AwsError)) return undefined;
  const told = (
    error.details.queryCompileError as { location?: { startCharOffset?: number; endCharOffset?: number } } | undefined
  )?.location;
  if (told?.startCharOffset === undefined) return undefined;
  const from = Math.min(told.startCharOffset, Math.max(0, text.length - 1));
  return { from, to: Math.max(from + 1, told.endCharOffset ?? 0) };
}
