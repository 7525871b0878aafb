// Makes an alarm, or changes one: what is watched, when it fires, whom it tells; with a preview and with what it would have done. All of it is
// in the URL.
import { createMemo, createSignal, For, Match, Show, Switch } from "solid-js";
import { callOf, type Form, formOf, KINDS, previewOf } from "../../alarm-draft";
import { keptOf, lostOf } from "../../alarm-edit";
import { changeOf, type Tag, tagsOf, twice } from "../../alarm-tags";
import { AwsError, aws } from "../../aws";
import { alarmSpans } from "../../backtest";
import { Chart, type Line, limitLine } from "../../charts/chart";
import { metricOf, type Row, rowOf } from "../../graph";
import { load } from "../../load";
import { linesOf, listAlarms, type Metric, metricData } from "../../metrics";
import { promRange } from "../../promql";
import { go, href, param, setParams } from "../../router";
import { session } from "../../session";
import { range } from "../../time";
import { MetricPicker } from "../../ui/metric-picker";
import { Crumbs, Segments } from "../../ui/page";
import { ErrorNote, Field, PageHead, Panel } from "../../ui/parts";
import { RangePicker } from "../../ui/range";
import { AddExpression, Rows } from "../metrics/builder";
import { BacktestPanel, replay } from "./backtest";
import { ConditionPanel } from "./condition-panel";
import { set, Text } from "./form";
import { LogPanel, RunsPanel, runsOf } from "./log-panel";
import { mistake, RulePanel } from "./rule-panel";
import { Tags } from "./tags";

/** The form, as the URL has it; a role is suggested, for people seldom know one by heart. */
function formNow(): Form {
  const form = formOf(param);
  const now = session();
  const account = now.signedIn ? now.account : "";
  return form.role || !account ? form : { ...form, role: `arn:aws:iam::${account}:role/trailwatch-logs` };
}

