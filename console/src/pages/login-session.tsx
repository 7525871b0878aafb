// Everything that one login did, over all roles that were taken from it, in order.
import { createMemo, For, Show } from "solid-js";
import { paged } from "../load";
import { count } from "../numbers";
import { own, query } from "../own";
import { type EventRow, rowOfRecord } from "../records";
import { href, param, setParams } from "../router";
import { ago, dateTime } from "../time";
import { Listing, Search } from "../ui/page";
import { csv, download, Empty, Facts, Given, Loading, PageHead, Panel } from "../ui/parts";
import type { Column } from "../ui/table";
import { EventDetail } from "./event-detail";

const PAGE = 500;

interface Link {
  time: string;
  event_id: string;
  event_name: string;
  by: string | null;
  by_key: string | null;
  key: string | null;
  principal: string | null;
}

interface SessionEvent {
  time: string;
  event_id: string;
  event_source: string;
  event_name: string;
  account: string;
  region: string;
  error_code: string;
  source_ip: string;
  identity: string;
  access_key_id: string;
  depth: number;
  key: string | null;
  resources: string[];
  record: string;
}

interface Page {
  session: string;
  actor: string | null;
  complete: boolean;
  chain: Link[];
  keys: { key: string; time: string }[];
  keys_cut: boolean;
  events: SessionEvent[];
  next: string | null;
}

interface Row extends EventRow {
  depth: number;
  identity: string;
  accessKey: string;
  given: string;
}

function rowOf(event: SessionEvent): Row {
  return {
    ...rowOfRecord(event.record, Date.parse(event.time)),
    id: event.event_id,
    resources: event.resources.map((name) => ({ type: "", name })),
    depth: event.depth,
    identity: event.identity,
    accessKey: event.access_key_id,
    given: event.key ?? "",
  };
}

