// Investigate: an alarm, a metric or a window of time; what changed before it, ranked, with reasons; all on one timeline.
import { createMemo, createSignal, For, Match, Show, Switch } from "solid-js";
import {
  type Answer,
  asked,
  type Cause,
  investigate,
  type Kind,
  kindOf,
  type Moment,
  metricOf,
  moments,
  pathOf,
  rounded,
  WINDOWS,
} from "../investigate";
import { load } from "../load";
import { dimensionsText, listAlarms, listMetrics, type Metric } from "../metrics";
import { count, short } from "../numbers";
import { href, param, setParams } from "../router";
import { dateTime, type Range, tick, utc, zoom } from "../time";
import { brush } from "../ui/brush";
import { Badge, Copy, Empty, PageHead, Panel, Shown, StateBadge } from "../ui/parts";
import { RangePicker } from "../ui/range";
import { Plain } from "../ui/table";

const KINDS: [Kind, string][] = [
  ["alarm", "An alarm"],
  ["metric", "A metric"],
  ["window", "A window of time"],
];

export default function Investigate() {
  const question = createMemo(asked);
  const found = load(question, investigate);
  return (
    <>
      <PageHead title="Investigate" sub="What changed just before it, and how likely each change explains it.">
        <Show when={kindOf() === "window"}>
          <RangePicker absent="1h" />
        </Show>
      </PageHead>
      <About reload={found.reload} />
      <Show when={question()} fallback={<Nothing />}>
        <Shown of={found} what="changes, metrics and logs">
          {(answer) => <Found answer={answer()} />}
        </Shown>
      </Show>
    </>
  );
}

function Nothing() {
  return (
    <Panel>
      <Empty title="What happened?">
        <p>
          Choose an alarm, a metric that spiked, or a window of time. Changes of the audit trail before it are ranked by time, by
          what they touched, by how rare they are for who made them, and by what followed them earlier. The same on the command
          line: <code>trailwatch why ALARM</code>
        </p>
        <p>
          No alarm yet? <a href={href("/alarms/create")}>Create one</a>, or take a metric from{" "}
          <a href={href("/metrics")}>a graph</a>.
        </p>
      </Empty>
    </Panel>
  );
}

/** What the investigation is about, all of it in the URL. */
function About(props: { reload: () => void }) {
  const alarms = load(
    () => (kindOf() === "alarm" ? true : undefined),
    async (_, signal) => (await listAlarms({}, signal)).alarms,
  );
  const order = { ALARM: 0, INSUFFICIENT_DATA: 1, OK: 2 } as Record<string, number>;
  const names = createMemo(() => {
    const all = [...(alarms.data() ?? [])].sort((a, b) => (order[a.StateValue] ?? 3) - (order[b.StateValue] ?? 3));
    const chosen = param("alarm");
    const listed = all.map((alarm) => ({ name: alarm.AlarmName, state: alarm.StateValue }));
    return chosen && !listed.some((alarm) => alarm.name === chosen) ? [{ name: chosen, state: "" }, ...listed] : listed;
  });
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <div class="segments" role="group" aria-label="About">
        <For each={KINDS}>
          {([kind, name]) => (
            <button
              type="button"
              aria-pressed={kindOf() === kind}
              onClick={() => setParams({ kind: kind === "alarm" ? "" : kind })}
            >
              {name}
            </button>
          )}
        </For>
      </div>
      <Show when={kindOf() === "alarm"}>
        <select
          aria-label="Alarm"
          data-search
          value={param("alarm")}
          onChange={(event) => setParams({ alarm: event.currentTarget.value, at: "" })}
        >
          <option value="">
            {alarms.loading() ? "Loading alarms…" : names().length ? "Choose an alarm" : "There are no alarms"}
          </option>
          <For each={names()}>
            {(alarm) => (
              <option value={alarm.name} selected={alarm.name === param("alarm")}>
                {alarm.name}
                {alarm.state === "ALARM" ? " – in alarm" : ""}
              </option>
            )}
          </For>
        </select>
      </Show>
      <Show when={kindOf() === "metric"}>
        <MetricFinder />
      </Show>
      <Show when={kindOf() !== "window"}>
        <label class="check">
          At{" "}
          <input
            type="datetime-local"
            step="1"
            aria-label="Moment"
            value={local(param("at"))}
            onChange={(event) => setParams({ at: instant(event.currentTarget.value) })}
          />
        </label>
        <select
          aria-label="Time before"
          value={param("window", "3600")}
          onChange={(event) => setParams({ window: event.currentTarget.value })}
        >
          <For each={WINDOWS}>{([seconds, name]) => <option value={seconds}>{name} before</option>}</For>
        </select>
        <button type="button" class="icon" title="Ask again" aria-label="Ask again" onClick={props.reload}>
          ↻
        </button>
      </Show>
    </form>
  );
}

