// Logs Insights: a query, its groups and its time; results as a table, a chart, patterns; fields to narrow by. All of it is in the URL.
import { createEffect, createMemo, createSignal, For, lazy, on, onCleanup, Show, Suspense, untrack } from "solid-js";
import { aws } from "../aws";
import { Bars } from "../charts/bars";
import { Chart } from "../charts/chart";
import { condition, facetsOf, hasCommand, patternCondition, patternQuery, withCommand } from "../facets";
import { asChart, fieldsOf, mistakeIn, type Results, runQuery, timeOf } from "../insights";
import { load } from "../load";
import { level } from "../logs";
import { bytes, count } from "../numbers";
import { href, param, setParams } from "../router";
import { type Range, range } from "../time";
import { GroupPicker, groupsOf } from "../ui/groups";
import { Json } from "../ui/json";
import { Moment } from "../ui/moment";
import { Detail, FacetValues, Listing, Samples } from "../ui/page";
import { Badge, csv, download, Empty, ErrorNote, Facts, Loading, PageHead, Panel, Tabs } from "../ui/parts";
import { RangePicker } from "../ui/range";
import { type Column, Table } from "../ui/table";

const InsightsEditor = lazy(() => import("../editor/insights-editor"));

const DEFAULT = "fields @timestamp, @message\n| sort @timestamp desc\n| limit 200";
const SAMPLES: [string, string][] = [
  ["Newest events", DEFAULT],
  ["Errors over time", "filter @message like /(?i)error/\n| stats count(*) as errors by bin(5m)"],
  ["Events by stream", "stats count(*) as events by @logStream\n| sort events desc"],
  ["Patterns", "pattern @message"],
  ["Slowest, when events have a field ms", "filter ispresent(ms)\n| stats avg(ms) as mean, pct(ms, 99) as p99 by bin(5m)"],
];

