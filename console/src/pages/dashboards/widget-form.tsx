// A widget by a form: its type, what it shows, how; and the same as JSON for all that the form does not have.
import { createMemo, createSignal, For, Match, Show, Switch } from "solid-js";
import { queriesOf, sourcesOf, type Widget } from "../../dashboards";
import { load } from "../../load";
import { listAlarms, type Metric } from "../../metrics";
import { param } from "../../router";
import { session } from "../../session";
import { STATISTICS } from "../../statistics";
import { range } from "../../time";
import { Dialog } from "../../ui/dialog";
import { GroupPicker } from "../../ui/groups";
import { Markdown } from "../../ui/markdown";
import { MetricPicker } from "../../ui/metric-picker";
import { hasWords, Segments } from "../../ui/page";
import { Field } from "../../ui/parts";
import { WidgetView } from "../widgets/view";

type Properties = Record<string, unknown>;

const TYPES: [string, string][] = [
  ["metric", "Metrics"],
  ["text", "Text"],
  ["log", "Log query"],
  ["alarm", "Alarms"],
  ["explorer", "Explorer"],
  ["chart", "PromQL"],
  ["custom", "Custom"],
];
const VIEWS: [string, string][] = [
  ["timeSeries", "Lines"],
  ["stacked", "Stacked areas"],
  ["singleValue", "Numbers"],
  ["gauge", "Gauge"],
  ["bar", "Bars"],
  ["pie", "Pie"],
  ["table", "Table"],
];
const SIZES: Record<string, [number, number]> = { text: [12, 3], alarm: [8, 5], log: [24, 7] };

const text = (value: unknown) => (typeof value === "string" ? value : "");
const list = (value: unknown) => (Array.isArray(value) ? (value as unknown[]) : []);

function regionNow(): string {
  const now = session();
  return param("region", now.signedIn ? now.region : "");
}

/** What a new widget of a type begins with. */
function fresh(type: string): Properties {
  switch (type) {
    case "text":
      return { markdown: "" };
    case "log":
      return { query: "fields @timestamp, @message | sort @timestamp desc | limit 100", region: regionNow(), view: "table" };
    case "alarm":
      return { title: "Alarms", alarms: [] };
    case "explorer":
      return {
        metrics: [{ metricName: "cpu_usage_active", resourceType: "AWS::EC2::Instance", stat: "Average" }],
        labels: [{ key: "host" }],
        region: regionNow(),
        widgetOptions: { view: "timeSeries" },
      };
    case "chart":
      return { region: regionNow(), view: "line", data: { queries: [{ id: "q1", language: "PromQL", query: "" }] } };
    case "custom":
      return { endpoint: "arn:aws:lambda:us-east-1:123456789012:function:my-widget" };
    default:
      return { region: regionNow(), view: "timeSeries", stacked: false, metrics: [] };
  }
}

