// Changes: the audit writes of a time, as marks on charts.
import type { Mark } from "./charts/chart";
import { lookUp } from "./records";
import { href } from "./router";
import type { Range } from "./time";

export interface Change extends Mark {
  id: string;
  name: string;
  user: string;
  resource: string;
  /** How many alike there were at once. */
  count: number;
}

/** Events to look at; the newest of the time. */
export const CHANGES_MAX = 3000;
/** Alike events so near to each other are one change. */
const TOGETHER_MS = 30_000;
/** Writes that change nothing that a metric would show. */
const QUIET = new Set(["ConsoleLogin", "StartQuery", "StopQuery", "AssumeRole"]);

/** The changes of a time, newest first. `since` is how far back was looked, where there are more writes than that. */
export async function changesOf(range: Range, signal: AbortSignal): Promise<{ changes: Change[]; since?: number }> {
  const { rows, next } = await lookUp({ attribute: "ReadOnly", value: "false", range }, CHANGES_MAX, undefined, signal);
  const changes: Change[] = [];
  for (const row of rows) {
    if (QUIET.has(row.name)) continue;
    const resource = row.resources[0]?.name ?? "";
    const last = changes.at(-1);
    if (last?.name === row.name && last.user === row.user && last.at - row.at < TOGETHER_MS) {
      last.count += 1;
      last.label = `${row.name} × ${last.count} by ${row.user || "somebody"}`;
      last.bad ||= !!row.error;
      continue;
    }
    changes.push({
      id: row.id,
      at: row.at,
      name: row.name,
      user: row.user,
      resource,
      count: 1,
      bad: !!row.error,
      label: `${row.name}${resource ? ` ${resource}` : ""} by ${row.user || "somebody"}${row.error ? `: ${row.error}` : ""}`,
      href: href("/events", {
        "f.event_id": row.id,
        event: row.id,
        start: new Date(row.at - 60_000).toISOString(),
        end: new Date(row.at + 60_000).toISOString(),
        range: "",
      }),
    });
  }
  return { changes, since: next ? rows.at(-1)?.at : undefined };
}
