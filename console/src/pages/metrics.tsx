// Metrics: found by namespace and name, drawn together, with statistics, periods and math. The graph is in the URL.
import { createMemo, createSignal, For, Show } from "solid-js";
import { Chart, type Line } from "../charts/chart";
import { colour } from "../charts/palette";
import { load } from "../load";
import { dimensionsText, labelled, listMetrics, type Metric, metricData, periodFor, type Query } from "../metrics";
import { count } from "../numbers";
import { href, param, setParams } from "../router";
import { dark } from "../theme";
import { range } from "../time";
import { Empty, ErrorNote, Loading, PageHead, Panel } from "../ui/parts";
import { RangePicker } from "../ui/range";
import { type Column, Table } from "../ui/table";

/** Metrics to list at most; a narrower search finds the rest. */
const METRICS_MAX = 5000;
/** Lines of a graph. */
const LINES_MAX = 50;
export const STATISTICS = [
  "Average",
  "Sum",
  "Minimum",
  "Maximum",
  "SampleCount",
  "p50",
  "p90",
  "p95",
  "p99",
  "p99.9",
  "tm99",
  "IQM",
];
const PERIODS: [string, string][] = [
  ["", "Auto"],
  ["1", "1 s"],
  ["10", "10 s"],
  ["60", "1 min"],
  ["300", "5 min"],
  ["900", "15 min"],
  ["3600", "1 h"],
  ["21600", "6 h"],
  ["86400", "1 d"],
];

/** A row of the graph builder; short names, for it stands in the URL. */
interface Row {
  /** Id, such as `m1` or `e1`. */
  i: string;
  /** Namespace, name, dimensions; or an expression. */
  n?: string;
  m?: string;
  d?: [string, string][];
  e?: string;
  /** Statistic, period in seconds, label, right axis, hidden. */
  s?: string;
  p?: number;
  l?: string;
  r?: 1;
  h?: 1;
}

export function graphOf(text: string): Row[] {
  try {
    const rows = JSON.parse(text || "[]");
    return Array.isArray(rows) ? rows.filter((row) => row && typeof row.i === "string").slice(0, LINES_MAX) : [];
  } catch {
    return [];
  }
}

export const metricOf = (row: Row): Metric => ({
  Namespace: row.n ?? "",
  MetricName: row.m ?? "",
  Dimensions: (row.d ?? []).map(([Name, Value]) => ({ Name, Value })),
});

/** A graph of one metric, for a link. */
export function graphLink(metric: Metric, stat = "Average"): string {
  const row: Row = {
    i: "m1",
    n: metric.Namespace,
    m: metric.MetricName,
    d: metric.Dimensions.map((d) => [d.Name, d.Value]),
    s: stat,
  };
  return href("/metrics", { graph: JSON.stringify([row]), namespace: metric.Namespace, q: "" });
}

const same = (row: Row, metric: Metric) =>
  !row.e &&
  row.n === metric.Namespace &&
  row.m === metric.MetricName &&
  JSON.stringify(row.d ?? []) === JSON.stringify(metric.Dimensions.map((d) => [d.Name, d.Value]));

