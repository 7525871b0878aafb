// One saved dashboard: shown, refreshed, full screen; edited in place and saved as a whole.
import { batch, createEffect, createMemo, createSignal, For, type JSX, onCleanup, onMount, Show } from "solid-js";
import { aws } from "../../aws";
import { bodyOf, type Dashboard, dashboardOf, places, rangeOf, type Widget } from "../../dashboards";
import { arranged, bottom, type Place } from "../../grid";
import { load } from "../../load";
import { go, href, param, setParams } from "../../router";
import { range, refresh } from "../../time";
import { Confirm } from "../../ui/dialog";
import { pretty } from "../../ui/json";
import { Crumbs } from "../../ui/page";
import { download, Empty, ErrorNote, PageHead, Shown } from "../../ui/parts";
import { RangePicker } from "../../ui/range";
import { variablesOf } from "../../variables";
import { Grid } from "./grid";
import { chosenOf, Inputs, searched } from "./inputs";
import { JsonDialog, SaveError, save } from "./json";
import { VariablesDialog } from "./variables-form";
import { WidgetDialog } from "./widget-form";

const EVERY: [string, string][] = [
  ["", "No auto-refresh"],
  ["10", "Every 10 s"],
  ["60", "Every minute"],
  ["300", "Every 5 min"],
  ["900", "Every 15 min"],
];

/** Asks for fresh data every so often, while the page is in sight. */
export function Refresh() {
  createEffect(() => {
    const seconds = Number(param("refresh"));
    if (!seconds) return;
    const timer = setInterval(() => document.hidden || refresh(), seconds * 1000);
    onCleanup(() => clearInterval(timer));
  });
  return (
    <select aria-label="Refresh" value={param("refresh")} onChange={(event) => setParams({ refresh: event.currentTarget.value })}>
      <For each={EVERY}>{([seconds, text]) => <option value={seconds}>{text}</option>}</For>
    </select>
  );
}

/** Nothing but the dashboard. It is in the URL, so that a wall display can be sent there; browsers give all of the screen to a click only. */
export function FullScreen() {
  const isFull = () => param("full") === "1";
  const left = () => document.fullscreenElement === null && isFull() && setParams({ full: "" }, true);
  onMount(() => document.addEventListener("fullscreenchange", left));
  onCleanup(() => document.removeEventListener("fullscreenchange", left));
  const turn = async () => {
    if (isFull()) {
      if (document.fullscreenElement) await document.exitFullscreen();
      return setParams({ full: "" }, true);
    }
    setParams({ full: "1" }, true);
    await document.documentElement.requestFullscreen?.().catch(() => undefined);
  };
  return (
    <button type="button" aria-pressed={isFull()} onClick={() => void turn()}>
      {isFull() ? "Leave full screen" : "Full screen"}
    </button>
  );
}

/** What a dashboard is made of while it is on show, or being edited. */
export interface Draft {
  dashboard: Dashboard;
  widgets: Widget[];
  at: Place[];
}

export function draftOf(body: string): Draft {
  const dashboard = dashboardOf(body);
  return { dashboard, widgets: dashboard.widgets, at: places(dashboard.widgets) };
}

/** The widgets with the inputs of their variables. */
export function Board(props: {
  draft: Draft;
  editing?: boolean;
  change?: (draft: Draft) => void;
  edit?: (index: number) => void;
  empty: JSX.Element;
}) {
  const variables = createMemo(() => variablesOf(props.draft.dashboard));
  const found = load(
    () => (variables().some((v) => v.search) ? variables() : undefined),
    (asked, signal) => searched(asked, signal),
  );
  const chosen = createMemo(() => chosenOf(variables(), found.data()));
  const period = createMemo(() => range(rangeOf(props.draft.dashboard)));
  const change = (widgets: Widget[], at: Place[]) => props.change?.({ ...props.draft, widgets, at });
  return (
    <>
      <Show when={found.error()}>
        <ErrorNote error={found.error()} retry={found.reload} />
      </Show>
      <Inputs variables={variables()} found={found.data()} chosen={chosen()} />
      <Show when={props.draft.widgets.length} fallback={props.empty}>
        <Grid
          widgets={props.draft.widgets}
          at={props.draft.at}
          range={period()}
          variables={variables()}
          chosen={chosen()}
          editing={!!props.editing}
          place={(at) => change(props.draft.widgets, at)}
          edit={(index) => props.edit?.(index)}
          duplicate={(index) => {
            const { widgets, at } = props.draft;
            const [widget, place] = [widgets[index], at[index]];
            if (!widget || !place) return;
            const copy = structuredClone(widget);
            if (typeof copy.properties?.title === "string") copy.properties.title = `${copy.properties.title} (copy)`;
            const below = { ...place, y: place.y + place.height };
            change([...widgets, copy], arranged([...at, below], at.length, below));
          }}
          remove={(index) =>
            change(
              props.draft.widgets.filter((_, i) => i !== index),
              props.draft.at.filter((_, i) => i !== index),
            )
          }
        />
      </Show>
    </>
  );
}

