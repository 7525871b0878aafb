// The variables of a dashboard, by a form.
import { createSignal, For, Show } from "solid-js";
import { FormDialog } from "../../ui/dialog";
import { Field } from "../../ui/parts";

type Given = Record<string, unknown>;

/** Variables of a dashboard at most, as in AWS. */
const VARIABLES_MAX = 25;

const text = (value: unknown) => (typeof value === "string" || typeof value === "number" ? String(value) : "");
const linesOf = (values: unknown) =>
  (Array.isArray(values) ? (values as Given[]) : [])
    .map((one) => (one.label && one.label !== one.value ? `${text(one.value)} = ${text(one.label)}` : text(one.value)))
    .join("\n");
const valuesOf = (lines: string) =>
  lines
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => {
      const [value = "", ...label] = line.split(" = ");
      return label.length ? { value, label: label.join(" = ") } : { value, label: value };
    });

export function VariablesDialog(props: { variables: Given[]; close: () => void; done: (variables: Given[]) => void }) {
  const [all, setAll] = createSignal<Given[]>(props.variables.filter((v) => v && typeof v === "object"));
  const change = (index: number, patch: Given) => setAll(all().map((v, i) => (i === index ? { ...v, ...patch } : v)));
  const done = () => {
    props.done(
      all().map((v) => {
        // What is empty is left out: AWS takes no empty texts here.
        const kept = Object.entries(v).filter(([, value]) => value !== "" && !(Array.isArray(value) && !value.length));
        return Object.fromEntries(kept);
      }),
    );
    props.close();
  };
  return (
    <FormDialog
      title="Variables"
      action="Apply"
      wide
      submit={done}
      close={props.close}
      actions={
        <button
          type="button"
          disabled={all().length >= VARIABLES_MAX}
          onClick={() =>
            setAll([...all(), { type: "property", inputType: "input", id: `var${all().length + 1}`, visible: true }])
          }
        >
          Add a variable
        </button>
      }
    >
      <p class="faint">
        A property variable sets a property or a dimension in all widgets; a pattern variable replaces a text in them. Readers
        choose values above the widgets.
      </p>
      {/* Not keyed by the variables: a field keeps its focus while its variable changes. */}
      <For each={all().map((_, i) => i)}>
        {(index) => {
          const v = () => all()[index] ?? {};
          const type = () => (v().type === "pattern" ? "pattern" : "property");
          const field = (label: string, key: string, required = false, hint?: string) => (
            <Field label={label} hint={hint}>
              {(id) => (
                <input
                  id={id}
                  required={required}
                  value={text(v()[key])}
                  spellcheck={false}
                  onInput={(event) => change(index, { [key]: event.currentTarget.value })}
                />
              )}
            </Field>
          );
          return (
            <fieldset class="panel variable">
              <legend class="sr">Variable {index + 1}</legend>
              <div class="form">
                <Field label="Kind">
                  {(id) => (
                    <select
                      id={id}
                      value={type()}
                      onChange={(event) => {
                        const kind = event.currentTarget.value;
                        const of = v()[type()];
                        change(index, { type: kind, property: undefined, pattern: undefined, [kind]: of });
                      }}
                    >
                      <option value="property">Property or dimension</option>
                      <option value="pattern">Text (pattern)</option>
                    </select>
                  )}
                </Field>
                {field(type() === "pattern" ? "Text to replace" : "Property or dimension", type(), true)}
                {field("Id", "id", true, "Letters, digits, - and _.")}
                {field("Label", "label")}
                <Field label="Input">
                  {(id) => (
                    <select
                      id={id}
                      value={text(v().inputType) || "input"}
                      onChange={(event) => change(index, { inputType: event.currentTarget.value })}
                    >
                      <option value="input">Free text</option>
                      <option value="select">A list</option>
                      <option value="radio">Radio buttons</option>
                    </select>
                  )}
                </Field>
                {field("Default", "defaultValue", false, "__FIRST takes the first value.")}
                <Show when={v().inputType === "select" || v().inputType === "radio"}>
                  <Field label="Values" hint="One a line; 'value = label' gives it a label. Or search for them:">
                    {(id) => (
                      <textarea
                        id={id}
                        rows={3}
                        value={linesOf(v().values)}
                        onChange={(event) => change(index, { values: valuesOf(event.currentTarget.value) })}
                      />
                    )}
                  </Field>
                  {field("Search", "search", false, 'Such as {Shop,Service} MetricName="Latency"')}
                  {field("Take values of dimension", "populateFrom")}
                </Show>
              </div>
              <button type="button" class="small" onClick={() => setAll(all().filter((_, i) => i !== index))}>
                Remove this variable
              </button>
            </fieldset>
          );
        }}
      </For>
    </FormDialog>
  );
}
