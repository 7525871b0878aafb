// Lines over time, drawn by uPlot, which is fetched when the first chart is: linked cursors, a drag zooms, a click in the legend hides.
// Marks are instants, such as changes, with words under the cursor; spans are shaded times, such as those in alarm.
import { createEffect, createMemo, createSignal, For, onCleanup, onMount, Show, untrack } from "solid-js";
import type uPlot from "uplot";
import { short, withUnit } from "../numbers";
import { dark } from "../theme";
import { dateTime, type Range, tick, utc, zoom } from "../time";
import { aligned, hasLonely, stacked } from "./aligned";
import { colour } from "./palette";

export interface Line {
  label: string;
  times: number[];
  values: number[];
  unit?: string;
  color?: string;
  /** The right axis. */
  right?: boolean;
  /** Dashed, as what is compared with is. */
  dash?: boolean;
  /** The upper edge of a band, whose lower edge is the line before. */
  band?: boolean;
}

export interface Threshold {
  value: number;
  label: string;
}

/** The line of an alarm's threshold; none where there is no number. */
export const limitLine = (value: number | undefined): Threshold[] =>
  value === undefined || !Number.isFinite(value) ? [] : [{ value, label: `threshold ${short(value)}` }];

/** An instant to mark. */
export interface Mark {
  at: number;
  label: string;
  /** Where a click leads. */
  href?: string;
  bad?: boolean;
}

/** A time to shade. */
export interface Span {
  start: number;
  end: number;
}

type Plot = typeof import("uplot");

/** Lines drawn at once; more cannot be told apart. */
const LINES_MAX = 100;
/** How near to a mark the cursor is to show its words, and how many marks are told at once. */
const NEAR_PX = 5;
const TOLD_MAX = 6;

