// The widgets of a dashboard at their places. While it is edited, a widget is dragged by its handle and resized at its corner; arrows on
// the handle move it, with Shift they resize it.
import { createMemo, createSignal, For, Show } from "solid-js";
import type { Widget } from "../../dashboards";
import { arranged, nudged, type Place } from "../../grid";
import type { Range } from "../../time";
import { applied, type Variable } from "../../variables";
import { WidgetView } from "../widgets/view";

/** Pixels of a row and of a gap, as the styles have them. */
const ROW = 48;
const GAP = 10;
const COLUMNS = 24;

export function Grid(props: {
  widgets: Widget[];
  at: Place[];
  range: Range;
  variables: Variable[];
  chosen: Record<string, string>;
  editing: boolean;
  place: (at: Place[]) => void;
  edit: (index: number) => void;
  duplicate: (index: number) => void;
  remove: (index: number) => void;
}) {
  let grid!: HTMLDivElement;
  const [held, setHeld] = createSignal<number>();
  const [told, setTold] = createSignal("");

  const tell = (index: number, at: Place[]) => {
    const place = at[index];
    if (place) setTold(`Column ${place.x + 1}, row ${place.y + 1}, ${place.width} columns wide, ${place.height} rows high`);
  };
  const put = (index: number, from: Place[], to: Place) => {
    const next = arranged(from, index, to);
    props.place(next);
    tell(index, next);
  };

  /** Where the pointer is, in cells of the grid. */
  const cell = (event: PointerEvent) => {
    const box = grid.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / (box.width + GAP)) * COLUMNS, y: (event.clientY - box.top) / (ROW + GAP) };
  };
  const drag = (down: PointerEvent, index: number, resize: boolean) => {
    if (down.button !== 0) return;
    down.preventDefault();
    const handle = down.currentTarget as HTMLElement;
    handle.focus();
    handle.setPointerCapture(down.pointerId);
    const from = props.at;
    const start = from[index];
    if (!start) return;
    const began = cell(down);
    let last = "";
    setHeld(index);
    const move = (event: PointerEvent) => {
      const now = cell(event);
      const [dx, dy] = [Math.round(now.x - began.x), Math.round(now.y - began.y)];
      // Charts are drawn anew for each size: only when it is another one.
      if (`${dx} ${dy}` === last) return;
      last = `${dx} ${dy}`;
      put(
        index,
        from,
        resize
          ? { ...start, width: start.width + dx, height: start.height + dy }
          : { ...start, x: start.x + dx, y: start.y + dy },
      );
    };
    const end = (event: Event) => {
      handle.removeEventListener("pointermove", move);
      handle.removeEventListener("pointerup", end);
      handle.removeEventListener("pointercancel", end);
      removeEventListener("keydown", cancel, true);
      setHeld(undefined);
      if (event.type === "pointercancel") props.place(from);
    };
    const cancel = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      props.place(from);
      end(event);
    };
    handle.addEventListener("pointermove", move);
    handle.addEventListener("pointerup", end);
    handle.addEventListener("pointercancel", end);
    addEventListener("keydown", cancel, true);
  };
  const keyed = (event: KeyboardEvent, index: number) => {
    if (event.key === "Delete") {
      event.preventDefault();
      return props.remove(index);
    }
    const place = props.at[index];
    const to = place && nudged(place, event.key, event.shiftKey);
    if (!to) return;
    event.preventDefault();
    put(index, props.at, to);
  };
  const name = (widget: Widget) => String(widget.properties?.title || widget.type);

  const tools = (widget: Widget, index: () => number) => (
    <div class="widget-tools">
      <button
        type="button"
        class="icon handle"
        aria-label={`Move ${name(widget)}`}
        title="Drag to move; arrows move, Shift and arrows resize, Delete removes"
        onPointerDown={(event) => drag(event, index(), false)}
        onKeyDown={(event) => keyed(event, index())}
      >
        ⠿
      </button>
      <button type="button" class="small" aria-label={`Edit ${name(widget)}`} onClick={() => props.edit(index())}>
        Edit
      </button>
      <button type="button" class="small" aria-label={`Duplicate ${name(widget)}`} onClick={() => props.duplicate(index())}>
        Duplicate
      </button>
      <button type="button" class="small" aria-label={`Remove ${name(widget)}`} onClick={() => props.remove(index())}>
        ✕
      </button>
    </div>
  );

  return (
    <>
      <p class="sr" role="status">
        {told()}
      </p>
      <div class="widgets" classList={{ editing: props.editing }} ref={grid}>
        <For each={props.widgets}>
          {(widget, index) => {
            const place = () => props.at[index()] ?? { x: 0, y: 0, width: 6, height: 6 };
            const drawn = createMemo(() => ({
              ...widget,
              properties: applied(widget.properties ?? {}, props.variables, props.chosen),
            }));
            return (
              <section
                class="panel widget"
                classList={{ held: held() === index(), clear: drawn().properties.background === "transparent" }}
                style={{
                  "--column": `${place().x + 1} / span ${place().width}`,
                  "--row": `${place().y + 1} / span ${place().height}`,
                }}
              >
                <WidgetView
                  widget={drawn()}
                  range={props.range}
                  rows={place().height}
                  tools={props.editing ? () => tools(widget, index) : undefined}
                />
                <Show when={props.editing}>
                  <div
                    class="corner"
                    aria-hidden="true"
                    data-corner={name(widget)}
                    onPointerDown={(event) => drag(event, index(), true)}
                  />
                </Show>
              </section>
            );
          }}
        </For>
      </div>
    </>
  );
}
