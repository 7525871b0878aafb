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
  return {
    ...rowOfRecord(event.CloudTrailEvent ?? "", event.EventTime * 1000),
    id: event.EventId,
    user: event.Username ?? "",
    readOnly: event.ReadOnly === "true",
    resources: (event.Resources ?? []).map((r) => ({ type: r.ResourceType ?? "", name: r.ResourceName ?? "" })),
  };
}

type Members = Record<string, unknown>;

/** What a record says of itself. */
export function rowOfRecord(record: string, at?: number): EventRow {
  let of: Members = {};
  try {
    const parsed = JSON.parse(record);
    if (parsed && typeof parsed === "object") of = parsed;
  } catch {
    // A record that is no JSON is shown as the text that it is.
  }
  const text = (value: unknown) => (typeof value === "string" ? value : "");
  const identity = (of.userIdentity ?? {}) as Members;
  const issuer = ((identity.sessionContext as Members | undefined)?.sessionIssuer ?? {}) as Members;
  const source = text(of.eventSource);
  return {
    id: text(of.eventID),
    at: at ?? (Date.parse(text(of.eventTime)) || 0),
    name: text(of.eventName),
    source,
    service: source.replace(/\.amazonaws\.com$/, ""),
    user:
      text(identity.userName) ||
      (text(identity.type) === "Root" ? "root" : text(identity.arn).replace(/^.*[:/]/, "")) ||
      text(issuer.userName) ||
      text(identity.type),
    readOnly: of.readOnly === true || of.readOnly === "true",
    resources: (Array.isArray(of.resources) ? (of.resources as Members[]) : []).map((r) => ({
      type: text(r?.type) || text(r?.resourceType),
      name: text(r?.ARN) || text(r?.resourceName),
    })),
    error: text(of.errorCode) || (text(of.errorMessage) ? "Failed" : ""),
    errorMessage: text(of.errorMessage),
    address: text(of.sourceIPAddress),
    region: text(of.awsRegion),
    record,
  };
}
