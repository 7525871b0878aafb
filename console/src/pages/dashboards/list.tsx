// Which dashboards there are: saved ones, and those made of what is measured.
import { createMemo, createSignal, For, Show } from "solid-js";
import { automatics } from "../../automatic";
import { pages } from "../../aws";
import { load } from "../../load";
import { listMetrics } from "../../metrics";
import { bytes } from "../../numbers";
import { go, href, param, setParams } from "../../router";
import { dateTime } from "../../time";
import { hasWords, Listing, Search } from "../../ui/page";
import { ErrorNote, PageHead } from "../../ui/parts";
import type { Column } from "../../ui/table";
import { JsonDialog } from "./json";

interface Entry {
  DashboardName: string;
  Size: number;
  LastModified: number;
}

/** Dashboards to list at most. */
const LISTED_MAX = 5000;

export function DashboardList() {
  const creating = () => param("new") === "1";
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
          LISTED_MAX,
          signal,
        )
      ).items,
  );
  const metrics = load(
    () => ({}),
    async (_, signal) => automatics((await listMetrics({}, LISTED_MAX, signal)).items),
  );
  const rows = createMemo(() => (all.data() ?? []).filter((entry) => hasWords(entry.DashboardName, param("q"))));
  const shown = createMemo(() => (metrics.data() ?? []).filter((one) => hasWords(one.title, param("q"))));
  const columns: Column<Entry>[] = [
    {
      name: "Dashboard",
      width: "minmax(200px, 1fr)",
      cell: (entry) => <a href={href("/dashboards/dashboard", { name: entry.DashboardName })}>{entry.DashboardName}</a>,
    },
    { name: "Changed", width: "180px", cell: (entry) => <span class="mono faint">{dateTime(entry.LastModified * 1000)}</span> },
    { name: "Size", width: "100px", class: "right", cell: (entry) => <span class="faint">{bytes(entry.Size)}</span> },
  ];
  const create = () => setParams({ new: "1" });
  const [read, setRead] = createSignal<{ name: string; body: string }>();
  let file!: HTMLInputElement;
  const take = async () => {
    const chosen = file.files?.[0];
    file.value = "";
    if (!chosen) return;
    const name = chosen.name.replace(/\.json$/i, "").replace(/[^-_A-Za-z0-9]+/g, "-");
    setRead({ name, body: await chosen.text() });
  };
  return (
    <div class="fill">
      <PageHead
        title="Dashboards"
        sub="Graphs, numbers, alarms and log queries on one page. The JSON is AWS's own, so dashboards move either way."
      >
        <input
          ref={file}
          type="file"
          class="sr"
          accept="application/json,.json"
          aria-label="Dashboard JSON file"
          tabindex="-1"
          onChange={() => void take()}
        />
        <button type="button" onClick={() => file.click()}>
          Import…
        </button>
        <button type="button" class="primary" onClick={create}>
          Create dashboard
        </button>
      </PageHead>
      <div class="filters">
        <Search label="Part of the name" />
      </div>
      <Show when={metrics.error()}>
        <ErrorNote error={metrics.error()} retry={metrics.reload} />
      </Show>
      <section aria-label="Automatic dashboards">
        <h2 class="over">Automatic</h2>
        <ul class="cards">
          <For each={shown()}>
            {(one) => (
              <li>
                <a href={href("/dashboards/automatic", { of: one.id })}>
                  <strong>{one.title}</strong> <span class="faint">{one.about}</span>
                </a>
              </li>
            )}
          </For>
        </ul>
      </section>
      <h2 class="over">Saved</h2>
      <Listing
        of={all}
        what="dashboards"
        rows={rows()}
        columns={columns}
        key={(entry) => entry.DashboardName}
        open={(entry) => go("/dashboards/dashboard", { name: entry.DashboardName })}
        empty={all.data()?.length ? "No dashboard has this in its name" : "No dashboards yet"}
      >
        <p>
          <button type="button" class="link" onClick={create}>
            Create one
          </button>
          , save an automatic one under a name of yours, or import the JSON of a dashboard from AWS.
        </p>
      </Listing>
      <Show when={creating()}>
        <JsonDialog
          name=""
          body={'{\n  "widgets": []\n}'}
          close={() => setParams({ new: "" })}
          saved={(name) => go("/dashboards/dashboard", { name, edit: "1" })}
        />
      </Show>
      <Show when={read()} keyed>
        {(given) => (
          <JsonDialog
            name={given.name}
            free
            body={given.body}
            close={() => setRead(undefined)}
            saved={(name) => go("/dashboards/dashboard", { name })}
          />
        )}
      </Show>
    </div>
  );
}
