// One widget of a dashboard, whatever its type.
import { type JSX, Match, Show, Switch } from "solid-js";
import type { Widget } from "../../dashboards";
import type { Range } from "../../time";
import { Json } from "../../ui/json";
import { Markdown } from "../../ui/markdown";
import { AlarmWidget } from "./alarm";
import { ExplorerWidget } from "./explorer";
import { LogWidget } from "./log";
import { MetricWidget } from "./metric";
import { PromWidget } from "./prom";
import { RuleWidget } from "./rule";

/** Pixels of a row with its gap, of a widget's paddings and legend, and of its head. */
const ROW = 58;
const AROUND = 62;
const HEAD = 32;
/** Fewer say nothing. */
const HEIGHT_MIN = 60;

export function WidgetView(props: { widget: Widget; range: Range; rows: number; tools?: () => JSX.Element }) {
  const properties = () => props.widget.properties ?? {};
  const title = () => (typeof properties().title === "string" ? (properties().title as string) : "");
  const rule = () => {
    const given = properties().insightRule;
    return given && typeof given === "object" ? (given as Record<string, unknown>) : undefined;
  };
  const height = () => Math.max(HEIGHT_MIN, props.rows * ROW - AROUND - (title() || props.tools ? HEAD : 0));
  return (
    <>
      <Show when={title() || props.tools}>
        <header class="panel-head">
          <h2 class="clip">{title()}</h2>
          {props.tools?.()}
        </header>
      </Show>
      <div class="panel-body" tabindex="0" role="group" aria-label={title() || props.widget.type}>
        <Switch fallback={<Unknown type={String(props.widget.type)} />}>
          <Match when={props.widget.type === "text"}>
            <Markdown text={String(properties().markdown ?? "")} />
          </Match>
          <Match when={props.widget.type === "metric" && rule()}>
            {(of) => <RuleWidget rule={of()} region={String(properties().region ?? "")} range={props.range} height={height()} />}
          </Match>
          <Match when={props.widget.type === "metric"}>
            <MetricWidget properties={properties()} range={props.range} height={height()} />
          </Match>
          <Match when={props.widget.type === "alarm"}>
            <AlarmWidget properties={properties()} />
          </Match>
          <Match when={props.widget.type === "log"}>
            <LogWidget properties={properties()} range={props.range} height={height()} />
          </Match>
          <Match when={props.widget.type === "explorer"}>
            <ExplorerWidget properties={properties()} range={props.range} height={height()} />
          </Match>
          <Match when={props.widget.type === "chart"}>
            <PromWidget properties={properties()} range={props.range} height={height()} />
          </Match>
          <Match when={props.widget.type === "custom"}>
            <Custom properties={properties()} />
          </Match>
        </Switch>
      </div>
    </>
  );
}

function Unknown(props: { type: string }) {
  return (
    <p class="faint">
      The console does not draw widgets of type <code>{props.type}</code>. They stay in the dashboard.
    </p>
  );
}

/** A custom widget shows what a Lambda function answers; there are none here, and foreign HTML would not be shown either. */
function Custom(props: { properties: Record<string, unknown> }) {
  return (
    <div class="stack tight">
      <p>
        <strong>Custom widgets run a Lambda function.</strong> This server has no Lambda, so nothing can be asked; the widget
        stays in the dashboard as it is and works on AWS.
      </p>
      <p class="faint mono clip" title={String(props.properties.endpoint ?? "")}>
        {String(props.properties.endpoint ?? "no endpoint")}
      </p>
      <Show when={props.properties.params}>
        <Json text={JSON.stringify(props.properties.params)} />
      </Show>
    </div>
  );
}
