// Lines over time, drawn by uPlot, which is fetched when the first chart is: linked cursors, a drag zooms, a click in the legend hides.
import { createEffect, createMemo, createSignal, For, onCleanup, onMount, Show } from "solid-js";
import type uPlot from "uplot";
import { withUnit } from "../numbers";
import { dark } from "../theme";
import { type Range, tick, utc, zoom } from "../time";
import { colour } from "./palette";

export interface Line {
  label: string;
  times: number[];
  values: number[];
  unit?: string;
  color?: string;
  /** The right axis. */
  right?: boolean;
}

export interface Threshold {
  value: number;
  label: string;
}

type Plot = typeof import("uplot");

/** Lines drawn at once; more cannot be told apart. */
const LINES_MAX = 100;

export function Chart(props: {
  lines: Line[];
  range: Range;
  height?: number;
  thresholds?: Threshold[];
  stacked?: boolean;
  bars?: boolean;
  legend?: boolean;
  min?: number;
  max?: number;
  empty?: string;
  label?: string;
}) {
  let holder!: HTMLDivElement;
  let plot: uPlot | undefined;
  const [library, setLibrary] = createSignal<Plot>();
  const [size, setSize] = createSignal(0);
  const [at, setAt] = createSignal<number>();
  const [hidden, setHidden] = createSignal<ReadonlySet<number>>(new Set());
  const lines = createMemo(() => props.lines.slice(0, LINES_MAX));
  const color = (i: number) => lines()[i]?.color ?? colour(i, dark());
  const hasPoints = () => lines().some((line) => line.times.length > 0);

  onMount(async () => {
    const observer = new ResizeObserver(() => setSize(Math.floor(holder.clientWidth)));
    observer.observe(holder);
    onCleanup(() => observer.disconnect());
    const [module] = await Promise.all([import("uplot"), import("uplot/dist/uPlot.min.css")]);
    setLibrary(() => module as unknown as Plot);
  });

  /** All lines on the same instants, in seconds; stacked ones on top of each other. */
  const table = createMemo((): uPlot.AlignedData => {
    const shown = lines();
    const times = [...new Set(shown.flatMap((line) => line.times))].sort((a, b) => a - b);
    const place = new Map(times.map((time, i) => [time, i]));
    const columns = shown.map((line) => {
      const column: (number | null)[] = new Array(times.length).fill(null);
      for (const [i, time] of line.times.entries()) column[place.get(time) ?? 0] = line.values[i] ?? null;
      return column;
    });
    if (props.stacked) {
      for (let c = 1; c < columns.length; c++) {
        for (let i = 0; i < times.length; i++) {
          const below = columns[c - 1]?.[i] ?? 0;
          const column = columns[c];
          if (column) column[i] = (column[i] ?? 0) + below;
        }
      }
    }
    return [times.map((time) => time / 1000), ...columns] as uPlot.AlignedData;
  });

  const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  createEffect(() => {
    const module = library();
    const width = size();
    // Both are looked at here, so that a change of theme or zone draws anew.
    dark();
    utc();
    const data = table();
    const off = hidden();
    plot?.destroy();
    plot = undefined;
    if (!module || width < 40) return;
    const UPlot = (module as unknown as { default: typeof uPlot }).default;
    const spanMs = props.range.end - props.range.start;
    const axis: uPlot.Axis = {
      stroke: css("--muted"),
      grid: { stroke: css("--line-soft"), width: 1 },
      ticks: { stroke: css("--line"), width: 1, size: 4 },
      font: "11px system-ui, sans-serif",
      gap: 4,
    };
    const value = (right: boolean) => {
      const units = new Set(
        lines()
          .filter((line) => !!line.right === right)
          .map((line) => line.unit),
      );
      const unit = units.size === 1 ? [...units][0] : undefined;
      return (_: uPlot, splits: number[]) => splits.map((split) => withUnit(split, unit));
    };
    const scale = (): uPlot.Scale => ({
      range: (_, low, high) => {
        if (low === null || high === null) return [0, 1];
        const limits = (props.thresholds ?? []).map((t) => t.value);
        const bottom = props.min ?? Math.min(0, low, ...limits);
        const top = props.max ?? Math.max(high, ...limits);
        const room = (top - bottom || Math.abs(top) || 1) * 0.08;
        return [bottom < 0 ? bottom - room : bottom, top + (props.max === undefined ? room : 0)];
      },
    });
    const sync = UPlot.sync("console");
    const hasRight = lines().some((line) => line.right);
    const options: uPlot.Options = {
      width,
      height: props.height ?? 220,
      ms: 1e-3,
      legend: { show: false },
      padding: [10, hasRight ? 0 : 22, 0, 0],
      cursor: { sync: { key: sync.key }, drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
      scales: { x: { time: true, range: () => [props.range.start / 1000, props.range.end / 1000] }, y: scale(), right: scale() },
      axes: [
        { ...axis, space: 90, size: 30, values: (_, splits) => splits.map((split) => tick(split * 1000, spanMs)) },
        { ...axis, size: 62, values: value(false) },
        ...(hasRight
          ? [{ ...axis, scale: "right", side: 1 as const, size: 62, grid: { show: false }, values: value(true) }]
          : []),
      ],
      bands: props.stacked
        ? lines()
            .slice(1)
            .map((_, i) => ({ series: [i + 2, i + 1] as [number, number] }))
        : undefined,
      series: [
        {},
        ...lines().map((line, i): uPlot.Series => {
          const stroke = color(i);
          const isSparse = line.times.length < 3;
          return {
            label: line.label,
            scale: line.right ? "right" : "y",
            show: !off.has(i),
            stroke,
            width: props.bars ? 0 : 1.5,
            fill: props.bars ? stroke : props.stacked ? `${stroke}66` : undefined,
            points: { show: isSparse && !props.bars, size: 5, fill: stroke },
            paths: props.bars ? UPlot.paths.bars?.({ size: [0.85, 40] }) : undefined,
            spanGaps: false,
          };
        }),
      ],
      hooks: {
        draw: [
          (u) => {
            for (const threshold of props.thresholds ?? []) {
              const y = u.valToPos(threshold.value, "y", true);
              const { ctx, bbox } = u;
              ctx.save();
              ctx.strokeStyle = css("--bad");
              ctx.fillStyle = css("--bad");
              ctx.lineWidth = devicePixelRatio;
              ctx.setLineDash([5 * devicePixelRatio, 4 * devicePixelRatio]);
              ctx.beginPath();
              ctx.moveTo(bbox.left, y);
              ctx.lineTo(bbox.left + bbox.width, y);
              ctx.stroke();
              ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
              ctx.textAlign = "right";
              ctx.fillText(threshold.label, bbox.left + bbox.width - 4, y - 4 * devicePixelRatio);
              ctx.restore();
            }
          },
        ],
        setCursor: [(u) => setAt(u.cursor.idx ?? undefined)],
        setSelect: [
          (u) => {
            if (u.select.width < 4) return;
            const start = u.posToVal(u.select.left, "x") * 1000;
            const end = u.posToVal(u.select.left + u.select.width, "x") * 1000;
            u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            zoom({ start, end });
          },
        ],
      },
    };
    plot = new UPlot(options, data, holder);
  });
  onCleanup(() => plot?.destroy());

  /** What the legend says of a line: the value under the cursor, else the last one. */
  const told = (i: number) => {
    const line = lines()[i];
    const index = at();
    const time = index === undefined ? undefined : (table()[0][index] ?? 0) * 1000;
    const place = time === undefined ? (line?.values.length ?? 0) - 1 : (line?.times.indexOf(time) ?? -1);
    const value = line?.values[place];
    return value === undefined ? "–" : withUnit(value, line?.unit);
  };
  const toggle = (i: number) => {
    const next = new Set(hidden());
    if (!next.delete(i)) next.add(i);
    setHidden(next);
  };

  return (
    <div class="chart" role="group" aria-label={props.label ?? "Chart"}>
      <div
        class="plot"
        ref={holder}
        role="img"
        aria-label={`${props.label ?? "Chart"}: ${
          lines()
            .map((line, i) => `${line.label} ${told(i)}`)
            .join(", ") || "no data"
        }`}
      />
      <Show when={!hasPoints()}>
        <div class="state">{props.empty ?? "No data in this time."}</div>
      </Show>
      <Show when={props.legend !== false}>
        <div class="legend">
          <For each={lines()}>
            {(line, i) => (
              <button
                type="button"
                aria-pressed={!hidden().has(i())}
                title={`${line.label}: click to hide or show`}
                onClick={() => toggle(i())}
              >
                <i class="swatch" style={{ "--swatch": color(i()) }} />
                <span class="name">{line.label}</span>
                <span class="num">{told(i())}</span>
              </button>
            )}
          </For>
          <Show when={props.lines.length > LINES_MAX}>
            <span class="faint">and {props.lines.length - LINES_MAX} more, not drawn</span>
          </Show>
        </div>
      </Show>
    </div>
  );
}
