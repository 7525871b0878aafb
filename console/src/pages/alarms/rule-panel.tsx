// The rule of a composite alarm, written or put together from alarms; what it comes to now stands beside it.
import { createSignal, For, Show } from "solid-js";
import type { Form } from "../../alarm-draft";
import { alarmsOf, parseRule, quoted, RuleMistake } from "../../alarm-rule";
import { load } from "../../load";
import { listAlarms } from "../../metrics";
import { setParams } from "../../router";
import { hasWords } from "../../ui/page";
import { Empty, Field, Panel } from "../../ui/parts";
import { set } from "./form";
import { RuleTree } from "./tree";

/** What is wrong with a rule, and where. */
export function mistake(rule: string): RuleMistake | undefined {
  try {
    parseRule(rule);
    return undefined;
  } catch (error) {
    return error instanceof RuleMistake ? error : undefined;
  }
}

export function RulePanel(props: { form: Form }) {
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
