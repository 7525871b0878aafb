// Log groups: which there are, how large, for how long; and one of them: its streams and its events.
import { createMemo, createSignal, For, Show } from "solid-js";
import { aws } from "../aws";
import { load, paged } from "../load";
import { filterEvents, type LogEvent, type LogGroup, type LogStream, level, listGroups, listStreams } from "../logs";
import { bytes, count } from "../numbers";
import { go, href, param, path, setParams } from "../router";
import { ago, dateTime, range } from "../time";
import { Confirm, FormDialog } from "../ui/dialog";
import { Json } from "../ui/json";
import { Moment } from "../ui/moment";
import { Crumbs, Detail, Listing, Search } from "../ui/page";
import { Copy, Empty, ErrorNote, Facts, Field, Given, PageHead, Shown, Tabs, Working } from "../ui/parts";
import { RangePicker } from "../ui/range";
import { type Column, Table } from "../ui/table";

export const RETENTIONS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
];

export default function Logs() {
  return (
    <Show when={path() === "/logs/group"} fallback={<Groups />}>
      <Group />
    </Show>
  );
}

function Groups() {
  const [creating, setCreating] = createSignal(false);
  const groups = load(
    () => param("q"),
    async (text, signal) => listGroups(text, signal),
  );
  const columns: Column<LogGroup>[] = [
    {
      name: "Log group",
      width: "minmax(220px, 2fr)",
      cell: (g) => <a href={href("/logs/group", { name: g.logGroupName, q: "" })}>{g.logGroupName}</a>,
    },
    { name: "Stored", width: "110px", class: "right", cell: (g) => bytes(g.storedBytes ?? 0) },
    { name: "Kept", width: "120px", class: "right", cell: (g) => (g.retentionInDays ? `${g.retentionInDays} days` : "for ever") },
    { name: "Metric filters", width: "120px", class: "right", cell: (g) => g.metricFilterCount ?? 0 },
    { name: "Created", width: "170px", cell: (g) => <span class="mono faint">{dateTime(g.creationTime ?? 0)}</span> },
    {
      name: "",
      width: "170px",
      class: "right",
      cell: (g) => (
        <span onClick={(event) => event.stopPropagation()}>
          <a href={href("/insights", { groups: g.logGroupName, q: "" })}>Insights</a> ·{" "}
          <a href={href("/tail", { groups: g.logGroupName, q: "" })}>Tail</a>
        </span>
      ),
    },
  ];
  return (
    <div class="fill">
      <PageHead title="Log groups" sub="Where log events are kept, one group for each application or file.">
        <button type="button" onClick={() => setCreating(true)}>
          Create log group
        </button>
      </PageHead>
      <div class="filters">
        <Search label="Part of the name" trim />
        <span class="faint" role="status">
          <Show when={groups.data()}>
            {(found) => (
              <>{`${count(found().items.length)}${found().more ? "+" : ""} ${found().items.length === 1 ? "group" : "groups"}`}</>
            )}
          </Show>
        </span>
      </div>
      <Listing
        of={groups}
        what="log groups"
        rows={groups.data()?.items ?? []}
        columns={columns}
        key={(g) => g.logGroupName}
        open={(g) => go("/logs/group", { name: g.logGroupName })}
        empty={param("q") ? "No group has this in its name" : "No log groups yet"}
      >
        <p>
          Create one here, or with <code>aws logs create-log-group --log-group-name demo</code>; <code>trailwatch agent</code>{" "}
          makes them for the files that it reads.
        </p>
      </Listing>
      <Show when={creating()}>
        <CreateGroup close={() => setCreating(false)} />
      </Show>
    </div>
  );
}

function CreateGroup(props: { close: () => void }) {
  let name!: HTMLInputElement;
  let days!: HTMLSelectElement;
  const create = async () => {
    const logGroupName = name.value.trim();
    await aws("logs", "CreateLogGroup", { logGroupName });
    if (days.value) await aws("logs", "PutRetentionPolicy", { logGroupName, retentionInDays: Number(days.value) });
    go("/logs/group", { name: logGroupName });
  };
  return (
    <FormDialog title="Create log group" action="Create" submit={create} close={props.close}>
      <Field label="Name" hint="Letters, digits and . - _ / #, at most 512.">
        {(id) => (
          <input
            id={id}
            ref={name}
            required
            maxlength={512}
            pattern="[.\-_\/#A-Za-z0-9]+"
            placeholder="/shop/checkout"
            spellcheck={false}
          />
        )}
      </Field>
      <Field label="Keep events">
        {(id) => (
          <select id={id} ref={days}>
            <option value="">for ever</option>
            <For each={RETENTIONS}>{(n) => <option value={n}>{n} days</option>}</For>
          </select>
        )}
      </Field>
    </FormDialog>
  );
}

