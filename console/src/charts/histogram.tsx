// How many things happened when: bars over a range, those of a second kind on top; a drag zooms in.
import { createMemo, createSignal, For, Show } from "solid-js";
import { count } from "../numbers";
import { dateTime, type Range, tick } from "../time";

const STEPS = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800].map((s) => s * 1000);
const WIDTH = 1000;
const HEIGHT = 80;

export function Histogram(props: {
  times: { at: number; marked: boolean }[];
  range: Range;
  noun: string;
  marked: string;
  zoom: (range: Range) => void;
}) {
  const step = createMemo(() => STEPS.find((s) => (props.range.end - props.range.start) / s <= 90) ?? STEPS.at(-1)!);
  const bars = createMemo(() => {
    const first = Math.floor(props.range.start / step()) * step();
    const all = new Map<number, { at: number; plain: number; marked: number }>();
    for (const { at, marked } of props.times) {
      const key = Math.floor(at / step()) * step();
      const bar = all.get(key) ?? { at: key, plain: 0, marked: 0 };
      if (marked) bar.marked += 1;
      else bar.plain += 1;
      all.set(key, bar);
    }
    return { first, all: [...all.values()] };
  });
  const most = () => Math.max(1, ...bars().all.map((bar) => bar.plain + bar.marked));
  const spanMs = () => Math.ceil(props.range.end / step()) * step() - bars().first || 1;
  const x = (ms: number) => ((ms - bars().first) / spanMs()) * WIDTH;
  const [drag, setDrag] = createSignal<[number, number]>();
  let svg!: SVGSVGElement;
  const at = (event: PointerEvent) => {
    const box = svg.getBoundingClientRect();
    return bars().first + (Math.min(Math.max(event.clientX - box.left, 0), box.width) / box.width) * spanMs();
  };
  const ticks = () => [0, 0.25, 0.5, 0.75, 1].map((part) => bars().first + part * spanMs());
  return (
    <div class="histogram">
      <svg
        ref={svg}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${count(props.times.length)} ${props.noun} over time, at most ${most()} in ${step() / 1000} s`}
        onPointerDown={(event) => {
          svg.setPointerCapture(event.pointerId);
          setDrag([at(event), at(event)]);
        }}
        onPointerMove={(event) => {
          const held = drag();
          if (held) setDrag([held[0], at(event)]);
        }}
        onPointerUp={() => {
          const held = drag();
          setDrag(undefined);
          if (!held) return;
          const [start, end] = [Math.min(...held), Math.max(...held)];
          if (end - start > spanMs() / 200) props.zoom({ start, end });
        }}
      >
        <For each={bars().all}>
          {(bar) => {
            const width = () => Math.max(1.5, (step() / spanMs()) * WIDTH - 1.5);
            const high = () => (bar.marked / most()) * (HEIGHT - 4);
            const low = () => (bar.plain / most()) * (HEIGHT - 4);
            return (
              <g>
                <title>{`${dateTime(bar.at)}: ${bar.plain + bar.marked} ${props.noun}${bar.marked ? `, ${bar.marked} ${props.marked}` : ""}`}</title>
                <rect class="bar" x={x(bar.at)} y={HEIGHT - low()} width={width()} height={low()} />
                <rect class="bar marked" x={x(bar.at)} y={HEIGHT - low() - high()} width={width()} height={high()} />
              </g>
            );
          }}
        </For>
        <Show when={drag()}>
          {(held) => (
            <rect class="brush" x={x(Math.min(...held()))} y="0" width={Math.abs(x(held()[1]) - x(held()[0]))} height={HEIGHT} />
          )}
        </Show>
      </svg>
      <div class="ticks" aria-hidden="true">
        <For each={ticks()}>{(ms) => <span>{tick(ms, spanMs())}</span>}</For>
      </div>
    </div>
  );
}
