// All alarms, those in alarm first.
import { createMemo, For, Show } from "solid-js";
import { load } from "../../load";
import { type Alarm, condition, listAlarms } from "../../metrics";
import { count } from "../../numbers";
import { go, href, param, setParams } from "../../router";
import { ago, range } from "../../time";
import { hasWords, Listing, Search } from "../../ui/page";
import { Badge, PageHead, StateBadge } from "../../ui/parts";
import { RangePicker } from "../../ui/range";
import type { Column } from "../../ui/table";

const STATES: [string, string][] = [
  ["", "All"],
  ["ALARM", "In alarm"],
  ["INSUFFICIENT_DATA", "Insufficient data"],
  ["OK", "OK"],
];
const ORDER: Record<string, number> = { ALARM: 0, INSUFFICIENT_DATA: 1, OK: 2 };

const since = (alarm: Alarm) => (alarm.StateTransitionedTimestamp ?? alarm.StateUpdatedTimestamp ?? 0) * 1000;

export function AlarmList() {
  const all = load(
    () => range(),
    (_, signal) => listAlarms({}, signal),
  );
  const rows = createMemo(() =>
    (all.data()?.alarms ?? [])
      .filter(
        (alarm) =>
          (!param("state") || alarm.StateValue === param("state")) &&
          hasWords(`${alarm.AlarmName} ${alarm.AlarmDescription ?? ""} ${condition(alarm)}`, param("q")),
      )
      .sort((a, b) => (ORDER[a.StateValue] ?? 9) - (ORDER[b.StateValue] ?? 9) || a.AlarmName.localeCompare(b.AlarmName)),
  );
  const of = (state: string) => (all.data()?.alarms ?? []).filter((alarm) => !state || alarm.StateValue === state).length;
  const columns: Column<Alarm>[] = [
    { name: "State", width: "150px", cell: (alarm) => <StateBadge state={alarm.StateValue} /> },
    {
      name: "Alarm",
      width: "minmax(150px, 1fr)",
      cell: (alarm) => <a href={href("/alarms/alarm", { name: alarm.AlarmName })}>{alarm.AlarmName}</a>,
    },
    { name: "Condition", width: "minmax(200px, 2fr)", cell: (alarm) => <span title={alarm.AlarmRule}>{condition(alarm)}</span> },
    { name: "Since", width: "110px", cell: (alarm) => <span class="faint">{since(alarm) ? ago(since(alarm)) : ""}</span> },
    {
      name: "Actions",
      width: "90px",
      cell: (alarm) =>
        alarm.ActionsEnabled === false ? (
          <Badge tone="warn">off</Badge>
        ) : (
          <span class="faint">{count(alarm.AlarmActions?.length ?? 0)}</span>
        ),
    },
    {
      name: "",
      width: "70px",
      cell: (alarm) => (
        <Show when={alarm.StateValue === "ALARM"}>
          <a
            href={href("/investigate", { alarm: alarm.AlarmName })}
            title="What changed before it, ranked"
            onClick={(event) => event.stopPropagation()}
          >
            Why?
          </a>
        </Show>
      ),
    },
  ];
  return (
    <div class="fill">
      <PageHead title="Alarms" sub="What is watched, and how it is.">
        <a class="button" href={href("/alarms/mutes")}>
          Mute rules
        </a>
        <a class="button primary" href={href("/alarms/create")}>
          Create alarm
        </a>
        <RangePicker />
      </PageHead>
      <div class="filters">
        <div class="segments" role="group" aria-label="State">
          <For each={STATES}>
            {([state, name]) => (
              <button type="button" aria-pressed={param("state") === state} onClick={() => setParams({ state })}>
                {name} <span class="faint">{of(state)}</span>
              </button>
            )}
          </For>
        </div>
        <Search label="Words in name and condition" />
      </div>
      <Listing
        of={all}
        what="alarms"
        rows={rows()}
        columns={columns}
        key={(alarm) => alarm.AlarmName}
        open={(alarm) => go("/alarms/alarm", { name: alarm.AlarmName })}
        empty={of("") ? "No alarm is like this" : "No alarms yet"}
      >
        <p>
          <a href={href("/alarms/create")}>Create one</a> on any metric, on{" "}
          <a href={href("/alarms/create", { kind: "log" })}>log events</a> or on other alarms, or run{" "}
          <code>aws cloudwatch put-metric-alarm</code>.
        </p>
      </Listing>
    </div>
  );
}