export function CreateAlarm() {
  const form = createMemo(formNow);
  /** The alarm that is edited, as it is. */
  const edited = load(
    () => (param("edit") ? { name: param("edit") } : undefined),
    async ({ name }, signal) => (await listAlarms({ AlarmNames: [name] }, signal)).alarms[0] ?? null,
  );
  /** The tags that it has. */
  const tagged = load(
    () => edited.data()?.AlarmArn,
    async (ResourceARN, signal) =>
      (await aws<{ Tags?: Tag[] }>("cloudwatch", "ListTagsForResource", { ResourceARN }, signal)).Tags ?? [],
  );
  const tags = () => tagsOf(param("tags")) ?? tagged.data() ?? [];
  /** A put leaves the tags of an alarm that is there as they are. */
  const tag = async (ResourceARN: string, before: Tag[]) => {
    const { put, remove } = changeOf(before, tags());
    if (remove.length) await aws("cloudwatch", "UntagResource", { ResourceARN, TagKeys: remove });
    if (put.length) await aws("cloudwatch", "TagResource", { ResourceARN, Tags: put });
  };
  const lost = () => {
    const alarm = edited.data();
    return alarm ? lostOf(alarm) : [];
  };
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
    const call = callOf({ ...form(), name: "draft", description: "", topic: "", ok: "", unknown: "" });
    if ("missing" in call) return undefined;
    if (form().kind === "composite" && mistake(form().rule)) return undefined;
    return { alarm: call.input };
  });
  const watch = createMemo(() => (form().kind === "log" ? form().log : undefined));
  const runs = runsOf(watch);
  const replayed = replay(subject, () => watch()?.every);
  const spans = () => {
    const now = replayed.of.data();
    return now ? alarmSpans(now.found, now.end) : [];
  };
  const create = async (event: SubmitEvent) => {
    event.preventDefault();
    const call = callOf(form());
    const same = twice(tags());
    const wrong = "missing" in call ? call.missing : same !== undefined && `There are two tags with the key ${same}.`;
    if ("missing" in call || wrong) return setError(new AwsError("ValidationException", String(wrong), 400, "the form"));
    setBusy(true);
    setError(undefined);
    try {
      const [alarm, before] = [edited.data(), tagged.data()];
      const more = alarm ? keptOf(alarm) : tags().length ? { Tags: tags() } : {};
      await aws("cloudwatch", call.operation, { ...call.input, ...more });
      if (alarm && before) await tag(alarm.AlarmArn, before);
      go("/alarms/alarm", { name: form().name });
    } catch (failure) {
      setError(() => failure);
      setBusy(false);
    }
  };
  const limit = () => form().threshold;
  const hasLimit = () => ["metric", "math", "log"].includes(form().kind);
  const isNew = () => !param("edit");
  return (
    <>
      <PageHead
        title={<Crumbs page="/alarms" of="Alarms" name={isNew() ? "Create" : `Edit ${param("edit")}`} />}
        sub="Say what is watched and when it is too much; see when that would have fired."
      >
        <RangePicker absent="1d" />
      </PageHead>
      <form class="stack" onSubmit={create}>
        <Show when={error()}>
          <ErrorNote error={error()} />
        </Show>
        <Show when={edited.error()}>
          <ErrorNote error={edited.error()} retry={edited.reload} />
        </Show>
        <Show when={edited.data() === null}>
          <p class="note error" role="alert">
            There is no alarm {param("edit")} here any more: what is saved makes it anew.
          </p>
        </Show>
        <Show when={lost().length}>
          <p class="note error" role="alert">
            This form has no field for {lost().join(", ")} of this alarm, and would change it: use the aws cli or an SDK instead.
          </p>
        </Show>
        <Show when={isNew()}>
          <div class="filters">
            <Segments
              label="Kind of alarm"
              at={form().kind}
              of={KINDS}
              to={(kind) => setParams({ kind: kind === "metric" ? "" : kind })}
            />
          </div>
        </Show>
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
          <Match when={form().kind === "log"}>
            <LogPanel form={form()} runs={runs} />
          </Match>
          <Match when={form().kind === "composite"}>
            <RulePanel form={form()} />
          </Match>
        </Switch>
        <Show when={watch()}>
          {(of) => (
            <RunsPanel
              title="Preview"
              runs={runs}
              watch={of()}
              threshold={limit()}
              spans={spans()}
              empty={
                of().groups.length
                  ? "No events in this time: take a longer range, or a wider query."
                  : "Choose a log group first."
              }
            />
          )}
        </Show>
        <Show when={form().kind !== "composite" && !watch()}>
          <Panel title="Preview">
            <Show when={data.error()}>
              <ErrorNote error={data.error()} retry={data.reload} />
            </Show>
            <Chart
              lines={data.data() ?? []}
              range={period()}
              height={200}
              spans={spans()}
              thresholds={hasLimit() ? limitLine(limit()) : []}
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
            <Text label="Name" name="new" value={form().name} required max={255} fixed={!isNew()} />
            <Text label="Description" name="about" value={form().description} max={1024} />
            <Text
              label="Tell when it fires"
              name="topic"
              value={form().topic}
              code
              placeholder="arn:aws:sns:us-east-1:123456789012:on-call"
              hint="ARNs of SNS topics, with spaces between them; empty for none."
            />
            <Text label="Tell when it is OK again" name="ok" value={form().ok} code />
            <Text label="Tell when data are missing" name="unknown" value={form().unknown} code />
          </div>
          <Show when={tagged.error()}>
            <ErrorNote error={tagged.error()} retry={tagged.reload} />
          </Show>
          <Show when={isNew() || edited.data() === null || tagged.data()}>
            <Tags tags={tags()} />
          </Show>
          <div class="actions end">
            <a class="button" href={isNew() ? href("/alarms") : href("/alarms/alarm", { name: param("edit") })}>
              Cancel
            </a>
            <button
              type="submit"
              class="primary"
              disabled={busy() || (!isNew() && (edited.data() === undefined || tagged.loading() || lost().length > 0))}
            >
              {isNew() ? "Create alarm" : "Save"}
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
