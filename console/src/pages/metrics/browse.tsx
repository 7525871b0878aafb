// Which metrics there are, by namespace and words; a click draws one.
import { createMemo, For } from "solid-js";
import { isSame, type Row } from "../../graph";
import { load } from "../../load";
import { dimensionsText, listMetrics, type Metric } from "../../metrics";
import { count } from "../../numbers";
import { param, setParams } from "../../router";
import { hasWords, Listing, Search } from "../../ui/page";
import type { Column } from "../../ui/table";

/** Metrics to list at most; a narrower search finds the rest. */
const METRICS_MAX = 5000;

export function Browse(props: { graph: Row[]; toggle: (metric: Metric) => void }) {
  const found = load(
    () => ({}),
    (_, signal) => listMetrics({}, METRICS_MAX, signal),
  );
  const namespaces = createMemo(() => {
    const counts = new Map<string, number>();
    for (const metric of found.data()?.items ?? []) counts.set(metric.Namespace, (counts.get(metric.Namespace) ?? 0) + 1);
    return [...counts].sort((a, b) => a[0].localeCompare(b[0]));
  });
  const rows = createMemo(() =>
    (found.data()?.items ?? []).filter(
      (metric) =>
        (!param("namespace") || metric.Namespace === param("namespace")) &&
        hasWords(`${metric.Namespace} ${metric.MetricName} ${dimensionsText(metric)}`, param("q")),
    ),
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
          checked={props.graph.some((row) => isSame(row, metric))}
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
          <Search label="Words in name and dimensions" />
          <span class="count" role="status">
            {count(rows().length)} metrics{found.data()?.more ? ` of the first ${count(METRICS_MAX)}` : ""}
          </span>
        </div>
        <Listing
          of={found}
          what="metrics"
          rows={rows()}
          columns={columns}
          key={(metric) => `${metric.Namespace} ${metric.MetricName} ${dimensionsText(metric)}`}
          open={props.toggle}
          empty={param("q").trim() ? "No metric has these words" : "No metrics yet"}
        >
          <p>
            Send one: <code>aws cloudwatch put-metric-data --namespace Shop --metric-name Orders --value 17</code>. What was
            silent for two weeks is not listed, as in AWS.
          </p>
        </Listing>
      </div>
    </div>
  );
}
