// Alarms chosen by check marks, found by words of their names.
import { createSignal, For } from "solid-js";
import { load } from "../load";
import { listAlarms } from "../metrics";
import { hasWords } from "./page";
import { Field } from "./parts";

const SHOWN_MAX = 100;

/** `of` tells what stands for an alarm in `chosen`: its name or its ARN. */
export function AlarmChecks(props: {
  hint: string;
  of: (alarm: { AlarmName: string; AlarmArn: string }) => string;
  chosen: string[];
  choose: (chosen: string[]) => void;
}) {
  const [words, setWords] = createSignal("");
  const all = load(
    () => ({}),
    async (_, signal) => (await listAlarms({}, signal)).alarms,
  );
  const isChosen = (alarm: { AlarmName: string; AlarmArn: string }) => props.chosen.includes(props.of(alarm));
  const shown = () =>
    (all.data() ?? []).filter((alarm) => isChosen(alarm) || hasWords(alarm.AlarmName, words())).slice(0, SHOWN_MAX);
  const nothing = () => {
    if (all.loading()) return "Loading…";
    if (all.error()) return "The alarms could not be read.";
    return words() ? "No alarm has this in its name." : "There are no alarms yet.";
  };
  return (
    <Field label="Alarms" hint={props.hint}>
      {(id) => (
        <>
          <input
            id={id}
            type="search"
            placeholder="Part of the name"
            value={words()}
            onInput={(event) => setWords(event.currentTarget.value)}
            onKeyDown={(event) => event.key === "Enter" && event.preventDefault()}
          />
          <ul class="rows checks">
            <For each={shown()} fallback={<li class="faint">{nothing()}</li>}>
              {(alarm) => (
                <li>
                  <label>
                    <input
                      type="checkbox"
                      checked={isChosen(alarm)}
                      onChange={(event) => {
                        const others = props.chosen.filter((one) => one !== props.of(alarm));
                        props.choose(event.currentTarget.checked ? [...others, props.of(alarm)] : others);
                      }}
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
