// A widget by a form: its type, what it shows, how; and the same as JSON for all that the form does not have.
import { createMemo, createSignal, For, Match, Show, Switch } from "solid-js";
import { queriesOf, sourcesOf, type Widget } from "../../dashboards";
import type { Metric } from "../../metrics";
import { param } from "../../router";
import { session } from "../../session";
import { STATISTICS } from "../../statistics";
import { range } from "../../time";
import { AlarmChecks } from "../../ui/alarm-checks";
import { FormDialog } from "../../ui/dialog";
import { GroupPicker } from "../../ui/groups";
import { Markdown } from "../../ui/markdown";
import { MetricPicker } from "../../ui/metric-picker";
import { Segments } from "../../ui/page";
import { Choice, Field } from "../../ui/parts";
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
/** Views that log queries and explorers have, too. */
const DRAWN: [string, string][] = [
  ["timeSeries", "Lines"],
  ["bar", "Bars"],
  ["pie", "Pie"],
];
const PERIODS: [string, string][] = [
  ["", "Auto"],
  ["60", "1 min"],
  ["300", "5 min"],
  ["900", "15 min"],
  ["3600", "1 h"],
  ["21600", "6 h"],
  ["86400", "24 h"],
];
const SIZES: Record<string, [number, number]> = { text: [12, 3], alarm: [8, 5], log: [24, 7] };

const text = (value: unknown) => (typeof value === "string" ? value : "");
const linesOf = (lines: string) =>
  lines
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
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
  const submit = () => {
    if (tab() === "json" && !take()) return;
    const [width, height] = SIZES[type()] ?? [12, 6];
    props.done({ ...(props.widget ?? { width, height }), type: type(), properties: properties() });
    props.close();
  };
  const period = createMemo(() => range());
  return (
    <FormDialog
      title={props.widget ? "Edit widget" : "Add widget"}
      action={props.widget ? "Apply" : "Add"}
      wide
      submit={submit}
      close={props.close}
    >
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
          <Text label="Title" value={properties().title} change={(title) => change({ title: title || undefined })} />
        </Show>
        <Switch>
          <Match when={type() === "metric"}>
            <MetricFields properties={properties()} change={change} />
          </Match>
          <Match when={type() === "text"}>
            <Text
              label="Markdown"
              hint="Headings, lists, emphasis, code, links."
              rows={6}
              atOnce
              value={properties().markdown}
              change={(markdown) => change({ markdown })}
            />
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
            <Text
              label="PromQL"
              hint="Such as  avg by (host) (cpu_usage_active)"
              code
              required
              value={promqlOf(properties())}
              change={(query) => change({ data: { queries: [{ id: "q1", language: "PromQL", query }] } })}
            />
          </Match>
          <Match when={type() === "custom"}>
            <Text
              label="Lambda function"
              hint="For AWS: this server has no Lambda and shows a card instead."
              code
              required
              value={properties().endpoint}
              change={(endpoint) => change({ endpoint })}
            />
          </Match>
        </Switch>
        <Show when={type() !== "text" && type() !== "custom" && hasContent(type(), properties())}>
          <section class="panel widget preview" aria-label="Preview">
            <WidgetView widget={{ type: type(), properties: properties() }} range={period()} rows={4} />
          </section>
        </Show>
      </Show>
    </FormDialog>
  );
}

/** A field for words, or for code; of several lines where `rows` says so. `change` is told at the end, or at every key. */
function Text(props: {
  label: string;
  hint?: string;
  value: unknown;
  change: (value: string) => void;
  rows?: number;
  code?: boolean;
  required?: boolean;
  atOnce?: boolean;
}) {
  const attributes = (id: string) => ({
    id,
    class: props.code ? "mono" : undefined,
    required: props.required,
    spellcheck: !props.code,
    value: text(props.value),
    onInput: (event: { currentTarget: { value: string } }) => props.atOnce && props.change(event.currentTarget.value),
    onChange: (event: { currentTarget: { value: string } }) => props.change(event.currentTarget.value),
  });
  return (
    <Field label={props.label} hint={props.hint}>
      {(id) => (
        <Show when={props.rows} fallback={<input {...attributes(id)} />}>
          <textarea rows={props.rows} {...attributes(id)} />
        </Show>
      )}
    </Field>
  );
}

