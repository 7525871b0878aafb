// The search of audit events: several attributes at once, words, who really did it, counts over everything that was found.
import { own } from "./own";
import { type EventRow, rowOfRecord } from "./records";
import { param, setParams } from "./router";

/** Attributes that can be asked for: the endpoint's name, and ours. */
export const ATTRIBUTES: [string, string][] = [
  ["event_name", "Event"],
  ["event_source", "Service"],
  ["actor", "Actor"],
  ["error_code", "Error"],
  ["resource_name", "Resource"],
  ["region", "Region"],
  ["user", "User name or ARN"],
  ["access_key_id", "Access key"],
  ["resource_type", "Resource type"],
  ["source_ip", "Source address"],
  ["account", "Account"],
  ["category", "Category"],
  ["session", "Login session"],
  ["event_id", "Event id"],
];

/** Attributes that are counted. */
export const FACETS = ["event_source", "event_name", "actor", "error_code", "resource_name", "region"];

export const nameOf = (attribute: string) => ATTRIBUTES.find(([key]) => key === attribute)?.[1] ?? attribute;

/** What LookupEvents calls them: links of other pages name attributes so. */
const AWS_NAMES: Record<string, string> = {
  EventName: "event_name",
  EventSource: "event_source",
  Username: "user",
  ResourceName: "resource_name",
  ResourceType: "resource_type",
  AccessKeyId: "access_key_id",
  EventId: "event_id",
};

export interface Facet {
  values: { value: string; count: number }[];
  others: number;
}

export interface Facets {
  events: number;
  is_partial: boolean;
  bar_hours: number;
  histogram: { time: string; count: number }[];
  /** As narrow as was asked for. */
  fine?: { minutes: number; bars: { time: string; count: number; failed: number }[] } | null;
  [attribute: string]: unknown;
}

export interface FoundRow extends EventRow {
  /** Who really did it, over all roles; empty where it is not known. */
  actor: string;
  session: string;
  account: string;
  /** Which event of the server it is. */
  sequence: number;
}

interface Found {
  time: string;
  sequence: number;
  event_id: string;
  account: string;
  user: string;
  actor: string | null;
  session: string | null;
  read_only: boolean;
  resources: { type: string; name: string }[];
  record: string;
}

/** The body of a search. */
export type Asked = Record<string, unknown>;

/** Values of one attribute in the URL, a line each: names hold no line breaks. */
export const chosen = (attribute: string) =>
  param(`f.${attribute}`)
    .split("\n")
    .filter((value) => value !== "");

export function choose(attribute: string, values: string[]): void {
  setParams({ [`f.${attribute}`]: [...new Set(values)].join("\n"), event: "" });
}

export function toggle(attribute: string, value: string): void {
  const now = chosen(attribute);
  choose(attribute, now.includes(value) ? now.filter((other) => other !== value) : [...now, value]);
}

/** Parameters of a page of events that have this attribute. */
export const narrowed = (attribute: string, value: string) => ({ [`f.${attribute}`]: value, event: "", q: "" });

/** Words that records must have; those between quotes are one. */
export function words(text: string): string[] {
  return [...text.matchAll(/"([^"]+)"?|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "").filter(Boolean);
}

/** Takes attributes of LookupEvents out of the URL and puts ours there. */
export function readLink(): void {
  const [attribute, value] = [param("attribute"), param("value")];
  if (!attribute) return;
  const ours = AWS_NAMES[attribute];
  const changes: Record<string, string> = { attribute: "", value: "" };
  if (ours && value) changes[`f.${ours}`] = value;
  if (attribute === "ReadOnly" && value === "true") changes.access = "read";
  setParams(changes, true);
}

/** What the URL asks for. `from` and `to` are instants in milliseconds; none for all history. */
export function asked(range: { start: number; end: number } | undefined): Asked {
  const body: Asked = {};
  for (const [attribute] of ATTRIBUTES) {
    const values = chosen(attribute);
    if (values.length) body[attribute] = values;
  }
  const text = words(param("q"));
  if (text.length) body.text = text;
  const access = accessOf();
  if (access !== "all") body.read_only = access === "read";
  const outcome = param("outcome");
  if (outcome) body.failed = outcome === "failed";
  if (range) {
    body.from = new Date(range.start).toISOString();
    body.to = new Date(range.end).toISOString();
  }
  return body;
}

/** As in AWS, changes are shown first; of one event, or one login, everything. */
export const accessOf = () => param("access") || (param("f.event_id") || param("f.session") ? "all" : "write");

export async function search(
  body: Asked,
  signal?: AbortSignal,
): Promise<{ rows: FoundRow[]; next?: string; looked: number; facets?: Facets }> {
  const page = await own<{ events: Found[]; next: string | null; looked: number; facets: Facets | null }>(
    "events/search",
    body,
    signal,
  );
  return {
    rows: page.events.map(found),
    next: page.next ?? undefined,
    looked: page.looked,
    facets: page.facets ?? undefined,
  };
}

function found(event: Found): FoundRow {
  return {
    ...rowOfRecord(event.record, Date.parse(event.time)),
    id: event.event_id,
    user: event.user,
    readOnly: event.read_only,
    resources: event.resources,
    actor: event.actor ?? "",
    session: event.session ?? "",
    account: event.account,
    sequence: event.sequence,
  };
}
