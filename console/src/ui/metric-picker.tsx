// Finds a metric by words of its namespace, name and dimensions.
import { createMemo, createSignal, For, Show } from "solid-js";
import { load } from "../load";
import { dimensionsText, listMetrics, type Metric } from "../metrics";
import { count } from "../numbers";
import { hasWords } from "./page";
import { ErrorNote } from "./parts";

/** Metrics to look among, and those to show. */
const METRICS_MAX = 5000;
const SHOWN_MAX = 8;

/** `adds`: it adds to others, and lists nothing before words are written. */
export function MetricPicker(props: { chosen?: Metric; choose: (metric: Metric) => void; placeholder?: string; adds?: boolean }) {
  const [text, setText] = createSignal("");
  const found = load(
    () => ({}),
    (_, signal) => listMetrics({}, METRICS_MAX, signal),
  );
  const matching = createMemo(() =>
    (found.data()?.items ?? []).filter((metric) =>
      hasWords(`${metric.Namespace} ${metric.MetricName} ${dimensionsText(metric)}`, text()),
    ),
  );
  return (
    <div class="stack">
      <Show when={props.chosen}>
        {(metric) => (
          <p>
            {metric().Namespace} · <strong>{metric().MetricName}</strong> <span class="faint">{dimensionsText(metric())}</span>
          </p>
        )}
      </Show>
      <input
        type="search"
        data-search
        aria-label="Find a metric"
        placeholder={
          props.placeholder ??
          (props.chosen ? "Find another metric  ( / )" : "Find a metric: words of namespace, name, dimensions  ( / )")
        }
        value={text()}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && event.preventDefault()}
      />
      <Show when={found.error()}>
        <ErrorNote error={found.error()} retry={found.reload} />
      </Show>
      <Show when={text() || (!props.chosen && !props.adds)}>
        <ul class="pick" aria-label="Metrics found">
          <For each={matching().slice(0, SHOWN_MAX)}>
            {(metric) => (
              <li>
                <button
                  type="button"
                  onClick={() => {
                    props.choose(metric);
                    setText("");
                  }}
                >
                  <span>
                    {metric.Namespace} · <strong>{metric.MetricName}</strong> {dimensionsText(metric)}
                  </span>
                </button>
              </li>
            )}
          </For>
        </ul>
        <p class="faint">{found.loading() ? "Loading…" : `${count(matching().length)} metrics match`}</p>
      </Show>
    </div>
  );
}
