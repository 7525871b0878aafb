// Event history: who did what. LookupEvents finds, and what it found can be narrowed, counted by facet, opened and taken along.
import { createEffect, createMemo, createSignal, For, on, onCleanup, Show, untrack } from "solid-js";
import { Histogram } from "../charts/histogram";
import { count } from "../numbers";
import { type EventRow, lookUp } from "../records";
import { href, param, setParams } from "../router";
import { ago, dateTime, range, zoom } from "../time";
import { Json } from "../ui/json";
import { Badge, Copy, csv, download, Empty, ErrorNote, Facts, Loading, PageHead } from "../ui/parts";
import { RangePicker } from "../ui/range";
import { type Column, Table } from "../ui/table";

const ATTRIBUTES: [string, string][] = [
  ["ReadOnly", "Read-only"],
  ["EventName", "Event name"],
  ["EventSource", "Event source"],
  ["Username", "User name"],
  ["ResourceName", "Resource name"],
  ["ResourceType", "Resource type"],
  ["AccessKeyId", "Access key"],
  ["EventId", "Event id"],
];

const FIRST = 200;
const MORE = 200;

const FACETS: { key: string; name: string; of: (row: EventRow) => string }[] = [
  { key: "service", name: "Service", of: (row) => row.service },
  { key: "name", name: "Event", of: (row) => row.name },
  { key: "user", name: "Actor", of: (row) => row.user || "–" },
  { key: "error", name: "Error", of: (row) => row.error },
  { key: "address", name: "Source address", of: (row) => row.address },
];

