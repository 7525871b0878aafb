// Alarms: which there are, what one of them saw and did, and a form that makes one with a preview of when it would have fired.
import { createMemo, createSignal, For, Show } from "solid-js";
import { AwsError, aws, pages } from "../aws";
import { Chart, type Line } from "../charts/chart";
import { graphLink, metricOf } from "../graph";
import { load } from "../load";
import {
  type Alarm,
  childrenOf,
  condition,
  dimensionsText,
  listAlarms,
  listMetrics,
  type Metric,
  metricData,
  type Query,
} from "../metrics";
import { count, short } from "../numbers";
import { go, href, param, path, setParams } from "../router";
import { STATISTICS } from "../statistics";
import { ago, dateTime, type Range, range } from "../time";
import { Confirm } from "../ui/dialog";
import { Json } from "../ui/json";
import { Badge, Empty, ErrorNote, Facts, Field, Given, Loading, PageHead, Panel, Shown, StateBadge } from "../ui/parts";
import { RangePicker } from "../ui/range";
import { type Column, Table } from "../ui/table";

export function Alarms() {
  return (
    <Show
      when={path() === "/alarms/create"}
      fallback={
        <Show when={path() === "/alarms/alarm"} fallback={<AlarmList />}>
          {<AlarmDetail />}
        </Show>
      }
    >
      <Create />
    </Show>
  );
}

const STATES: [string, string][] = [
  ["", "All"],
  ["ALARM", "In alarm"],
  ["INSUFFICIENT_DATA", "Insufficient data"],
  ["OK", "OK"],
];
const ORDER: Record<string, number> = { ALARM: 0, INSUFFICIENT_DATA: 1, OK: 2 };

function AlarmList() {
  const all = load(
    () => range(),
    (_, signal) => listAlarms({}, signal),
  );
  const rows = createMemo(() => {
    const text = param("q").toLowerCase();
    return (all.data()?.alarms ?? [])
      .filter(
        (alarm) =>
          (!param("state") || alarm.StateValue === param("state")) &&
          `${alarm.AlarmName} ${alarm.AlarmDescription ?? ""} ${condition(alarm)}`.toLowerCase().includes(text),
      )
      .sort((a, b) => (ORDER[a.StateValue] ?? 9) - (ORDER[b.StateValue] ?? 9) || a.AlarmName.localeCompare(b.AlarmName));
  });
  const of = (state: string) => (all.data()?.alarms ?? []).filter((alarm) => !state || alarm.StateValue === state).length;
  const columns: Column<Alarm>[] = [
    { name: "State", width: "150px", cell: (alarm) => <StateBadge state={alarm.StateValue} /> },
    {
      name: "Alarm",
      width: "minmax(150px, 1fr)",
      cell: (alarm) => <a href={href("/alarms/alarm", { name: alarm.AlarmName, q: "", state: "" })}>{alarm.AlarmName}</a>,
    },
    { name: "Condition", width: "minmax(200px, 2fr)", cell: (alarm) => <span title={alarm.AlarmRule}>{condition(alarm)}</span> },
    {
      name: "Since",
      width: "110px",
      cell: (alarm) => (
        <span class="faint">
          {alarm.StateUpdatedTimestamp ? ago((alarm.StateTransitionedTimestamp ?? alarm.StateUpdatedTimestamp) * 1000) : ""}
        </span>
      ),
    },
    {
      name: "Actions",
      width: "110px",
      cell: (alarm) =>
        alarm.ActionsEnabled === false ? (
          <Badge tone="warn">off</Badge>
        ) : (
          <span class="faint">{count(alarm.AlarmActions?.length ?? 0)}</span>
        ),
    },
  ];
  return (
    <div class="fill">
      <PageHead title="Alarms" sub="What is watched, and how it is.">
        <a class="button primary" href={href("/alarms/create", { q: "", state: "" })}>
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
        <input
          type="search"
          class="grow"
          data-search
          aria-label="Words in name and condition"
          placeholder="Words in name and condition  ( / )"
          value={param("q")}
          onInput={(event) => setParams({ q: event.currentTarget.value }, true)}
        />
      </div>
      <Show when={all.error()}>
        <ErrorNote error={all.error()} retry={all.reload} />
      </Show>
      <Table
        label="Alarms"
        rows={rows()}
        columns={columns}
        key={(alarm) => alarm.AlarmName}
        open={(alarm) => go("/alarms/alarm", { name: alarm.AlarmName, q: "", state: "" })}
        empty={
          <Show when={!all.loading()} fallback={<Loading what="alarms" />}>
            <Show when={!all.error()}>
              <Empty title={of("") ? "No alarm is like this" : "No alarms yet"}>
                <p>
                  <a href={href("/alarms/create")}>Create one</a> from any metric, or run{" "}
                  <code>aws cloudwatch put-metric-alarm</code>.
                </p>
              </Empty>
            </Show>
          </Show>
        }
      />
    </div>
  );
}

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