export function Chart(props: {
  lines: Line[];
  range: Range;
  height?: number;
  thresholds?: Threshold[];
  marks?: Mark[];
  spans?: Span[];
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
  /** Both edges of a band are of one colour. */
  const color = (i: number): string => lines()[i]?.color ?? (lines()[i]?.band ? color(i - 1) : colour(i, dark()));
  const hasPoints = () => lines().some((line) => line.times.length > 0);

  onMount(async () => {
    const observer = new ResizeObserver(() => setSize(Math.floor(holder.clientWidth)));
    observer.observe(holder);
    onCleanup(() => observer.disconnect());
    const [module] = await Promise.all([import("uplot"), import("uplot/dist/uPlot.min.css")]);
    setLibrary(() => module as unknown as Plot);
  });

  const raw = createMemo(() => aligned(lines()));
  const table = createMemo(
    () =>
      [raw().times.map((time) => time / 1000), ...(props.stacked ? stacked(raw().columns) : raw().columns)] as uPlot.AlignedData,
  );
  const [near, setNear] = createSignal<{ left: number; marks: Mark[] }>();

  const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  createEffect(() => {
    const module = library();
    const width = size();
    // Both are looked at here, so that a change of theme or zone draws anew.
    dark();
    utc();
    const data = table();
    const off = untrack(hidden);
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
        : lines().flatMap((line, i) =>
            line.band && i > 0 ? [{ series: [i + 1, i] as [number, number], fill: `${color(i)}2b` }] : [],
          ),
      series: [
        {},
        ...lines().map((line, i): uPlot.Series => {
          const stroke = color(i);
          const isSparse = line.times.length < 3 || hasLonely(data[i + 1] ?? []);
          return {
            label: line.label,
            scale: line.right ? "right" : "y",
            show: !off.has(i),
            stroke,
            width: props.bars ? 0 : line.band || lines()[i + 1]?.band ? 0.6 : 1.5,
            dash: line.dash ? [5, 4] : undefined,
            fill: props.bars ? stroke : props.stacked ? `${stroke}66` : undefined,
            points: { show: isSparse && !props.bars, size: 5, fill: stroke },
            paths: props.bars ? UPlot.paths.bars?.({ size: [0.85, 40] }) : undefined,
            spanGaps: false,
          };
        }),
      ],
      hooks: {
        drawClear: [(u) => drawSpans(u, props.spans ?? [], css("--bad"))],
        draw: [
          (u) => drawMarks(u, props.marks ?? [], css("--muted"), css("--bad")),
          (u) => drawThresholds(u, props.thresholds ?? [], css("--bad")),
        ],
        setCursor: [
          (u) => {
            setAt(u.cursor.idx ?? undefined);
            setNear(nearMarks(u, props.marks ?? []));
          },
        ],
        ready: [
          (u) =>
            u.over.addEventListener("click", () => {
              const to = near()?.marks.find((mark) => mark.href)?.href;
              if (to) location.hash = to;
            }),
        ],
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
  createEffect(() => {
    const off = hidden();
    for (let i = 0; plot && i < lines().length; i++)
      if (plot.series[i + 1]?.show === off.has(i)) plot.setSeries(i + 1, { show: !off.has(i) });
  });
  createEffect(() => {
    // Marks come later than lines, and lie on them.
    void [props.marks, props.spans, props.thresholds];
    plot?.redraw(false);
  });

  /** What the legend says of a line: the value under the cursor, else the last one. */
  const told = (i: number) => {
    const line = lines()[i];
    const index = at();
    const value = index === undefined ? line?.values.at(-1) : raw().columns[i]?.[index];
    return value === undefined || value === null ? "–" : withUnit(value, line?.unit);
  };
  /** As `told`, of the last values: a screen reader does not follow the cursor. */
  const summary = () =>
    lines()
      .slice(0, 20)
      .map((line) => `${line.label} ${line.values.length ? withUnit(line.values.at(-1) ?? 0, line.unit) : "–"}`)
      .join(", ") || "no data";
  const toggle = (i: number) => {
    const next = new Set(hidden());
    if (!next.delete(i)) next.add(i);
    setHidden(next);
  };

  return (
    <div class="chart" role="group" aria-label={props.label ?? "Chart"}>
      <div class="plot" ref={holder} role="img" aria-label={`${props.label ?? "Chart"}: ${summary()}`} />
      <Show when={near()}>
        {(told) => (
          <div class="chart-tip" classList={{ before: told().left > size() / 2 }} style={{ left: `${told().left}px` }}>
            <For each={told().marks.slice(0, TOLD_MAX)}>
              {(mark) => (
                <p classList={{ bad: mark.bad }}>
                  <span class="mono faint">{dateTime(mark.at).slice(11)}</span> {mark.label}
                </p>
              )}
            </For>
            <Show when={told().marks.length > TOLD_MAX}>
              <p class="faint">and {told().marks.length - TOLD_MAX} more</p>
            </Show>
          </div>
        )}
      </Show>
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
                <i class="swatch" classList={{ dashed: line.dash }} style={{ "--swatch": color(i()) }} />
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

function drawThresholds(u: uPlot, thresholds: Threshold[], color: string): void {
  const { ctx, bbox } = u;
  for (const threshold of thresholds) {
    const y = u.valToPos(threshold.value, "y", true);
    ctx.save();
    ctx.strokeStyle = color;
    ctx.fillStyle = color;
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
}

/** Vertical lines with a small flag on top. */
function drawMarks(u: uPlot, marks: Mark[], plain: string, bad: string): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  for (const mark of marks) {
    const x = Math.round(u.valToPos(mark.at / 1000, "x", true));
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    const size = 4 * devicePixelRatio;
    ctx.strokeStyle = mark.bad ? bad : plain;
    ctx.fillStyle = ctx.strokeStyle;
    ctx.globalAlpha = 0.45;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.globalAlpha = 1;
    ctx.beginPath();
    ctx.moveTo(x - size, bbox.top - size);
    ctx.lineTo(x + size, bbox.top - size);
    ctx.lineTo(x, bbox.top + size);
    ctx.fill();
  }
  ctx.restore();
}

function drawSpans(u: uPlot, spans: Span[], color: string): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.fillStyle = color;
  ctx.globalAlpha = 0.12;
  for (const span of spans) {
    const [from, to] = [span.start, span.end].map((at) =>
      Math.min(bbox.left + bbox.width, Math.max(bbox.left, u.valToPos(at / 1000, "x", true))),
    );
    if (from !== undefined && to !== undefined && to > from)
      ctx.fillRect(from, bbox.top, Math.max(to - from, devicePixelRatio), bbox.height);
  }
  ctx.restore();
}

function nearMarks(u: uPlot, marks: Mark[]): { left: number; marks: Mark[] } | undefined {
  const left = u.cursor.left ?? -1;
  if (left < 0 || !marks.length) return undefined;
  const found = marks.filter((mark) => Math.abs(u.valToPos(mark.at / 1000, "x") - left) <= NEAR_PX);
  return found.length ? { left: left + u.bbox.left / devicePixelRatio, marks: found } : undefined;
}