export function Metrics() {
  const graph = createMemo(() => graphOf(param("graph")));
  const setGraph = (rows: Row[]) => setParams({ graph: rows.length ? JSON.stringify(rows) : "" });
  const change = (id: string, patch: Partial<Row>) => setGraph(graph().map((row) => (row.i === id ? { ...row, ...patch } : row)));
  const nextId = (letter: string) => {
    let n = 1;
    while (graph().some((row) => row.i === `${letter}${n}`)) n += 1;
    return `${letter}${n}`;
  };
  const toggle = (metric: Metric) => {
    const there = graph().find((row) => same(row, metric));
    if (there) setGraph(graph().filter((row) => row !== there));
    else if (graph().length < LINES_MAX)
      setGraph([
        ...graph(),
        {
          i: nextId("m"),
          n: metric.Namespace,
          m: metric.MetricName,
          d: metric.Dimensions.map((d) => [d.Name, d.Value]),
          s: "Average",
        },
      ]);
  };
  const [expression, setExpression] = createSignal("");
  const addExpression = () => {
    const text = expression().trim();
    if (!text) return;
    setGraph([...graph(), { i: nextId("e"), e: text }]);
    setExpression("");
  };

  return (
    <div class="fill">
      <PageHead title="Metrics" sub="Choose metrics below; statistic, period and math decide what is drawn.">
        <select
          aria-label="Compare"
          value={param("compare")}
          onChange={(event) => setParams({ compare: event.currentTarget.value })}
        >
          <option value="">Compare with…</option>
          <option value="1">the day before</option>
          <option value="7">the week before</option>
        </select>
        <RangePicker />
      </PageHead>
      <Graph rows={graph()} />
      <Show when={graph().length}>
        <Panel flush class="scroll-x builder">
          <table class="plain">
            <thead>
              <tr>
                <th scope="col">Id</th>
                <th scope="col">Label</th>
                <th scope="col">Metric or expression</th>
                <th scope="col">Statistic</th>
                <th scope="col">Period</th>
                <th scope="col">Axis</th>
                <th scope="col">
                  <span class="sr">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              <For each={graph()}>
                {(row, i) => (
                  <tr classList={{ off: row.h === 1 }}>
                    <td>
                      <i class="swatch dot" style={{ "--swatch": colour(i(), dark()) }} /> <span class="mono">{row.i}</span>
                    </td>
                    <td>
                      <input
                        aria-label={`Label of ${row.i}`}
                        value={row.l ?? ""}
                        placeholder={row.e ? row.i : row.m}
                        onChange={(event) => change(row.i, { l: event.currentTarget.value || undefined })}
                      />
                    </td>
                    <td class="what">
                      <Show
                        when={row.e !== undefined}
                        fallback={
                          <span class="clip" title={`${row.n} ${row.m} ${dimensionsText(metricOf(row))}`}>
                            {row.n} · <strong>{row.m}</strong> <span class="faint">{dimensionsText(metricOf(row))}</span>
                          </span>
                        }
                      >
                        <input
                          class="mono expression"
                          aria-label={`Expression ${row.i}`}
                          value={row.e}
                          onChange={(event) => change(row.i, { e: event.currentTarget.value })}
                        />
                      </Show>
                    </td>
                    <td>
                      <Show when={row.e === undefined}>
                        <select
                          aria-label={`Statistic of ${row.i}`}
                          value={row.s ?? "Average"}
                          onChange={(event) => change(row.i, { s: event.currentTarget.value })}
                        >
                          <For each={[...new Set([...STATISTICS, row.s ?? "Average"])]}>
                            {(stat) => <option value={stat}>{stat}</option>}
                          </For>
                        </select>
                      </Show>
                    </td>
                    <td>
                      <select
                        aria-label={`Period of ${row.i}`}
                        value={row.p ?? ""}
                        onChange={(event) => change(row.i, { p: Number(event.currentTarget.value) || undefined })}
                      >
                        <For each={PERIODS}>{([seconds, name]) => <option value={seconds}>{name}</option>}</For>
                      </select>
                    </td>
                    <td>
                      <button
                        type="button"
                        class="small"
                        aria-label={`Axis of ${row.i}: ${row.r ? "right" : "left"}`}
                        onClick={() => change(row.i, { r: row.r ? undefined : 1 })}
                      >
                        {row.r ? "right" : "left"}
                      </button>
                    </td>
                    <td class="num">
                      <button type="button" class="small" onClick={() => change(row.i, { h: row.h ? undefined : 1 })}>
                        {row.h ? "Show" : "Hide"}
                      </button>{" "}
                      <Show when={row.e === undefined}>
                        <a
                          class="button small-button"
                          href={href("/alarms/create", { metric: JSON.stringify(row), graph: "", q: "", namespace: "" })}
                        >
                          Alarm
                        </a>{" "}
                      </Show>
                      <button
                        type="button"
                        class="small"
                        aria-label={`Remove ${row.i}`}
                        onClick={() => setGraph(graph().filter((r) => r !== row))}
                      >
                        Remove
                      </button>
                    </td>
                  </tr>
                )}
              </For>
            </tbody>
          </table>
        </Panel>
      </Show>
      <form
        class="filters"
        onSubmit={(event) => {
          event.preventDefault();
          addExpression();
        }}
      >
        <input
          class="grow mono"
          aria-label="Expression"
          placeholder={
            "Math or search, such as  m1 / m2 * 100,  RATE(m1),  SEARCH('{CWAgent,host} MetricName=\"mem_used_percent\"', 'Average', 60)"
          }
          value={expression()}
          onInput={(event) => setExpression(event.currentTarget.value)}
          spellcheck={false}
        />
        <button type="submit" disabled={!expression().trim()}>
          Add expression
        </button>
      </form>
      <Browse graph={graph()} toggle={toggle} />
    </div>
  );
}