/** What a composite alarm is made of, with the state of each. */
function Children(props: { rule: string }) {
  const found = load(
    () => childrenOf(props.rule),
    async (names, signal) => {
      const alarms = names.length ? (await listAlarms({ AlarmNames: names.slice(0, 100) }, signal)).alarms : [];
      return names.map((name) => ({ name, alarm: alarms.find((alarm) => alarm.AlarmName === name) }));
    },
  );
  return (
    <Panel title="What it is made of" flush>
      <Shown of={found} what="its alarms">
        {(children) => (
          <ul class="feed">
            <For each={children()}>
              {(child) => (
                <li>
                  <Show when={child.alarm} fallback={<span class="faint">not there</span>}>
                    {(alarm) => <StateBadge state={alarm().StateValue} />}
                  </Show>
                  <a href={href("/alarms/alarm", { name: child.name })}>{child.name}</a>
                  <span class="grow clip faint">{child.alarm && condition(child.alarm)}</span>
                </li>
              )}
            </For>
          </ul>
        )}
      </Shown>
    </Panel>
  );
}

interface HistoryItem {
  Timestamp: number;
  HistoryItemType: string;
  HistorySummary: string;
  HistoryData?: string;
}

function AlarmDetail() {
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
    ({ alarm, at }, signal) => metricData(queriesOf(alarm), at, signal),
  );
  const history = load(
    () => ({ name: name(), at: period() }),
    async (asked, signal) => {
      const input = {
        AlarmName: asked.name,
        AlarmTypes: ["MetricAlarm", "CompositeAlarm"],
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
      if (operation === "DeleteAlarms") return go("/alarms", { name: "" });
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
  ];
  const [opened, setOpened] = createSignal<HistoryItem>();
  return (
    <>
      <PageHead
        title={
          <>
            <a href={href("/alarms", { name: "" })}>Alarms</a> / {name()}
          </>
        }
        sub={found.data()?.AlarmDescription}
      >
        <Given when={found.data()}>
          {(alarm) => (
            <>
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
                  It may have been deleted, or belong to another region. See{" "}
                  <a href={href("/alarms", { name: "" })}>all alarms</a>.
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
                      [
                        "Missing data",
                        !alarm().AlarmRule &&
                          {
                            missing: "keeps the state",
                            notBreaching: "counts as good",
                            breaching: "counts as bad",
                            ignore: "is passed over",
                          }[alarm().TreatMissingData ?? "missing"],
                      ],
                      [
                        "Actions",
                        alarm().ActionsEnabled === false
                          ? "switched off"
                          : [...(alarm().AlarmActions ?? [])].join(", ") || "none",
                      ],
                      ["Changes", <a href={href("/events", { q: name(), name: "" })}>audit writes that name this alarm</a>],
                    ]}
                  />
                </Panel>
                <Show when={alarm().AlarmRule}>{(rule) => <Children rule={rule()} />}</Show>
                <Show when={queriesOf(alarm()).length}>
                  <Panel title="What it looks at">
                    <Show when={data.error()}>
                      <ErrorNote error={data.error()} retry={data.reload} />
                    </Show>
                    <Chart
                      lines={data.data() ?? []}
                      range={period()}
                      height={240}
                      thresholds={
                        alarm().Threshold === undefined
                          ? []
                          : [{ value: alarm().Threshold ?? 0, label: `threshold ${short(alarm().Threshold ?? 0)}` }]
                      }
                      label="The alarm's metric and threshold"
                      empty={data.loading() ? "Loading…" : "No data in this time."}
                    />
                  </Panel>
                </Show>
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

const OPERATORS: [string, string][] = [
  ["GreaterThanThreshold", "greater than"],
  ["GreaterThanOrEqualToThreshold", "at least"],
  ["LessThanThreshold", "less than"],
  ["LessThanOrEqualToThreshold", "at most"],
];

const breaches: Record<string, (value: number, limit: number) => boolean> = {
  GreaterThanThreshold: (v, t) => v > t,
  GreaterThanOrEqualToThreshold: (v, t) => v >= t,
  LessThanThreshold: (v, t) => v < t,
  LessThanOrEqualToThreshold: (v, t) => v <= t,
};

/** How often M of N points crossed the line, points that are there only: a preview, the server decides. */
export function firings(values: number[], limit: number, operator: string, m: number, n: number): number {
  const test = breaches[operator];
  let fired = 0;
  let on = false;
  const window: boolean[] = [];
  for (const value of values) {
    window.push(!!test?.(value, limit));
    if (window.length > n) window.shift();
    const now = window.filter(Boolean).length >= m;
    if (now && !on) fired += 1;
    on = now;
  }
  return fired;
}

function Create() {
  const metric = createMemo((): Metric | undefined => {
    try {
      const row = JSON.parse(param("metric") || "null");
      return row ? metricOf(row) : undefined;
    } catch {
      return undefined;
    }
  });
  const statistic = () => param("stat", "Average");
  const seconds = () => Number(param("period", "60")) || 60;
  const operator = () => param("operator", "GreaterThanThreshold");
  const [threshold, setThreshold] = createSignal(param("threshold"));
  const [n, setN] = createSignal(3);
  const [m, setM] = createSignal(2);
  const [missing, setMissing] = createSignal("missing");
  const [error, setError] = createSignal<unknown>();
  const [busy, setBusy] = createSignal(false);
  const period = createMemo(() => range("1d"));
  let name!: HTMLInputElement;
  let description!: HTMLInputElement;
  let topic!: HTMLInputElement;

  const data = load(
    () => {
      const chosen = metric();
      return chosen ? { chosen, at: period(), stat: statistic(), seconds: seconds() } : undefined;
    },
    ({ chosen, at, stat, seconds: Period }, signal) =>
      metricData([{ Id: "m1", MetricStat: { Metric: chosen, Stat: stat, Period } }], at, signal),
  );
  const limit = () => Number.parseFloat(threshold());
  const fired = () => firings(data.data()?.[0]?.values ?? [], limit(), operator(), m(), n());
  const create = async (event: SubmitEvent) => {
    event.preventDefault();
    const chosen = metric();
    if (!chosen) return setError(new AwsError("ValidationException", "Choose a metric first.", 400, "cloudwatch PutMetricAlarm"));
    setBusy(true);
    setError(undefined);
    const isPlain = ["Average", "Sum", "Minimum", "Maximum", "SampleCount"].includes(statistic());
    try {
      await aws("cloudwatch", "PutMetricAlarm", {
        AlarmName: name.value.trim(),
        AlarmDescription: description.value.trim() || undefined,
        ...chosen,
        ...(isPlain ? { Statistic: statistic() } : { ExtendedStatistic: statistic() }),
        Period: seconds(),
        EvaluationPeriods: n(),
        DatapointsToAlarm: m(),
        Threshold: limit(),
        ComparisonOperator: operator(),
        TreatMissingData: missing(),
        AlarmActions: topic.value.trim() ? [topic.value.trim()] : [],
      });
      go("/alarms/alarm", { name: name.value.trim(), metric: "", stat: "", period: "", operator: "", threshold: "" });
    } catch (failure) {
      setError(() => failure);
      setBusy(false);
    }
  };
  return (
    <>
      <PageHead
        title={
          <>
            <a href={href("/alarms")}>Alarms</a> / Create
          </>
        }
        sub="Choose a metric, say when it is too much, see when that would have fired."
      >
        <RangePicker absent="1d" />
      </PageHead>
      <form class="stack" onSubmit={create}>
        <Show when={error()}>
          <ErrorNote error={error()} />
        </Show>
        <Panel title="Metric">
          <MetricPicker chosen={metric()} />
        </Panel>
        <Panel title="Preview">
          <Show when={data.error()}>
            <ErrorNote error={data.error()} retry={data.reload} />
          </Show>
          <Chart
            lines={(data.data() ?? []) as Line[]}
            range={period()}
            height={200}
            thresholds={Number.isFinite(limit()) ? [{ value: limit(), label: `threshold ${short(limit())}` }] : []}
            label="The metric and the threshold"
            empty={
              metric() ? (data.loading() ? "Loading…" : "No data in this time: take a longer range.") : "Choose a metric first."
            }
          />
          <Show when={metric() && Number.isFinite(limit()) && data.data()?.[0]?.values.length}>
            <p role="status">
              In the time shown it would have fired <strong>{fired()}</strong> {fired() === 1 ? "time" : "times"}.{" "}
              <span class="faint">Missing points are left out of this count; </span>
              <code>trailwatch alarms backtest</code> <span class="faint">counts exactly.</span>
            </p>
          </Show>
        </Panel>
        <Panel title="Condition">
          <div class="form">
            <Field label="Statistic">
              {(id) => (
                <select id={id} value={statistic()} onChange={(event) => setParams({ stat: event.currentTarget.value }, true)}>
                  <For each={STATISTICS}>{(stat) => <option value={stat}>{stat}</option>}</For>
                </select>
              )}
            </Field>
            <Field label="Period">
              {(id) => (
                <select
                  id={id}
                  value={String(seconds())}
                  onChange={(event) => setParams({ period: event.currentTarget.value }, true)}
                >
                  <For each={[10, 30, 60, 300, 900, 3600, 21600, 86400]}>
                    {(s) => <option value={s}>{s < 60 ? `${s} s` : s < 3600 ? `${s / 60} min` : `${s / 3600} h`}</option>}
                  </For>
                </select>
              )}
            </Field>
            <Field label="Fires when it is">
              {(id) => (
                <select id={id} value={operator()} onChange={(event) => setParams({ operator: event.currentTarget.value }, true)}>
                  <For each={OPERATORS}>{([key, text]) => <option value={key}>{text}</option>}</For>
                </select>
              )}
            </Field>
            <Field label="Threshold">
              {(id) => (
                <input
                  id={id}
                  required
                  type="number"
                  step="any"
                  value={threshold()}
                  onInput={(event) => setThreshold(event.currentTarget.value)}
                />
              )}
            </Field>
            <Field label="Points over it">
              {(id) => (
                <input
                  id={id}
                  required
                  type="number"
                  min="1"
                  max={n()}
                  value={m()}
                  onInput={(event) => setM(Number(event.currentTarget.value))}
                />
              )}
            </Field>
            <Field label="out of the last">
              {(id) => (
                <input
                  id={id}
                  required
                  type="number"
                  min="1"
                  max="1440"
                  value={n()}
                  onInput={(event) => setN(Number(event.currentTarget.value))}
                />
              )}
            </Field>
            <Field label="Missing data">
              {(id) => (
                <select id={id} value={missing()} onChange={(event) => setMissing(event.currentTarget.value)}>
                  <option value="missing">keeps the state</option>
                  <option value="notBreaching">counts as good</option>
                  <option value="breaching">counts as bad</option>
                  <option value="ignore">is passed over</option>
                </select>
              )}
            </Field>
          </div>
        </Panel>
        <Panel title="Name and action">
          <div class="form">
            <Field label="Name">{(id) => <input id={id} ref={name} required maxlength={255} />}</Field>
            <Field label="Description">{(id) => <input id={id} ref={description} maxlength={1024} />}</Field>
            <Field label="Topic to tell" hint="The ARN of an SNS topic; empty for none.">
              {(id) => (
                <input
                  id={id}
                  ref={topic}
                  placeholder="arn:aws:sns:us-east-1:123456789012:on-call"
                  spellcheck={false}
                  class="mono"
                />
              )}
            </Field>
          </div>
          <div class="actions end">
            <a class="button" href={href("/alarms", { metric: "" })}>
              Cancel
            </a>
            <button type="submit" class="primary" disabled={busy()}>
              Create alarm
            </button>
          </div>
        </Panel>
      </form>
    </>
  );
}

function MetricPicker(props: { chosen?: Metric }) {
  const [text, setText] = createSignal("");
  const found = load(
    () => ({}),
    (_, signal) => listMetrics({}, 5000, signal),
  );
  const matching = createMemo(() => {
    const words = text().toLowerCase().split(/\s+/).filter(Boolean);
    return (found.data()?.items ?? []).filter((metric) => {
      const all = `${metric.Namespace} ${metric.MetricName} ${dimensionsText(metric)}`.toLowerCase();
      return words.every((word) => all.includes(word));
    });
  });
  const choose = (metric: Metric) => {
    setParams({
      metric: JSON.stringify({
        i: "m1",
        n: metric.Namespace,
        m: metric.MetricName,
        d: metric.Dimensions.map((d) => [d.Name, d.Value]),
      }),
    });
    setText("");
  };
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
        placeholder={props.chosen ? "Find another metric  ( / )" : "Find a metric: words of namespace, name, dimensions  ( / )"}
        value={text()}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <Show when={found.error()}>
        <ErrorNote error={found.error()} retry={found.reload} />
      </Show>
      <Show when={text() || !props.chosen}>
        <ul class="pick" aria-label="Metrics found">
          <For each={matching().slice(0, 8)}>
            {(metric) => (
              <li>
                <button type="button" onClick={() => choose(metric)}>
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

export type { Range };