function Group() {
  const name = () => param("name");
  const [deleting, setDeleting] = createSignal(false);
  const [failure, setFailure] = createSignal<unknown>();
  const group = load(name, async (wanted, signal) => {
    const found = await aws<{ logGroups?: LogGroup[] }>(
      "logs",
      "DescribeLogGroups",
      { logGroupNamePrefix: wanted, limit: 50 },
      signal,
    );
    return found.logGroups?.find((g) => g.logGroupName === wanted) ?? null;
  });
  const tab = () => param("tab", "events");
  const retain = async (days: string) => {
    setFailure(undefined);
    try {
      if (days) await aws("logs", "PutRetentionPolicy", { logGroupName: name(), retentionInDays: Number(days) });
      else await aws("logs", "DeleteRetentionPolicy", { logGroupName: name() });
    } catch (error) {
      setFailure(() => error);
    }
    group.reload();
  };
  const remove = async () => {
    try {
      await aws("logs", "DeleteLogGroup", { logGroupName: name() });
      go("/logs", { name: "" });
    } catch (error) {
      setDeleting(false);
      setFailure(() => error);
    }
  };
  return (
    <div class="fill">
      <PageHead
        title={<Crumbs page="/logs" of="Log groups" name={name()} />}
        sub={
          <Given when={group.data()}>
            {(g) => (
              <>
                {bytes(g().storedBytes ?? 0)} stored, created {dateTime(g().creationTime ?? 0)}, kept{" "}
                <select
                  aria-label="Keep events"
                  class="inline"
                  value={g().retentionInDays ?? ""}
                  onChange={(event) => void retain(event.currentTarget.value)}
                >
                  <option value="">for ever</option>
                  <For each={RETENTIONS}>{(n) => <option value={n}>{n} days</option>}</For>
                </select>
              </>
            )}
          </Given>
        }
      >
        <a class="button" href={href("/insights", { groups: name() })}>
          Insights
        </a>
        <a class="button" href={href("/tail", { groups: name() })}>
          Live tail
        </a>
        <button type="button" class="danger" onClick={() => setDeleting(true)}>
          Delete
        </button>
        <RangePicker />
      </PageHead>
      <Show when={failure()}>
        <ErrorNote error={failure()} />
      </Show>
      <Show when={group.error()}>
        <ErrorNote error={group.error()} retry={group.reload} />
      </Show>
      <Show when={group.data()} fallback={<Show when={group.data() === null}>{<NoGroup name={name()} />}</Show>}>
        <Tabs
          at={tab()}
          tabs={[
            ["events", "Events"],
            ["streams", "Streams"],
          ]}
          to={(to) => setParams({ tab: to, event: "" })}
        />
        <Show when={tab() === "events"} fallback={<Streams group={name()} />}>
          <Events group={name()} />
        </Show>
      </Show>
      <Show when={deleting()}>
        <Confirm
          title="Delete log group"
          text={`Delete ${name()} and all events in it? They cannot be brought back. The event history keeps who deleted it.`}
          action="Delete for good"
          yes={() => void remove()}
          close={() => setDeleting(false)}
        />
      </Show>
    </div>
  );
}

function NoGroup(props: { name: string }) {
  return (
    <Empty title={`There is no log group ${props.name} here`}>
      <p>
        It may have been deleted, or belong to another region. See <a href={href("/logs")}>all log groups</a>, or{" "}
        <a href={href("/events", { attribute: "ResourceName", value: props.name })}>what happened to it</a>.
      </p>
    </Empty>
  );
}

function Streams(props: { group: string }) {
  const streams = load(() => props.group, listStreams);
  const columns: Column<LogStream>[] = [
    { name: "Stream", width: "minmax(220px, 2fr)", cell: (s) => s.logStreamName },
    {
      name: "Last event",
      width: "180px",
      cell: (s) => <span class="mono">{s.lastEventTimestamp ? dateTime(s.lastEventTimestamp) : "–"}</span>,
    },
    {
      name: "",
      width: "110px",
      cell: (s) => <span class="faint">{s.lastEventTimestamp ? ago(s.lastEventTimestamp) : "no events"}</span>,
    },
    {
      name: "First event",
      width: "180px",
      cell: (s) => <span class="mono faint">{s.firstEventTimestamp ? dateTime(s.firstEventTimestamp) : "–"}</span>,
    },
    { name: "Created", width: "180px", cell: (s) => <span class="mono faint">{dateTime(s.creationTime ?? 0)}</span> },
  ];
  return (
    <Shown of={streams} what="streams">
      {(found) => (
        <Table
          label="Log streams"
          class="tall"
          rows={found().items}
          columns={columns}
          key={(s) => s.logStreamName}
          open={(s) =>
            setParams({
              tab: "events",
              stream: s.logStreamName,
              ...(s.lastEventTimestamp ? around(s.firstEventTimestamp ?? s.lastEventTimestamp, s.lastEventTimestamp) : {}),
            })
          }
          empty={
            <Empty title="No streams yet">
              <p>
                A stream is made by who sends:{" "}
                <code>aws logs create-log-stream --log-group-name {props.group} --log-stream-name one</code>
              </p>
            </Empty>
          }
        />
      )}
    </Shown>
  );
}

