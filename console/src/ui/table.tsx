// Tables: one that draws only the rows in sight, so that a million rows scroll as ten do (arrows move, Enter opens), and a small one.
import { createEffect, createMemo, createSignal, For, type JSX, onCleanup, onMount, Show } from "solid-js";

export interface Column<T> {
  name: string;
  /** A track of CSS grid, such as `180px` or `minmax(120px, 1fr)`. */
  width: string;
  cell: (row: T) => JSX.Element;
  class?: string;
}

const ROW = 30;
const SPARE = 8;

export function Table<T>(props: {
  label: string;
  rows: T[];
  columns: Column<T>[];
  key: (row: T) => string;
  open?: (row: T) => void;
  selected?: string;
  /** Called when the end comes into sight. */
  atEnd?: () => void;
  empty?: JSX.Element;
  class?: string;
  /** Scrolls to the end when rows come, as a tail does. */
  follow?: boolean;
  rowClass?: (row: T) => string;
}) {
  let body!: HTMLDivElement;
  const [top, setTop] = createSignal(0);
  const [height, setHeight] = createSignal(400);
  const first = createMemo(() => Math.max(0, Math.floor(top() / ROW) - SPARE));
  const last = createMemo(() => Math.min(props.rows.length, Math.ceil((top() + height()) / ROW) + SPARE));
  const shown = createMemo(() => props.rows.slice(first(), last()));
  const tracks = () => props.columns.map((column) => column.width).join(" ");

  onMount(() => {
    const observer = new ResizeObserver(() => setHeight(body.clientHeight));
    observer.observe(body);
    onCleanup(() => observer.disconnect());
  });
  createEffect(() => {
    if (props.rows.length > 0 && last() >= props.rows.length) props.atEnd?.();
  });
  createEffect(() => {
    const rows = props.rows.length;
    if (props.follow && rows) queueMicrotask(() => body.scrollTo({ top: rows * ROW }));
  });

  /** Goes to a row once it is drawn. */
  const focus = (at: number) => {
    requestAnimationFrame(() => body.querySelector<HTMLElement>(`[data-index="${at}"]`)?.focus({ preventScroll: true }));
  };
  const keyed = (event: KeyboardEvent) => {
    // The table is one stop of Tab: an arrow leads from it into its rows.
    const isBody = event.target === body && (event.key === "ArrowDown" || event.key === "Enter");
    const at = isBody ? Math.ceil(body.scrollTop / ROW) - 1 : Number((event.target as HTMLElement).dataset.index ?? Number.NaN);
    if (Number.isNaN(at)) return;
    if (isBody) {
      event.preventDefault();
      return focus(Math.min(at + 1, props.rows.length - 1));
    }
    const row = props.rows[at];
    if (event.key === "Enter" && row) {
      event.preventDefault();
      props.open?.(row);
    }
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 20, PageUp: at - 20, Home: 0, End: props.rows.length - 1 }[
      event.key
    ];
    if (to === undefined) return;
    event.preventDefault();
    const next = Math.min(props.rows.length - 1, Math.max(0, to));
    const from = body.scrollTop;
    if (next * ROW < from) body.scrollTo({ top: next * ROW });
    else if ((next + 1) * ROW > from + body.clientHeight) body.scrollTo({ top: (next + 1) * ROW - body.clientHeight });
    focus(next);
  };

  return (
    <div class={`table ${props.class ?? ""}`} classList={{ "no-rows": props.rows.length === 0 }}>
      <div
        class="tgrid"
        role="table"
        aria-label={props.label}
        aria-rowcount={props.rows.length + 1}
        style={{ "--tracks": tracks() }}
      >
        <div role="rowgroup">
          <div class="tr th" role="row">
            <For each={props.columns}>
              {(column) => (
                <div role="columnheader" class={column.class}>
                  {column.name}
                </div>
              )}
            </For>
          </div>
        </div>
        <div
          class="tbody"
          role="rowgroup"
          ref={body}
          tabindex="0"
          aria-label={`${props.label}, rows`}
          onScroll={() => setTop(body.scrollTop)}
          onKeyDown={keyed}
        >
          <div class="tspace" role="presentation" style={{ height: `${props.rows.length * ROW}px` }}>
            <div class="trows" role="presentation" style={{ transform: `translateY(${first() * ROW}px)` }}>
              <For each={shown()}>
                {(row, index) => (
                  <div
                    class={`tr ${props.open ? "openable" : ""} ${props.rowClass?.(row) ?? ""}`}
                    classList={{ selected: props.selected !== undefined && props.selected === props.key(row) }}
                    role="row"
                    tabindex={-1}
                    data-index={first() + index()}
                    aria-rowindex={first() + index() + 2}
                    onClick={() => props.open?.(row)}
                  >
                    <For each={props.columns}>
                      {(column) => (
                        <div role="cell" class={column.class}>
                          {column.cell(row)}
                        </div>
                      )}
                    </For>
                  </div>
                )}
              </For>
            </div>
          </div>
        </div>
      </div>
      <Show when={props.rows.length === 0}>{props.empty}</Show>
    </div>
  );
}

/** A heading of a small table: a name, or one of numbers, or one that is only read out. */
export type Heading = string | { name: string; num?: boolean; unseen?: boolean };

/** A small table, all of which is drawn; the children make a row of each. */
export function Plain<T>(props: {
  head: Heading[];
  of: T[];
  label?: string;
  class?: string;
  children: (row: T, place: () => number) => JSX.Element;
}) {
  const heading = (of: Heading) => (typeof of === "string" ? { name: of } : of);
  return (
    <table class={`plain ${props.class ?? ""}`} aria-label={props.label}>
      <thead>
        <tr>
          <For each={props.head.map(heading)}>
            {(one) => (
              <th scope="col" class={one.num ? "num" : undefined}>
                <Show when={one.unseen} fallback={one.name}>
                  <span class="sr">{one.name}</span>
                </Show>
              </th>
            )}
          </For>
        </tr>
      </thead>
      <tbody>
        <For each={props.of}>{props.children}</For>
      </tbody>
    </table>
  );
}
