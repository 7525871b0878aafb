// One alarm: what it watches, how it was, why; what silences it; how often it would have fired.
import { createMemo, createSignal, For, Show } from "solid-js";
import { MISSING } from "../../alarm-draft";
import { paramsOf } from "../../alarm-edit";
import { aws, pages } from "../../aws";
import { changesOf } from "../../changes";
import { Chart, type Line, limitLine, type Span } from "../../charts/chart";
import { graphLink } from "../../graph";
import { load } from "../../load";
import { groupNames, runWords, watchOf } from "../../log-alarm";
import { type Alarm, condition, linesOf, listAlarms, type Metric, metricData, type Query } from "../../metrics";
import { go, href, param } from "../../router";
import { ago, dateTime, type Range, range } from "../../time";
import { Confirm } from "../../ui/dialog";
import { Json } from "../../ui/json";
import { Crumbs, Listing } from "../../ui/page";
import { Code, Empty, ErrorNote, Facts, Given, PageHead, Panel, Shown, StateBadge } from "../../ui/parts";
import { RangePicker } from "../../ui/range";
import { type Column, Table } from "../../ui/table";
import { BacktestPanel, replay } from "./backtest";
import { RunsPanel, runsOf } from "./log-panel";
import { listMutes, scheduleWords } from "./mutes";
import { RuleTree } from "./tree";

const CONTRIBUTORS: Column<Contributor>[] = [
  {
    name: "Contributor",
    width: "minmax(160px, 1fr)",
    cell: (one) =>
      Object.entries(one.ContributorAttributes)
        .map(([name, value]) => `${name}=${value}`)
        .join(", "),
  },
  {
    name: "Since",
    width: "166px",
    cell: (one) => <span class="mono">{one.StateTransitionedTimestamp && dateTime(one.StateTransitionedTimestamp * 1000)}</span>,
  },
  { name: "Reason", width: "minmax(200px, 2fr)", cell: (one) => <span class="faint">{one.StateReason}</span> },
];

/** The queries that draw what an alarm looks at. */
function queriesOf(alarm: Alarm): Query[] {
  if (alarm.Metrics?.length) return alarm.Metrics;
  if (!alarm.MetricName) return [];
  const metric: Metric = { Namespace: alarm.Namespace ?? "", MetricName: alarm.MetricName, Dimensions: alarm.Dimensions ?? [] };
  return [
    {
      Id: "m1",
      MetricStat: {
        Metric: metric,
        Stat: alarm.Statistic ?? alarm.ExtendedStatistic ?? "Average",
        Period: alarm.Period ?? 60,
        Unit: alarm.Unit,
      },
    },
  ];
}

/** One of those that an alarm judges by itself, in alarm. */
interface Contributor {
  ContributorId: string;
  ContributorAttributes: Record<string, string>;
  StateReason: string;
  StateTransitionedTimestamp?: number;
}

interface HistoryItem {
  Timestamp: number;
  HistoryItemType: string;
  HistorySummary: string;
  HistoryData?: string;
}

/** Why the state changed, as the history tells. */
function reasonOf(item: HistoryItem): string {
  try {
    const data = JSON.parse(item.HistoryData ?? "{}");
    return String(data.newState?.stateReason ?? data.error ?? data.stateUpdate?.newState?.stateReason ?? "");
  } catch {
    return "";
  }
}

/** From changes of state, newest first, to the times in ALARM. */
function spansOf(items: HistoryItem[], range: Range): Span[] {
  const spans: Span[] = [];
  let until = range.end;
  for (const item of items) {
    if (item.HistoryItemType !== "StateUpdate") continue;
    const at = item.Timestamp * 1000;
    if (/to ALARM$/.test(item.HistorySummary)) spans.push({ start: at, end: until });
    until = at;
  }
  return spans;
}

