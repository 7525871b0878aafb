// Event history: who did what, over all history. The server searches and counts; what it found can be opened, proved and taken along.
import { createEffect, createMemo, createSignal, createUniqueId, For, on, onCleanup, Show, untrack } from "solid-js";
import { barsOf, widened } from "../bars";
import { load, paged } from "../load";
import { count } from "../numbers";
import { ownLines } from "../own";
import { type EventRow, rowOfRecord } from "../records";
import { param, setParams } from "../router";
import {
  ATTRIBUTES,
  accessOf,
  asked,
  choose,
  chosen,
  FACETS,
  type Facet,
  type Facets,
  type FoundRow,
  nameOf,
  readLink,
  search,
  toggle,
} from "../search";
import { dateTime, range, zoom } from "../time";
import { OverTime } from "../ui/over-time";
import { Cancelled, csv, download, Empty, ErrorNote, Given, Loading, PageHead, Working } from "../ui/parts";
import { RangePicker } from "../ui/range";
import { type Column, Table } from "../ui/table";
import { BUNDLE_MAX, EventDetail, saveEvidence } from "./event-detail";

const PAGE = 200;
const FACET_VALUES = 8;
/** More than are drawn, so that those of a short time are not wider than they need be. */
const BARS = 1000;
const HOUR = 3_600_000;
/** Live events kept on show. */
const LIVE_MAX = 2000;
const TYPING_MS = 350;

