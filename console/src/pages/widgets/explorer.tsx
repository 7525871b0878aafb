// An explorer widget: a metric of all resources with given labels. AWS finds resources by their tags; this server knows no
// resources but the dimensions of metrics, so a label is looked for among those, and what cannot be answered is said.
import { createMemo, For, Show } from "solid-js";
import { Bars } from "../../charts/bars";
import { Chart, type Line } from "../../charts/chart";
import { Pie } from "../../charts/pie";
import { aggregated, type Explorer, explorerOf, matches } from "../../explorer";
import { load } from "../../load";
import { labelled, listMetrics, metricData, periodFor, type Query } from "../../metrics";
import type { Range } from "../../time";
import { ErrorNote, Loading } from "../../ui/parts";

/** Metrics that one widget draws. */
const METRICS_MAX = 100;

async function read(explorer: Explorer, range: Range, region: string, signal: AbortSignal) {
  const queries: Query[] = [];
  const groups = new Map<string, string>();
  for (const { metricName, stat } of explorer.metrics) {
    const found = await listMetrics({ MetricName: metricName }, 2000, signal);
    for (const Metric of found.items.filter((metric) => matches(metric, explorer)).slice(0, METRICS_MAX)) {
      const Id = `x${queries.length + 1}`;
      const of = (name: string) => Metric.Dimensions.find((d) => d.Name === name)?.Value ?? "";
      groups.set(Id, `${metricName}${explorer.splitBy ? ` ${of(explorer.splitBy)}` : ""}`);
      queries.push({ Id, MetricStat: { Metric, Stat: stat, Period: explorer.period ?? periodFor(range, 200) } });
      if (queries.length >= METRICS_MAX) break;
    }
  }
  const series = await metricData(labelled(queries), range, signal, region);
  return { series, groups };
}

export function ExplorerWidget(props: { properties: Record<string, unknown>; range: Range; height: number }) {
  const explorer = createMemo(() => explorerOf(props.properties));
  const data = load(
    () => ({ explorer: explorer(), range: props.range, region: String(props.properties.region ?? "") }),
    ({ explorer: asked, range, region }, signal) => read(asked, range, region, signal),
  );
  const lines = createMemo((): Line[] => {
    const found = data.data();
    if (!found) return [];
    return explorer().func ? aggregated(found.series, (s) => found.groups.get(s.id) ?? "", explorer().func!) : found.series;
  });
  const last = () => lines().map((line) => ({ label: line.label, value: line.values.at(-1) ?? 0 }));
  const title = () => String(props.properties.title ?? "Explorer");
  return (
    <Show when={!data.error()} fallback={<ErrorNote error={data.error()} retry={data.reload} />}>
      <Show when={data.data()} fallback={<Loading />}>
        <Show when={explorer().notes.length}>
          <For each={explorer().notes}>{(note) => <p class="faint">{note}</p>}</For>
        </Show>
        <Show
          when={lines().length}
          fallback={
            <p class="faint">
              No metric has these names and dimensions. Labels are looked for among dimensions: this server does not know the tags
              of resources.
            </p>
          }
        >
          <Show
            when={explorer().view === "timeSeries"}
            fallback={
              <Show when={explorer().view === "pie"} fallback={<Bars bars={last()} label={title()} />}>
                <Pie parts={last()} label={title()} />
              </Show>
            }
          >
            <Chart lines={lines()} range={props.range} height={props.height} stacked={explorer().stacked} label={title()} />
          </Show>
        </Show>
      </Show>
    </Show>
  );
}