const local = (text: string) => {
  const ms = Date.parse(text);
  if (!Number.isFinite(ms)) return "";
  return new Date(utc() ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
};
const instant = (text: string) => {
  const ms = Date.parse(utc() && text ? `${text}Z` : text);
  return Number.isFinite(ms) ? new Date(ms).toISOString() : "";
};

function MetricFinder() {
  const [text, setText] = createSignal("");
  const chosen = () => metricOf(param("metric"));
  const metrics = load(
    () => (text().trim() ? true : undefined),
    async (_, signal) => (await listMetrics({}, 5000, signal)).items,
  );
  const matching = createMemo(() => {
    const words = text().toLowerCase().split(/\s+/).filter(Boolean);
    const of = (metric: Metric) => `${metric.Namespace} ${metric.MetricName} ${dimensionsText(metric)}`.toLowerCase();
    return words.length
      ? (metrics.data() ?? []).filter((metric) => words.every((word) => of(metric).includes(word))).slice(0, 8)
      : [];
  });
  const choose = (metric: Metric) => {
    const dimensions = Object.fromEntries(metric.Dimensions.map((d) => [d.Name, d.Value]));
    const value = {
      namespace: metric.Namespace,
      metric_name: metric.MetricName,
      dimensions,
      statistic: param("stat", "Average"),
    };
    setParams({ metric: JSON.stringify(value), at: "" });
    setText("");
  };
  return (
    <>
      <input
        type="search"
        class="grow"
        data-search
        aria-label="Find a metric"
        placeholder="Words of its namespace, name, dimensions  ( / )"
        value={text()}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <select
        aria-label="Statistic"
        value={String(chosen()?.statistic ?? param("stat", "Average"))}
        onChange={(event) => {
          const stat = event.currentTarget.value;
          const now = chosen();
          setParams({ stat, ...(now ? { metric: JSON.stringify({ ...now, statistic: stat }) } : {}) } as Record<string, string>);
        }}
      >
        <For each={["Average", "Sum", "Maximum", "Minimum", "SampleCount", "p90", "p99"]}>
          {(stat) => <option>{stat}</option>}
        </For>
      </select>
      <For each={matching()}>
        {(metric) => (
          <button type="button" class="chip" onClick={() => choose(metric)}>
            {metric.Namespace} {metric.MetricName} {dimensionsText(metric)}
          </button>
        )}
      </For>
      <Show when={text().trim() && !metrics.loading() && matching().length === 0}>
        <span class="faint">No metric has these words.</span>
      </Show>
      <Show when={chosen()}>
        {(metric) => (
          <span class="chip" role="status">
            {String(metric().namespace)} {String(metric().metric_name)}{" "}
            {Object.entries((metric().dimensions as Record<string, string>) ?? {})
              .map(([name, value]) => `${name}=${value}`)
              .join(", ")}
          </span>
        )}
      </Show>
    </>
  );
}

function Found(props: { answer: Answer }) {
  const answer = () => props.answer;
  const all = createMemo(() => moments(answer()));
  const span = createMemo(() => ({ from: Date.parse(answer().window.from), to: Date.parse(answer().window.to) }));
  return (
    <div class="stack">
      <Panel
        title={
          <>
            {answer().subject.alarm_name ?? (answer().metrics[0]?.label || "What happened")}{" "}
            <Show when={answer().subject.state}>{(state) => <StateBadge state={state()} />}</Show>
          </>
        }
        actions={
          <Show when={answer().subject.alarm_name}>
            {(name) => <a href={href("/alarms/alarm", { name: name() })}>The alarm</a>}
          </Show>
        }
      >
        <p>
          <strong>
            {answer().onset.source === "window"
              ? "Nothing tells when it began, so the end of the window stands for it."
              : answer().onset.reason}
          </strong>
        </p>
        <p class="faint">
          Looked at {dateTime(span().from)} – {dateTime(span().to)}: {count(answer().looked.events)} audit events (
          {answer().looked.history_events
            ? `compared with ${count(answer().looked.history_events)} of ${rounded(answer().looked.history_days)} days before`
            : "there are none of the days before to compare them with"}
          ),{" "}
          {answer().subject.log_groups.length
            ? `${count(answer().looked.log_lines)} log lines of ${answer().subject.log_groups.join(", ")}`
            : "no log lines: no log group is known to belong to it"}
          .
        </p>
        <For each={answer().looked.notes}>{(note) => <p class="faint">{note}</p>}</For>
      </Panel>
      <Panel title="Causes, the likeliest first" class="causes">
        <Show
          when={answer().causes.length}
          fallback={
            <Empty title="No change explains it">
              <p>
                Nothing on the audit trail was changed before it in this time. Take a longer time before, or look at the{" "}
                <a href={href("/insights", { groups: answer().subject.log_groups.join(",") })}>logs</a>: not every cause is a
                change that was recorded here.
              </p>
            </Empty>
          }
        >
          <ol>
            <For each={answer().causes}>{(cause) => <CauseItem cause={cause} />}</For>
          </ol>
        </Show>
      </Panel>
      <Panel title="Timeline">
        <Lanes answer={answer()} span={span()} />
      </Panel>
      <Panel title="In order" flush>
        <Moments all={all()} />
      </Panel>
      <Show when={answer().log_patterns.length}>
        <Panel title="Log patterns that are new or surged" flush>
          <Patterns answer={answer()} />
        </Panel>
      </Show>
    </div>
  );
}

const VERDICTS: Record<string, "bad" | "warn" | "plain"> = { likely: "bad", possible: "warn" };

function CauseItem(props: { cause: Cause }) {
  const cause = () => props.cause;
  const most = () => Math.max(1, ...cause().factors.map((factor) => Math.abs(factor.score)));
  const isOpen = () => param("cause", "1") === String(cause().rank);
  return (
    <li>
      <details
        open={isOpen()}
        onToggle={(event) => {
          if (event.currentTarget.open && !isOpen()) setParams({ cause: String(cause().rank) }, true);
        }}
      >
        <summary>
          <span class="rank">{cause().rank}</span>
          <Badge tone={VERDICTS[cause().verdict] ?? "plain"}>{cause().verdict}</Badge>
          <span class="num" title="Its share of all causes that are known, and of none of these">
            {Math.round(cause().share * 100)} %
          </span>
          <span class="cause-summary">{cause().summary}</span>
        </summary>
        <Plain
          class="dense factors"
          head={["Reason", { name: "Score", num: true }, { name: "As a bar", unseen: true }, "In words"]}
          of={cause().factors.filter((factor) => factor.score !== 0 || factor.reason)}
        >
          {(factor) => (
            <tr>
              <th scope="row">{factor.name}</th>
              <td class="num">{factor.score.toFixed(1)}</td>
              <td>
                <span class="gauge" classList={{ minus: factor.score < 0 }}>
                  <i style={{ "--part": `${(Math.abs(factor.score) / most()) * 100}%` }} />
                </span>
              </td>
              <td>{factor.reason || (factor.name === "prior" ? "what any change starts with" : "")}</td>
            </tr>
          )}
        </Plain>
        <div class="actions">
          <a
            class="button small-button"
            href={href("/events", { "f.event_id": cause().event_ids.join("\n"), event: cause().event.event_id, range: "all" })}
          >
            {cause().event_ids.length > 1 ? `Its ${cause().event_ids.length} events` : "Its event"}
          </a>
          <a class="button small-button" href={href("/events/session", { event: cause().event.event_id })}>
            All that this login did
          </a>
          <Copy text={cause().summary} />
        </div>
      </details>
    </li>
  );
}

const WIDTH = 1000;
/** As `.of-metric` is high. */
const LANE = 64;

/** Metrics, log patterns, alarms and changes over the same time; a drag asks about the time that it spans. */
function Lanes(props: { answer: Answer; span: { from: number; to: number } }) {
  const x = (ms: number) =>
    ((Math.min(Math.max(ms, props.span.from), props.span.to) - props.span.from) / (props.span.to - props.span.from)) * WIDTH;
  const onset = () => [Date.parse(props.answer.onset.from), Date.parse(props.answer.onset.to)] as const;
  const ask = (found: Range) => {
    setParams({ kind: "window" });
    zoom(found);
  };
  const { handlers, span } = brush(() => ({ start: props.span.from, end: props.span.to }), ask);
  const part = (ms: number) => `${(x(ms) / WIDTH) * 100}%`;
  return (
    <div class="lanes">
      <div class="lane-names" aria-hidden="true">
        <For each={props.answer.metrics}>{(metric) => <div class="of-metric">{metric.label}</div>}</For>
        <Show when={props.answer.log_patterns.length}>
          <div style={{ height: `${Math.min(props.answer.log_patterns.length, 8) * 9 + 8}px` }}>Log patterns</div>
        </Show>
        <div class="marks">Alarms</div>
        <div class="marks">Changes</div>
      </div>
      <div
        class="lane-area"
        role="img"
        aria-label={`Timeline: ${props.answer.metrics.length} metrics, ${props.answer.log_patterns.length} log patterns, ${props.answer.transitions.length} alarm transitions, ${props.answer.changes.length} changes. All of it is in the table below.`}
        {...handlers}
      >
        <div
          class="onset"
          style={{ left: part(onset()[0]), width: `max(2px, calc(${part(onset()[1])} - ${part(onset()[0])}))` }}
        />
        <Show when={span()}>
          {(held) => (
            <div
              class="brushed"
              style={{ left: part(held().start), width: `calc(${part(held().end)} - ${part(held().start)})` }}
            />
          )}
        </Show>
        <For each={props.answer.metrics}>
          {(metric) => {
            const drawn = createMemo(() => pathOf(metric, props.span, { width: WIDTH, height: LANE }));
            return (
              <div class="lane of-metric">
                <svg viewBox={`0 0 ${WIDTH} ${LANE}`} preserveAspectRatio="none" aria-hidden="true">
                  <path class="line" d={drawn().path} />
                  <Show when={drawn().threshold !== undefined}>
                    <path class="threshold" d={`M0 ${drawn().threshold}L${WIDTH} ${drawn().threshold}`} />
                  </Show>
                </svg>
                <span class="lane-high">{short(drawn().high)}</span>
              </div>
            );
          }}
        </For>
        <Show when={props.answer.log_patterns.length}>
          <div class="lane" style={{ height: `${Math.min(props.answer.log_patterns.length, 8) * 9 + 8}px` }}>
            <For each={props.answer.log_patterns.slice(0, 8)}>
              {(pattern, index) => (
                <div
                  class="span"
                  classList={{ new: pattern.kind === "new" }}
                  title={`${pattern.kind}: ${pattern.pattern}`}
                  style={{
                    top: `${index() * 9 + 4}px`,
                    left: part(Date.parse(pattern.first)),
                    width: `max(4px, calc(${part(Date.parse(pattern.last))} - ${part(Date.parse(pattern.first))}))`,
                  }}
                />
              )}
            </For>
          </div>
        </Show>
        <div class="lane marks">
          <For each={props.answer.transitions}>
            {(transition) => (
              <div
                class={`mark state-${transition.to.toLowerCase()}`}
                title={`${transition.alarm_name}: ${transition.summary}`}
                style={{ left: part(Date.parse(transition.time)) }}
              />
            )}
          </For>
        </div>
        <div class="lane marks">
          <For each={props.answer.changes}>
            {(change) => (
              <div
                class="mark change"
                classList={{ ranked: change.rank !== null && change.rank <= 3 }}
                title={`${dateTime(Date.parse(change.time))} ${change.event_name} by ${change.user || change.actor}`}
                style={{ left: part(Date.parse(change.time)) }}
              >
                {change.rank !== null && change.rank <= 3 ? change.rank : ""}
              </div>
            )}
          </For>
        </div>
        <div class="ticks" aria-hidden="true">
          <For each={[0, 0.25, 0.5, 0.75, 1]}>
            {(share) => (
              <span>{tick(props.span.from + share * (props.span.to - props.span.from), props.span.to - props.span.from)}</span>
            )}
          </For>
        </div>
      </div>
    </div>
  );
}

const KIND_NAMES: Record<Moment["kind"], string> = {
  change: "change",
  transition: "alarm",
  log: "logs",
  metric: "metric",
  onset: "onset",
};

function Moments(props: { all: Moment[] }) {
  const only = () => param("only");
  const shown = () => props.all.filter((moment) => !only() || moment.kind === only());
  return (
    <>
      <div class="filters padded">
        <div class="segments" role="group" aria-label="Kinds">
          <button type="button" aria-pressed={!only()} onClick={() => setParams({ only: "" })}>
            All
          </button>
          <For each={["change", "transition", "log", "metric"] as Moment["kind"][]}>
            {(kind) => (
              <button type="button" aria-pressed={only() === kind} onClick={() => setParams({ only: kind })}>
                {KIND_NAMES[kind]} {props.all.filter((moment) => moment.kind === kind).length}
              </button>
            )}
          </For>
        </div>
      </div>
      <div class="scroll-x moments">
        <Plain head={["Time", "What", "Cause", "Which", "Detail"]} of={shown()}>
          {(moment) => (
            <tr classList={{ began: moment.kind === "onset" }}>
              <td class="mono">{dateTime(moment.at)}</td>
              <td>
                <Badge tone={moment.tone}>{KIND_NAMES[moment.kind]}</Badge>
              </td>
              <td class="num">{moment.rank ?? ""}</td>
              <td>
                <Switch fallback={moment.title}>
                  <Match when={moment.event}>
                    {(event) => (
                      <a href={href("/events", { "f.event_id": event().event_id, event: event().event_id, range: "all" })}>
                        {moment.title}
                      </a>
                    )}
                  </Match>
                  <Match when={moment.alarm}>
                    {(name) => <a href={href("/alarms/alarm", { name: name() })}>{moment.title}</a>}
                  </Match>
                </Switch>
              </td>
              <td class="message">{moment.detail}</td>
            </tr>
          )}
        </Plain>
      </div>
    </>
  );
}

function Patterns(props: { answer: Answer }) {
  const window = () => ({
    start: new Date(Date.parse(props.answer.window.from)).toISOString(),
    end: new Date(Date.parse(props.answer.window.to)).toISOString(),
    range: "",
  });
  return (
    <div class="scroll-x">
      <Plain
        head={["Kind", "Log group", { name: "A minute before", num: true }, { name: "After", num: true }, "Pattern"]}
        of={props.answer.log_patterns}
      >
        {(pattern) => (
          <tr>
            <td>
              <Badge tone={pattern.kind === "new" ? "bad" : "warn"}>{pattern.kind}</Badge>
            </td>
            <td>
              <a href={href("/logs/group", { name: pattern.log_group, ...window() })}>{pattern.log_group}</a>
            </td>
            <td class="num">{rounded(pattern.before_per_minute)}</td>
            <td class="num">{rounded(pattern.after_per_minute)}</td>
            <td class="message" title={pattern.sample}>
              {pattern.pattern}
            </td>
          </tr>
        )}
      </Plain>
    </div>
  );
}