export function EventHistory() {
  createEffect(() => {
    if (param("attribute")) untrack(readLink);
  });
  const period = createMemo(() => (param("range") === "all" && !param("start") ? undefined : range("1d")));
  const question = createMemo(() => asked(period()));

  const found = paged(question, (body, { after }, signal) =>
    search({ ...body, ...(after ? { after } : { facets: FACET_VALUES, bars: BARS }), limit: PAGE }, signal),
  );
  const { rows, next, loading, more } = found;
  const facets = () => found.first()?.facets;
  const [unsaved, setUnsaved] = createSignal<unknown>();
  const error = () => found.error() ?? unsaved();

  const live = liveEvents(question);
  const shown = createMemo<FoundRow[]>(() => {
    const known = new Set(rows().map((row) => row.id));
    return [...live.rows().filter((row) => !known.has(row.id)), ...rows()];
  });

  const opened = createMemo(() => rows().find((row) => row.id === param("event")));
  // An address may name an event that lies further back than what is loaded; of live ones the exact record is fetched.
  const away = createMemo(() => (param("event") && !opened() && !loading() ? param("event") : undefined));
  const fetched = load(away, async (id, signal) => ({ id, row: (await search({ event_id: [id], limit: 1 }, signal)).rows[0] }));
  const detail = () => opened() ?? (away() ? fetched.data()?.row : undefined);

  const drawn = createMemo(() => {
    const counts = facets();
    const fine = counts?.fine;
    const bars = (fine?.bars ?? []).map((bar) => ({ at: Date.parse(bar.time), count: bar.count, marked: bar.failed }));
    const first = bars[0]?.at ?? Date.now() - HOUR;
    const span = period() ?? { start: first, end: Date.now() };
    if (!next())
      return {
        range: span,
        ...barsOf(
          shown().map((row) => ({ at: row.at, marked: !!row.error })),
          span,
        ),
      };
    return { range: span, ...widened(bars, (fine?.minutes ?? 60) * 60_000, span) };
  });

  const columns: Column<FoundRow>[] = [
    { name: "Time", width: "166px", cell: (row) => <span class="mono">{dateTime(row.at)}</span> },
    { name: "Event", width: "minmax(150px, 1.2fr)", cell: (row) => <strong>{row.name}</strong> },
    { name: "Actor", width: "minmax(90px, .9fr)", cell: (row) => <span title={row.actor}>{shortActor(row)}</span> },
    { name: "Service", width: "minmax(90px, .7fr)", cell: (row) => row.service },
    {
      name: "Resource",
      width: "minmax(120px, 1.4fr)",
      cell: (row) => <span title={row.resources.map((r) => r.name).join("\n")}>{row.resources[0]?.name ?? ""}</span>,
    },
    {
      name: "Result",
      width: "minmax(80px, .8fr)",
      cell: (row) => <Show when={row.error}>{<span class="bad">{row.error}</span>}</Show>,
    },
    { name: "From", width: "minmax(84px, .6fr)", cell: (row) => <span class="mono faint">{row.address}</span> },
  ];

  const [saving, setSaving] = createSignal(false);
  const save = async (kind: string) => {
    if (kind === "json") saveJson(shown());
    if (kind === "csv") saveCsv(shown());
    if (kind !== "evidence") return;
    setSaving(true);
    setUnsaved(undefined);
    try {
      await saveEvidence(
        shown().map((row) => row.id),
        "evidence.json",
      );
    } catch (failure) {
      setUnsaved(() => failure);
    }
    setSaving(false);
  };

  return (
    <div class="fill">
      <PageHead title="Event history" sub="Who did what, in all regions. Every event is kept as it came in.">
        <button
          type="button"
          aria-pressed={live.on()}
          title="New events appear at the top as they are accepted"
          onClick={() => setParams({ live: live.on() ? "" : "1" })}
        >
          {live.on() ? "Stop live" : "Live"}
        </button>
        <select
          aria-label="Save the events shown"
          value=""
          disabled={saving() || shown().length === 0}
          onChange={(event) => {
            void save(event.currentTarget.value);
            event.currentTarget.value = "";
          }}
        >
          <option value="">{saving() ? "Saving…" : "Save…"}</option>
          <option value="evidence" disabled={shown().length > BUNDLE_MAX}>
            as evidence bundle
          </option>
          <option value="json">as CloudTrail JSON</option>
          <option value="csv">as CSV</option>
        </select>
        <RangePicker absent="1d" all />
      </PageHead>
      <Filters facets={facets()} />
      <Show when={error()}>
        <ErrorNote error={error()} retry={found.error() ? found.reload : undefined} />
      </Show>
      <OverTime {...drawn()} noun="events" marked="with errors" zoom={zoom} />
      <p class="count" role="status">
        <Show when={loading()}>
          <Working what="Searching…" cancel={found.cancel} />
        </Show>
        <Show when={found.cancelled()}>Cancelled. </Show>
        <Show when={found.first()}>
          {facets()?.is_partial ? "More than " : ""}
          {count(facets()?.events ?? 0)} {facets()?.events === 1 ? "event" : "events"}
          <Show when={next()}>
            , of which {count(rows().length)} are loaded.{" "}
            <button type="button" class="link" disabled={loading()} onClick={more}>
              Load more
            </button>
          </Show>
          <Show when={facets()?.is_partial}> Counts are of the newest; take a shorter time for all.</Show>
        </Show>
        <Show when={live.on()}>
          <span class="badge tone-good">
            <i aria-hidden="true" />
            {live.error() ? "live stopped" : `live, ${count(live.rows().length)} came`}
          </span>
          <Show when={live.lost()}>{(lost) => <span class="bad">{count(lost())} were too fast to show</span>}</Show>
        </Show>
      </p>
      <Show when={away() && fetched.data()?.id === away() && !fetched.data()?.row}>
        <p class="note">
          There is no event {away()} here.
          <button type="button" class="small" onClick={() => setParams({ event: "" })}>
            Close
          </button>
        </p>
      </Show>
      <Show when={away() && fetched.error()}>
        <ErrorNote error={fetched.error()} retry={fetched.reload} />
      </Show>
      <Show when={live.error()}>
        <ErrorNote error={live.error()} retry={live.again} />
      </Show>
      <div class="split" classList={{ three: !!detail() }}>
        <aside class="facets" aria-label="Facets">
          <For each={FACETS}>
            {(attribute) => <FacetList attribute={attribute} facet={facets()?.[attribute] as Facet | undefined} />}
          </For>
        </aside>
        <Table
          label="Events"
          rows={shown()}
          columns={detail() ? columns.filter((column) => !["Service", "From"].includes(column.name)) : columns}
          key={(row) => row.id}
          selected={param("event")}
          open={(row) => setParams({ event: row.id === param("event") ? "" : row.id })}
          rowClass={(row) => (row.error ? "failed" : "")}
          atEnd={more}
          empty={
            <Show when={!loading()} fallback={<Loading what="events" cancel={found.cancel} />}>
              <Show when={!found.cancelled()} fallback={<Cancelled again={found.reload} />}>
                <Show when={!error()}>
                  <Empty title="No events">
                    <p>
                      Nothing matches in this time. Take a{" "}
                      <button type="button" class="link" onClick={() => setParams({ range: "all", start: "", end: "" })}>
                        longer one
                      </button>
                      ,{" "}
                      <button type="button" class="link" onClick={clear}>
                        take all filters off
                      </button>
                      , or make an event: <code>aws logs create-log-group --log-group-name demo</code>
                    </p>
                  </Empty>
                </Show>
              </Show>
            </Show>
          }
        />
        <Given when={detail()}>{(row) => <EventDetail row={row()} close={() => setParams({ event: "" })} />}</Given>
      </div>
    </div>
  );
}

