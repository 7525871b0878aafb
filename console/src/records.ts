// Audit events as LookupEvents answers them, and what the pages say of them.
import { aws } from "./aws";
import type { Range } from "./time";

export interface EventRow {
  id: string;
  at: number;
  name: string;
  source: string;
  service: string;
  user: string;
  readOnly: boolean;
  resources: { type: string; name: string }[];
  error: string;
  errorMessage: string;
  address: string;
  region: string;
  /** The record's text. */
  record: string;
}

interface Lookup {
  Events?: {
    EventId: string;
    EventName?: string;
    EventSource?: string;
    EventTime: number;
    Username?: string;
    ReadOnly?: string;
    Resources?: { ResourceType?: string; ResourceName?: string }[];
    CloudTrailEvent?: string;
  }[];
  NextToken?: string;
}

export interface Question {
  attribute: string;
  value: string;
  range: Range;
}

const PAGE = 50;

/** The next events of a question, newest first, at least `wanted` where there are so many. */
export async function lookUp(
  question: Question,
  wanted: number,
  token: string | undefined,
  signal?: AbortSignal,
): Promise<{ rows: EventRow[]; next?: string }> {
  const input: Record<string, unknown> = {
    StartTime: question.range.start / 1000,
    EndTime: question.range.end / 1000,
    MaxResults: Math.min(PAGE, wanted),
  };
  if (question.attribute) input.LookupAttributes = [{ AttributeKey: question.attribute, AttributeValue: question.value }];
  const rows: EventRow[] = [];
  let next = token;
  do {
    const page: Lookup = await aws<Lookup>("cloudtrail", "LookupEvents", next ? { ...input, NextToken: next } : input, signal);
    for (const event of page.Events ?? []) rows.push(rowOf(event));
    next = page.NextToken;
  } while (next && rows.length < wanted);
  return { rows, next };
}

function rowOf(event: NonNullable<Lookup["Events"]>[number]): EventRow {
  let record: Record<string, unknown> = {};
  try {
    record = JSON.parse(event.CloudTrailEvent ?? "{}");
  } catch {
    // A record that is no JSON is shown as the text that it is.
  }
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  const source = event.EventSource ?? "";
  return {
    id: event.EventId,
    at: event.EventTime * 1000,
    name: event.EventName ?? "",
    source,
    service: source.replace(/\.amazonaws\.com$/, ""),
    user: event.Username ?? text((record.userIdentity as Record<string, unknown> | undefined)?.type),
    readOnly: event.ReadOnly === "true",
    resources: (event.Resources ?? []).map((r) => ({ type: r.ResourceType ?? "", name: r.ResourceName ?? "" })),
    error: text(record.errorCode) || (text(record.errorMessage) ? "Failed" : ""),
    errorMessage: text(record.errorMessage),
    address: text(record.sourceIPAddress),
    region: text(record.awsRegion),
    record: event.CloudTrailEvent ?? "",
  };
}
