// Makes an alarm: what is watched, when it fires, whom it tells; with a preview and with what it would have done. All of it is in the URL.
import { createMemo, createSignal, For, Match, Show, Switch } from "solid-js";
import { callOf, type Form, type Kind, previewOf } from "../../alarm-draft";
import { alarmsOf, parseRule, quoted, RuleMistake } from "../../alarm-rule";
import { AwsError, aws } from "../../aws";
import { alarmSpans } from "../../backtest";
import { Chart, type Line } from "../../charts/chart";
import { graphOf, metricOf, type Row, rowOf } from "../../graph";
import { load } from "../../load";
import { linesOf, listAlarms, type Metric, metricData } from "../../metrics";
import { short } from "../../numbers";
import { promRange } from "../../promql";
import { go, href, param, setParams } from "../../router";
import { STATISTICS } from "../../statistics";
import { range } from "../../time";
import { MetricPicker } from "../../ui/metric-picker";
import { Crumbs, hasWords, Segments } from "../../ui/page";
import { Empty, ErrorNote, Field, PageHead, Panel } from "../../ui/parts";
import { RangePicker } from "../../ui/range";
import { AddExpression, Rows } from "../metrics/builder";
import { BacktestPanel, replay } from "./backtest";
import { RuleTree } from "./tree";

const KINDS: [string, string][] = [
  ["metric", "Metric"],
  ["math", "Math"],
  ["anomaly", "Anomaly band"],
  ["promql", "PromQL"],
  ["composite", "Of other alarms"],
];
const OPERATORS: [string, string][] = [
  ["GreaterThanThreshold", "greater than"],
  ["GreaterThanOrEqualToThreshold", "at least"],
  ["LessThanThreshold", "less than"],
  ["LessThanOrEqualToThreshold", "at most"],
];
const SIDES: [string, string][] = [
  ["LessThanLowerOrGreaterThanUpperThreshold", "outside the band"],
  ["GreaterThanUpperThreshold", "above the band"],
  ["LessThanLowerThreshold", "below the band"],
];
const MISSING: [string, string][] = [
  ["missing", "keeps the state"],
  ["notBreaching", "counts as good"],
  ["breaching", "counts as bad"],
  ["ignore", "is passed over"],
];
const SECONDS = [10, 30, 60, 300, 900, 3600, 21_600, 86_400];

const number = (name: string, absent: number) => {
  const value = Number.parseFloat(param(name));
  return Number.isFinite(value) ? value : absent;
};

function metricRow(): Row | undefined {
  try {
    const row = JSON.parse(param("metric") || "null");
    return row && typeof row === "object" ? row : undefined;
  } catch {
    return undefined;
  }
}

/** The form, as the URL has it. */
function formNow(): Form {
  return {
    kind: (KINDS.find(([key]) => key === param("kind"))?.[0] ?? "metric") as Kind,
    name: param("new"),
    description: param("about"),
    topic: param("topic"),
    metric: metricRow(),
    stat: param("stat", "Average"),
    period: number("period", 60),
    operator: param("operator", "GreaterThanThreshold"),
    threshold: number("threshold", Number.NaN),
    n: number("n", 3),
    m: number("m", 2),
    missing: param("missing", "missing"),
    rows: graphOf(param("graph")).filter((row) => !row.q),
    of: param("of"),
    width: number("width", 2),
    side: param("side", SIDES[0]![0]),
    promql: param("e"),
    pending: number("pending", 300),
    recovery: number("recovery", 300),
    rule: param("rule"),
    suppressor: param("suppressor"),
    wait: number("wait", 120),
    extension: number("extension", 120),
  };
}

const set = (name: string) => (event: { currentTarget: { value: string } }) =>
  setParams({ [name]: event.currentTarget.value }, true);

