// What the reader of a dashboard chooses: an input for each of its variables, each value in the URL.
import { For, Match, Show, Switch } from "solid-js";
import { listMetrics } from "../../metrics";
import { param, setParams } from "../../router";
import { initial, schemaOf, VALUES_MAX, type Variable } from "../../variables";

export interface Choice {
  value: string;
  label: string;
}

const name = (variable: Variable) => `v.${variable.id}`;

/** The values of variables that name a search of metrics. */
export async function searched(variables: Variable[], signal: AbortSignal): Promise<Record<string, Choice[]>> {
  const found: Record<string, Choice[]> = {};
  for (const variable of variables) {
    const schema = variable.search && variable.populateFrom ? schemaOf(variable.search) : undefined;
    if (!schema) continue;
    const input = {
      Namespace: schema.namespace,
      MetricName: schema.metric,
      Dimensions: schema.dimensions.map((Name) => ({ Name })),
    };
    const metrics = await listMetrics(input, 5000, signal);
    const values = metrics.items.map((m) => m.Dimensions.find((d) => d.Name === variable.populateFrom)?.Value ?? "");
    found[variable.id] = [...new Set(values)]
      .filter(Boolean)
      .sort()
      .slice(0, VALUES_MAX)
      .map((value) => ({ value, label: value }));
  }
  return found;
}

export const choices = (variable: Variable, found: Record<string, Choice[]> | undefined): Choice[] =>
  variable.values.length ? variable.values : (found?.[variable.id] ?? []);

/** What is chosen: by the URL, else by the dashboard. */
export function chosenOf(variables: Variable[], found: Record<string, Choice[]> | undefined): Record<string, string> {
  return Object.fromEntries(
    variables.map((variable) => [variable.id, param(name(variable)) || initial(variable, choices(variable, found))]),
  );
}

export function Inputs(props: {
  variables: Variable[];
  found: Record<string, Choice[]> | undefined;
  chosen: Record<string, string>;
}) {
  const shown = () => props.variables.filter((variable) => variable.visible);
  return (
    <Show when={shown().length}>
      <div class="filters variables" role="group" aria-label="Variables">
        <For each={shown()}>
          {(variable) => {
            const all = () => choices(variable, props.found);
            const now = () => props.chosen[variable.id] ?? "";
            const set = (value: string) => setParams({ [name(variable)]: value });
            return (
              <Switch
                fallback={
                  <label>
                    {variable.label}
                    <input
                      aria-label={variable.label}
                      value={now()}
                      spellcheck={false}
                      onChange={(event) => set(event.currentTarget.value.trim())}
                    />
                  </label>
                }
              >
                <Match when={variable.inputType === "select"}>
                  <label>
                    {variable.label}
                    <select aria-label={variable.label} value={now()} onChange={(event) => set(event.currentTarget.value)}>
                      <Show when={!all().some((one) => one.value === now())}>
                        <option value={now()}>{now() || "as saved"}</option>
                      </Show>
                      <For each={all()}>
                        {(one) => (
                          <option value={one.value} selected={one.value === now()}>
                            {one.label}
                          </option>
                        )}
                      </For>
                    </select>
                  </label>
                </Match>
                <Match when={variable.inputType === "radio"}>
                  <fieldset>
                    <legend>{variable.label}</legend>
                    <For each={all()}>
                      {(one) => (
                        <label>
                          <input
                            type="radio"
                            name={name(variable)}
                            checked={one.value === now()}
                            onChange={() => set(one.value)}
                          />
                          {one.label}
                        </label>
                      )}
                    </For>
                  </fieldset>
                </Match>
              </Switch>
            );
          }}
        </For>
      </div>
    </Show>
  );
}
