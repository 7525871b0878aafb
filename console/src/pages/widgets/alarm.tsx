// A widget of alarms: how each of them is.
import { createMemo, For, Show } from "solid-js";
import { load } from "../../load";
import { condition, listAlarms } from "../../metrics";
import { href } from "../../router";
import { range } from "../../time";
import { ErrorNote, Loading, StateBadge } from "../../ui/parts";

const nameOf = (arn: string) => arn.split(":alarm:")[1] ?? arn;
const ORDER: Record<string, number> = { ALARM: 0, INSUFFICIENT_DATA: 1, OK: 2 };

export function AlarmWidget(props: { properties: Record<string, unknown> }) {
  const names = createMemo(() =>
    (Array.isArray(props.properties.alarms) ? (props.properties.alarms as unknown[]) : []).map((arn) => nameOf(String(arn))),
  );
  const found = load(
    // Fresh data of the page are fresh states, too.
    () => ({ wanted: names(), at: range() }),
    async ({ wanted }, signal) => (wanted.length ? (await listAlarms({ AlarmNames: wanted.slice(0, 100) }, signal)).alarms : []),
  );
  const rows = createMemo(() => {
    const states = Array.isArray(props.properties.states) ? (props.properties.states as unknown[]) : [];
    const all = names().map((name) => ({ name, alarm: found.data()?.find((a) => a.AlarmName === name) }));
    const kept = states.length ? all.filter((row) => row.alarm && states.includes(row.alarm.StateValue)) : all;
    const changed = (row: (typeof all)[number]) => row.alarm?.StateUpdatedTimestamp ?? 0;
    if (props.properties.sortBy === "stateUpdatedTimestamp" || props.properties.sortBy === "timestamp")
      return kept.sort((a, b) => changed(b) - changed(a));
    return kept.sort((a, b) => (ORDER[a.alarm?.StateValue ?? ""] ?? 3) - (ORDER[b.alarm?.StateValue ?? ""] ?? 3));
  });
  return (
    <Show when={!found.error()} fallback={<ErrorNote error={found.error()} retry={found.reload} />}>
      <Show when={found.data()} fallback={<Loading />}>
        <Show when={rows().length} fallback={<p class="faint">No alarm is in the states that this widget shows.</p>}>
          <ul class="feed bare">
            <For each={rows()}>
              {(row) => (
                <li>
                  <Show when={row.alarm} fallback={<span class="faint">not there</span>}>
                    {(alarm) => <StateBadge state={alarm().StateValue} />}
                  </Show>
                  <a
                    class="clip grow"
                    href={href("/alarms/alarm", { name: row.name })}
                    title={row.alarm ? condition(row.alarm) : undefined}
                  >
                    {row.name}
                  </a>
                </li>
              )}
            </For>
          </ul>
        </Show>
      </Show>
    </Show>
  );
}
