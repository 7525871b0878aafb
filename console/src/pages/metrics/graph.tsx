// The graph itself: one chart of all, or one for each line with linked cursors; what was before, dashed; changes as marks.
import { createMemo, For, Show } from "solid-js";
import { CHANGES_MAX, changesOf } from "../../changes";
import { Chart, type Line } from "../../charts/chart";
import { colour } from "../../charts/palette";
import { type Row, readGraph } from "../../graph";
import { load } from "../../load";
import { linesOf } from "../../metrics";
import { count } from "../../numbers";
import { href, param } from "../../router";
import { dark } from "../../theme";
import { dateTime, range } from "../../time";
import { ErrorNote, Panel, Working } from "../../ui/parts";

/** Charts of one line each, and changes in the list below, at most. */
const CHARTS_MAX = 24;
const LISTED_MAX = 200;

export function Graph(props: { rows: Row[] }) {
  const period = createMemo(() => range());
  const question = createMemo(() =>
    props.rows.length ? { rows: props.rows, range: period(), days: Number(param("compare")) || 0 } : undefined,
  );
  const data = load(question, readGraph);
  const changes = load(
    () => (param("changes") === "1" ? period() : undefined),
    (at, signal) => changesOf(at, signal),
  );
  const lines = createMemo((): (Line & { id: string })[] => {
    const found = data.data();
    if (!found || !props.rows.length) return [];
    const row = (id: string) => props.rows.find((r) => r.i === id);
    const place = (id: string) =>
      Math.max(
        0,
        props.rows.findIndex((r) => r.i === id),
      );
    // An expression may make many lines; those get colours of their own.
    const many = (id: string) => found.now.filter((s) => s.id === id && !/ (upper|lower)$/.test(s.label)).length > 1;
    const now = linesOf(found.now, (s) => ({
      right: !!row(s.id)?.r,
      color: many(s.id) ? colour(found.now.indexOf(s) + props.rows.length, dark()) : colour(place(s.id), dark()),
    }));
    const before = linesOf(found.before, (s) => ({
      right: !!row(s.id)?.r,
      dash: true,
      color: now.find((line) => line.id === s.id && line.label === s.label)?.color ?? colour(place(s.id), dark()),
    })).map((line) => ({ ...line, label: `${line.label} (before)` }));
    return [...now, ...before];
  });
  const messages = () => [...new Set(data.data()?.now.flatMap((s) => s.messages) ?? [])];
  const marks = () => changes.data()?.changes ?? [];
  const empty = () =>
    props.rows.length
      ? data.loading()
        ? "Loading…"
        : "No data in this time: take a longer range, or a longer period."
      : "Choose metrics below to draw them here.";
  /** Each line with what it was before; a band stays together. */
  const groups = createMemo(() => {
    const all = new Map<string, { name: string; own: Line[] }>();
    for (const line of lines()) {
      const name = line.label.replace(/ \(before\)$/, "").replace(/ (upper|lower)$/, "");
      const key = `${line.id} ${name}`;
      const group = all.get(key) ?? { name, own: [] };
      group.own.push(line);
      all.set(key, group);
    }
    return [...all.values()].slice(0, CHARTS_MAX);
  });
  return (
    <Panel class="graph">
      <Show when={data.error()}>
        <ErrorNote error={data.error()} retry={data.reload} />
      </Show>
      <Show when={changes.error()}>
        <ErrorNote error={changes.error()} retry={changes.reload} />
      </Show>
      <Show when={changes.loading()}>
        <p class="faint" role="status">
          <Working what="Looking for changes…" cancel={changes.cancel} />
        </p>
      </Show>
      <For each={messages()}>{(message) => <p class="note">{message}</p>}</For>
      <Show
        when={param("each") === "1" && groups().length > 1}
        fallback={<Chart lines={lines()} range={period()} height={230} label="Graph" marks={marks()} empty={empty()} />}
      >
        <div class="multiples">
          <For each={groups()}>
            {(group) => <Chart lines={group.own} range={period()} height={120} label={group.name} marks={marks()} />}
          </For>
        </div>
      </Show>
      <Show when={param("changes") === "1" && changes.data()}>
        {(found) => (
          <details class="changes">
            <summary>
              {count(found().changes.length)} {found().changes.length === 1 ? "change" : "changes"} in this time
              <Show when={found().since}>
                {(since) =>
                  `; there are more: marked are those of the newest ${count(CHANGES_MAX)} writes, since ${dateTime(since())}`
                }
              </Show>
            </summary>
            <ul class="rows">
              <For
                each={found().changes.slice(0, LISTED_MAX)}
                fallback={<li class="faint">No write was recorded. Try a longer range.</li>}
              >
                {(change) => (
                  <li>
                    <span class="mono faint">{dateTime(change.at)}</span>
                    <a href={change.href} classList={{ bad: change.bad }}>
                      {change.label}
                    </a>
                  </li>
                )}
              </For>
            </ul>
            <Show when={found().changes.length > LISTED_MAX}>
              <p class="faint">
                The newest {LISTED_MAX} are listed; <a href={href("/events")}>event history</a> has all.
              </p>
            </Show>
          </details>
        )}
      </Show>
    </Panel>
  );
}
