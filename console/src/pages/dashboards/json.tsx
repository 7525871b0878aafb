// A dashboard as its JSON: written, pasted, read from a file; what is wrong with it is told with its place.
import { createSignal, For, Show } from "solid-js";
import { AwsError, aws } from "../../aws";
import { FormDialog } from "../../ui/dialog";
import { pretty } from "../../ui/json";
import { Copy, ErrorNote, Field } from "../../ui/parts";

export interface Problem {
  DataPath?: string;
  Message?: string;
}

/** What PutDashboard says against a body, in an error. */
export function problemsOf(error: unknown): Problem[] {
  const told =
    error instanceof AwsError
      ? (error.details.dashboardValidationMessages ?? error.details.DashboardValidationMessages)
      : undefined;
  return Array.isArray(told) ? (told as Problem[]) : [];
}

/** Saves a body; answers warnings, which do not keep a dashboard from being saved. */
export async function save(DashboardName: string, DashboardBody: string): Promise<Problem[]> {
  const answer = await aws<{ DashboardValidationMessages?: Problem[] }>("cloudwatch", "PutDashboard", {
    DashboardName,
    DashboardBody,
  });
  return answer.DashboardValidationMessages ?? [];
}

export function SaveError(props: { error: unknown }) {
  const problems = () => problemsOf(props.error);
  return (
    <Show when={problems().length} fallback={<ErrorNote error={props.error} />}>
      <div class="note error" role="alert">
        <div>
          <strong>The JSON is not a dashboard yet. Correct these and save again.</strong>
          <ul>
            <For each={problems()}>
              {(problem) => (
                <li>
                  <span class="mono">{problem.DataPath}</span> {problem.Message}
                </li>
              )}
            </For>
          </ul>
        </div>
      </div>
    </Show>
  );
}

export function JsonDialog(props: {
  name: string;
  /** The name can be changed. */
  free?: boolean;
  body: string;
  close: () => void;
  saved: (name: string) => void;
}) {
  const [body, setBody] = createSignal(pretty(props.body));
  const [name, setName] = createSignal(props.name);
  const isNew = () => !props.name || props.free;
  const submit = async () => {
    await save(name(), body());
    props.close();
    props.saved(name());
  };
  return (
    <FormDialog
      title={isNew() ? "Create dashboard" : `JSON of ${props.name}`}
      action="Save"
      wide
      submit={submit}
      close={props.close}
      refused={(error) => <SaveError error={error} />}
      actions={<Copy text={body()} label="Copy JSON" />}
    >
      <Show when={isNew()}>
        <Field label="Name" hint="Letters, digits, - and _.">
          {(id) => (
            <input
              id={id}
              required
              pattern="[\-_A-Za-z0-9]+"
              maxlength={255}
              value={name()}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          )}
        </Field>
      </Show>
      <Field
        label="Dashboard JSON"
        hint="As in AWS. Leave it as it is to begin with an empty dashboard and add widgets by a form."
      >
        {(id) => (
          <textarea
            id={id}
            class="mono"
            rows={18}
            spellcheck={false}
            value={body()}
            onInput={(event) => setBody(event.currentTarget.value)}
          />
        )}
      </Field>
    </FormDialog>
  );
}