/** The query of a PromQL widget. */
const promqlOf = (properties: Properties) =>
  text((list((properties.data as Properties)?.queries)[0] as Properties | undefined)?.query);

/** True when a preview has something to ask for. */
function hasContent(type: string, properties: Properties): boolean {
  if (type === "metric") return list(properties.metrics).length > 0 || !!properties.annotations;
  if (type === "log") return sourcesOf(text(properties.query)).groups.length > 0;
  if (type === "alarm") return list(properties.alarms).length > 0;
  if (type === "chart") return !!promqlOf(properties);
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
        <Choice
          label="View"
          value={view()}
          of={VIEWS}
          change={(value) =>
            props.change({
              view: value === "stacked" ? "timeSeries" : value,
              stacked: value === "stacked",
              sparkline: value === "singleValue" ? true : undefined,
              // A gauge must know its ends.
              yAxis: value === "gauge" ? (props.properties.yAxis ?? { left: { min: 0, max: 100 } }) : props.properties.yAxis,
            })
          }
        />
        <Choice
          label="Statistic"
          value={text(props.properties.stat) || "Average"}
          of={STATISTICS.map((stat) => [stat, stat])}
          change={(stat) => props.change({ stat })}
        />
        <Choice
          label="Period"
          value={String(props.properties.period ?? "")}
          of={PERIODS}
          change={(period) => props.change({ period: Number(period) || undefined })}
        />
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
      <Text label="Query" rows={4} code required value={parts().query} change={(query) => write(parts().groups, query.trim())} />
      <Choice
        label="View"
        value={text(props.properties.view) || "table"}
        of={[["table", "Table"], ...DRAWN]}
        change={(view) => props.change({ view })}
      />
    </>
  );
}

function AlarmFields(props: Fields) {
  const chosen = () => list(props.properties.alarms).map(String);
  return (
    <AlarmChecks
      hint={`${chosen().length} chosen, at most 100.`}
      of={(alarm) => alarm.AlarmArn}
      chosen={chosen()}
      choose={(alarms) => props.change({ alarms })}
    />
  );
}

function ExplorerFields(props: Fields) {
  const metrics = () => list(props.properties.metrics) as Properties[];
  const labels = () => list(props.properties.labels) as Properties[];
  const options = () => (props.properties.widgetOptions ?? {}) as Properties;
  const aggregate = () => (props.properties.aggregateBy ?? {}) as Properties;
  /** The metric of this name as it is, or a new one that is like the first. */
  const named = (metricName: string): Properties =>
    metrics().find((m) => m.metricName === metricName) ?? {
      metricName,
      resourceType: text(metrics()[0]?.resourceType) || "AWS::EC2::Instance",
      stat: text(metrics()[0]?.stat) || "Average",
    };
  return (
    <div class="form">
      <Text
        label="Metrics"
        hint="Names of metrics, one a line."
        rows={3}
        code
        required
        value={metrics()
          .map((m) => text(m.metricName))
          .join("\n")}
        change={(names) => props.change({ metrics: linesOf(names).map(named) })}
      />
      <Text
        label="Labels"
        hint="Dimensions of the metrics, or tags of log groups, one a line: host or host = web-1."
        rows={3}
        code
        required
        value={labels()
          .map((l) => (text(l.value) ? `${text(l.key)} = ${text(l.value)}` : text(l.key)))
          .join("\n")}
        change={(lines) =>
          props.change({
            labels: linesOf(lines)
              .map((line) => line.split("=").map((part) => part.trim()))
              .filter(([key]) => key)
              .map(([key, value]) => (value ? { key, value } : { key })),
          })
        }
      />
      <Text
        label="Together by"
        hint="A label whose series are drawn as one, * for all; empty for each series a line."
        code
        value={aggregate().key}
        change={(key) => props.change({ aggregateBy: key.trim() ? { func: "AVG", ...aggregate(), key: key.trim() } : undefined })}
      />
      <Text
        label="Split by"
        hint="A label each value of which gets a graph of its own."
        code
        value={props.properties.splitBy}
        change={(splitBy) => props.change({ splitBy: splitBy.trim() || undefined })}
      />
      <Choice
        label="View"
        value={text(options().view) || "timeSeries"}
        of={DRAWN}
        change={(view) => props.change({ widgetOptions: { ...options(), view } })}
      />
    </div>
  );
}
