// Dashboards: AWS's dashboard JSON, drawn; made, changed and deleted as that JSON.
import { createEffect, createMemo, createSignal, For, onCleanup, Show } from "solid-js";
import { AwsError, aws, pages } from "../aws";
import { dashboardOf, places } from "../dashboards";
import { load } from "../load";
import { listMetrics } from "../metrics";
import { bytes } from "../numbers";
import { go, href, param, path, setParams } from "../router";
import { session } from "../session";
import { dateTime, range, refresh } from "../time";
import { Confirm, Dialog } from "../ui/dialog";
import { Copy, download, Empty, ErrorNote, Field, Loading, PageHead, Shown } from "../ui/parts";
import { RangePicker } from "../ui/range";
import { type Column, Table } from "../ui/table";
import { WidgetView } from "./widgets";

export function Dashboards() {
  return (
    <Show when={path() === "/dashboards/dashboard"} fallback={<List />}>
      <One />
    </Show>
  );
}

interface Entry {
  DashboardName: string;
  Size: number;
  LastModified: number;
}

function List() {
  const [creating, setCreating] = createSignal(false);
  const all = load(
    () => ({}),
    async (_, signal) =>
      (
        await pages<{ DashboardEntries?: Entry[]; NextToken?: string }, Entry>(
          "cloudwatch",
          "ListDashboards",
          {},
          { in: "NextToken", out: "NextToken" },
          (page) => page.DashboardEntries,
          5000,
          signal,
        )
      ).items,
  );
  const rows = createMemo(() =>
    (all.data() ?? []).filter((entry) => entry.DashboardName.toLowerCase().includes(param("q").toLowerCase())),
  );
  const columns: Column<Entry>[] = [
    {
      name: "Dashboard",
      width: "minmax(200px, 1fr)",
      cell: (entry) => <a href={href("/dashboards/dashboard", { name: entry.DashboardName, q: "" })}>{entry.DashboardName}</a>,
    },
    { name: "Changed", width: "180px", cell: (entry) => <span class="mono faint">{dateTime(entry.LastModified * 1000)}</span> },
    { name: "Size", width: "100px", class: "right", cell: (entry) => <span class="faint">{bytes(entry.Size)}</span> },
  ];
  return (
    <div class="fill">
      <PageHead
        title="Dashboards"
        sub="Graphs, numbers, alarms and log queries on one page. The JSON is AWS's own, so dashboards move either way."
      >
        <button type="button" class="primary" onClick={() => setCreating(true)}>
          Create dashboard
        </button>
      </PageHead>
      <div class="filters">
        <input
          type="search"
          class="grow"
          data-search
          aria-label="Part of the name"
          placeholder="Part of the name  ( / )"
          value={param("q")}
          onInput={(event) => setParams({ q: event.currentTarget.value }, true)}
        />
      </div>
      <Show when={all.error()}>
        <ErrorNote error={all.error()} retry={all.reload} />
      </Show>
      <Table
        label="Dashboards"
        rows={rows()}
        columns={columns}
        key={(entry) => entry.DashboardName}
        open={(entry) => go("/dashboards/dashboard", { name: entry.DashboardName, q: "" })}
        empty={
          <Show when={!all.loading()} fallback={<Loading what="dashboards" />}>
            <Show when={!all.error()}>
              <Empty title={all.data()?.length ? "No dashboard has this in its name" : "No dashboards yet"}>
                <p>
                  <button type="button" class="link" onClick={() => setCreating(true)}>
                    Create one
                  </button>
                  : of your hosts in one step, or by pasting the JSON of a dashboard from AWS.
                </p>
              </Empty>
            </Show>
          </Show>
        }
      />
      <Show when={creating()}>
        <Edit
          close={() => setCreating(false)}
          name=""
          body={'{\n  "widgets": []\n}'}
          saved={(name) => go("/dashboards/dashboard", { name, q: "" })}
        />
      </Show>
    </div>
  );
}

/** A dashboard of the hosts that report: one graph for each measure, each host a line. */
async function hostsDashboard(): Promise<string> {
  const now = session();
  const region = param("region", now.signedIn ? now.region : "");
  const measures: [string, string][] = [
    ["cpu_usage_active", "CPU %"],
    ["mem_used_percent", "Memory %"],
    ["disk_used_percent", "Disks %"],
    ["system_load1", "Load"],
    ["net_bytes_recv", "Network in"],
    ["net_bytes_sent", "Network out"],
  ];
  const widgets: unknown[] = [];
  for (const [metric, title] of measures) {
    const found = await listMetrics({ Namespace: "CWAgent", MetricName: metric }, 100);
    if (!found.items.length) continue;
    const metrics = found.items
      .slice(0, 50)
      .map((m) => [m.Namespace, m.MetricName, ...m.Dimensions.flatMap((d) => [d.Name, d.Value])]);
    widgets.push({
      type: "metric",
      x: (widgets.length % 2) * 12,
      y: Math.floor(widgets.length / 2) * 6,
      width: 12,
      height: 6,
      properties: { title, region, view: "timeSeries", stacked: false, metrics },
    });
  }
  return JSON.stringify({ widgets }, null, 2);
}

interface Problem {
  DataPath?: string;
  Message?: string;
}

