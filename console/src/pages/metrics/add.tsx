// Puts the graph on a dashboard: one that there is, or a new one.
import { createSignal, For, Show } from "solid-js";
import { AwsError, aws, pages } from "../../aws";
import { bodyOf, dashboardOf, places } from "../../dashboards";
import { type Row, widgetOf } from "../../graph";
import { bottom } from "../../grid";
import { load } from "../../load";
import { go, param } from "../../router";
import { session } from "../../session";
import { FormDialog } from "../../ui/dialog";
import { Field } from "../../ui/parts";

export function AddToDashboard(props: { rows: Row[] }) {
  const [open, setOpen] = createSignal(false);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        Add to dashboard
      </button>
      <Show when={open()}>
        <Add rows={props.rows} close={() => setOpen(false)} />
      </Show>
    </>
  );
}

/** The body of a dashboard, or an empty one where there is none of this name. */
async function bodyNow(DashboardName: string): Promise<string> {
  try {
    return (await aws<{ DashboardBody: string }>("cloudwatch", "GetDashboard", { DashboardName })).DashboardBody;
  } catch (error) {
    if (error instanceof AwsError && /NotFound/.test(error.code)) return '{"widgets":[]}';
    throw error;
  }
}

function Add(props: { rows: Row[]; close: () => void }) {
  let name!: HTMLInputElement;
  let title!: HTMLInputElement;
  const known = load(
    () => ({}),
    (_, signal) =>
      pages<{ DashboardEntries?: { DashboardName: string }[]; NextToken?: string }, { DashboardName: string }>(
        "cloudwatch",
        "ListDashboards",
        {},
        { in: "NextToken", out: "NextToken" },
        (page) => page.DashboardEntries,
        1000,
        signal,
      ),
  );
  const add = async () => {
    const dashboard = dashboardOf(await bodyNow(name.value));
    const at = places(dashboard.widgets);
    const now = session();
    const region = param("region", now.signedIn ? now.region : "");
    const widget = { ...widgetOf(props.rows, title.value || "Graph", region), width: 12, height: 6 };
    const place = { x: 0, y: bottom(at), width: 12, height: 6 };
    await aws("cloudwatch", "PutDashboard", {
      DashboardName: name.value,
      DashboardBody: bodyOf(dashboard, [...dashboard.widgets, widget], [...at, place]),
    });
    go("/dashboards/dashboard", { name: name.value });
  };
  return (
    <FormDialog title="Add to dashboard" action="Add" submit={add} close={props.close}>
      <Show when={props.rows.some((row) => row.q) && props.rows.some((row) => !row.q)}>
        <p class="note">A widget has either metrics or PromQL: the PromQL rows are left out.</p>
      </Show>
      <Field label="Dashboard" hint="One that there is, or a new name: letters, digits, - and _.">
        {(id) => (
          <>
            <input id={id} ref={name} required pattern="[\-_A-Za-z0-9]+" maxlength={255} list={`${id}-known`} />
            <datalist id={`${id}-known`}>
              <For each={known.data()?.items}>{(entry) => <option value={entry.DashboardName} />}</For>
            </datalist>
          </>
        )}
      </Field>
      <Field label="Title">{(id) => <input id={id} ref={title} maxlength={255} />}</Field>
    </FormDialog>
  );
}
