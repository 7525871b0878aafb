// Fields of the alarm form: each stands for a parameter of the URL.
import { setParams } from "../../router";
import { Choice, Field } from "../../ui/parts";

/** Keeps what an input has in a parameter. */
export const set = (name: string) => (event: { currentTarget: { value: string } }) =>
  setParams({ [name]: event.currentTarget.value }, true);

/** A choice among values. */
export function Chosen(props: { label: string; of: [string, string][]; name: string; value: string; hint?: string }) {
  return (
    <Choice
      label={props.label}
      hint={props.hint}
      value={props.value}
      of={props.of}
      change={(value) => setParams({ [props.name]: value }, true)}
    />
  );
}

/** A number that must be there. */
export function Figure(props: {
  label: string;
  name: string;
  value: number;
  min?: number;
  max?: number;
  step?: string;
  hint?: string;
}) {
  return (
    <Field label={props.label} hint={props.hint}>
      {(id) => (
        <input
          id={id}
          required
          type="number"
          min={props.min}
          max={props.max}
          step={props.step}
          value={Number.isFinite(props.value) ? props.value : ""}
          onInput={set(props.name)}
        />
      )}
    </Field>
  );
}

/** A line of text. */
export function Text(props: {
  label: string;
  name: string;
  value: string;
  hint?: string;
  placeholder?: string;
  required?: boolean;
  max?: number;
  code?: boolean;
  fixed?: boolean;
}) {
  return (
    <Field label={props.label} hint={props.hint}>
      {(id) => (
        <input
          id={id}
          required={props.required}
          maxlength={props.max}
          placeholder={props.placeholder}
          readonly={props.fixed}
          class={props.code ? "mono" : undefined}
          spellcheck={props.code ? false : undefined}
          value={props.value}
          onInput={set(props.name)}
        />
      )}
    </Field>
  );
}
