// How often an alarm would have fired, for its own threshold and for others; a click takes one of those.
import { createMemo, createSignal, For, Show } from "solid-js";
import { type Backtest, backtest, type Subject } from "../../backtest";
import { type Loaded, load } from "../../load";
import { REPLAYED_MAX } from "../../log-alarm";
import { count, short } from "../../numbers";
import { dateTime, duration } from "../../time";
import { Cancelled, ErrorNote, Panel, Working } from "../../ui/parts";
import { Plain } from "../../ui/table";

const DAY_MS = 86_400_000;
/** How long to wait for the next key before asking. */
const SETTLED_MS = 400;
/** Changes of state to list. */
const LISTED_MAX = 50;

export const settled = (signal: AbortSignal) =>
  new Promise<void>((done, stopped) => {
    const timer = setTimeout(done, SETTLED_MS);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      stopped(signal.reason);
    });
  });

export interface Replay {
  of: Loaded<{ found: Backtest; end: number }>;
  days: () => number;
  setDays: (days: number) => void;
  /** Seconds that are replayed where that is less than was asked for. */
  cut: () => number | undefined;
}

/** Replays the subject, and again when it changes; nothing while there is none. `every`: seconds between two runs of an alarm of logs. */
export function replay(subject: () => Subject | undefined, every: () => number | undefined = () => undefined): Replay {
  const [days, setDays] = createSignal(7);
  // Compared as text: a form makes a new, equal input at every key.
  const asked = createMemo(() => {
    const now = subject();
    return now && JSON.stringify(now);
  });
  const most = () => (every() ?? Number.POSITIVE_INFINITY) * REPLAYED_MAX * 1000;
  const of = load(
    () => {
      const text = asked();
      return text === undefined ? undefined : { text, length: Math.min(days() * DAY_MS, most()) };
    },
    async (question, signal) => {
      await settled(signal);
      const end = Date.now();
      const range = { start: end - question.length, end };
      return { found: await backtest(JSON.parse(question.text) as Subject, range, signal), end };
    },
  );
  return { of, days, setDays, cut: () => (most() < days() * DAY_MS ? most() / 1000 : undefined) };
}

export function BacktestPanel(props: { replay: Replay; threshold?: number; choose?: (threshold: number) => void }) {
  const found = () => props.replay.of.data()?.found;
  const most = () => Math.max(1e-9, ...(found()?.by_threshold ?? []).map((one) => one.fires_per_week));
  return (
    <Panel
      title="Backtest"
      actions={
        <>
          <Show when={props.replay.of.loading()}>
            <span class="faint" role="status">
              <Working what="Replaying…" cancel={props.replay.of.cancel} atOnce />
            </span>
          </Show>
          <select
            aria-label="Time to replay"
            value={props.replay.days()}
            onChange={(event) => props.replay.setDays(Number(event.currentTarget.value))}
          >
            <option value="1">over the last day</option>
            <option value="7">over the last week</option>
            <option value="14">over two weeks</option>
            <option value="28">over four weeks</option>
          </select>
          <button type="button" class="icon" aria-label="Replay again" title="Replay again" onClick={props.replay.of.reload}>
            ↻
          </button>
        </>
      }
    >
      <Show when={props.replay.of.error()}>
        <ErrorNote error={props.replay.of.error()} retry={props.replay.of.reload} />
      </Show>
      <Show
        when={found()}
        fallback={
          <Show
            when={props.replay.of.cancelled()}
            fallback={
              <Show when={!props.replay.of.error() && !props.replay.of.loading()}>
                <p class="faint">Say what is watched and when it fires: then the stored history tells how often it would have.</p>
              </Show>
            }
          >
            <Cancelled again={props.replay.of.reload} />
          </Show>
        }
      >
        {(now) => (
          <div class="stack" classList={{ stale: props.replay.of.loading() }}>
            <Show when={props.replay.cut()}>
              {(seconds) => (
                <p class="faint">
                  Each run of the query is run again, so these are the last {count(REPLAYED_MAX)} runs: {duration(seconds())}.
                </p>
              )}
            </Show>
            <p role="status">
              It would have fired <strong>{count(now().fires)}</strong> {now().fires === 1 ? "time" : "times"} (
              {short(now().fires_per_week)} a week), in alarm for {duration(now().alarm_secs)};{" "}
              <span class="faint">{count(now().evaluations)} evaluations, by the evaluator that watches alarms.</span>
            </p>
            <Show when={now().failures}>
              <p class="note error">
                {count(now().failures)} evaluations failed: {now().failure}
              </p>
            </Show>
            <Show when={now().by_threshold.length}>
              <Plain
                label="Fires per week by threshold"
                class="dense"
                head={[
                  "Threshold",
                  "Fires a week",
                  { name: "As a bar", unseen: true },
                  "In alarm",
                  { name: "Choose", unseen: true },
                ]}
                of={now().by_threshold}
              >
                {(one) => (
                  <tr classList={{ current: one.threshold === props.threshold }}>
                    <th scope="row">{short(one.threshold)}</th>
                    <td class="num">{short(one.fires_per_week)}</td>
                    <td class="wide">
                      <span class="gauge inline" aria-hidden="true">
                        <i style={{ "--part": `${(one.fires_per_week / most()) * 100}%` }} />
                      </span>
                    </td>
                    <td class="num">{duration(one.alarm_secs)}</td>
                    <td>
                      <Show when={props.choose}>
                        <button
                          type="button"
                          class="small"
                          aria-label={`Take ${short(one.threshold)}`}
                          onClick={() => props.choose?.(one.threshold)}
                        >
                          Take
                        </button>
                      </Show>
                    </td>
                  </tr>
                )}
              </Plain>
            </Show>
            <Show when={now().transitions.length}>
              <details>
                <summary>
                  {count(now().transitions.length)} changes of state
                  {now().transitions.length > LISTED_MAX ? `, the last ${LISTED_MAX}` : ""}
                </summary>
                <ul class="rows">
                  <For each={now().transitions.slice(-LISTED_MAX).reverse()}>
                    {(change) => (
                      <li>
                        <span class="mono faint">{dateTime(Date.parse(change.at))}</span>
                        <strong classList={{ bad: change.to === "ALARM" }}>{change.to}</strong>
                        <span class="clip" title={change.reason}>
                          {change.reason}
                        </span>
                      </li>
                    )}
                  </For>
                </ul>
              </details>
            </Show>
          </div>
        )}
      </Show>
    </Panel>
  );
}