export function AlarmDetail() {
  const name = () => param("name");
  const [asking, setAsking] = createSignal(false);
  const [failure, setFailure] = createSignal<unknown>();
  const period = createMemo(() => range());
  const found = load(
    () => ({ name: name(), at: period() }),
    async (asked, signal) => (await listAlarms({ AlarmNames: [asked.name] }, signal)).alarms[0] ?? null,
  );
  const data = load(
    () => {
      const alarm = found.data();
      return alarm && queriesOf(alarm).length ? { alarm, at: period() } : undefined;
    },
    async ({ alarm, at }, signal): Promise<Line[]> => linesOf(await metricData(queriesOf(alarm), at, signal), () => ({})),
  );
  const watch = createMemo(() => {
    const alarm = found.data();
    return alarm ? watchOf(alarm) : undefined;
  });
  const runs = runsOf(watch);
  const contributors = load(
    () => {
      const alarm = found.data();
      const has = alarm?.ScheduledQueryConfiguration ?? alarm?.EvaluationCriteria;
      return has ? { name: name(), at: period() } : undefined;
    },
    async (asked, signal) =>
      (
        await aws<{ AlarmContributors?: Contributor[] }>(
          "cloudwatch",
          "DescribeAlarmContributors",
          { AlarmName: asked.name },
          signal,
        )
      ).AlarmContributors ?? [],
  );
  const changes = load(period, changesOf);
  const mutes = load(name, (asked, signal) => listMutes(asked, signal));
  const history = load(
    () => ({ name: name(), at: period() }),
    async (asked, signal) => {
      const input = {
        AlarmName: asked.name,
        AlarmTypes: ["MetricAlarm", "CompositeAlarm", "LogAlarm"],
        ScanBy: "TimestampDescending",
        MaxRecords: 100,
      };
      const read = await pages<{ AlarmHistoryItems?: HistoryItem[]; NextToken?: string }, HistoryItem>(
        "cloudwatch",
        "DescribeAlarmHistory",
        input,
        { in: "NextToken", out: "NextToken" },
        (page) => page.AlarmHistoryItems,
        300,
        signal,
      );
      return read.items;
    },
  );
  const act = async (operation: string, input: object) => {
    setFailure(undefined);
    try {
      await aws("cloudwatch", operation, input);
      if (operation === "DeleteAlarms") return go("/alarms");
    } catch (error) {
      setFailure(() => error);
    }
    setAsking(false);
    found.reload();
    history.reload();
  };
  const columns: Column<HistoryItem>[] = [
    { name: "Time", width: "166px", cell: (item) => <span class="mono">{dateTime(item.Timestamp * 1000)}</span> },
    {
      name: "Kind",
      width: "150px",
      cell: (item) => (
        <span class="faint">
          {{ StateUpdate: "State", ConfigurationUpdate: "Configuration", Action: "Action" }[item.HistoryItemType] ??
            item.HistoryItemType}
        </span>
      ),
    },
    {
      name: "What happened",
      width: "minmax(200px, 1fr)",
      cell: (item) => <span classList={{ bad: /to ALARM/.test(item.HistorySummary) }}>{item.HistorySummary}</span>,
    },
    {
      name: "Reason",
      width: "minmax(200px, 1.4fr)",
      cell: (item) => (
        <span class="faint" title={reasonOf(item)}>
          {reasonOf(item)}
        </span>
      ),
    },
  ];
  const [opened, setOpened] = createSignal<HistoryItem>();
  const replayed = replay(
    () => {
      const alarm = found.data();
      return alarm ? { alarm_name: alarm.AlarmName } : undefined;
    },
    () => watch()?.every,
  );
  /** The times in alarm, as the history has them. */
  const inAlarm = createMemo(() => spansOf(history.data() ?? [], period()));
  return (
    <>
      <PageHead title={<Crumbs page="/alarms" of="Alarms" name={name()} />} sub={found.data()?.AlarmDescription}>
        <Given when={found.data()}>
          {(alarm) => (
            <>
              <a
                class="button"
                href={href("/investigate", { alarm: name() })}
                title="What changed before it, ranked, with reasons"
              >
                Why?
              </a>
              <a class="button" href={href("/alarms/mutes", { new: "1", alarm: name() })}>
                Mute
              </a>
              <a class="button" href={href("/alarms/create", { ...paramsOf(alarm()), edit: name() })}>
                Edit
              </a>
              <button
                type="button"
                onClick={() =>
                  void act(alarm().ActionsEnabled === false ? "EnableAlarmActions" : "DisableAlarmActions", {
                    AlarmNames: [name()],
                  })
                }
              >
                {alarm().ActionsEnabled === false ? "Switch actions on" : "Switch actions off"}
              </button>
              <button type="button" class="danger" onClick={() => setAsking(true)}>
                Delete
              </button>
            </>
          )}
        </Given>
        <RangePicker />
      </PageHead>
      <Show when={failure()}>
        <ErrorNote error={failure()} />
      </Show>
      <Shown of={found} what="the alarm">
        {(read) => (
          <Given
            when={read()}
            fallback={
              <Empty title={`There is no alarm ${name()} here`}>
                <p>
                  It may have been deleted, or belong to another region. See <a href={href("/alarms")}>all alarms</a>.
                </p>
              </Empty>
            }
          >
            {(alarm) => (
              <div class="stack">
                <Panel>
                  <Facts
                    of={[
                      ["State", <StateBadge state={alarm().StateValue} />],
                      [
                        "Since",
                        `${dateTime((alarm().StateTransitionedTimestamp ?? alarm().StateUpdatedTimestamp ?? 0) * 1000)} (${ago((alarm().StateTransitionedTimestamp ?? alarm().StateUpdatedTimestamp ?? 0) * 1000)})`,
                      ],
                      ["Why", alarm().StateReason],
                      ["Condition", <span class="mono">{condition(alarm())}</span>],
                      [
                        "Metric",
                        alarm().MetricName && (
                          <a
                            href={graphLink(
                              {
                                Namespace: alarm().Namespace ?? "",
                                MetricName: alarm().MetricName ?? "",
                                Dimensions: alarm().Dimensions ?? [],
                              },
                              alarm().Statistic ?? alarm().ExtendedStatistic,
                            )}
                          >{`${alarm().Namespace} ${alarm().MetricName} ${(alarm().Dimensions ?? []).map((d) => `${d.Name}=${d.Value}`).join(", ")}`}</a>
                        ),
                      ],
                      ["Query", watch() && <Code text={watch()?.query || "all events"} />],
                      [
                        "Log groups",
                        (watch()?.groups.length ?? 0) > 0 && (
                          <For each={groupNames(watch()?.groups ?? [])}>
                            {(group) => (
                              <div>
                                <a href={href("/logs/group", { name: group })}>{group}</a>
                              </div>
                            )}
                          </For>
                        ),
                      ],
                      ["Runs", watch() && runWords(watch()!)],
                      ["Role", alarm().ScheduledQueryConfiguration?.ScheduledQueryRoleARN],
                      ["Log lines to send", alarm().ActionLogLineCount],
                      [
                        "Missing data",
                        !alarm().AlarmRule && MISSING.find(([key]) => key === (alarm().TreatMissingData ?? "missing"))?.[1],
                      ],
                      ["Actions", alarm().ActionsEnabled === false ? "switched off" : alarm().AlarmActions?.join(", ") || "none"],
                      [
                        "Mute rules",
                        <For each={mutes.data()} fallback={mutes.error() ? "cannot be listed" : "none"}>
                          {(rule) => (
                            <div>
                              <a href={href("/alarms/mutes", { q: rule.Name })}>{rule.Name}</a>{" "}
                              <span class="faint">{scheduleWords(rule)}</span>
                            </div>
                          )}
                        </For>,
                      ],
                      ["Changes", <a href={href("/events", { q: name() })}>audit writes that name this alarm</a>],
                    ]}
                  />
                </Panel>
                <Show when={alarm().AlarmRule}>
                  {(rule) => (
                    <Panel title="What it is made of">
                      <RuleTree rule={rule()} above={[name()]} />
                    </Panel>
                  )}
                </Show>
                <Show when={watch()}>
                  {(of) => (
                    <RunsPanel
                      title="What it looks at"
                      runs={runs}
                      watch={of()}
                      threshold={alarm().Threshold ?? Number.NaN}
                      spans={inAlarm()}
                      marks={changes.data()?.changes}
                      empty="No events in this time: take a longer range."
                    />
                  )}
                </Show>
                <Show when={contributors.error() || contributors.data()?.length}>
                  <Panel title="In alarm now, each by itself" flush>
                    <Listing
                      of={contributors}
                      what="contributors"
                      class="bare low"
                      rows={contributors.data() ?? []}
                      columns={CONTRIBUTORS}
                      key={(one) => one.ContributorId}
                      empty="None is in alarm"
                    />
                  </Panel>
                </Show>
                <Show when={queriesOf(alarm()).length}>
                  <Panel
                    title="What it looks at"
                    actions={<span class="faint">shaded: in alarm; marks: changes, click for the record</span>}
                  >
                    <Show when={data.error()}>
                      <ErrorNote error={data.error()} retry={data.reload} />
                    </Show>
                    <Chart
                      lines={data.data() ?? []}
                      range={period()}
                      height={240}
                      marks={changes.data()?.changes}
                      spans={inAlarm()}
                      thresholds={limitLine(alarm().Threshold)}
                      label="The alarm's metric and threshold"
                      empty={data.loading() ? "Loading…" : "No data in this time."}
                    />
                  </Panel>
                </Show>
                <BacktestPanel replay={replayed} threshold={alarm().Threshold} />
                <Panel title="History" flush>
                  <Shown of={history} what="history">
                    {(items) => (
                      <>
                        <Table
                          label="History"
                          class="bare low"
                          rows={items()}
                          columns={columns}
                          key={(item) => `${item.Timestamp} ${item.HistorySummary}`}
                          open={(item) => setOpened(opened() === item ? undefined : item)}
                          empty={
                            <Empty title="Nothing happened yet">
                              <p>Changes of state, of the configuration, and actions appear here.</p>
                            </Empty>
                          }
                        />
                        <Show when={opened()?.HistoryData}>{(text) => <Json text={text()} />}</Show>
                      </>
                    )}
                  </Shown>
                </Panel>
              </div>
            )}
          </Given>
        )}
      </Shown>
      <Show when={asking()}>
        <Confirm
          title="Delete alarm"
          text={`Delete ${name()}? Its history goes with it; the event history keeps who deleted it.`}
          action="Delete"
          yes={() => void act("DeleteAlarms", { AlarmNames: [name()] })}
          close={() => setAsking(false)}
        />
      </Show>
    </>
  );
}
