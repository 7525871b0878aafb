// An explorer widget: a metric of all resources with given labels. AWS finds resources by their tags; here a label is looked for
// among the dimensions of metrics and the tags of log groups, the only things with both, and what cannot be answered is said.
import { createMemo, For, Match, Show, Switch } from "solid-js";
import { aws } from "../../aws";
import { Bars } from "../../charts/bars";
import { Chart, type Line } from "../../charts/chart";
import { Pie } from "../../charts/pie";
import {
  aggregated,
  type Explorer,
  explorerOf,
  isNamed,
  labelOf,
  logGroupOf,
  matches,
  type Tags,
  wantsTags,
} from "../../explorer";
import { load } from "../../load";
import { labelled, listMetrics, type Metric, metricData, periodFor, type Query, type Series } from "../../metrics";
import { session } from "../../session";
import type { Range } from "../../time";
import { ErrorNote, Loading } from "../../ui/parts";

/** Metrics that one widget draws, log groups whose tags it asks for, and graphs that it is split in. */
const METRICS_MAX = 100;
const TAGGED_MAX = 50;
const GRAPHS_MAX = 12;

interface Found {
  series: Series[];
  /** By the id of a series: what its metric is called, and its values of what is split and put together by. */
  of: Map<string, { name: string; split: string; together: string }>;
  notes: string[];
}

/** The tags of a log group; none where it is gone. */
async function tagsOf(group: string, region: string, signal: AbortSignal): Promise<Tags> {
  const now = session();
  const account = now.signedIn ? now.account : "";
  const resourceArn = `arn:aws:logs:${region}:${account}:log-group:${group}`;
  try {
    return (await aws<{ tags?: Tags }>("logs", "ListTagsForResource", { resourceArn }, signal, region)).tags ?? {};
  } catch (error) {
    if (signal.aborted) throw error;
    return {};
  }
}

async function read(explorer: Explorer, range: Range, region: string, signal: AbortSignal): Promise<Found> {
  const [queries, of, tags] = [[] as Query[], new Map() as Found["of"], new Map<string, Tags>()];
  const notes = new Set<string>();
  for (const { metricName, stat } of explorer.metrics) {
    const listed = (await listMetrics({ MetricName: metricName }, 2000, signal)).items.filter((m) => isNamed(m, explorer));
    const groups = new Set(listed.filter((m) => wantsTags(m, explorer)).flatMap((m) => logGroupOf(m) ?? []));
    for (const group of groups) {
      if (tags.size >= TAGGED_MAX) notes.add(`Tags of ${TAGGED_MAX} log groups were looked at; there are more.`);
      else if (!tags.has(group)) tags.set(group, await tagsOf(group, region, signal));
    }
    const tagged = (metric: Metric) => tags.get(logGroupOf(metric) ?? "");
    for (const Metric of listed.filter((metric) => matches(metric, explorer, tagged(metric)))) {
      if (queries.length >= METRICS_MAX) {
        notes.add(`The first ${METRICS_MAX} metrics are drawn; there are more.`);
        break;
      }
      const Id = `x${queries.length + 1}`;
      const label = (key: string | undefined) => (key && key !== "*" ? (labelOf(Metric, key, tagged(Metric)) ?? "none") : "");
      of.set(Id, { name: metricName, split: label(explorer.splitBy), together: label(explorer.aggregateBy) });
      queries.push({ Id, MetricStat: { Metric, Stat: stat, Period: explorer.period ?? periodFor(range, 200) } });
    }
  }
  return { series: await metricData(labelled(queries), range, signal, region), of, notes: [...notes] };
}

/** The lines of each graph. */
function graphs(explorer: Explorer, { series, of }: Found): { name: string; lines: Line[] }[] {
  const parts = new Map<string, Series[]>();
  for (const one of series) {
    const split = of.get(one.id)?.split ?? "";
    parts.set(split, [...(parts.get(split) ?? []), one]);
  }
  const together = (one: Series) => [of.get(one.id)?.name, of.get(one.id)?.together].filter(Boolean).join(" ");
  return [...parts].map(([name, own]) => ({ name, lines: explorer.func ? aggregated(own, together, explorer.func) : own }));
}

export function ExplorerWidget(props: { properties: Record<string, unknown>; range: Range; height: number }) {
  const explorer = createMemo(() => explorerOf(props.properties));
  const data = load(
    () => {
      const now = session();
      const region = String(props.properties.region || (now.signedIn ? now.region : ""));
      return { explorer: explorer(), range: props.range, region };
    },
    ({ explorer: asked, range, region }, signal) => read(asked, range, region, signal),
  );
  const drawn = createMemo(() => (data.data() ? graphs(explorer(), data.data()!) : []));
  const title = () => String(props.properties.title ?? "Explorer");
  return (
    <Show when={!data.error()} fallback={<ErrorNote error={data.error()} retry={data.reload} />}>
      <Show when={data.data()} fallback={<Loading />}>
        <For each={data.data()?.notes}>{(note) => <p class="faint">{note}</p>}</For>
        <Show
          when={drawn().length}
          fallback={
            <p class="faint">
              No metric has these names and labels. Labels are looked for among the dimensions of metrics and, of metrics in
              AWS/Logs, the tags of their log groups: this server keeps no other resources with tags and metrics.
            </p>
          }
        >
          <Show when={drawn().length > 1} fallback={<Graph of={drawn()[0]!} explorer={explorer()} title={title()} {...props} />}>
            <div class="multiples" style={{ "grid-template-columns": `repeat(${explorer().columns}, minmax(0, 1fr))` }}>
              <For each={drawn().slice(0, GRAPHS_MAX)}>
                {(graph) => (
                  <section>
                    <h3>{graph.name}</h3>
                    <Graph of={graph} explorer={explorer()} title={graph.name} range={props.range} height={120} />
                  </section>
                )}
              </For>
            </div>
            <Show when={drawn().length > GRAPHS_MAX}>
              <p class="faint">
                {GRAPHS_MAX} of {drawn().length} graphs are shown.
              </p>
            </Show>
          </Show>
        </Show>
      </Show>
    </Show>
  );
}

function Graph(props: { of: { lines: Line[] }; explorer: Explorer; title: string; range: Range; height: number }) {
  const last = () => props.of.lines.map((line) => ({ label: line.label, value: line.values.at(-1) ?? 0 }));
  return (
    <Switch
      fallback={
        <Chart
          lines={props.of.lines}
          range={props.range}
          height={props.height}
          stacked={props.explorer.stacked}
          label={props.title}
        />
      }
    >
      <Match when={props.explorer.view === "pie"}>
        <Pie parts={last()} label={props.title} />
      </Match>
      <Match when={props.explorer.view === "bar"}>
        <Bars bars={last()} label={props.title} />
      </Match>
    </Switch>
  );
}
