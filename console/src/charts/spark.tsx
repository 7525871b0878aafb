// A line without axes, for tiles and tables.
import { createMemo, Show } from "solid-js";

export function Spark(props: { values: number[]; label: string; max?: number }) {
  const path = createMemo(() => {
    const { values } = props;
    if (values.length < 2) return undefined;
    // Not Math.min(...values): there may be more values than a call can have arguments.
    const low = values.reduce((least, v) => Math.min(least, v), 0);
    const high = values.reduce((most, v) => Math.max(most, v), Math.max(props.max ?? Number.NEGATIVE_INFINITY, low + 1e-9));
    const x = (i: number) => (i / (values.length - 1)) * 100;
    const y = (v: number) => 29 - ((v - low) / (high - low)) * 28;
    const line = values.map((v, i) => `${i ? "L" : "M"}${x(i).toFixed(2)} ${y(v).toFixed(2)}`).join("");
    return { line, area: `${line}L100 30L0 30Z` };
  });
  return (
    <svg class="spark" viewBox="0 0 100 30" preserveAspectRatio="none" role="img" aria-label={props.label}>
      <Show when={path()}>
        {(drawn) => (
          <>
            <path class="area" d={drawn().area} />
            <path class="line" d={drawn().line} vector-effect="non-scaling-stroke" />
          </>
        )}
      </Show>
    </svg>
  );
}