export function WidgetDialog(props: { widget?: Widget; close: () => void; done: (widget: Widget) => void }) {
  const [type, setType] = createSignal(props.widget?.type ?? "metric");
  const [properties, setProperties] = createSignal<Properties>(props.widget?.properties ?? fresh("metric"));
  const [tab, setTab] = createSignal("form");
  const [raw, setRaw] = createSignal("");
  let area!: HTMLTextAreaElement;
  const change = (patch: Properties) => {
    const next = Object.entries({ ...properties(), ...patch }).filter(([, value]) => value !== undefined);
    setProperties(Object.fromEntries(next));
  };
  const choose = (next: string) => {
    setType(next);
    setProperties({ ...fresh(next), ...(text(properties().title) ? { title: properties().title } : {}) });
  };
  const turn = (to: string) => {
    if (to === "json") setRaw(JSON.stringify(properties(), null, 2));
    else if (!take()) return;
    setTab(to);
  };
  /** The JSON as it is written now; false when it is none. */
  const take = (): boolean => {
    try {
      const read = JSON.parse(raw());
      if (!read || typeof read !== "object" || Array.isArray(read)) throw new Error("Properties are an object: { … }");
      setProperties(read);
      return true;
    } catch (error) {
      area.setCustomValidity(error instanceof Error ? error.message : String(error));
      area.reportValidity();
      return false;
    }
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (tab() === "json" && !take()) return;
    const [width, height] = SIZES[type()] ?? [12, 6];
    props.done({ ...(props.widget ?? { width, height }), type: type(), properties: properties() });
    props.close();
  };
  const period = createMemo(() => range());
  return (
    <Dialog title={props.widget ? "Edit widget" : "Add widget"} close={props.close} wide>
      <form class="stack" onSubmit={submit}>
        <div class="filters">
          <label class="inline">
            Type{" "}
            <select value={type()} onChange={(event) => choose(event.currentTarget.value)}>
              <For each={TYPES}>{([key, name]) => <option value={key}>{name}</option>}</For>
              <Show when={!TYPES.some(([key]) => key === type())}>
                <option value={type()}>{type()}</option>
              </Show>
            </select>
          </label>
          <Segments
            label="How to write it"
            at={tab()}
            of={[
              ["form", "Form"],
              ["json", "JSON"],
            ]}
            to={turn}
          />
        </div>
        <Show
          when={tab() === "form"}
          fallback={
            <Field label="Properties" hint="As in AWS: the widget's properties.">
              {(id) => (
                <textarea
                  id={id}
                  ref={area}
                  class="mono"
                  rows={14}
                  spellcheck={false}
                  value={raw()}
                  onInput={(event) => {
                    area.setCustomValidity("");
                    setRaw(event.currentTarget.value);
                  }}
                />
              )}
            </Field>
          }
        >
          <Show when={type() !== "text"}>
            <Field label="Title">
              {(id) => (
                <input
                  id={id}
                  value={text(properties().title)}
                  onInput={(event) => change({ title: event.currentTarget.value || undefined })}
                />
              )}
            </Field>
          </Show>
          <Switch>
            <Match when={type() === "metric"}>
              <MetricFields properties={properties()} change={change} />
            </Match>
            <Match when={type() === "text"}>
              <Field label="Markdown" hint="Headings, lists, emphasis, code, links.">
                {(id) => (
                  <textarea
                    id={id}
                    rows={6}
                    value={text(properties().markdown)}
                    onInput={(event) => change({ markdown: event.currentTarget.value })}
                  />
                )}
              </Field>
              <div class="panel panel-body">
                <Markdown text={text(properties().markdown) || "*What you write appears here.*"} />
              </div>
            </Match>
            <Match when={type() === "log"}>
              <LogFields properties={properties()} change={change} />
            </Match>
            <Match when={type() === "alarm"}>
              <AlarmFields properties={properties()} change={change} />
            </Match>
            <Match when={type() === "explorer"}>
              <ExplorerFields properties={properties()} change={change} />
            </Match>
            <Match when={type() === "chart"}>
              <Field label="PromQL" hint="Such as  avg by (host) (cpu_usage_active)">
                {(id) => (
                  <input
                    id={id}
                    class="mono"
                    required
                    spellcheck={false}
                    value={text((list((properties().data as Properties)?.queries)[0] as Properties | undefined)?.query)}
                    onChange={(event) =>
                      change({ data: { queries: [{ id: "q1", language: "PromQL", query: event.currentTarget.value }] } })
                    }
                  />
                )}
              </Field>
            </Match>
            <Match when={type() === "custom"}>
              <Field label="Lambda function" hint="For AWS: this server has no Lambda and shows a card instead.">
                {(id) => (
                  <input
                    id={id}
                    class="mono"
                    required
                    value={text(properties().endpoint)}
                    onInput={(event) => change({ endpoint: event.currentTarget.value })}
                  />
                )}
              </Field>
            </Match>
          </Switch>
          <Show when={type() !== "text" && type() !== "custom" && hasContent(type(), properties())}>
            <section class="panel widget preview" aria-label="Preview">
              <WidgetView widget={{ type: type(), properties: properties() }} range={period()} rows={4} />
            </section>
          </Show>
        </Show>
        <div class="actions end">
          <button type="button" onClick={props.close}>
            Cancel
          </button>
          <button type="submit" class="primary">
            {props.widget ? "Apply" : "Add"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** True when a preview has something to ask for. */
function hasContent(type: string, properties: Properties): boolean {
  if (type === "metric") return list(properties.metrics).length > 0 || !!properties.annotations;
  if (type === "log") return sourcesOf(text(properties.query)).groups.length > 0;
  if (type === "alarm") return list(properties.alarms).length > 0;
  if (type === "chart") return !!text((list((properties.data as Properties)?.queries)[0] as Properties | undefined)?.query);
  return true;
}

interface Fields {
  properties: Properties;
  change: (patch: Properties) => void;
}

function MetricFields(props: Fields) {
  const rows = () => list(props.properties.metrics) as unknown[][];
  const drawn = createMemo(() => queriesOf(props.properties, 300));
  const view = () => (props.properties.stacked === true ? "stacked" : text(props.properties.view) || "timeSeries");
  const add = (metric: Metric) =>
    props.change({
      metrics: [...rows(), [metric.Namespace, metric.MetricName, ...metric.Dimensions.flatMap((d) => [d.Name, d.Value])]],
    });
  /** A row without those above it: the shorthand of dots would change its meaning. */
  const written = (index: number) => {
    const one = drawn()[index];
    const last = rows()[index]?.at(-1);
    const options = last && typeof last === "object" ? [last] : [];
    const stat = one?.query.MetricStat;
    if (!stat) return options;
    return [
      stat.Metric.Namespace,
      stat.Metric.MetricName,
      ...stat.Metric.Dimensions.flatMap((d) => [d.Name, d.Value]),
      ...options,
    ];
  };
  const remove = (index: number) =>
    props.change({
      metrics: rows()
        .map((_, i) => written(i))
        .filter((_, i) => i !== index),
    });
  const [expression, setExpression] = createSignal("");
  const addExpression = () => {
    if (expression().trim()) props.change({ metrics: [...rows(), [{ expression: expression().trim() }]] });
    setExpression("");
  };
  return (
    <>
      <div class="form">
        <Field label="View">
          {(id) => (
            <select
              id={id}
              value={view()}
              onChange={(event) => {
                const value = event.currentTarget.value;
                props.change({
                  view: value === "stacked" ? "timeSeries" : value,
                  stacked: value === "stacked",
                  sparkline: value === "singleValue" ? true : undefined,
                  // A gauge must know its ends.
                  yAxis: value === "gauge" ? (props.properties.yAxis ?? { left: { min: 0, max: 100 } }) : props.properties.yAxis,
                });
              }}
            >
              <For each={VIEWS}>{([key, name]) => <option value={key}>{name}</option>}</For>
            </select>
          )}
        </Field>
        <Field label="Statistic">
          {(id) => (
            <select
              id={id}
              value={text(props.properties.stat) || "Average"}
              onChange={(event) => props.change({ stat: event.currentTarget.value })}
            >
              <For each={STATISTICS}>{(stat) => <option value={stat}>{stat}</option>}</For>
            </select>
          )}
        </Field>
        <Field label="Period">
          {(id) => (
            <select
              id={id}
              value={String(props.properties.period ?? "")}
              onChange={(event) => props.change({ period: Number(event.currentTarget.value) || undefined })}
            >
              <option value="">Auto</option>
              <For each={[60, 300, 900, 3600, 21_600, 86_400]}>
                {(s) => <option value={s}>{s < 3600 ? `${s / 60} min` : `${s / 3600} h`}</option>}
              </For>
            </select>
          )}
        </Field>
      </div>
      <ul class="rows" aria-label="Metrics of the widget">
        <For each={drawn()}>
          {(one, i) => (
            <li>
              <span class="grow clip mono">
                {one.query.Expression ??
                  `${one.query.MetricStat?.Metric.Namespace} ${one.query.MetricStat?.Metric.MetricName} ${one.query.MetricStat?.Metric.Dimensions.map((d) => `${d.Name}=${d.Value}`).join(" ")}`}
              </span>
              <button type="button" class="small" aria-label={`Remove line ${i() + 1}`} onClick={() => remove(i())}>
                Remove
              </button>
            </li>
          )}
        </For>
      </ul>
      <MetricPicker adds choose={add} placeholder="Add a metric: words of namespace, name, dimensions" />
      <div class="filters">
        <input
          class="grow mono"
          aria-label="Add an expression"
          placeholder={"Math, SEARCH or SELECT, such as  SEARCH('{Shop,Service} Latency', 'p99')"}
          value={expression()}
          spellcheck={false}
          onInput={(event) => setExpression(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== "Enter") return;
            event.preventDefault();
            addExpression();
          }}
        />
        <button type="button" disabled={!expression().trim()} onClick={addExpression}>
          Add expression
        </button>
      </div>
    </>
  );
}

function LogFields(props: Fields) {
  const parts = createMemo(() => sourcesOf(text(props.properties.query)));
  const write = (groups: string[], query: string) =>
    props.change({ query: [...groups.map((group) => `SOURCE '${group}'`), query].join(" | ") });
  return (
    <>
      <div class="filters">
        <GroupPicker chosen={parts().groups} choose={(groups) => write(groups, parts().query)} max={50} />
      </div>
      <Field label="Query">
        {(id) => (
          <textarea
            id={id}
            class="mono"
            rows={4}
            required
            spellcheck={false}
            value={parts().query}
            onChange={(event) => write(parts().groups, event.currentTarget.value.trim())}
          />
        )}
      </Field>
      <Field label="View">
        {(id) => (
          <select
            id={id}
            value={text(props.properties.view) || "table"}
            onChange={(event) => props.change({ view: event.currentTarget.value })}
          >
            <option value="table">Table</option>
            <option value="timeSeries">Lines</option>
            <option value="bar">Bars</option>
            <option value="pie">Pie</option>
          </select>
        )}
      </Field>
    </>
  );
}

function AlarmFields(props: Fields) {
  const [words, setWords] = createSignal("");
  const all = load(
    () => ({}),
    async (_, signal) => (await listAlarms({}, signal)).alarms,
  );
  const chosen = () => list(props.properties.alarms).map(String);
  const shown = () => (all.data() ?? []).filter((alarm) => hasWords(alarm.AlarmName, words())).slice(0, 100);
  return (
    <Field label="Alarms" hint={`${chosen().length} chosen, at most 100.`}>
      {(id) => (
        <>
          <input
            id={id}
            type="search"
            placeholder="Part of the name"
            value={words()}
            onInput={(e) => setWords(e.currentTarget.value)}
          />
          <ul class="rows checks">
            <For each={shown()} fallback={<li class="faint">{all.loading() ? "Loading…" : "No alarm has this in its name."}</li>}>
              {(alarm) => (
                <li>
                  <label>
                    <input
                      type="checkbox"
                      checked={chosen().includes(alarm.AlarmArn)}
                      onChange={(event) =>
                        props.change({
                          alarms: event.currentTarget.checked
                            ? [...chosen(), alarm.AlarmArn]
                            : chosen().filter((arn) => arn !== alarm.AlarmArn),
                        })
                      }
                    />
                    {alarm.AlarmName}
                  </label>
                </li>
              )}
            </For>
          </ul>
        </>
      )}
    </Field>
  );
}

function ExplorerFields(props: Fields) {
  const metrics = () => list(props.properties.metrics) as Properties[];
  const labels = () => list(props.properties.labels) as Properties[];
  const options = () => (props.properties.widgetOptions ?? {}) as Properties;
  return (
    <div class="form">
      <Field label="Metrics" hint="Names of metrics, one a line.">
        {(id) => (
          <textarea
            id={id}
            class="mono"
            rows={3}
            required
            value={metrics()
              .map((m) => text(m.metricName))
              .join("\n")}
            onChange={(event) =>
              props.change({
                metrics: event.currentTarget.value
                  .split("\n")
                  .map((line) => line.trim())
                  .filter(Boolean)
                  .map(
                    (metricName) =>
                      metrics().find((m) => m.metricName === metricName) ?? {
                        metricName,
                        resourceType: text(metrics()[0]?.resourceType) || "AWS::EC2::Instance",
                        stat: text(metrics()[0]?.stat) || "Average",
                      },
                  ),
              })
            }
          />
        )}
      </Field>
      <Field label="Labels" hint="Dimensions, one a line: host or host = web-1.">
        {(id) => (
          <textarea
            id={id}
            class="mono"
            rows={3}
            required
            value={labels()
              .map((l) => (text(l.value) ? `${text(l.key)} = ${text(l.value)}` : text(l.key)))
              .join("\n")}
            onChange={(event) =>
              props.change({
                labels: event.currentTarget.value
                  .split("\n")
                  .map((line) => line.split("=").map((part) => part.trim()))
                  .filter(([key]) => key)
                  .map(([key, value]) => (value ? { key, value } : { key })),
              })
            }
          />
        )}
      </Field>
      <Field label="Together by" hint="A dimension whose series are drawn as one; empty for each series a line.">
        {(id) => (
          <input
            id={id}
            class="mono"
            value={text((props.properties.aggregateBy as Properties | undefined)?.key)}
            onChange={(event) =>
              props.change({
                aggregateBy: event.currentTarget.value.trim()
                  ? { key: event.currentTarget.value.trim(), func: "AVG" }
                  : undefined,
              })
            }
          />
        )}
      </Field>
      <Field label="View">
        {(id) => (
          <select
            id={id}
            value={text(options().view) || "timeSeries"}
            onChange={(event) => props.change({ widgetOptions: { ...options(), view: event.currentTarget.value } })}
          >
            <option value="timeSeries">Lines</option>
            <option value="bar">Bars</option>
            <option value="pie">Pie</option>
          </select>
        )}
      </Field>
    </div>
  );
}
