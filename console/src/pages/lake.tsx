// SQL over event data stores: an editor, how far the query is, its rows. The statement and the query's id are in the URL.
import { createEffect, createMemo, createSignal, For, lazy, on, onCleanup, Show, Suspense, untrack } from "solid-js";
import { AwsError, advice } from "../aws";
import { lakeSql } from "../editor/sql";
import { cancel, idOf, isRunning, listStores, type Progress, type Rows, results, samples, settled, start } from "../lake";
import { load } from "../load";
import { bytes, count } from "../numbers";
import { href, param, setParams } from "../router";
import { Detail, Samples } from "../ui/page";
import { csv, download, Empty, ErrorNote, Loading, PageHead, Panel } from "../ui/parts";
import { type Column, Table } from "../ui/table";

const QueryEditor = lazy(() => import("../editor/insights-editor"));

const beginning = (store: string) =>
  `SELECT eventTime, eventName, eventSource, userIdentity.arn, errorCode, sourceIPAddress\nFROM ${store}\nWHERE eventTime > '${new Date(Date.now() - 86_400_000).toISOString().slice(0, 19).replace("T", " ")}'\nORDER BY eventTime DESC\nLIMIT 200`;

/** The place that a message names, such as `line 2:8`, as a part of the text. */
export function placeIn(text: string, message: string): { from: number; to: number } | undefined {
  const [, line, column] = /line (\d+)(?::|, column )(\d+)/i.exec(message) ?? [];
  if (!line || !column) return undefined;
  const lines = text.split("\n");
  if (Number(line) > lines.length) return undefined;
  const from = lines.slice(0, Number(line) - 1).reduce((sum, one) => sum + one.length + 1, 0) + Number(column) - 1;
  const word = /^[\w.]+/.exec(text.slice(from));
  return { from, to: from + (word?.[0].length ?? 1) };
}

/** Without the list of all columns, which completion has, and the store's id before each. */
const shortened = (message: string) =>
  message.replace(/ Valid fields are .*$/s, "").replaceAll(/"?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"?\./g, "");

