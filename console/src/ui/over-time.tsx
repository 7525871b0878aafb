// Counts over time as bars, those of a second kind on top; a drag zooms in.
import { createMemo, For, Show } from "solid-js";
import type { TimeBar } from "../bars";
import { count } from "../numbers";
import { dateTime, type Range, tick } from "../time";
import { brush } from "./brush";

const WIDTH = 1000;
const HEIGHT = 80;

export function OverTime(props: {
  bars: TimeBar[];
  /** Of each bar, milliseconds. */
  width: number;
  range: Range;
  noun: string;
  marked: string;
  zoom: (range: Range) => void;
}) {
  const start = createMemo(() => Math.floor(props.range.start / props.width) * props.width);
  const spanMs = createMemo(() => Math.max(props.width, Math.ceil((props.range.end - start()) / props.width) * props.width));
  const shown = createMemo(() => props.bars.filter((bar) => bar.at >= start() && bar.at < start() + spanMs()));
  const most = () => Math.max(1, ...shown().map((bar) => bar.count));
  const x = (ms: number) => ((ms - start()) / spanMs()) * WIDTH;
  const wide = () => Math.max(1.5, (props.width / spanMs()) * WIDTH - (spanMs() / props.width > 300 ? 0.3 : 1.5));
  const { handlers, span } = brush(
    () => ({ start: start(), end: start() + spanMs() }),
    (drawn) => props.zoom(drawn),
  );
  const total = () => shown().reduce((sum, bar) => sum + bar.count, 0);
  return (
    <div class="histogram">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${count(total())} ${props.noun} over time, at most ${count(most())} in ${props.width / 1000} s`}
        {...handlers}
      >
        <For each={shown()}>
          {(bar) => {
            const high = () => (bar.marked / most()) * (HEIGHT - 4);
            const low = () => ((bar.count - bar.marked) / most()) * (HEIGHT - 4);
            return (
              <g>
                <title>{`${dateTime(bar.at)}: ${bar.count} ${props.noun}${bar.marked ? `, ${bar.marked} ${props.marked}` : ""}`}</title>
                <rect class="bar" x={x(bar.at)} y={HEIGHT - low()} width={wide()} height={low()} />
                <rect class="bar marked" x={x(bar.at)} y={HEIGHT - low() - high()} width={wide()} height={high()} />
              </g>
            );
          }}
        </For>
        <Show when={span()}>
          {(held) => <rect class="brush" x={x(held().start)} y="0" width={x(held().end) - x(held().start)} height={HEIGHT} />}
        </Show>
      </svg>
      <div class="ticks" aria-hidden="true">
        <For each={[0, 0.25, 0.5, 0.75, 1]}>{(part) => <span>{tick(start() + part * spanMs(), spanMs())}</span>}</For>
      </div>
    </div>
  );
}
