// Chooses the time range of the page, and asks for fresh data.
import { createSignal, For, Show } from "solid-js";
import { param, setParams } from "../router";
import { dateTime, RANGES, refresh, utc } from "../time";

const local = (ms: number) => {
  const d = new Date(utc() ? ms : ms - new Date(ms).getTimezoneOffset() * 60_000);
  return d.toISOString().slice(0, 16);
};
const instant = (text: string) => Date.parse(utc() ? `${text}:00Z` : text);

/** `all`: the page knows the range `all`, for which `range` has no times. */
export function RangePicker(props: { absent?: string; all?: boolean }) {
  const fixed = () => !!param("start") && !!param("end");
  const relative = () => {
    const asked = param("range", props.absent ?? "3h");
    return asked === "all" && !props.all ? (props.absent ?? "3h") : asked;
  };
  const [open, setOpen] = createSignal(false);
  let start!: HTMLInputElement;
  let end!: HTMLInputElement;
  const apply = () => {
    const [from, to] = [instant(start.value), instant(end.value)];
    if (!(from < to)) {
      end.setCustomValidity("The end must be after the start.");
      end.reportValidity();
      return;
    }
    setParams({ start: new Date(from).toISOString(), end: new Date(to).toISOString(), range: "" });
    setOpen(false);
  };
  return (
    <div class="range">
      <select
        aria-label="Time range"
        value={fixed() ? "fixed" : relative()}
        onChange={(event) => {
          const value = event.currentTarget.value;
          if (value === "fixed") setOpen(true);
          else setParams({ range: value, start: "", end: "" });
        }}
      >
        <For each={RANGES}>{([key, name]) => <option value={key}>Last {name}</option>}</For>
        <Show when={props.all}>
          <option value="all">All history</option>
        </Show>
        <option value="fixed">
          {fixed()
            ? `${dateTime(Date.parse(param("start"))).slice(5, 16)} – ${dateTime(Date.parse(param("end"))).slice(5, 16)}`
            : "From … to …"}
        </option>
      </select>
      <Show when={fixed()}>
        <button type="button" class="small" onClick={() => setOpen(!open())} aria-expanded={open()}>
          Edit
        </button>
      </Show>
      <button type="button" class="icon" title="Fresh data (r)" aria-label="Fresh data" onClick={refresh}>
        ↻
      </button>
      <Show when={open()}>
        <div class="popover" role="dialog" aria-label="Time range">
          <label>
            From
            <input ref={start} type="datetime-local" value={local(Date.parse(param("start")) || Date.now() - 3_600_000)} />
          </label>
          <label>
            To
            <input
              ref={end}
              type="datetime-local"
              value={local(Date.parse(param("end")) || Date.now())}
              onInput={() => end.setCustomValidity("")}
            />
          </label>
          <div class="actions">
            <button type="button" onClick={() => setOpen(false)}>
              Cancel
            </button>
            <button type="button" class="primary" onClick={apply}>
              Apply
            </button>
          </div>
        </div>
      </Show>
    </div>
  );
}
