// The rule of a composite alarm as a tree: what each part comes to now. Composite alarms in it are opened in place.
import { createMemo, createSignal, For, Match, Show, Switch } from "solid-js";
import { alarmsOf, holds, parseRule, type Rule } from "../../alarm-rule";
import { load } from "../../load";
import { type Alarm, condition, listAlarms } from "../../metrics";
import { href } from "../../router";
import { range } from "../../time";
import { ErrorNote, Loading, StateBadge } from "../../ui/parts";

/** Names that one call of DescribeAlarms takes. */
const NAMES_MAX = 100;
/** Composite alarms within each other that are opened. */
const DEPTH_MAX = 8;

/** The tree of `rule`; `told` hears what the rule comes to. */
export function RuleTree(props: { rule: string; above?: string[] }) {
  const read = createMemo((): { rule?: Rule; mistake?: string } => {
    try {
      return { rule: parseRule(props.rule) };
    } catch (error) {
      return { mistake: error instanceof Error ? error.message : String(error) };
    }
  });
  const found = load(
    () => {
      const rule = read().rule;
      return rule && { names: alarmsOf(rule), at: range() };
    },
    async ({ names }, signal) => {
      const alarms = names.length ? (await listAlarms({ AlarmNames: names.slice(0, NAMES_MAX) }, signal)).alarms : [];
      return new Map(alarms.map((alarm) => [alarm.AlarmName, alarm]));
    },
  );
  return (
    <Show when={!found.error()} fallback={<ErrorNote error={found.error()} retry={found.reload} />}>
      <Show when={read().rule} fallback={<p class="faint">{read().mistake}</p>}>
        {(rule) => (
          <Show when={found.data()} fallback={<Loading what="its alarms" />}>
            {(alarms) => (
              <ul class="tree" aria-label="Rule">
                <Node rule={rule()} alarms={alarms()} above={props.above ?? []} />
              </ul>
            )}
          </Show>
        )}
      </Show>
    </Show>
  );
}

function Truth(props: { value: boolean | undefined }) {
  return (
    <span
      class="truth"
      classList={{ yes: props.value === true, no: props.value === false }}
      title={props.value === undefined ? "Not known" : props.value ? "True now" : "False now"}
    >
      {props.value === undefined ? "?" : props.value ? "✓" : "–"}
      <span class="sr">{props.value === undefined ? "not known" : props.value ? "true" : "false"}</span>
    </span>
  );
}

const WORDS = { and: "All of these", or: "Any of these" };

function Node(props: { rule: Rule; alarms: Map<string, Alarm>; above: string[] }) {
  const value = () => holds(props.rule, (name) => props.alarms.get(name)?.StateValue);
  const of = <K extends Rule["kind"]>(kind: K) => {
    const rule = props.rule;
    return rule.kind === kind ? (rule as Extract<Rule, { kind: K }>) : undefined;
  };
  const several = () => (props.rule.kind === "and" || props.rule.kind === "or" ? props.rule : undefined);
  return (
    <Switch
      fallback={
        <li>
          <Truth value={value()} /> {of("constant")?.value ? "TRUE" : "FALSE"}
        </li>
      }
    >
      <Match when={several()}>
        {(rule) => (
          <li>
            <Truth value={value()} /> {WORDS[rule().kind]}
            <ul>
              <For each={rule().of}>{(one) => <Node rule={one} alarms={props.alarms} above={props.above} />}</For>
            </ul>
          </li>
        )}
      </Match>
      <Match when={of("not")}>
        {(rule) => (
          <li>
            <Truth value={value()} /> Not
            <ul>
              <Node rule={rule().of} alarms={props.alarms} above={props.above} />
            </ul>
          </li>
        )}
      </Match>
      <Match when={of("state")}>
        {(rule) => (
          <Leaf
            name={rule().alarm}
            alarm={props.alarms.get(rule().alarm)}
            value={value()}
            wanted={rule().state}
            above={props.above}
          />
        )}
      </Match>
      <Match when={of("atLeast")}>
        {(rule) => (
          <li>
            <Truth value={value()} /> At least {rule().count} {rule().not ? "not " : ""}in {rule().state}
            <ul>
              <For each={rule().alarms}>
                {(name) => (
                  <Leaf
                    name={name}
                    alarm={props.alarms.get(name)}
                    value={
                      props.alarms.has(name) ? (props.alarms.get(name)?.StateValue === rule().state) !== rule().not : undefined
                    }
                    wanted={rule().state}
                    above={props.above}
                  />
                )}
              </For>
            </ul>
          </li>
        )}
      </Match>
    </Switch>
  );
}

function Leaf(props: { name: string; alarm?: Alarm; value: boolean | undefined; wanted: string; above: string[] }) {
  const [open, setOpen] = createSignal(false);
  // Rules that name each other in a circle, or go on for ever, are not followed.
  const canOpen = () => !!props.alarm?.AlarmRule && !props.above.includes(props.name) && props.above.length < DEPTH_MAX;
  return (
    <li>
      <Truth value={props.value} /> <span class="faint">{props.wanted}</span>{" "}
      <Show when={props.alarm} fallback={<span class="faint">not there:</span>}>
        {(alarm) => <StateBadge state={alarm().StateValue} />}
      </Show>{" "}
      <a href={href("/alarms/alarm", { name: props.name })}>{props.name}</a>{" "}
      <span class="faint">{props.alarm && !props.alarm.AlarmRule ? condition(props.alarm) : ""}</span>
      <Show when={canOpen()}>
        <button type="button" class="small" aria-expanded={open()} onClick={() => setOpen(!open())}>
          {open() ? "Close" : "Open"}
        </button>
        <Show when={open()}>
          <RuleTree rule={props.alarm?.AlarmRule ?? ""} above={[...props.above, props.name]} />
        </Show>
      </Show>
    </li>
  );
}
