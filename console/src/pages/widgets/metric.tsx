// A widget of metrics, in each of AWS's views: lines, areas, bars, a ring, gauges, numbers, a table; or of a Contributor Insights rule.
import { createMemo, For, Match, Show, Switch } from "solid-js";
import { Bars } from "../../charts/bars";
import { Chart, type Line, type Mark } from "../../charts/chart";
import { Pie } from "../../charts/pie";
import { Spark } from "../../charts/spark";
import { queriesOf } from "../../dashboards";
import { load } from "../../load";
import { labelled, linesOf, listAlarms, metricData, periodFor } from "../../metrics";
import { short, withUnit } from "../../numbers";
import type { Range } from "../../time";
import { ErrorNote, Loading } from "../../ui/parts";
import { Plain } from "../../ui/table";

type Annotation = { value?: number | string; label?: string };

/** Seconds of the whole range, as a period must be: a multiple of a minute. */
const whole = (range: Range) => Math.max(60, Math.ceil((range.end - range.start) / 60_000) * 60);

export function MetricWidget(props: { properties: Record<string, unknown>; range: Range; height: number }) {
  const annotations = () =>
    (props.properties.annotations ?? {}) as {
      horizontal?: (Annotation | Annotation[])[];
      vertical?: (Annotation | Annotation[])[];
      alarms?: string[];
    };
  const data = load(
    () => ({ properties: props.properties, range: props.range, region: String(props.properties.region ?? "") }),
    async ({ properties, range, region }, signal) => {
      const asked = properties.setPeriodToTimeRange === true ? { ...properties, period: whole(range) } : properties;
      let drawn = queriesOf(asked, periodFor(range, 200));
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
      const series = drawn.some((d) => d.visible)
        ? await metricData(labelled(drawn.map((d) => d.query)), range, signal, region)
        : [];
      return { drawn, series, limits };
    },
  );
  const view = () => String(props.properties.view ?? "timeSeries");
  const lines = createMemo((): Line[] => {
    const found = data.data();
    if (!found) return [];
    return linesOf(found.series, (s) => {
      const of = found.drawn.find((d) => d.query.Id === s.id);
      return { right: !!of?.right, color: of?.color };
    });
  });
  const marks = createMemo((): Mark[] =>
    (annotations().vertical ?? []).flat().flatMap((a) => {
      const at = Date.parse(String(a.value));
      return Number.isFinite(at) ? [{ at, label: String(a.label ?? "") }] : [];
    }),
  );
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
              marks={marks()}
              legend={(props.properties.legend as { position?: string } | undefined)?.position !== "hidden"}
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
          <Match when={view() === "pie"}>
            <Pie
              label={String(props.properties.title ?? "Metrics")}
              parts={lines().map((line) => ({ label: line.label, value: last(line) ?? 0, color: line.color }))}
            />
          </Match>
          <Match when={view() === "bar"}>
            <Bars
              label={String(props.properties.title ?? "Metrics")}
              bars={lines().map((line) => ({ label: line.label, value: last(line) ?? 0 }))}
            />
          </Match>
          <Match when={view() === "table"}>
            <Plain head={["Metric", "Minimum", "Maximum", "Average", "Last"]} of={lines()}>
              {(line) => {
                const of = (f: (values: number[]) => number) => (line.values.length ? short(f(line.values)) : "–");
                return (
                  <tr>
                    <th scope="row">{line.label}</th>
                    <td>{of((v) => v.reduce((a, b) => Math.min(a, b)))}</td>
                    <td>{of((v) => v.reduce((a, b) => Math.max(a, b)))}</td>
                    <td>{of((v) => v.reduce((a, b) => a + b, 0) / v.length)}</td>
                    <td>{of((v) => v.at(-1) ?? Number.NaN)}</td>
                  </tr>
                );
              }}
            </Plain>
          </Match>
        </Switch>
      </Show>
    </Show>
  );
}