/** The last three hours of a stream, or all of it when it is shorter. */
function around(first: number, last: number): Record<string, string> {
  return {
    start: new Date(Math.max(first, last - 3 * 3_600_000)).toISOString(),
    end: new Date(last + 1000).toISOString(),
    range: "",
  };
}

const FIRST = 1000;
/** As many as one call answers. */
const PAGE_MAX = 10_000;

function Events(props: { group: string }) {
  const question = createMemo(() => ({ group: props.group, stream: param("stream"), pattern: param("q"), ...range() }));
  const found = paged(question, async (asked, { after, have }, signal) => {
    // The more there are already, the more come at once: who scrolls through a million lines waits a hundred times, not a thousand.
    const page = await filterEvents(asked, Math.min(PAGE_MAX, Math.max(FIRST, have)), after, signal);
    return { rows: page.events, next: page.next };
  });
  const events = found.rows;
  const opened = createMemo(() => (param("event") ? events().find((event) => event.key === param("event")) : undefined));
  const columns: Column<LogEvent>[] = [
    { name: "Time", width: "186px", cell: (event) => <span class="mono faint">{dateTime(event.timestamp, true)}</span> },
    { name: "Message", width: "minmax(200px, 1fr)", cell: (event) => <span class="mono">{event.message}</span> },
    { name: "Stream", width: "140px", cell: (event) => <span class="faint">{event.stream}</span> },
  ];
  let field!: HTMLInputElement;
  return (
    <>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          setParams({ q: field.value.trim(), event: "" });
        }}
      >
        <input
          ref={field}
          type="search"
          class="grow mono"
          data-search
          aria-label="Filter pattern"
          placeholder={"Filter pattern, such as  error  or  { $.ms > 300 }  ( / )"}
          value={param("q")}
          spellcheck={false}
        />
        <button type="submit">Filter</button>
        <Show when={param("stream")}>
          <button type="button" class="chip" title="Take this filter off" onClick={() => setParams({ stream: "", event: "" })}>
            Stream: {param("stream")} ✕
          </button>
        </Show>
        <span class="count" role="status">
          <Show when={found.loading()} fallback={`${count(events().length)} events${found.next() ? " so far" : ""}`}>
            <Working what="Looking…" cancel={found.cancel} atOnce />
          </Show>
        </span>
      </form>
      <div class="split one" classList={{ "right-only": !!opened() }}>
        <Listing
          of={found}
          what="events"
          label="Log events"
          rows={events()}
          columns={columns}
          key={(event) => event.key}
          selected={param("event")}
          open={(event) => setParams({ event: event.key === param("event") ? "" : event.key })}
          rowClass={(event) => level(event.message)}
          atEnd={found.more}
          empty="No events"
        >
          <p>Nothing in this group matches in this time. Take a longer range, or another pattern.</p>
        </Listing>
        <Show when={opened()}>
          {(event) => <EventDetail event={event()} group={props.group} close={() => setParams({ event: "" })} />}
        </Show>
      </div>
    </>
  );
}

export function EventDetail(props: { event: LogEvent; group: string; close: () => void }) {
  const isJson = () => /^\s*[{[]/.test(props.event.message);
  const group = () => props.event.group ?? props.group;
  return (
    <Detail label="Log event" title="Log event" close={props.close}>
      <Facts
        of={[
          ["Time", dateTime(props.event.timestamp, true)],
          ["Group", group()],
          ["Stream", props.event.stream],
        ]}
      />
      <Moment at={props.event.timestamp} group={group()} stream={props.event.stream} event={props.event.key} />
      <div class="json-head">
        <h3>Message</h3>
        <Copy text={props.event.message} />
      </div>
      <Show when={isJson()} fallback={<pre class="json message">{props.event.message}</pre>}>
        <Json text={props.event.message} />
      </Show>
    </Detail>
  );
}