function Edit(props: { name: string; body: string; close: () => void; saved: (name: string) => void }) {
  const [body, setBody] = createSignal(pretty(props.body));
  const [name, setName] = createSignal(props.name);
  const [error, setError] = createSignal<unknown>();
  const [problems, setProblems] = createSignal<Problem[]>([]);
  const [busy, setBusy] = createSignal(false);
  const save = async (event: SubmitEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    setProblems([]);
    try {
      const answer = await aws<{ DashboardValidationMessages?: Problem[] }>("cloudwatch", "PutDashboard", {
        DashboardName: name(),
        DashboardBody: body(),
      });
      // Warnings do not keep a dashboard from being saved.
      if (answer.DashboardValidationMessages?.length)
        console.info("dashboard saved with warnings", answer.DashboardValidationMessages.length);
      props.saved(name());
      props.close();
    } catch (failure) {
      const told =
        failure instanceof AwsError
          ? (failure.details.dashboardValidationMessages ?? failure.details.DashboardValidationMessages)
          : undefined;
      if (Array.isArray(told)) setProblems(told as Problem[]);
      setError(() => failure);
    }
    setBusy(false);
  };
  const fill = async () => {
    setBusy(true);
    try {
      setBody(await hostsDashboard());
      if (!name()) setName("hosts");
    } catch (failure) {
      setError(() => failure);
    }
    setBusy(false);
  };
  return (
    <Dialog title={props.name ? `Edit ${props.name}` : "Create dashboard"} close={props.close} wide>
      <form class="stack" onSubmit={save}>
        <Show when={error()}>
          <Show when={problems().length} fallback={<ErrorNote error={error()} />}>
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
        </Show>
        <Show when={!props.name}>
          <div class="filters">
            <Field label="Name" class="grow" hint="Letters, digits, - and _.">
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
            <button type="button" disabled={busy()} onClick={() => void fill()}>
              Fill in my hosts
            </button>
          </div>
        </Show>
        <Field
          label="Dashboard JSON"
          hint="As in AWS: widgets with x, y, width (of 24), height, type (metric, text, alarm, log) and properties."
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
        <div class="actions end">
          <Copy text={body()} label="Copy JSON" />
          <button type="button" onClick={props.close}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={busy()}>
            Save
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

const EVERY: [string, string][] = [
  ["", "No auto-refresh"],
  ["10", "Every 10 s"],
  ["60", "Every minute"],
  ["300", "Every 5 min"],
];

function One() {
  const name = () => param("name");
  const period = createMemo(() => range());
  const [editing, setEditing] = createSignal(false);
  const [asking, setAsking] = createSignal(false);
  const [failure, setFailure] = createSignal<unknown>();
  const found = load(name, (DashboardName, signal) =>
    aws<{ DashboardBody: string }>("cloudwatch", "GetDashboard", { DashboardName }, signal),
  );
  const board = createMemo(() => {
    const body = found.data()?.DashboardBody;
    if (body === undefined) return undefined;
    const read = dashboardOf(body);
    return { widgets: read.widgets, places: places(read.widgets) };
  });
  createEffect(() => {
    const seconds = Number(param("refresh"));
    if (!seconds) return;
    const timer = setInterval(refresh, seconds * 1000);
    onCleanup(() => clearInterval(timer));
  });
  const remove = async () => {
    try {
      await aws("cloudwatch", "DeleteDashboards", { DashboardNames: [name()] });
      go("/dashboards", { name: "" });
    } catch (error) {
      setFailure(() => error);
      setAsking(false);
    }
  };
  const full = () => void document.querySelector(".widgets")?.requestFullscreen?.();
  return (
    <>
      <PageHead
        title={
          <>
            <a href={href("/dashboards", { name: "" })}>Dashboards</a> / {name()}
          </>
        }
      >
        <select
          aria-label="Refresh"
          value={param("refresh")}
          onChange={(event) => setParams({ refresh: event.currentTarget.value })}
        >
          <For each={EVERY}>{([seconds, text]) => <option value={seconds}>{text}</option>}</For>
        </select>
        <button type="button" onClick={full}>
          Full screen
        </button>
        <Show when={found.data()}>
          {(data) => (
            <>
              <button type="button" onClick={() => setEditing(true)}>
                Edit
              </button>
              <button type="button" onClick={() => download(`${name()}.json`, "application/json", pretty(data().DashboardBody))}>
                Export
              </button>
              <button type="button" class="danger" onClick={() => setAsking(true)}>
                Delete
              </button>
            </>
          )}
        </Show>
        <RangePicker />
      </PageHead>
      <Show when={failure()}>
        <ErrorNote error={failure()} />
      </Show>
      <Shown of={found} what="the dashboard">
        {() => (
          <Show
            when={board()?.widgets.length}
            fallback={
              <Empty title="This dashboard is empty">
                <p>
                  <button type="button" class="link" onClick={() => setEditing(true)}>
                    Add widgets
                  </button>{" "}
                  to its JSON.
                </p>
              </Empty>
            }
          >
            <div class="widgets">
              <For each={board()?.widgets}>
                {(widget, i) => {
                  const place = () => board()?.places[i()] ?? { x: 0, y: 0, width: 6, height: 6 };
                  return (
                    <section
                      class="panel widget"
                      style={{
                        "--column": `${place().x + 1} / span ${place().width}`,
                        "--row": `${place().y + 1} / span ${place().height}`,
                      }}
                    >
                      <WidgetView widget={widget} range={period()} rows={place().height} />
                    </section>
                  );
                }}
              </For>
            </div>
          </Show>
        )}
      </Shown>
      <Show when={editing()}>
        <Edit
          name={name()}
          body={found.data()?.DashboardBody ?? ""}
          close={() => setEditing(false)}
          saved={() => found.reload()}
        />
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