/** The last part of an actor's ARN, which the title says in full. */
const shortActor = (row: FoundRow) => (row.actor ? row.actor.replace(/^.*[:/]/, "") : row.user);

function clear(): void {
  const none = Object.fromEntries(ATTRIBUTES.map(([attribute]) => [`f.${attribute}`, ""]));
  setParams({ ...none, q: "", access: "all", outcome: "", event: "" });
}

function Filters(props: { facets: Facets | undefined }) {
  const [attribute, setAttribute] = createSignal("event_name");
  const id = createUniqueId();
  let typing: ReturnType<typeof setTimeout> | undefined;
  onCleanup(() => clearTimeout(typing));
  const offered = () => (props.facets?.[attribute()] as Facet | undefined)?.values ?? [];
  const add = (field: HTMLInputElement) => {
    const value = field.value.trim();
    if (!value) return;
    choose(attribute(), [...chosen(attribute()), value]);
    field.value = "";
  };
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <select
        aria-label="Access"
        value={accessOf()}
        onChange={(event) => setParams({ access: event.currentTarget.value, event: "" })}
      >
        <option value="write">Changes</option>
        <option value="read">Reads</option>
        <option value="all">Changes and reads</option>
      </select>
      <select
        aria-label="Outcome"
        value={param("outcome")}
        onChange={(event) => setParams({ outcome: event.currentTarget.value, event: "" })}
      >
        <option value="">Any outcome</option>
        <option value="failed">Failed</option>
        <option value="done">Went well</option>
      </select>
      <select aria-label="Attribute" value={attribute()} onChange={(event) => setAttribute(event.currentTarget.value)}>
        <For each={ATTRIBUTES}>{([key, name]) => <option value={key}>{name}</option>}</For>
      </select>
      <input
        aria-label="Attribute value"
        list={id}
        placeholder="Exact value, then Enter"
        onKeyDown={(event) => event.key === "Enter" && add(event.currentTarget)}
      />
      <datalist id={id}>
        <For each={offered()}>{(value) => <option value={value.value} />}</For>
      </datalist>
      <input
        type="search"
        class="grow"
        data-search
        aria-label="Words in the record"
        placeholder={'Words in the record, "several" as one  ( / )'}
        value={param("q")}
        onInput={(event) => {
          const text = event.currentTarget.value;
          clearTimeout(typing);
          typing = setTimeout(() => setParams({ q: text }, true), TYPING_MS);
        }}
      />
      <For each={ATTRIBUTES}>
        {([key, name]) => (
          <For each={chosen(key)}>
            {(value) => (
              <button type="button" class="chip" onClick={() => toggle(key, value)} title="Take this filter off">
                {name}: {value} ✕
              </button>
            )}
          </For>
        )}
      </For>
    </form>
  );
}

/** What tells values apart; the title has all of it. */
function brief(attribute: string, value: string): string {
  if (attribute === "event_source") return value.replace(/\.amazonaws\.com$/, "");
  return attribute === "actor" ? value.replace(/^arn:[^:]*:[^:]*:[^:]*:/, "") : value;
}

