// Log groups, streams and events, as CloudWatch Logs' operations have them.
import { aws, pages } from "./aws";

export interface LogGroup {
  logGroupName: string;
  logGroupArn?: string;
  arn?: string;
  storedBytes?: number;
  retentionInDays?: number;
  creationTime?: number;
  metricFilterCount?: number;
}

export interface LogStream {
  logStreamName: string;
  creationTime?: number;
  firstEventTimestamp?: number;
  lastEventTimestamp?: number;
  lastIngestionTime?: number;
}

export interface LogEvent {
  /** Unique on its page. */
  key: string;
  timestamp: number;
  message: string;
  stream: string;
  /** Where it is not that of the page. */
  group?: string;
}

/** Groups to list at most; a narrower search finds the rest. */
const GROUPS_MAX = 2000;
const STREAMS_MAX = 2000;

export function listGroups(containing: string, signal?: AbortSignal) {
  const input = { limit: 50, ...(containing ? { logGroupNamePattern: containing } : {}) };
  return pages<{ logGroups?: LogGroup[]; nextToken?: string }, LogGroup>(
    "logs",
    "DescribeLogGroups",
    input,
    { in: "nextToken", out: "nextToken" },
    (page) => page.logGroups,
    GROUPS_MAX,
    signal,
  );
}

export function listStreams(logGroupName: string, signal?: AbortSignal) {
  const input = { logGroupName, orderBy: "LastEventTime", descending: true, limit: 50 };
  return pages<{ logStreams?: LogStream[]; nextToken?: string }, LogStream>(
    "logs",
    "DescribeLogStreams",
    input,
    { in: "nextToken", out: "nextToken" },
    (page) => page.logStreams,
    STREAMS_MAX,
    signal,
  );
}

export interface EventsQuestion {
  group: string;
  stream: string;
  pattern: string;
  start: number;
  end: number;
}

interface FilterPage {
  events?: { timestamp: number; message: string; logStreamName: string; eventId: string }[];
  nextToken?: string;
}

/** The next events in order of time. Pages may be empty while the server looks on. */
export async function filterEvents(
  question: EventsQuestion,
  wanted: number,
  token: string | undefined,
  signal?: AbortSignal,
): Promise<{ events: LogEvent[]; next?: string }> {
  const input: Record<string, unknown> = {
    logGroupName: question.group,
    startTime: Math.floor(question.start),
    endTime: Math.ceil(question.end),
    limit: Math.min(wanted, 10_000),
  };
  if (question.stream) input.logStreamNames = [question.stream];
  if (question.pattern) input.filterPattern = question.pattern;
  const events: LogEvent[] = [];
  let next = token;
  do {
    const page: FilterPage = await aws<FilterPage>(
      "logs",
      "FilterLogEvents",
      next ? { ...input, nextToken: next } : input,
      signal,
    );
    for (const event of page.events ?? [])
      events.push({ key: event.eventId, timestamp: event.timestamp, message: event.message, stream: event.logStreamName });
    next = page.nextToken;
  } while (next && events.length < wanted);
  return { events, next };
}

/** How a line says that something went wrong: for the mark at its side only. */
export function level(message: string): string {
  const head = message.slice(0, 300);
  if (/\b(error|fatal|panic|exception|crit(ical)?)\b/i.test(head)) return "line-level-error";
  return /\bwarn(ing)?\b/i.test(head) ? "line-level-warn" : "";
}