function Graph(props: { rows: Row[] }) {
  const period = createMemo(() => range());
  const question = createMemo(() =>
    props.rows.length ? { rows: props.rows, range: period(), days: Number(param("compare")) || 0 } : undefined,
  );
  const data = load(question, async ({ rows, range: asked, days }, signal) => {
    const queries = labelled(
      rows.map((row): Query => {
        const Period = row.p ?? periodFor(asked);
        const base = { Id: row.i, Label: row.l || undefined, ReturnData: !row.h };
        return row.e === undefined
          ? { ...base, MetricStat: { Metric: metricOf(row), Stat: row.s ?? "Average", Period } }
          : { ...base, Expression: row.e, Period };
      }),
    );
    if (queries.every((query) => query.ReturnData === false)) return { now: [], before: [], shift: 0 };
    const shift = days * 86_400_000;
    const [now, before] = await Promise.all([
      metricData(queries, asked, signal),
      days ? metricData(queries, { start: asked.start - shift, end: asked.end - shift }, signal) : [],
    ]);
    return { now, before, shift };
  });
  const lines = createMemo((): Line[] => {
    const found = data.data();
    if (!found || !props.rows.length) return [];
    const row = (id: string) => props.rows.find((r) => r.i === id);
    const place = (id: string) =>
      Math.max(
        0,
        props.rows.findIndex((r) => r.i === id),
      );
    // An expression may make many lines; those get colours of their own.
    const many = (id: string) => found.now.filter((s) => s.id === id).length > 1;
    const now = found.now.map(
      (s, i): Line => ({
        ...s,
        right: !!row(s.id)?.r,
        color: many(s.id) ? colour(i + props.rows.length, dark()) : colour(place(s.id), dark()),
      }),
    );
    const before = found.before.map(
      (s): Line => ({
        label: `${s.label} (before)`,
        times: s.times.map((t) => t + found.shift),
        values: s.values,
        right: !!row(s.id)?.r,
        color: `${colour(place(s.id), dark())}77`,
      }),
    );
    return [...now, ...before];
  });
  const messages = () => [...new Set(data.data()?.now.flatMap((s) => s.messages) ?? [])];
  return (
    <Panel>
      <Show when={data.error()}>
        <ErrorNote error={data.error()} retry={data.reload} />
      </Show>
      <For each={messages()}>{(message) => <p class="note">{message}</p>}</For>
      <Chart
        lines={lines()}
        range={period()}
        height={230}
        label="Graph"
        empty={
          props.rows.length
            ? data.loading()
              ? "Loading…"
              : "No data in this time: take a longer range, or a longer period."
            : "Choose metrics below to draw them here."
        }
      />
    </Panel>
  );
}

function Browse(props: { graph: Row[]; toggle: (metric: Metric) => void }) {
  const found = load(
    () => ({}),
    (_, signal) => listMetrics({}, METRICS_MAX, signal),
  );
  const namespaces = createMemo(() => {
    const counts = new Map<string, number>();
    for (const metric of found.data()?.items ?? []) counts.set(metric.Namespace, (counts.get(metric.Namespace) ?? 0) + 1);
    return [...counts].sort((a, b) => a[0].localeCompare(b[0]));
  });
  const words = () => param("q").toLowerCase().split(/\s+/).filter(Boolean);
  const rows = createMemo(() =>
    (found.data()?.items ?? []).filter((metric) => {
      if (param("namespace") && metric.Namespace !== param("namespace")) return false;
      const text = `${metric.Namespace} ${metric.MetricName} ${dimensionsText(metric)}`.toLowerCase();
      return words().every((word) => text.includes(word));
    }),
  );
  const columns: Column<Metric>[] = [
    {
      name: "",
      width: "34px",
      cell: (metric) => (
        <input
          type="checkbox"
          tabindex="-1"
          aria-label={`Draw ${metric.MetricName} ${dimensionsText(metric)}`}
          checked={props.graph.some((row) => same(row, metric))}
        />
      ),
    },
    { name: "Metric", width: "minmax(140px, 1fr)", cell: (metric) => <strong>{metric.MetricName}</strong> },
    {
      name: "Dimensions",
      width: "minmax(180px, 2fr)",
      cell: (metric) => <span title={dimensionsText(metric)}>{dimensionsText(metric) || <span class="faint">none</span>}</span>,
    },
    { name: "Namespace", width: "minmax(100px, .7fr)", cell: (metric) => <span class="faint">{metric.Namespace}</span> },
  ];
  return (
    <>
      <Show when={found.error()}>
        <ErrorNote error={found.error()} retry={found.reload} />
      </Show>
      <div class="split">
        <aside class="facets" aria-label="Namespaces">
          <section>
            <h3>Namespace</h3>
            <button type="button" aria-pressed={!param("namespace")} onClick={() => setParams({ namespace: "" })}>
              <span>All</span>
              <span class="faint">{found.data()?.items.length ?? ""}</span>
            </button>
            <For each={namespaces()}>
              {([name, n]) => (
                <button type="button" aria-pressed={param("namespace") === name} onClick={() => setParams({ namespace: name })}>
                  <span title={name}>{name}</span>
                  <span class="faint">{n}</span>
                </button>
              )}
            </For>
          </section>
        </aside>
        <div class="column">
          <div class="filters">
            <input
              type="search"
              class="grow"
              data-search
              aria-label="Words in name and dimensions"
              placeholder="Words in name and dimensions  ( / )"
              value={param("q")}
              onInput={(event) => setParams({ q: event.currentTarget.value }, true)}
            />
            <span class="count" role="status">
              {count(rows().length)} metrics{found.data()?.more ? ` of the first ${count(METRICS_MAX)}` : ""}
            </span>
          </div>
          <Table
            label="Metrics"
            rows={rows()}
            columns={columns}
            key={(metric) => `${metric.Namespace} ${metric.MetricName} ${dimensionsText(metric)}`}
            open={props.toggle}
            empty={
              <Show when={!found.loading()} fallback={<Loading what="metrics" />}>
                <Show when={!found.error()}>
                  <Empty title={words().length ? "No metric has these words" : "No metrics yet"}>
                    <p>
                      Send one: <code>aws cloudwatch put-metric-data --namespace Shop --metric-name Orders --value 17</code>. What
                      was silent for two weeks is not listed, as in AWS.
                    </p>
                  </Empty>
                </Show>
              </Show>
            }
          />
        </div>
      </div>
    </>
  );
}