function FacetList(props: { attribute: string; facet: Facet | undefined }) {
  return (
    <Show when={props.facet?.values.length}>
      <section>
        <h3>{nameOf(props.attribute)}</h3>
        <For each={props.facet?.values}>
          {(value) => (
            <button
              type="button"
              aria-pressed={chosen(props.attribute).includes(value.value)}
              onClick={() => toggle(props.attribute, value.value)}
            >
              <span title={value.value}>{brief(props.attribute, value.value)}</span>
              <span class="faint">{count(value.count)}</span>
            </button>
          )}
        </For>
        <Show when={props.facet?.others}>{(others) => <p class="faint others">{count(others())} of others</p>}</Show>
      </section>
    </Show>
  );
}

/** Events as the server accepts them, while the URL asks for them: what the tail cannot choose is chosen here. */
function liveEvents(question: () => Record<string, unknown>) {
  const [rows, setRows] = createSignal<FoundRow[]>([]);
  const [lost, setLost] = createSignal(0);
  const [error, setError] = createSignal<unknown>();
  const [turn, setTurn] = createSignal(0);
  const on_ = () => param("live") === "1";
  createEffect(
    on([on_, question, turn], ([isOn, body]) => {
      setRows([]);
      setLost(0);
      setError(undefined);
      if (!isOn) return;
      const control = new AbortController();
      onCleanup(() => control.abort());
      void follow(body, control.signal).catch((failure) => {
        if (!control.signal.aborted) setError(() => failure);
      });
    }),
  );
  const follow = async (body: Record<string, unknown>, signal: AbortSignal) => {
    const path = `events/tail${tailQuery(body)}`;
    for await (const line of ownLines<{ event?: object; lost?: number }>(path, signal)) {
      if (line.lost) setLost(lost() + line.lost);
      if (!line.event) continue;
      const row = { ...rowOfRecord(JSON.stringify(line.event)), actor: "", session: "", account: "", sequence: 0 };
      if (matches(row, body)) setRows([row, ...rows()].slice(0, LIVE_MAX));
    }
  };
  return { on: on_, rows, lost, error, again: () => setTurn((n) => n + 1) };
}

function tailQuery(body: Record<string, unknown>): string {
  const text = new URLSearchParams();
  const all = (name: string, values: unknown) => {
    for (const value of (values as string[] | undefined) ?? []) text.append(name, value);
  };
  all("name", body.event_name);
  all("source", body.event_source);
  all("user", body.user);
  all("filter", body.text);
  if (body.failed === true) text.append("errors", "true");
  return text.size ? `?${text}` : "";
}

/** Whether a new event is what was asked for, as far as its record says. */
export function matches(row: EventRow, body: Record<string, unknown>): boolean {
  const one = (attribute: string, ...values: string[]) => {
    const wanted = body[attribute] as string[] | undefined;
    return !wanted || wanted.some((value) => values.includes(value));
  };
  return (
    (body.read_only === undefined || body.read_only === row.readOnly) &&
    (body.failed === undefined || body.failed === (row.error !== "")) &&
    one("error_code", row.error) &&
    one("region", row.region) &&
    one("source_ip", row.address) &&
    one("event_id", row.id) &&
    ["actor", "access_key_id", "resource_name", "resource_type", "account", "category"].every((attribute) => {
      const wanted = body[attribute] as string[] | undefined;
      return !wanted || wanted.some((value) => row.record.includes(JSON.stringify(value)));
    })
  );
}

function saveJson(rows: FoundRow[]): void {
  const records = rows.map((row) => row.record).join(",\n");
  download("events.json", "application/json", `{"Records":[\n${records}\n]}\n`);
}

function saveCsv(rows: FoundRow[]): void {
  const head = [
    "eventTime",
    "eventName",
    "actor",
    "userName",
    "eventSource",
    "resources",
    "errorCode",
    "sourceIPAddress",
    "awsRegion",
    "eventID",
  ];
  const lines = rows.map((row) => [
    new Date(row.at).toISOString(),
    row.name,
    row.actor,
    row.user,
    row.source,
    row.resources.map((r) => r.name).join(" "),
    row.error,
    row.address,
    row.region,
    row.id,
  ]);
  download("events.csv", "text/csv", csv([head, ...lines]));
}