export default function Insights() {
  const groups = createMemo(() => groupsOf(param("groups")));
  const [text, setText] = createSignal(param("q") || DEFAULT);
  const [results, setResults] = createSignal<Results>();
  const [error, setError] = createSignal<unknown>();
  const [running, setRunning] = createSignal(false);
  const [took, setTook] = createSignal(0);
  const [asked, setAsked] = createSignal(range());
  let control: AbortController | undefined;
  onCleanup(() => control?.abort());

  const fields = createMemo(() => fieldsOf(groups()[0]));

  const ready = () => groups().length > 0 || /^\s*source\b/i.test(text());
  const run = async () => {
    if (!ready()) return;
    control?.abort();
    const own = new AbortController();
    control = own;
    setParams({ q: text(), row: "", run: "1" }, true);
    setRunning(true);
    setError(undefined);
    const period = range();
    setAsked(period);
    const began = performance.now();
    try {
      setResults(await runQuery(/^\s*source\b/i.test(text()) ? [] : groups(), text(), period, own.signal, setResults));
    } catch (failure) {
      if (control !== own) return;
      if (!own.signal.aborted) {
        setError(() => failure);
        setResults(undefined);
      }
    }
    if (control !== own) return;
    setTook(performance.now() - began);
    setRunning(false);
  };
  const cancel = () => {
    control?.abort();
    setRunning(false);
  };
  // Another query in the address, as by the browser's way back, is taken over.
  createEffect(
    on(
      () => param("q"),
      (query) => {
        if (!query || query === untrack(text)) return;
        setText(query);
        untrack(() => param("run") && ready() && void run());
      },
      { defer: true },
    ),
  );
  // A link with a query that ran runs it again; so does a new range.
  createEffect(on(range, () => void untrack(() => param("run") && ready() && run())));

  const chart = createMemo(() => {
    const now = results();
    return now && asChart(now);
  });
  // Plain events can be drawn, too, but who asks for them wants to read them.
  const view = () => {
    const asked = param("view");
    if (asked && (asked !== "chart" || chart())) return asked;
    return chart() && /\bstats\b/i.test(param("q")) ? "chart" : "table";
  };
  /** Events can be narrowed by their fields, and grouped by patterns; counts cannot. */
  const hasEvents = () =>
    !!results()?.columns.some((name) => name.startsWith("@")) && !/\|\s*(stats|pattern)\b/i.test(`|${param("q")}`);
  const facets = createMemo(() => (hasEvents() ? facetsOf(results()?.rows ?? []) : []));
  const narrow = (command: string) => {
    setText(withCommand(param("q") || text(), command));
    setParams({ view: "" }, true);
    void run();
  };
  const opened = createMemo(() => (param("row") ? results()?.rows[Number(param("row"))] : undefined));
  const columns = createMemo((): Column<Record<string, string>>[] => {
    const names = results()?.columns ?? [];
    const isWide = (name: string) => name === "@message" || name === "@pattern" || (names.length === 1 && name !== "@timestamp");
    return names.map((name) => ({
      name,
      width:
        name === "@timestamp" || name === "@ingestionTime" ? "190px" : isWide(name) ? "minmax(260px, 4fr)" : "minmax(90px, 1fr)",
      cell: (row) => <span class="mono">{row[name]}</span>,
    }));
  });
  const index = createMemo(() => new Map(results()?.rows.map((row, i) => [row, String(i)])));
  const saved = (kind: string) => {
    const now = results();
    if (!now) return;
    if (kind === "csv")
      download("results.csv", "text/csv", csv([now.columns, ...now.rows.map((row) => now.columns.map((name) => row[name]))]));
    else download("results.json", "application/json", JSON.stringify(now.rows, null, 1));
  };

  return (
    <div class="fill">
      <PageHead title="Logs Insights" sub="Ask log events: filter, count, chart.">
        <Samples of={SAMPLES.map(([name]) => name)} choose={(place) => setText(SAMPLES[place]?.[1] ?? DEFAULT)} />
        <RangePicker />
      </PageHead>
      <div class="filters">
        <GroupPicker chosen={groups()} choose={(chosen) => setParams({ groups: chosen.join(",") })} max={50} />
      </div>
      <div class="editor">
        <Suspense fallback={<Loading what="the editor" />}>
          <InsightsEditor
            text={text()}
            change={setText}
            run={() => void run()}
            fields={fields()}
            wrong={mistakeIn(error(), text())}
          />
        </Suspense>
      </div>
      <div class="filters">
        <Show
          when={running()}
          fallback={
            <button type="button" class="primary" disabled={!ready()} onClick={() => void run()} title="Ctrl Enter">
              Run query
            </button>
          }
        >
          <button type="button" onClick={cancel}>
            Cancel
          </button>
        </Show>
        <p class="count" role="status">
          <Show when={running()}>
            <span class="spinner" aria-hidden="true" /> Running…
          </Show>
          <Show when={results()} fallback={!ready() ? "Choose at least one log group." : ""}>
            {(now) => (
              <>
                {count(now().rows.length)} rows · {count(now().statistics.recordsMatched)} of{" "}
                {count(now().statistics.recordsScanned)} events matched · {bytes(now().statistics.bytesScanned)} read
                {running() ? "" : ` · ${Math.round(took())} ms`}
              </>
            )}
          </Show>
        </p>
        <span class="grow" />
        <Show when={ready()}>
          <a
            class="button small-button"
            title="Run it again and again, and tell when it finds too much"
            href={href("/alarms/create", { kind: "log", groups: groups().join(","), query: text(), q: "", run: "" })}
          >
            Alarm on this
          </a>
        </Show>
        <Show when={results()?.rows.length}>
          <button type="button" class="small" onClick={() => saved("csv")}>
            CSV
          </button>
          <button type="button" class="small" onClick={() => saved("json")}>
            JSON
          </button>
        </Show>
      </div>
      <Show when={error()}>
        <ErrorNote error={error()} retry={() => void run()} />
      </Show>
      <Show
        when={results()}
        fallback={
          <Show when={!error() && !running()}>
            <Empty title="No query ran yet">
              <p>
                Choose log groups, write a query, press <kbd>Ctrl</kbd> <kbd>Enter</kbd>. The samples show what there is; Tab
                completes commands, functions and fields.
              </p>
            </Empty>
          </Show>
        }
      >
        {(now) => (
          <>
            <Tabs
              at={view()}
              tabs={[
                ...(chart() ? [["chart", "Chart"] as [string, string]] : []),
                ["table", "Table"],
                ...(hasEvents() ? [["patterns", "Patterns"] as [string, string]] : []),
              ]}
              to={(to) => setParams({ view: to }, true)}
            />
            <Show when={view() === "patterns" && hasEvents()}>
              <Patterns query={param("q")} groups={groups()} range={asked()} narrow={narrow} />
            </Show>
            <Show when={view() === "chart" && chart()}>
              {(drawn) => (
                <Panel class="scroll">
                  <Show when={drawn().kind === "time"} fallback={<Bars bars={drawn().bars} label={drawn().bars_of} />}>
                    <Chart lines={drawn().lines} range={asked()} height={300} label="Results over time" />
                  </Show>
                </Panel>
              )}
            </Show>
            <Show when={view() === "table"}>
              <div
                class="split"
                classList={{
                  one: !facets().length,
                  "right-only": !facets().length && !!opened(),
                  three: !!facets().length && !!opened(),
                }}
              >
                <Show when={facets().length}>
                  <aside class="facets" aria-label="Fields">
                    <p class="faint">
                      Fields of the {count(Math.min(now().rows.length, 5000))} rows here; a click adds a filter.
                    </p>
                    <For each={facets()}>
                      {(facet) => (
                        <FacetValues
                          name={facet.field}
                          values={facet.values}
                          chosen={
                            facet.values.find(([value]) => hasCommand(param("q"), condition(facet.field, value)))?.[0] ?? ""
                          }
                          choose={(value) => narrow(condition(facet.field, value))}
                          more={
                            <Show when={facet.distinct > facet.values.length}>
                              <p class="faint more">
                                {count(facet.distinct)}
                                {facet.distinct >= 1000 ? "+" : ""} values
                              </p>
                            </Show>
                          }
                        />
                      )}
                    </For>
                  </aside>
                </Show>
                <Table
                  label="Results"
                  rows={now().rows}
                  columns={columns()}
                  key={(row) => index().get(row) ?? ""}
                  selected={param("row")}
                  open={(row) => setParams({ row: index().get(row) === param("row") ? "" : (index().get(row) ?? "") }, true)}
                  rowClass={(row) => level(row["@message"] ?? "")}
                  empty={
                    <Show when={!running()} fallback={<Loading what="results" />}>
                      <Empty title="No rows">
                        <p>Nothing matched in this time. Take a longer range, or a wider filter.</p>
                      </Empty>
                    </Show>
                  }
                />
                <Show when={opened()}>
                  {(row) => (
                    <RowDetail
                      row={row()}
                      number={Number(param("row")) + 1}
                      group={groups()[0]}
                      close={() => setParams({ row: "" }, true)}
                    />
                  )}
                </Show>
              </div>
            </Show>
          </>
        )}
      </Show>
    </div>
  );
}