export function SavedBoard() {
  const name = () => param("name");
  const editing = () => param("edit") === "1";
  const [asking, setAsking] = createSignal(false);
  const [failure, setFailure] = createSignal<unknown>();
  const [busy, setBusy] = createSignal(false);
  const [dialog, setDialog] = createSignal<{ kind: "json" | "variables" } | { kind: "widget"; index: number }>();
  const found = load(name, (DashboardName, signal) =>
    aws<{ DashboardBody: string }>("cloudwatch", "GetDashboard", { DashboardName }, signal),
  );
  const saved = createMemo(() => {
    const body = found.data()?.DashboardBody;
    return body === undefined ? undefined : draftOf(body);
  });
  const [changed, setChanged] = createSignal<Draft>();
  const draft = () => changed() ?? saved();
  const body = () => {
    const now = draft();
    return now ? bodyOf(now.dashboard, now.widgets, now.at) : "{}";
  };
  // A dashboard that was saved elsewhere, or another one, has no changes of ours.
  createEffect(() => {
    saved();
    setChanged(undefined);
  });
  const unsaved = (event: BeforeUnloadEvent) => changed() && event.preventDefault();
  onMount(() => addEventListener("beforeunload", unsaved));
  onCleanup(() => removeEventListener("beforeunload", unsaved));

  const keep = async () => {
    setBusy(true);
    setFailure(undefined);
    try {
      await save(name(), body());
      setParams({ edit: "" }, true);
      found.reload();
    } catch (error) {
      setFailure(() => error);
    }
    setBusy(false);
  };
  const discard = () =>
    batch(() => {
      setChanged(undefined);
      setFailure(undefined);
      setParams({ edit: "" }, true);
    });
  const remove = async () => {
    try {
      await aws("cloudwatch", "DeleteDashboards", { DashboardNames: [name()] });
      go("/dashboards");
    } catch (error) {
      setFailure(() => error);
      setAsking(false);
    }
  };
  const put = (index: number, widget: Widget) => {
    const now = draft();
    if (!now) return;
    setParams({ edit: "1" }, true);
    if (index < now.widgets.length)
      return setChanged({ ...now, widgets: now.widgets.map((old, i) => (i === index ? widget : old)) });
    const place = { x: 0, y: bottom(now.at), width: widget.width ?? 12, height: widget.height ?? 6 };
    setChanged({ ...now, widgets: [...now.widgets, widget], at: arranged([...now.at, place], now.at.length, place) });
  };
  const add = () => setDialog({ kind: "widget", index: draft()?.widgets.length ?? 0 });
  return (
    <>
      <PageHead title={<Crumbs page="/dashboards" of="Dashboards" name={name()} />}>
        <Show
          when={editing() && draft()}
          fallback={
            <>
              <Refresh />
              <FullScreen />
              <Show when={found.data()}>
                <button type="button" onClick={() => setParams({ edit: "1" }, true)}>
                  Edit
                </button>
                <button type="button" onClick={() => setDialog({ kind: "json" })}>
                  JSON
                </button>
                <button type="button" onClick={() => download(`${name()}.json`, "application/json", pretty(body()))}>
                  Export
                </button>
                <button type="button" class="danger" onClick={() => setAsking(true)}>
                  Delete
                </button>
              </Show>
            </>
          }
        >
          <button type="button" onClick={add}>
            Add widget
          </button>
          <button type="button" onClick={() => setDialog({ kind: "variables" })}>
            Variables
          </button>
          <button type="button" onClick={discard}>
            {changed() ? "Discard changes" : "Stop editing"}
          </button>
          <button type="button" class="primary" disabled={busy() || !changed()} onClick={() => void keep()}>
            Save
          </button>
        </Show>
        <RangePicker absent={saved() && rangeOf(saved()!.dashboard)} />
      </PageHead>
      <Show when={failure()}>
        <SaveError error={failure()} />
      </Show>
      <Show when={found.error()}>
        <p>
          <a href={href("/dashboards")}>All dashboards</a>
        </p>
      </Show>
      <Shown of={found} what="the dashboard">
        {() => (
          <Show when={draft()}>
            {(now) => (
              <Board
                draft={now()}
                editing={editing()}
                change={setChanged}
                edit={(index) => setDialog({ kind: "widget", index })}
                empty={
                  <Empty title="This dashboard is empty">
                    <p>
                      <button type="button" class="link" onClick={add}>
                        Add a widget
                      </button>
                      : a graph, a number, a text, alarms or a log query.
                    </p>
                  </Empty>
                }
              />
            )}
          </Show>
        )}
      </Shown>
      <Show when={dialog()} keyed>
        {(open) =>
          open.kind === "widget" ? (
            <WidgetDialog
              widget={draft()?.widgets[open.index]}
              close={() => setDialog(undefined)}
              done={(widget) => put(open.index, widget)}
            />
          ) : open.kind === "json" ? (
            <JsonDialog name={name()} body={body()} close={() => setDialog(undefined)} saved={() => found.reload()} />
          ) : (
            <VariablesDialog
              variables={(draft()?.dashboard.variables ?? []) as Record<string, unknown>[]}
              close={() => setDialog(undefined)}
              done={(variables) => {
                const now = draft();
                if (now) setChanged({ ...now, dashboard: { ...now.dashboard, variables } });
              }}
            />
          )
        }
      </Show>
      <Show when={asking()}>
        <Confirm
          title="Delete dashboard"
          text={`Delete ${name()}? Export it first if it may be needed again.`}
          action="Delete"
          yes={() => void remove()}
          close={() => setAsking(false)}
        />
      </Show>
    </>
  );
}
