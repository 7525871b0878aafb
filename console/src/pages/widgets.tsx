// The widgets of a dashboard: metrics in their views, text, alarms, log queries.
import { createMemo, For, type JSX, Match, onCleanup, Show, Switch } from "solid-js";
import { Bars } from "../charts/bars";
import { Chart, type Line } from "../charts/chart";
import { Spark } from "../charts/spark";
import { queriesOf, sourcesOf, type Widget } from "../dashboards";
import { asChart, runQuery } from "../insights";
import { load } from "../load";
import { condition, labelled, listAlarms, metricData, periodFor } from "../metrics";
import { short, withUnit } from "../numbers";
import { href } from "../router";
import type { Range } from "../time";
import { Markdown } from "../ui/markdown";
import { ErrorNote, Loading, StateBadge } from "../ui/parts";

const HEADS = 46;
const ROW = 58;

export function WidgetView(props: { widget: Widget; range: Range; rows: number }) {
  const properties = () => props.widget.properties ?? {};
  const title = () => (typeof properties().title === "string" ? (properties().title as string) : "");
  return (
    <>
      <Show when={title()}>
        <header class="panel-head">
          <h2 class="clip">{title()}</h2>
        </header>
      </Show>
      <div class="panel-body" tabindex="0" role="group" aria-label={title() || props.widget.type}>
        <Switch fallback={<Unknown widget={props.widget} />}>
          <Match when={props.widget.type === "text"}>
            <Markdown text={String(properties().markdown ?? "")} />
          </Match>
          <Match when={props.widget.type === "metric"}>
            <MetricWidget
              properties={properties()}
              range={props.range}
              height={Math.max(90, props.rows * ROW - HEADS - (title() ? 32 : 0) - 26)}
            />
          </Match>
          <Match when={props.widget.type === "alarm"}>
            <AlarmWidget properties={properties()} />
          </Match>
          <Match when={props.widget.type === "log"}>
            <LogWidget
              properties={properties()}
              range={props.range}
              height={Math.max(90, props.rows * ROW - HEADS - (title() ? 32 : 0) - 26)}
            />
          </Match>
        </Switch>
      </div>
    </>
  );
}

function Unknown(props: { widget: Widget }) {
  return (
    <p class="faint">
      The console does not draw widgets of type <code>{props.widget.type}</code> yet. They stay in the dashboard.
    </p>
  );
}

type Annotation = { value?: number; label?: string };

function MetricWidget(props: { properties: Record<string, unknown>; range: Range; height: number }) {
  const annotations = () =>
    (props.properties.annotations ?? {}) as { horizontal?: (Annotation | Annotation[])[]; alarms?: string[] };
  const data = load(
    () => ({ properties: props.properties, range: props.range }),
    async ({ properties, range }, signal) => {
      let drawn = queriesOf(properties, periodFor(range, 200));
      let limits: { value: number; label: string }[] = [];
      const arn = annotations().alarms?.[0];
      if (!drawn.length && arn) {
        // A widget of an alarm draws what the alarm looks at.
        const name = arn.split(":alarm:")[1] ?? arn;
        const alarm = (await listAlarms({ AlarmNames: [name] }, signal)).alarms[0];
        if (alarm?.MetricName) {
          const Metric = { Namespace: alarm.Namespace ?? "", MetricName: alarm.MetricName, Dimensions: alarm.Dimensions ?? [] };
          drawn = [
            {
              query: {
                Id: "w1",
                MetricStat: { Metric, Stat: alarm.Statistic ?? alarm.ExtendedStatistic ?? "Average", Period: alarm.Period ?? 60 },
              },
              right: false,
              visible: true,
            },
          ];
        } else if (alarm?.Metrics)
          drawn = alarm.Metrics.map((query) => ({ query, right: false, visible: query.ReturnData !== false }));
        if (alarm?.Threshold !== undefined) limits = [{ value: alarm.Threshold, label: alarm.AlarmName }];
      }
      const series = drawn.some((d) => d.visible) ? await metricData(labelled(drawn.map((d) => d.query)), range, signal) : [];
      return { drawn, series, limits };
    },
  );
  const view = () => String(props.properties.view ?? "timeSeries");
  const lines = createMemo((): Line[] => {
    const found = data.data();
    if (!found) return [];
    return found.series.map((s): Line => {
      const of = found.drawn.find((d) => d.query.Id === s.id);
      return { label: s.label, times: s.times, values: s.values, right: !!of?.right, color: of?.color };
    });
  });
  const thresholds = () => [
    ...(data.data()?.limits ?? []),
    ...(annotations().horizontal ?? [])
      .flat()
      .flatMap((a) => (typeof a.value === "number" ? [{ value: a.value, label: String(a.label ?? a.value) }] : [])),
  ];
  const left = () =>
    ((props.properties.yAxis as { left?: { min?: number; max?: number } } | undefined)?.left ?? {}) as {
      min?: number;
      max?: number;
    };
  const last = (line: Line) => line.values.at(-1);
  return (
    <Show when={!data.error()} fallback={<ErrorNote error={data.error()} retry={data.reload} />}>
      <Show when={data.data()} fallback={<Loading />}>
        <Switch
          fallback={
            <Chart
              lines={lines()}
              range={props.range}
              height={props.height}
              stacked={props.properties.stacked === true}
              thresholds={thresholds()}
              min={left().min}
              max={left().max}
              label={String(props.properties.title ?? "Metrics")}
            />
          }
        >
          <Match when={view() === "singleValue"}>
            <div class="single">
              <For each={lines()}>
                {(line) => (
                  <div>
                    <span class="faint">{line.label}</span>
                    <b>{last(line) === undefined ? "–" : withUnit(last(line) ?? 0)}</b>
                    <Show when={props.properties.sparkline}>
                      <Spark values={line.values} label={`${line.label} over time`} />
                    </Show>
                  </div>
                )}
              </For>
            </div>
          </Match>
          <Match when={view() === "gauge"}>
            <div class="stack">
              <For each={lines()}>
                {(line) => {
                  const [low, high] = [left().min ?? 0, left().max ?? 100];
                  const part = () => Math.min(1, Math.max(0, ((last(line) ?? low) - low) / (high - low || 1)));
                  return (
                    <div>
                      <span class="faint">{line.label}</span> <b>{last(line) === undefined ? "–" : short(last(line) ?? 0)}</b>
                      <div
                        class="gauge"
                        role="meter"
                        aria-label={line.label}
                        aria-valuemin={low}
                        aria-valuemax={high}
                        aria-valuenow={last(line) ?? low}
                      >
                        <i style={{ "--part": `${part() * 100}%` }} />
                      </div>
                    </div>
                  );
                }}
              </For>
            </div>
          </Match>
          <Match when={view() === "bar" || view() === "pie"}>
            <Bars
              label={String(props.properties.title ?? "Metrics")}
              bars={lines().map((line) => ({ label: line.label, value: last(line) ?? 0 }))}
            />
          </Match>
          <Match when={view() === "table"}>
            <table class="plain">
              <thead>
                <tr>
                  {["Metric", "Minimum", "Maximum", "Average", "Last"].map((name) => (
                    <th scope="col">{name}</th>
                  ))}
                </tr>
              </thead>
              <tbody>
                <For each={lines()}>
                  {(line) => {
                    const of = (f: (values: number[]) => number) => (line.values.length ? short(f(line.values)) : "–");
                    return (
                      <tr>
                        <th scope="row">{line.label}</th>
                        <td>{of((v) => Math.min(...v))}</td>
                        <td>{of((v) => Math.max(...v))}</td>
                        <td>{of((v) => v.reduce((a, b) => a + b, 0) / v.length)}</td>
                        <td>{of((v) => v.at(-1) ?? Number.NaN)}</td>
                      </tr>
                    );
                  }}
                </For>
              </tbody>
            </table>
          </Match>
        </Switch>
      </Show>
    </Show>
  );
}