/** A row of the results, and the event that it is of: all its fields, and what was around it. */
function RowDetail(props: { row: Record<string, string>; number: number; group?: string; close: () => void }) {
  const whole = load(
    () => props.row["@ptr"] || undefined,
    async (logRecordPointer, signal) =>
      (await aws<{ logRecord?: Record<string, string> }>("logs", "GetLogRecord", { logRecordPointer }, signal)).logRecord ?? {},
  );
  const at = () => timeOf(props.row["@timestamp"] ?? whole.data()?.["@timestamp"] ?? "");
  // `123456789012:/shop/checkout`.
  const group = () => (whole.data()?.["@log"] ?? props.row["@log"])?.replace(/^\d{12}:/, "") ?? props.group ?? "";
  const others = () =>
    Object.entries(whole.data() ?? {})
      .filter(([name]) => !(name in props.row) && name !== "@ptr")
      .sort(([a], [b]) => a.localeCompare(b));
  return (
    <Detail label="Row" title={`Row ${props.number}`} close={props.close}>
      <div class="stack">
        <Show when={at()}>
          {(time) => <Moment at={time()} group={group()} stream={props.row["@logStream"] ?? whole.data()?.["@logStream"]} />}
        </Show>
        {Object.entries(props.row)
          .filter(([name]) => name !== "@ptr")
          .map(([name, value]) => (
            <section>
              <h3>{name}</h3>
              <Json text={value} />
            </section>
          ))}
        <Show when={others().length}>
          <details>
            <summary>{count(others().length)} more fields of the event</summary>
            <Facts of={others()} />
          </details>
        </Show>
      </div>
    </Detail>
  );
}

/** What the lines of the query have in common. Asked only when it is looked at, and stopped when it is no longer. */
function Patterns(props: { query: string; groups: string[]; range: Range; narrow: (command: string) => void }) {
  const found = load(
    () => ({ query: props.query, groups: props.groups, range: props.range }),
    ({ query, groups, range: at }, signal) =>
      runQuery(/^\s*source\b/i.test(query) ? [] : groups, patternQuery(query), at, signal),
  );
  const columns: Column<Record<string, string>>[] = [
    { name: "Lines", width: "90px", class: "right", cell: (row) => count(Number(row["@sampleCount"] ?? 0)) },
    {
      name: "Share",
      width: "130px",
      cell: (row) => (
        <span class="gauge inline" title={`${(Number(row["@ratio"] ?? 0) * 100).toFixed(1)} %`}>
          <i style={{ "--part": `${Number(row["@ratio"] ?? 0) * 100}%` }} />
        </span>
      ),
    },
    {
      name: "Severity",
      width: "100px",
      cell: (row) => (
        <Badge
          tone={
            /ERROR|FATAL/i.test(row["@severityLabel"] ?? "")
              ? "bad"
              : /WARN/i.test(row["@severityLabel"] ?? "")
                ? "warn"
                : "plain"
          }
        >
          {row["@severityLabel"] || "none"}
        </Badge>
      ),
    },
    { name: "Pattern", width: "minmax(260px, 4fr)", cell: (row) => <span class="mono">{row["@pattern"]}</span> },
  ];
  return (
    <>
      <p class="count" role="status">
        <Show when={found.loading()} fallback={`${count(found.data()?.rows.length ?? 0)} patterns; open one for its lines.`}>
          <span class="spinner" aria-hidden="true" /> Looking for patterns…
          <button type="button" class="link" onClick={() => setParams({ view: "table" }, true)}>
            Cancel
          </button>
        </Show>
      </p>
      <Listing
        of={found}
        what="patterns"
        rows={found.data()?.rows ?? []}
        columns={columns}
        key={(row) => row["@PatternId"] ?? row["@pattern"] ?? ""}
        open={(row) => row["@regexString"] && props.narrow(patternCondition(row["@regexString"]))}
        rowClass={(row) => level(row["@severityLabel"] ?? "")}
        empty="No patterns"
      >
        <p>Nothing matched in this time. Take a longer range, or a wider filter.</p>
      </Listing>
    </>
  );
}