export function EventHistory() {
  // As in AWS, writes are shown first: attribute ReadOnly, value false.
  const attribute = () => param("attribute", "ReadOnly");
  const value = () => param("value", attribute() === "ReadOnly" ? "false" : "");
  const question = createMemo(() => ({
    attribute: attribute() === "none" || !value() ? "" : attribute(),
    value: value(),
    range: range("1d"),
  }));

  const [rows, setRows] = createSignal<EventRow[]>([]);
  const [next, setNext] = createSignal<string>();
  const [error, setError] = createSignal<unknown>();
  const [loading, setLoading] = createSignal(false);
  let control: AbortController | undefined;
  onCleanup(() => control?.abort());

  const read = async (wanted: number, fresh: boolean) => {
    control?.abort();
    const own = new AbortController();
    control = own;
    setLoading(true);
    setError(undefined);
    try {
      const found = await lookUp(question(), wanted, fresh ? undefined : next(), own.signal);
      setRows(fresh ? found.rows : [...rows(), ...found.rows]);
      setNext(found.next);
    } catch (failure) {
      if (own.signal.aborted) return;
      setError(() => failure);
      if (fresh) setRows([]);
    }
    if (control === own) setLoading(false);
  };
  createEffect(on(question, () => void untrack(() => read(FIRST, true))));
  const more = () => {
    if (next() && !loading() && !error()) void read(MORE, false);
  };

  const text = () => param("q").toLowerCase();
  const chosen = createMemo(() => FACETS.filter((facet) => param(`f.${facet.key}`)));
  const found = createMemo(() => {
    const words = text().split(/\s+/).filter(Boolean);
    return rows().filter((row) => {
      const record = words.length ? row.record.toLowerCase() : "";
      return words.every((word) => record.includes(word)) && chosen().every((facet) => facet.of(row) === param(`f.${facet.key}`));
    });
  });
  const opened = createMemo(() => rows().find((row) => row.id === param("event")));

  const columns: Column<EventRow>[] = [
    { name: "Time", width: "166px", cell: (row) => <span class="mono">{dateTime(row.at)}</span> },
    { name: "Event", width: "minmax(150px, 1.2fr)", cell: (row) => <strong>{row.name}</strong> },
    { name: "Actor", width: "minmax(90px, .8fr)", cell: (row) => row.user },
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

  const save = (kind: string) => {
    if (kind === "json")
      download(
        "events.json",
        "application/json",
        `{"Records":[\n${found()
          .map((row) => row.record)
          .join(",\n")}\n]}\n`,
      );
    if (kind === "csv") {
      const head = [
        "eventTime",
        "eventName",
        "userName",
        "eventSource",
        "resources",
        "errorCode",
        "sourceIPAddress",
        "awsRegion",
        "eventID",
      ];
      const lines = found().map((row) => [
        new Date(row.at).toISOString(),
        row.name,
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
  };

  return (
    <div class="fill">
      <PageHead title="Event history" sub="Who did what, in this account and region. Every event is kept as it came in.">
        <select
          aria-label="Save the events shown"
          value=""
          onChange={(event) => {
            save(event.currentTarget.value);
            event.currentTarget.value = "";
          }}
        >
          <option value="">Save…</option>
          <option value="json">as CloudTrail JSON</option>
          <option value="csv">as CSV</option>
        </select>
        <RangePicker absent="1d" />
      </PageHead>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <select
          aria-label="Attribute"
          value={attribute()}
          onChange={(event) => setParams({ attribute: event.currentTarget.value, value: "", event: "" })}
        >
          <option value="none">All events</option>
          <For each={ATTRIBUTES}>{([key, name]) => <option value={key}>{name}</option>}</For>
        </select>
        <Show when={attribute() !== "none"}>
          <Show
            when={attribute() === "ReadOnly"}
            fallback={
              <input
                aria-label="Attribute value"
                class="grow"
                placeholder="The exact value, then Enter"
                value={value()}
                onChange={(event) => setParams({ value: event.currentTarget.value.trim(), event: "" })}
              />
            }
          >
            <select
              aria-label="Attribute value"
              value={value()}
              onChange={(event) => setParams({ value: event.currentTarget.value, event: "" })}
            >
              <option value="false">false: writes only</option>
              <option value="true">true: reads only</option>
            </select>
          </Show>
        </Show>
        <input
          type="search"
          class="grow"
          data-search
          aria-label="Words in the record"
          placeholder="Words anywhere in the record  ( / )"
          value={param("q")}
          onInput={(event) => setParams({ q: event.currentTarget.value }, true)}
        />
        <For each={chosen()}>
          {(facet) => (
            <button type="button" class="chip" onClick={() => setParams({ [`f.${facet.key}`]: "" })} title="Take this filter off">
              {facet.name}: {param(`f.${facet.key}`)} ✕
            </button>
          )}
        </For>
      </form>
      <Show when={error()}>
        <ErrorNote error={error()} retry={() => void read(FIRST, true)} />
      </Show>
      <Histogram
        times={found().map((row) => ({ at: row.at, marked: !!row.error }))}
        range={question().range}
        noun="events"
        marked="with errors"
        zoom={zoom}
      />
      <p class="count" role="status">
        <Show when={loading()}>
          <span class="spinner" aria-hidden="true" />
        </Show>
        {count(found().length)} {found().length === rows().length ? "events" : `of ${count(rows().length)} loaded events`}
        <Show when={next()}>
          {" "}
          so far; words and facets look at these.{" "}
          <button type="button" class="link" disabled={loading()} onClick={more}>
            Load more
          </button>
        </Show>
      </p>
      <div class="split" classList={{ three: !!opened() }}>
        <aside class="facets" aria-label="Facets">
          <For each={FACETS}>
            {(facet) => <Facet name={facet.name} param={`f.${facet.key}`} values={found().map(facet.of)} />}
          </For>
        </aside>
        <Table
          label="Events"
          rows={found()}
          columns={opened() ? columns.filter((column) => !["Service", "From"].includes(column.name)) : columns}
          key={(row) => row.id}
          selected={param("event")}
          open={(row) => setParams({ event: row.id === param("event") ? "" : row.id })}
          rowClass={(row) => (row.error ? "failed" : "")}
          atEnd={more}
          empty={
            <Show when={!loading()} fallback={<Loading what="events" />}>
              <Show when={!error()}>
                <Empty title="No events">
                  <p>
                    Nothing matches in this time. Take a longer range, ask for{" "}
                    <button type="button" class="link" onClick={() => setParams({ attribute: "none", value: "", q: "" })}>
                      all events
                    </button>
                    , or make one: <code>aws logs create-log-group --log-group-name demo</code>
                  </p>
                </Empty>
              </Show>
            </Show>
          }
        />
        <Show when={opened()}>{(row) => <Detail row={row()} />}</Show>
      </div>
    </div>
  );
}

function Facet(props: { name: string; param: string; values: string[] }) {
  const counts = createMemo(() => {
    const all = new Map<string, number>();
    for (const value of props.values) if (value) all.set(value, (all.get(value) ?? 0) + 1);
    return [...all].sort((a, b) => b[1] - a[1]).slice(0, 8);
  });
  return (
    <Show when={counts().length}>
      <section>
        <h3>{props.name}</h3>
        <For each={counts()}>
          {([value, n]) => (
            <button
              type="button"
              aria-pressed={param(props.param) === value}
              onClick={() => setParams({ [props.param]: param(props.param) === value ? "" : value })}
            >
              <span title={value}>{value}</span>
              <span class="faint">{n}</span>
            </button>
          )}
        </For>
      </section>
    </Show>
  );
}

function Detail(props: { row: EventRow }) {
  const lookup = (attribute: string, value: string) => href("/events", { attribute, value, event: "", q: "" });
  return (
    <aside class="detail" aria-label="Event">
      <header class="panel-head">
        <h2>{props.row.name}</h2>
        <button type="button" class="icon" aria-label="Close" onClick={() => setParams({ event: "" })}>
          ✕
        </button>
      </header>
      <div class="panel-body">
        <Facts
          of={[
            ["Time", `${dateTime(props.row.at)} (${ago(props.row.at)})`],
            ["Actor", props.row.user && <a href={lookup("Username", props.row.user)}>{props.row.user}</a>],
            ["Service", <a href={lookup("EventSource", props.row.source)}>{props.row.source}</a>],
            ["From", props.row.address],
            ["Region", props.row.region],
            ["Access", props.row.readOnly ? "Read" : "Write"],
            ["Error", props.row.error && <Badge tone="bad">{props.row.error}</Badge>],
            ["Message", props.row.errorMessage],
            [
              "Resources",
              props.row.resources.length > 0 && (
                <For each={props.row.resources}>
                  {(resource) => (
                    <div>
                      <a href={lookup("ResourceName", resource.name)}>{resource.name}</a>{" "}
                      <span class="faint">{resource.type}</span>
                    </div>
                  )}
                </For>
              ),
            ],
            ["Event id", <span class="mono">{props.row.id}</span>],
          ]}
        />
        <div class="json-head">
          <h3>Record</h3>
          <Copy text={props.row.record} />
        </div>
        <Json text={props.row.record} />
      </div>
    </aside>
  );
}