function AlarmWidget(props: { properties: Record<string, unknown> }) {
  const names = () =>
    (Array.isArray(props.properties.alarms) ? (props.properties.alarms as string[]) : []).map(
      (arn) => arn.split(":alarm:")[1] ?? arn,
    );
  const found = load(names, async (wanted, signal) =>
    wanted.length ? (await listAlarms({ AlarmNames: wanted.slice(0, 100) }, signal)).alarms : [],
  );
  return (
    <Show when={!found.error()} fallback={<ErrorNote error={found.error()} retry={found.reload} />}>
      <Show when={found.data()} fallback={<Loading />}>
        <ul class="feed bare">
          <For each={names()}>
            {(name) => {
              const alarm = () => found.data()?.find((a) => a.AlarmName === name);
              return (
                <li>
                  <Show when={alarm()} fallback={<span class="faint">no longer there</span>}>
                    {(a) => <StateBadge state={a().StateValue} />}
                  </Show>
                  <a class="clip grow" href={href("/alarms/alarm", { name })} title={alarm() && condition(alarm()!)}>
                    {name}
                  </a>
                </li>
              );
            }}
          </For>
        </ul>
      </Show>
    </Show>
  );
}

function LogWidget(props: { properties: Record<string, unknown>; range: Range; height: number }) {
  const found = load(
    () => ({ text: String(props.properties.query ?? ""), range: props.range }),
    ({ text, range }, signal) => {
      const { groups, query } = sourcesOf(text);
      return runQuery(groups, query, range, signal);
    },
  );
  onCleanup(() => undefined);
  const chart = createMemo(() => {
    const data = found.data();
    return data && props.properties.view !== "table" ? asChart(data) : undefined;
  });
  const table = (): JSX.Element => (
    <table class="plain dense">
      <thead>
        <tr>
          <For each={found.data()?.columns}>{(name) => <th scope="col">{name}</th>}</For>
        </tr>
      </thead>
      <tbody>
        <For each={found.data()?.rows.slice(0, 200)}>
          {(row) => (
            <tr>
              <For each={found.data()?.columns}>{(name) => <td class="mono">{row[name]}</td>}</For>
            </tr>
          )}
        </For>
      </tbody>
    </table>
  );
  return (
    <Show when={!found.error()} fallback={<ErrorNote error={found.error()} retry={found.reload} />}>
      <Show when={found.data()} fallback={<Loading />}>
        <Show when={found.data()?.rows.length} fallback={<p class="faint">No rows in this time.</p>}>
          <Show when={chart()} fallback={table()}>
            {(drawn) => (
              <Show when={drawn().kind === "time"} fallback={<Bars bars={drawn().bars} label={drawn().bars_of} />}>
                <Chart
                  lines={drawn().lines}
                  range={props.range}
                  height={props.height}
                  bars={props.properties.view === "bar"}
                  label={String(props.properties.title ?? "Logs")}
                />
              </Show>
            )}
          </Show>
        </Show>
      </Show>
    </Show>
  );
}