export function CreateAlarm() {
  const form = createMemo(formNow);
  const [error, setError] = createSignal<unknown>();
  const [busy, setBusy] = createSignal(false);
  const period = createMemo(() => range("1d"));
  const preview = createMemo(() => JSON.stringify(form().kind === "promql" ? form().promql.trim() : previewOf(form())));
  const data = load(
    () => {
      const text = preview();
      return text === "[]" || text === '""' ? undefined : { text, at: period(), step: form().period };
    },
    async ({ text, at, step }, signal): Promise<Line[]> => {
      const asked = JSON.parse(text);
      if (typeof asked === "string") return promRange(asked, at, Math.max(60, step), signal);
      return linesOf(await metricData(asked, at, signal), () => ({}));
    },
  );
  /** The call without what only people read: a new name needs no new replay. */
  const subject = createMemo(() => {
    const call = callOf({ ...form(), name: "draft", description: "", topic: "" });
    if ("missing" in call) return undefined;
    if (form().kind === "composite" && mistake(form().rule)) return undefined;
    return { alarm: call.input };
  });
  const replayed = replay(subject);
  const spans = () => {
    const now = replayed.of.data();
    return now ? alarmSpans(now.found, now.end) : [];
  };
  const create = async (event: SubmitEvent) => {
    event.preventDefault();
    const call = callOf(form());
    if ("missing" in call) return setError(new AwsError("ValidationException", call.missing, 400, "cloudwatch PutMetricAlarm"));
    setBusy(true);
    setError(undefined);
    try {
      await aws("cloudwatch", call.operation, call.input);
      go("/alarms/alarm", { name: form().name });
    } catch (failure) {
      setError(() => failure);
      setBusy(false);
    }
  };
  const limit = () => form().threshold;
  const hasLimit = () => form().kind === "metric" || form().kind === "math";
  return (
    <>
      <PageHead
        title={<Crumbs page="/alarms" of="Alarms" name="Create" />}
        sub="Say what is watched and when it is too much; see when that would have fired."
      >
        <RangePicker absent="1d" />
      </PageHead>
      <form class="stack" onSubmit={create}>
        <Show when={error()}>
          <ErrorNote error={error()} />
        </Show>
        <div class="filters">
          <Segments
            label="Kind of alarm"
            at={form().kind}
            of={KINDS}
            to={(kind) => setParams({ kind: kind === "metric" ? "" : kind })}
          />
        </div>
        <Switch>
          <Match when={form().kind === "metric" || form().kind === "anomaly"}>
            <Panel title="Metric">
              <MetricPicker chosen={form().metric && metricOf(form().metric!)} choose={chooseMetric} />
            </Panel>
          </Match>
          <Match when={form().kind === "math"}>
            <MathPanel form={form()} />
          </Match>
          <Match when={form().kind === "promql"}>
            <Panel title="PromQL">
              <Field
                label="Query"
                hint="Each series of the answer is a contributor; any of them in breach fires the alarm. Such as  avg by (host) (cpu_usage_active) > 90"
              >
                {(id) => (
                  <input id={id} class="mono wide" required spellcheck={false} value={form().promql} onChange={set("e")} />
                )}
              </Field>
            </Panel>
          </Match>
          <Match when={form().kind === "composite"}>
            <RulePanel form={form()} />
          </Match>
        </Switch>
        <Show when={form().kind !== "composite"}>
          <Panel title="Preview">
            <Show when={data.error()}>
              <ErrorNote error={data.error()} retry={data.reload} />
            </Show>
            <Chart
              lines={data.data() ?? []}
              range={period()}
              height={200}
              spans={spans()}
              thresholds={
                hasLimit() && Number.isFinite(limit()) ? [{ value: limit(), label: `threshold ${short(limit())}` }] : []
              }
              label="What is watched and when it would fire"
              empty={
                preview() === "[]" || preview() === '""'
                  ? "Choose what is watched first."
                  : data.loading()
                    ? "Loading…"
                    : "No data in this time: take a longer range."
              }
            />
          </Panel>
        </Show>
        <Show when={form().kind !== "composite"}>
          <ConditionPanel form={form()} />
        </Show>
        <BacktestPanel
          replay={replayed}
          threshold={limit()}
          choose={hasLimit() ? (threshold) => setParams({ threshold: String(threshold) }, true) : undefined}
        />
        <Panel title="Name and action">
          <div class="form">
            <Field label="Name">
              {(id) => <input id={id} required maxlength={255} value={form().name} onInput={set("new")} />}
            </Field>
            <Field label="Description">
              {(id) => <input id={id} maxlength={1024} value={form().description} onInput={set("about")} />}
            </Field>
            <Field label="Topic to tell" hint="The ARN of an SNS topic; empty for none.">
              {(id) => (
                <input
                  id={id}
                  placeholder="arn:aws:sns:us-east-1:123456789012:on-call"
                  spellcheck={false}
                  class="mono"
                  value={form().topic}
                  onInput={set("topic")}
                />
              )}
            </Field>
          </div>
          <div class="actions end">
            <a class="button" href={href("/alarms")}>
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

const chooseMetric = (metric: Metric) => setParams({ metric: JSON.stringify(rowOf(metric, "m1")) });

function MathPanel(props: { form: Form }) {
  const write = (rows: Row[]) => {
    const of = rows.some((row) => row.i === props.form.of) ? props.form.of : (rows.at(-1)?.i ?? "");
    setParams({ graph: rows.length ? JSON.stringify(rows) : "", of }, true);
  };
  const add = (metric: Metric) => {
    let n = 1;
    while (props.form.rows.some((row) => row.i === `m${n}`)) n += 1;
    write([...props.form.rows, rowOf(metric, `m${n}`, "Average")]);
  };
  return (
    <Panel title="Metrics and math" flush>
      <div class="stack padded">
        <MetricPicker adds choose={add} placeholder="Add a metric: words of namespace, name, dimensions  ( / )" />
      </div>
      <Show
        when={props.form.rows.length}
        fallback={<p class="faint padded">Add the metrics that the math is about, then an expression.</p>}
      >
        <Rows rows={props.form.rows} set={write} />
      </Show>
      {/* A form cannot stand in a form: this one is a group with its own button. */}
      <div class="stack padded">
        <AddExpression rows={props.form.rows} set={(rows) => write(rows.filter((row) => !row.q))} inForm />
        <Field label="Watched">
          {(id) => (
            <select id={id} value={props.form.of} onChange={set("of")}>
              <option value="">Choose a row</option>
              <For each={props.form.rows}>
                {(row) => (
                  <option value={row.i} selected={row.i === props.form.of}>
                    {row.i}: {row.e ?? row.m}
                  </option>
                )}
              </For>
            </select>
          )}
        </Field>
      </div>
    </Panel>
  );
}

/** What is wrong with a rule, and where. */
function mistake(rule: string): RuleMistake | undefined {
  try {
    parseRule(rule);
    return undefined;
  } catch (error) {
    return error instanceof RuleMistake ? error : undefined;
  }
}

function RulePanel(props: { form: Form }) {
  const [words, setWords] = createSignal("");
  const all = load(
    () => ({}),
    async (_, signal) => (await listAlarms({}, signal)).alarms,
  );
  const shown = () => (all.data() ?? []).filter((alarm) => hasWords(alarm.AlarmName, words())).slice(0, 8);
  const wrong = () => (props.form.rule.trim() ? mistake(props.form.rule) : undefined);
  let area!: HTMLTextAreaElement;
  const insert = (text: string) => {
    const at = area.selectionStart ?? area.value.length;
    const before = area.value.slice(0, at);
    const after = area.value.slice(area.selectionEnd ?? at);
    const gap = before && !/[\s(]$/.test(before) ? " " : "";
    // Two conditions in a row need a word between them.
    const joint = /\)\s*$/.test(before) && /^(ALARM|NOT|\()/.test(text) ? "AND " : "";
    setParams({ rule: `${before}${gap}${joint}${text}${after}` }, true);
    area.focus();
  };
  const unknown = () => {
    const known = all.data();
    if (!known || wrong() || !props.form.rule.trim()) return [];
    return alarmsOf(parseRule(props.form.rule)).filter((name) => !known.some((alarm) => alarm.AlarmName === name));
  };
  return (
    <Panel title="Rule">
      <div class="two">
        <div class="stack">
          <Field
            label="Fires when"
            hint='Such as  ALARM("slow") AND NOT ALARM("deploying")  or  AT_LEAST(2, ALARM, ("a", "b", "c")).'
          >
            {(id) => (
              <textarea
                id={id}
                ref={area}
                class="mono"
                rows={5}
                required
                spellcheck={false}
                value={props.form.rule}
                onInput={set("rule")}
              />
            )}
          </Field>
          <div class="filters">
            <For each={["AND", "OR", "NOT", "(", ")"]}>
              {(word) => (
                <button type="button" class="small" onClick={() => insert(word)}>
                  {word}
                </button>
              )}
            </For>
          </div>
          <input
            type="search"
            aria-label="Find an alarm"
            placeholder="Find an alarm to put in"
            value={words()}
            onInput={(event) => setWords(event.currentTarget.value)}
            onKeyDown={(event) => event.key === "Enter" && event.preventDefault()}
          />
          <ul class="pick" aria-label="Alarms found">
            <For each={shown()} fallback={<li class="faint">{all.loading() ? "Loading…" : "No alarm has this in its name."}</li>}>
              {(alarm) => (
                <li>
                  <button type="button" onClick={() => insert(`ALARM(${quoted(alarm.AlarmName)})`)}>
                    <span>{alarm.AlarmName}</span>
                    <span class="faint">{alarm.StateValue}</span>
                  </button>
                </li>
              )}
            </For>
          </ul>
        </div>
        <div class="stack">
          <Show
            when={props.form.rule.trim()}
            fallback={
              <Empty title="No rule yet">
                <p>Put alarms in, with AND, OR and NOT between them: what the rule comes to now is shown here.</p>
              </Empty>
            }
          >
            <Show
              when={wrong()}
              fallback={
                <>
                  <RuleTree rule={props.form.rule} />
                  <For each={unknown()}>{(name) => <p class="bad">There is no alarm {name} here.</p>}</For>
                </>
              }
            >
              {(error) => (
                <p class="note error" role="status">
                  {error().message} At character {error().at + 1}:{" "}
                  <code>{props.form.rule.slice(error().at, error().at + 20) || "the end"}</code>
                </p>
              )}
            </Show>
          </Show>
          <div class="form">
            <Field label="Silent while this is in alarm" hint="The name of another alarm; empty for none.">
              {(id) => <input id={id} value={props.form.suppressor} spellcheck={false} onChange={set("suppressor")} />}
            </Field>
            <Show when={props.form.suppressor}>
              <Field label="Wait for it, seconds">
                {(id) => <input id={id} type="number" min="1" value={props.form.wait} onChange={set("wait")} />}
              </Field>
              <Field label="Stay silent after it, seconds">
                {(id) => <input id={id} type="number" min="1" value={props.form.extension} onChange={set("extension")} />}
              </Field>
            </Show>
          </div>
        </div>
      </div>
    </Panel>
  );
}

function ConditionPanel(props: { form: Form }) {
  const kind = () => props.form.kind;
  const choice = (label: string, name: string, value: string, all: [string, string][]) => (
    <Field label={label}>
      {(id) => (
        <select id={id} value={value} onChange={set(name)}>
          <For each={all}>
            {([key, text]) => (
              <option value={key} selected={key === value}>
                {text}
              </option>
            )}
          </For>
        </select>
      )}
    </Field>
  );
  const figure = (label: string, name: string, value: number, more: { min?: number; max?: number; step?: string } = {}) => (
    <Field label={label}>
      {(id) => <input id={id} required type="number" {...more} value={Number.isFinite(value) ? value : ""} onInput={set(name)} />}
    </Field>
  );
  const seconds = (s: number) => (s < 60 ? `${s} s` : s < 3600 ? `${s / 60} min` : `${s / 3600} h`);
  return (
    <Panel title="Condition">
      <div class="form">
        <Show
          when={kind() !== "promql"}
          fallback={
            <>
              {figure("Must hold for, seconds", "pending", props.form.pending, { min: 0 })}
              {figure("Must not hold for, seconds", "recovery", props.form.recovery, { min: 0 })}
            </>
          }
        >
          <Show when={kind() !== "math"}>
            {choice(
              "Statistic",
              "stat",
              props.form.stat,
              STATISTICS.map((stat) => [stat, stat]),
            )}
          </Show>
          {choice(
            "Period",
            "period",
            String(props.form.period),
            SECONDS.map((s) => [String(s), seconds(s)]),
          )}
          <Show
            when={kind() === "anomaly"}
            fallback={
              <>
                {choice("Fires when it is", "operator", props.form.operator, OPERATORS)}
                {figure("Threshold", "threshold", props.form.threshold, { step: "any" })}
              </>
            }
          >
            {choice("Fires when it is", "side", props.form.side, SIDES)}
            {figure("Width of the band, deviations", "width", props.form.width, { step: "any", min: 0 })}
          </Show>
          {figure("Points over it", "m", props.form.m, { min: 1, max: props.form.n })}
          {figure("out of the last", "n", props.form.n, { min: 1, max: 1440 })}
          {choice("Missing data", "missing", props.form.missing, MISSING)}
        </Show>
      </div>
    </Panel>
  );
}
