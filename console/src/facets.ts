// What log events have in common: their fields with the most frequent values, found in the rows of a query; and queries with a filter
// more.

export interface Facet {
  field: string;
  /** Value and how many rows have it, the most frequent first. */
  values: [string, number][];
  /** Rows that have the field. */
  rows: number;
  /** Different values. */
  distinct: number;
}

/** Bounds on what is looked at, so that no result takes long. */
const ROWS_MAX = 5000;
const DEPTH_MAX = 4;
const FIELDS_MAX = 300;
const DISTINCT_MAX = 1000;
const VALUE_CHARS_MAX = 200;
const FACETS_MAX = 20;
const VALUES_MAX = 8;

/** Fields that differ from row to row. */
const NONE = new Set(["@ptr", "@message", "@timestamp", "@ingestionTime"]);

function flatten(value: unknown, name: string, put: (field: string, value: string) => void, depth = 0): void {
  if (value === null || value === undefined) return;
  if (typeof value !== "object") put(name, String(value));
  else if (!Array.isArray(value) && depth < DEPTH_MAX)
    for (const [key, inner] of Object.entries(value)) flatten(inner, name ? `${name}.${key}` : key, put, depth + 1);
}

export function facetsOf(rows: Record<string, string>[]): Facet[] {
  const fields = new Map<string, { values: Map<string, number>; rows: number }>();
  const put = (field: string, value: string) => {
    if (value.length > VALUE_CHARS_MAX || NONE.has(field)) return;
    let found = fields.get(field);
    if (!found) {
      if (fields.size >= FIELDS_MAX) return;
      found = { values: new Map(), rows: 0 };
      fields.set(field, found);
    }
    found.rows += 1;
    const n = found.values.get(value);
    if (n !== undefined || found.values.size < DISTINCT_MAX) found.values.set(value, (n ?? 0) + 1);
  };
  for (const row of rows.slice(0, ROWS_MAX)) {
    const seen = new Set<string>();
    for (const [field, value] of Object.entries(row)) {
      seen.add(field);
      put(field, value);
    }
    const message = row["@message"];
    if (!message?.startsWith("{")) continue;
    try {
      flatten(JSON.parse(message), "", (field, value) => seen.has(field) || put(field, value));
    } catch {
      // A line that begins like JSON and is none has no fields.
    }
  }
  return (
    [...fields]
      .map(([field, { values, rows: n }]): Facet => {
        const sorted = [...values].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
        return { field, values: sorted.slice(0, VALUES_MAX), rows: n, distinct: values.size };
      })
      // What is another value in each row narrows nothing.
      .filter((facet) => facet.distinct <= VALUES_MAX || (facet.values[0]?.[1] ?? 0) > 1)
      .sort((a, b) => b.rows - a.rows || a.distinct - b.distinct || a.field.localeCompare(b.field))
      .slice(0, FACETS_MAX)
  );
}

/** The commands of a query, as they stand between its pipes. */
export function commands(query: string): string[] {
  const parts: string[] = [""];
  const pattern =
    /'(?:[^'\\]|\\.)*'?|"(?:[^"\\]|\\.)*"?|`[^`]*`?|#[^\n]*|(?<=\blike\s|=~\s*)\/(?:[^/\\\n]|\\.)*\/|\||[^'"`#|/]+|\//g;
  for (const [piece] of query.matchAll(pattern)) {
    if (piece === "|") parts.push("");
    else parts[parts.length - 1] += piece;
  }
  return parts;
}

/** Commands after which events are no longer events. */
const LEAVES_EVENTS =
  /^\s*(stats|sort|limit|head|dedup|display|pattern|diff|anomaly|top|rare|accum|autoregress|sessionize|fillmissing|outlier|estimate|offset)\b/i;

/** The beginning of a query, up to where events become something else; and the rest. */
export function parted(query: string): [string[], string[]] {
  const all = commands(query);
  const at = all.findIndex((command) => LEAVES_EVENTS.test(command));
  return at < 0 ? [all, []] : [all.slice(0, at), all.slice(at)];
}

export const fieldName = (field: string) => (/^[@A-Za-z_][\w.]*$/.test(field) ? field : `\`${field.replaceAll("`", "")}\``);

const literal = (value: string) =>
  /^-?(0|[1-9]\d{0,14})(\.\d{1,9})?$/.test(value) ? value : `'${value.replace(/[\\']/g, "\\$&")}'`;

/** The condition that a facet's value stands for. */
export const condition = (field: string, value: string, not = false) =>
  `filter ${fieldName(field)} ${not ? "!=" : "="} ${literal(value)}`;

/** The query with a command after those that choose events; without it where it is there already. */
export function withCommand(query: string, command: string): string {
  const [first, rest] = parted(query);
  const kept = first.filter((one) => one.trim() !== command);
  const next = kept.length < first.length ? kept : [...first, command];
  const texts = [...next, ...rest].map((one) => one.trim()).filter(Boolean);
  return texts.join("\n| ");
}

/** True where the query has the command. */
export const hasCommand = (query: string, command: string) => commands(query).some((one) => one.trim() === command);

/** What asks for the patterns of the events that a query is about. */
export function patternQuery(query: string): string {
  const [first] = parted(query);
  const kept = first.map((one) => one.trim()).filter((one) => one && !/^fields\b/i.test(one));
  return [...kept, "pattern @message", "sort @sampleCount desc", "limit 200"].join("\n| ");
}

/** A condition on events of a pattern. */
export const patternCondition = (regex: string) => `filter @message like /${regex.replace(/(?<!\\)\//g, "\\/")}/`;
