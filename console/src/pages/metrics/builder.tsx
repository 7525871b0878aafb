// The rows of the graph, and the field that adds expressions.
import { createSignal, For, Show } from "solid-js";
import { colour } from "../../charts/palette";
import { freeId, metricOf, type Row } from "../../graph";
import { dimensionsText } from "../../metrics";
import { href } from "../../router";
import { PERIODS, STATISTICS } from "../../statistics";
import { dark } from "../../theme";
import { Panel } from "../../ui/parts";
import { Plain } from "../../ui/table";

export function Rows(props: { rows: Row[]; set: (rows: Row[]) => void }) {
  const change = (id: string, patch: Partial<Row>) =>
    props.set(props.rows.map((row) => (row.i === id ? { ...row, ...patch } : row)));
  /** What changed before this metric did. */
  const why = (row: Row) =>
    href("/investigate", {
      kind: "metric",
      metric: JSON.stringify({ namespace: row.n, metric_name: row.m, dimensions: Object.fromEntries(row.d ?? []) }),
    });
  /** What an alarm on this row would watch: the metric, or the expression with what it stands on. */
  const alarm = (row: Row) =>
    row.e === undefined
      ? href("/alarms/create", { metric: JSON.stringify(row) })
      : row.q
        ? href("/alarms/create", { kind: "promql", e: row.e })
        : href("/alarms/create", { kind: "math", graph: JSON.stringify(props.rows.filter((r) => !r.q)), of: row.i });
  return (
    <Panel flush class="scroll-x builder">
      <Plain
        head={["Id", "Label", "Metric or expression", "Statistic", "Period", "Axis", { name: "Actions", unseen: true }]}
        of={props.rows}
      >
        {(row, i) => (
          <tr classList={{ off: row.h === 1 }}>
            <td>
              <i class="swatch dot" style={{ "--swatch": colour(i(), dark()) }} /> <span class="mono">{row.i}</span>
            </td>
            <td>
              <input
                aria-label={`Label of ${row.i}`}
                value={row.l ?? ""}
                placeholder={row.e !== undefined ? row.i : row.m}
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
                  aria-label={`${row.q ? "PromQL" : "Expression"} ${row.i}`}
                  value={row.e}
                  spellcheck={false}
                  onChange={(event) => change(row.i, { e: event.currentTarget.value })}
                />
              </Show>
            </td>
            <td>
              <Show when={row.e === undefined} fallback={<span class="faint">{row.q ? "PromQL" : ""}</span>}>
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
              <a class="button small-button" href={alarm(row)}>
                Alarm
              </a>{" "}
              <Show when={row.e === undefined}>
                <a class="button small-button" href={why(row)} title="What changed before this metric did, ranked">
                  Why?
                </a>{" "}
              </Show>
              <button
                type="button"
                class="small"
                aria-label={`Remove ${row.i}`}
                onClick={() => props.set(props.rows.filter((r) => r !== row))}
              >
                Remove
              </button>
            </td>
          </tr>
        )}
      </Plain>
    </Panel>
  );
}

const KINDS: Record<string, { name: string; example: string; help: string }> = {
  math: {
    name: "Math",
    example: "m1 / m2 * 100",
    help: "Ids of rows, numbers, + - * / ^, and functions: RATE(m1), FILL(m1, 0), METRICS(), ANOMALY_DETECTION_BAND(m1, 2), …",
  },
  search: {
    name: "Search",
    example: "SEARCH('{CWAgent,host} MetricName=\"mem_used_percent\"', 'Average', 60)",
    help: "All metrics with these dimensions and words, each a line; new ones appear by themselves.",
  },
  sql: {
    name: "SQL",
    example: 'SELECT AVG(cpu_usage_active) FROM SCHEMA("CWAgent", cpu, host) GROUP BY host ORDER BY AVG() DESC LIMIT 10',
    help: "Metrics Insights: one line for each group.",
  },
  promql: {
    name: "PromQL",
    example: "avg by (host) (cpu_usage_active)",
    help: "Prometheus's language over the same metrics. Other rows cannot name it.",
  },
};

/** `inForm`: it stands in another form, so it is none itself. */
export function AddExpression(props: { rows: Row[]; set: (rows: Row[]) => void; inForm?: boolean }) {
  const [kind, setKind] = createSignal("math");
  const [text, setText] = createSignal("");
  const of = () => KINDS[kind()]!;
  const add = () => {
    const expression = text().trim();
    if (!expression) return;
    const row: Row =
      kind() === "promql" ? { i: freeId(props.rows, "p"), e: expression, q: 1 } : { i: freeId(props.rows, "e"), e: expression };
    props.set([...props.rows, row]);
    setText("");
  };
  return (
    <div class="filters">
      <select aria-label="Language" value={kind()} onChange={(event) => setKind(event.currentTarget.value)}>
        <For each={Object.entries(KINDS).filter(([key]) => !props.inForm || key !== "promql")}>
          {([key, one]) => <option value={key}>{one.name}</option>}
        </For>
      </select>
      <input
        class="grow mono"
        aria-label="Expression"
        placeholder={`Such as  ${of().example}`}
        title={of().help}
        value={text()}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          event.preventDefault();
          add();
        }}
        spellcheck={false}
      />
      <button type="button" disabled={!text().trim()} onClick={add}>
        Add expression
      </button>
    </div>
  );
}
