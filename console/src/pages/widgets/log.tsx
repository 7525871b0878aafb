// A widget of a Logs Insights query: its results as a table, lines, bars or a ring.
import { createMemo, For, type JSX, Show } from "solid-js";
import { Bars } from "../../charts/bars";
import { Chart } from "../../charts/chart";
import { Pie } from "../../charts/pie";
import { sourcesOf } from "../../dashboards";
import { asChart, runQuery } from "../../insights";
import { load } from "../../load";
import type { Range } from "../../time";
import { ErrorNote, Loading } from "../../ui/parts";
import { Plain } from "../../ui/table";

export function LogWidget(props: { properties: Record<string, unknown>; range: Range; height: number }) {
  const found = load(
    () => ({ text: String(props.properties.query ?? ""), range: props.range, region: String(props.properties.region ?? "") }),
    ({ text, range, region }, signal) => {
      const { groups, query } = sourcesOf(text);
      return runQuery(groups, query, range, signal, undefined, region);
    },
  );
  const chart = createMemo(() => {
    const data = found.data();
    return data && props.properties.view !== "table" ? asChart(data) : undefined;
  });
  const table = (): JSX.Element => (
    <Plain class="dense" head={found.data()?.columns ?? []} of={found.data()?.rows.slice(0, 200) ?? []}>
      {(row) => (
        <tr>
          <For each={found.data()?.columns}>{(name) => <td class="mono">{row[name]}</td>}</For>
        </tr>
      )}
    </Plain>
  );
  return (
    <Show when={!found.error()} fallback={<ErrorNote error={found.error()} retry={found.reload} />}>
      <Show when={found.data()} fallback={<Loading />}>
        <Show when={found.data()?.rows.length} fallback={<p class="faint">No rows in this time.</p>}>
          <Show when={chart()} fallback={table()}>
            {(drawn) => (
              <Show
                when={drawn().kind === "time"}
                fallback={
                  <Show when={props.properties.view === "pie"} fallback={<Bars bars={drawn().bars} label={drawn().bars_of} />}>
                    <Pie parts={drawn().bars} label={drawn().bars_of} />
                  </Show>
                }
              >
                <Chart
                  lines={drawn().lines}
                  range={props.range}
                  height={props.height}
                  bars={props.properties.view === "bar"}
                  stacked={props.properties.stacked === true}
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