export default function Lake() {
  const stores = load(
    () => true,
    (_, signal) => listStores(signal),
  );
  const offered = load(
    () => (stores.data()?.length ? true : undefined),
    (_, signal) => samples("events by user", signal),
  );
  const names = createMemo(() => Promise.resolve((stores.data() ?? []).map((store) => idOf(store.EventDataStoreArn))));
  const [text, setText] = createSignal(param("q"));
  createEffect(() => {
    const first = stores.data()?.[0];
    if (first && !untrack(text)) setText(beginning(idOf(first.EventDataStoreArn)));
  });

  const [now, setNow] = createSignal<Progress>();
  const [rows, setRows] = createSignal<Rows>();
  const [error, setError] = createSignal<unknown>();
  const [busy, setBusy] = createSignal(false);
  let control: AbortController | undefined;
  onCleanup(() => control?.abort());

  /** Waits for a query, and reads its first rows. */
  const follow = async (id: string, mine: AbortController) => {
    const ended = await settled(id, setNow, mine.signal);
    if (!text()) setText(ended.statement);
    if (ended.status === "FINISHED") setRows(await results(id, undefined, mine.signal));
    else setError(() => new Error(ended.error || `The query ended as ${ended.status}.`));
  };
  const attempt = async (what: (mine: AbortController) => Promise<void>) => {
    control?.abort();
    const mine = new AbortController();
    control = mine;
    setBusy(true);
    setError(undefined);
    setRows(undefined);
    setNow(undefined);
    try {
      await what(mine);
    } catch (failure) {
      if (mine.signal.aborted) return;
      setError(() => failure);
    }
    if (control === mine) setBusy(false);
  };
  const run = () => {
    if (!text().trim()) return;
    void attempt(async (mine) => {
      const id = await start(text(), mine.signal);
      setParams({ q: text(), id, row: "" }, true);
      await follow(id, mine);
    });
  };
  // A link to a query that ran shows its rows, which are kept for seven days.
  createEffect(
    on(
      () => param("id"),
      (id) => {
        if (id && untrack(now)?.id !== id && !untrack(busy)) void untrack(() => attempt((mine) => follow(id, mine)));
      },
    ),
  );
  const stop = async () => {
    const id = now()?.id;
    if (!id) return;
    try {
      await cancel(id);
    } catch (failure) {
      setError(() => failure);
    }
  };
  const more = async () => {
    const have = rows();
    const id = now()?.id;
    if (!have?.next || !id || busy()) return;
    setBusy(true);
    try {
      setRows(await results(id, have));
    } catch (failure) {
      setError(() => failure);
    }
    setBusy(false);
  };

  const wrong = createMemo(() => {
    const failure = error();
    return failure instanceof Error ? placeIn(text(), failure.message) : undefined;
  });
  const columns = createMemo((): Column<string[]>[] =>
    (rows()?.columns ?? []).map((name, i) => ({
      name,
      width: /time$/i.test(name) ? "190px" : "minmax(110px, 1fr)",
      cell: (row) => (
        <span class="mono" title={row[i]}>
          {row[i]}
        </span>
      ),
    })),
  );
  const index = createMemo(() => new Map(rows()?.rows.map((row, i) => [row, String(i)])));
  const opened = createMemo(() => (param("row") ? rows()?.rows[Number(param("row"))] : undefined));
  const save = () => {
    const have = rows();
    if (have) download("results.csv", "text/csv", csv([have.columns, ...have.rows]));
  };

  return (
    <div class="fill">
      <PageHead title="CloudTrail Lake" sub="SQL over the events that an event data store takes in.">
        <Samples
          of={(offered.data() ?? []).map((sample) => sample.Name ?? "")}
          choose={(place) => {
            const store = stores.data()?.[0];
            const sql = offered.data()?.[place]?.SQL;
            if (sql) setText(sql.replaceAll("$EDS_ID", idOf(store?.EventDataStoreArn ?? "")));
          }}
        />
        <a class="button" href={href("/trails")}>
          Stores
        </a>
      </PageHead>
      <Show when={stores.error()}>
        <ErrorNote error={stores.error()} retry={stores.reload} />
      </Show>
      <Show
        when={stores.data()?.length !== 0}
        fallback={
          <Panel>
            <Empty title="No event data store yet">
              <p>
                A store says which events SQL sees: <code>aws cloudtrail create-event-data-store --name everything</code>
              </p>
            </Empty>
          </Panel>
        }
      >
        <div class="editor">
          <Suspense fallback={<Loading what="the editor" />}>
            <QueryEditor text={text()} change={setText} run={run} fields={names()} wrong={wrong()} dialect={lakeSql} />
          </Suspense>
        </div>
        <div class="filters">
          <button type="button" class="primary" disabled={busy() && !rows()} onClick={run}>
            Run query
          </button>
          <Show when={busy() && isRunning(now()?.status ?? "QUEUED") && !rows()}>
            <button type="button" onClick={() => void stop()} disabled={!now()}>
              Cancel
            </button>
          </Show>
          <span class="count" role="status">
            <Show when={busy()}>
              <span class="spinner" aria-hidden="true" />
            </Show>
            <Show when={now()} fallback={busy() ? "Starting…" : "Ctrl+Enter runs it"}>
              {(told) => (
                <>
                  {isRunning(told().status) ? (told().status === "QUEUED" ? "Waiting for its turn…" : "Running…") : ""}
                  <Show when={rows()}>
                    {(have) => (
                      <>
                        {count(have().total)} {have().total === 1 ? "row" : "rows"},{" "}
                      </>
                    )}
                  </Show>
                  {count(told().scanned)} events scanned, {bytes(told().bytes)}, {count(told().ms)} ms
                </>
              )}
            </Show>
          </span>
          <span class="grow" />
          <Show when={rows()?.rows.length}>
            <button type="button" class="small" onClick={save}>
              Save as CSV
            </button>
          </Show>
        </div>
        <Show when={error()}>
          {(failure) => (
            <div class="note error" role="alert">
              <div>
                <strong>{shortened(failure() instanceof Error ? (failure() as Error).message : String(failure()))}</strong>
                <p>{failure() instanceof AwsError ? advice(failure()) : "Change the statement, and run it again."}</p>
              </div>
            </div>
          )}
        </Show>
        <Show when={rows()}>
          {(have) => (
            <div class="split one" classList={{ "right-only": !!opened() }}>
              <Table
                label="Results"
                rows={have().rows}
                columns={columns()}
                key={(row) => index().get(row) ?? ""}
                selected={param("row")}
                open={(row) => setParams({ row: index().get(row) === param("row") ? "" : (index().get(row) ?? "") }, true)}
                atEnd={() => void more()}
                empty={
                  <Empty title="No rows">
                    <p>The statement is right, but nothing is as it asks. Take a longer time, or fewer conditions.</p>
                  </Empty>
                }
              />
              <Show when={opened()}>
                {(row) => (
                  <Detail label="Row" title={`Row ${Number(param("row")) + 1}`} close={() => setParams({ row: "" }, true)}>
                    <dl class="facts">
                      <For each={have().columns}>
                        {(name, i) => (
                          <div>
                            <dt>{name}</dt>
                            <dd class="message">{row()[i()]}</dd>
                          </div>
                        )}
                      </For>
                    </dl>
                  </Detail>
                )}
              </Show>
            </div>
          )}
        </Show>
      </Show>
    </div>
  );
}
