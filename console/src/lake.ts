// Queries of event data stores: started, waited for, cancelled, read.
import { aws } from "./aws";

export interface Store {
  Name: string;
  EventDataStoreArn: string;
}

export const idOf = (arn: string) => arn.replace(/^.*\//, "");

export async function listStores(signal?: AbortSignal): Promise<Store[]> {
  const found = await aws<{ EventDataStores?: Store[] }>("cloudtrail", "ListEventDataStores", { MaxResults: 100 }, signal);
  return found.EventDataStores ?? [];
}

export interface Sample {
  Name?: string;
  Description?: string;
  SQL?: string;
}

export async function samples(phrase: string, signal?: AbortSignal): Promise<Sample[]> {
  const input = { SearchPhrase: phrase, MaxResults: 50 };
  const found = await aws<{ SearchResults?: Sample[] }>("cloudtrail", "SearchSampleQueries", input, signal);
  return found.SearchResults ?? [];
}

export interface Progress {
  id: string;
  /** `QUEUED`, `RUNNING`, `FINISHED`, `FAILED`, `CANCELLED`, `TIMED_OUT`. */
  status: string;
  error: string;
  statement: string;
  matched: number;
  scanned: number;
  bytes: number;
  ms: number;
}

interface Described {
  QueryId: string;
  QueryString?: string;
  QueryStatus: string;
  ErrorMessage?: string;
  QueryStatistics?: { EventsMatched?: number; EventsScanned?: number; BytesScanned?: number; ExecutionTimeInMillis?: number };
}

export async function start(statement: string, signal?: AbortSignal): Promise<string> {
  return (await aws<{ QueryId: string }>("cloudtrail", "StartQuery", { QueryStatement: statement }, signal)).QueryId;
}

export const cancel = (id: string) => aws("cloudtrail", "CancelQuery", { QueryId: id });

export async function progress(id: string, signal?: AbortSignal): Promise<Progress> {
  const told = await aws<Described>("cloudtrail", "DescribeQuery", { QueryId: id }, signal);
  const of = told.QueryStatistics ?? {};
  return {
    id,
    status: told.QueryStatus,
    error: told.ErrorMessage ?? "",
    statement: told.QueryString ?? "",
    matched: of.EventsMatched ?? 0,
    scanned: of.EventsScanned ?? 0,
    bytes: of.BytesScanned ?? 0,
    ms: of.ExecutionTimeInMillis ?? 0,
  };
}

export const isRunning = (status: string) => status === "QUEUED" || status === "RUNNING";

/** Waits between looks, so that quick queries are quick and slow ones are not asked after all the time. */
const WAITS_MS = [100, 200, 400, 800, 1500];

/** Waits for a query to end; `tell` hears how far it is. */
export async function settled(id: string, tell: (now: Progress) => void, signal: AbortSignal): Promise<Progress> {
  for (let turn = 0; ; turn++) {
    const now = await progress(id, signal);
    tell(now);
    if (!isRunning(now.status)) return now;
    await new Promise((done) => setTimeout(done, WAITS_MS[turn] ?? WAITS_MS.at(-1)));
    signal.throwIfAborted();
  }
}

export interface Rows {
  columns: string[];
  rows: string[][];
  total: number;
  next?: string;
}

interface Page {
  QueryResultRows?: Record<string, string>[][];
  QueryStatistics?: { TotalResultsCount?: number };
  NextToken?: string;
}

/** The next rows of a query that finished. */
export async function results(id: string, before: Rows | undefined, signal?: AbortSignal): Promise<Rows> {
  const input = { QueryId: id, MaxQueryResults: 1000, NextToken: before?.next };
  const page = await aws<Page>("cloudtrail", "GetQueryResults", input, signal);
  const fresh = page.QueryResultRows ?? [];
  const columns = before?.columns.length ? before.columns : (fresh[0] ?? []).map((cell) => Object.keys(cell)[0] ?? "");
  const rows = fresh.map((row) => row.map((cell) => Object.values(cell)[0] ?? ""));
  return {
    columns,
    rows: [...(before?.rows ?? []), ...rows],
    total: page.QueryStatistics?.TotalResultsCount ?? rows.length,
    next: page.NextToken,
  };
}