export default function LoginSession() {
  const start = createMemo(() =>
    param("key")
      ? `sessions/key/${encodeURIComponent(param("key"))}`
      : param("event")
        ? `sessions/event/${encodeURIComponent(param("event"))}`
        : "",
  );
  const found = paged(
    () => start() || undefined,
    async (path, { after }, signal) => {
      const got = await own<Page>(`${path}${query({ limit: PAGE, records: "true", after })}`, undefined, signal);
      return { ...got, rows: got.events.map(rowOf) };
    },
  );
  const { rows, last: page } = found;

  const shown = createMemo(() => {
    const words = param("q").toLowerCase().split(/\s+/).filter(Boolean);
    const onlyErrors = param("errors") === "1";
    return rows().filter((row) => {
      const record = words.length ? row.record.toLowerCase() : "";
      return (
        words.every((word) => record.includes(word)) && (!onlyErrors || row.error) && (param("all") === "1" || !row.readOnly)
      );
    });
  });
  const opened = createMemo(() => rows().find((row) => row.id === param("open")));
  const columns: Column<Row>[] = [
    { name: "Time", width: "166px", cell: (row) => <span class="mono">{dateTime(row.at)}</span> },
    {
      name: "Event",
      width: "minmax(180px, 1.3fr)",
      cell: (row) => (
        <>
          <span class="faint" title={row.depth ? `${row.depth} roles from the login` : undefined}>
            {"› ".repeat(Math.min(row.depth, 6))}
          </span>
          <strong>{row.name}</strong>
        </>
      ),
    },
    {
      name: "As",
      width: "minmax(110px, 1fr)",
      cell: (row) => <span title={row.identity}>{row.identity.replace(/^.*:/, "")}</span>,
    },
    { name: "Service", width: "minmax(90px, .7fr)", cell: (row) => row.service },
    { name: "Resource", width: "minmax(120px, 1.2fr)", cell: (row) => row.resources[0]?.name ?? "" },
    { name: "Result", width: "minmax(80px, .7fr)", cell: (row) => <span class="bad">{row.error}</span> },
    { name: "From", width: "minmax(84px, .6fr)", cell: (row) => <span class="mono faint">{row.address}</span> },
  ];
  const save = (kind: string) => {
    if (kind === "json")
      download(
        "session.json",
        "application/json",
        `{"Records":[\n${shown()
          .map((row) => row.record)
          .join(",\n")}\n]}\n`,
      );
    if (kind === "csv") {
      const head = [
        "eventTime",
        "eventName",
        "identity",
        "accessKeyId",
        "depth",
        "eventSource",
        "errorCode",
        "sourceIPAddress",
        "eventID",
      ];
      const lines = shown().map((row) => [
        new Date(row.at).toISOString(),
        row.name,
        row.identity,
        row.accessKey,
        row.depth,
        row.source,
        row.error,
        row.address,
        row.id,
      ]);
      download("session.csv", "text/csv", csv([head, ...lines]));
    }
  };

  return (
    <div class="fill">
      <PageHead title="Login session" sub="Everything that one login did, over all roles that were taken from it, in order.">
        <a class="button" href={href("/events")}>
          Event history
        </a>
        <select
          aria-label="Save the events shown"
          value=""
          disabled={shown().length === 0}
          onChange={(event) => {
            save(event.currentTarget.value);
            event.currentTarget.value = "";
          }}
        >
          <option value="">Save…</option>
          <option value="json">as CloudTrail JSON</option>
          <option value="csv">as CSV</option>
        </select>
      </PageHead>
      <Show
        when={start()}
        fallback={
          <Empty title="Whose session?">
            <p>
              Open an event of the <a href={href("/events")}>event history</a> and choose <em>All that this login did</em>, or
              name an access key:
            </p>
            <form
              class="filters"
              onSubmit={(event) => {
                event.preventDefault();
                const key = new FormData(event.currentTarget).get("key");
                if (key) setParams({ key: String(key).trim() });
              }}
            >
              <input
                name="key"
                class="grow"
                aria-label="Access key id"
                placeholder="AKIA… or ASIA…"
                data-search
                spellcheck={false}
              />
              <button type="submit" class="primary">
                Show
              </button>
            </form>
          </Empty>
        }
      >
        <Show when={found.loading() && !page()}>
          <Loading what="the session" cancel={found.cancel} />
        </Show>
        <Given when={page()}>
          {(got) => (
            <Panel>
              <Facts
                of={[
                  [
                    "Actor",
                    <>
                      <strong>{got().actor ?? "not known"}</strong>
                      <Show when={!got().complete}>
                        {" "}
                        <span class="faint">the login lies outside of what is kept, so it may be somebody else</span>
                      </Show>
                    </>,
                  ],
                  ["Session", <span class="mono">{got().session}</span>],
                  [
                    "How",
                    got().chain.length > 0 && (
                      <For each={got().chain}>
                        {(link) => (
                          <div>
                            <a href={href("/events", { event: link.event_id, access: "all" })}>{link.event_name}</a> by{" "}
                            {link.by ?? "nobody known"} <span class="faint">gave {link.principal ?? "credentials"}</span>{" "}
                            <span class="faint mono">{dateTime(Date.parse(link.time))}</span>
                          </div>
                        )}
                      </For>
                    ),
                  ],
                  [
                    "Access keys",
                    got().keys.length > 0 && (
                      <For each={got().keys}>
                        {(key) => (
                          <span class="mono" title={`first seen ${key.time}`}>
                            {key.key}{" "}
                          </span>
                        )}
                      </For>
                    ),
                  ],
                  ["", got().keys_cut && "There are more keys than are followed."],
                  [
                    "Time",
                    rows().length > 0 &&
                      `${dateTime(rows()[0]?.at ?? 0)} – ${dateTime(rows().at(-1)?.at ?? 0)} (${ago(rows().at(-1)?.at ?? 0)})`,
                  ],
                ]}
              />
            </Panel>
          )}
        </Given>
        <form class="filters" onSubmit={(event) => event.preventDefault()}>
          <Search label="Words in the record" />
          <label class="check">
            <input
              type="checkbox"
              checked={param("all") === "1"}
              onChange={(event) => setParams({ all: event.currentTarget.checked ? "1" : "" })}
            />{" "}
            Reads too
          </label>
          <label class="check">
            <input
              type="checkbox"
              checked={param("errors") === "1"}
              onChange={(event) => setParams({ errors: event.currentTarget.checked ? "1" : "" })}
            />{" "}
            Only errors
          </label>
        </form>
        <p class="count" role="status">
          {count(shown().length)} of {count(rows().length)} loaded events
          <Show when={page()?.next}>
            {"; "}
            <button type="button" class="link" disabled={found.loading()} onClick={found.more}>
              load more
            </button>
          </Show>
        </p>
        <div class="split one" classList={{ "right-only": !!opened() }}>
          <Listing
            of={found}
            what="events"
            label="Events of the session"
            rows={shown()}
            columns={opened() ? columns.filter((column) => !["Service", "From"].includes(column.name)) : columns}
            key={(row) => row.id}
            selected={param("open")}
            open={(row) => setParams({ open: row.id === param("open") ? "" : row.id })}
            rowClass={(row) => (row.error ? "failed" : "")}
            atEnd={found.more}
            empty="No events here"
          >
            <p>{rows().length ? "Take the filters off, or show reads, too." : "The session has no events that are kept."}</p>
          </Listing>
          <Given when={opened()}>{(row) => <EventDetail row={row()} close={() => setParams({ open: "" })} />}</Given>
        </div>
      </Show>
    </div>
  );
}
