// A chart widget: PromQL queries as lines.
import { For, Show } from "solid-js";
import { Chart } from "../../charts/chart";
import { load } from "../../load";
import { periodFor } from "../../metrics";
import { promRange } from "../../promql";
import type { Range } from "../../time";
import { ErrorNote, Loading } from "../../ui/parts";

interface ChartQuery {
  query?: unknown;
  language?: unknown;
  label?: unknown;
  step?: unknown;
}

export function PromWidget(props: { properties: Record<string, unknown>; range: Range; height: number }) {
  const queries = () => {
    const given = (props.properties.data as { queries?: unknown } | undefined)?.queries;
    return (Array.isArray(given) ? (given as ChartQuery[]) : []).filter((query) => query && typeof query === "object");
  };
  const others = () => queries().filter((query) => query.language && query.language !== "PromQL");
  const data = load(
    () => ({ asked: queries(), range: props.range }),
    async ({ asked, range }, signal) => {
      const all = await Promise.all(
        asked
          .filter((query) => !query.language || query.language === "PromQL")
          .map(async (query) => {
            const step = typeof query.step === "number" ? query.step : periodFor(range, 200);
            const found = await promRange(String(query.query ?? ""), range, step, signal);
            return found.map((line) => (query.label && found.length === 1 ? { ...line, label: String(query.label) } : line));
          }),
      );
      return all.flat();
    },
  );
  return (
    <Show when={!data.error()} fallback={<ErrorNote error={data.error()} retry={data.reload} />}>
      <Show when={data.data()} fallback={<Loading />}>
        {(lines) => (
          <>
            <For each={others()}>{(query) => <p class="faint">Queries in {String(query.language)} are not drawn here.</p>}</For>
            <Chart
              lines={lines()}
              range={props.range}
              height={props.height}
              bars={props.properties.view === "bar"}
              label={String(props.properties.title ?? "PromQL")}
            />
          </>
        )}
      </Show>
    </Show>
  );
}
