// Parts of a whole: a ring, and what its parts are.
import { createMemo, For } from "solid-js";
import { short } from "../numbers";
import { dark } from "../theme";
import { colour } from "./palette";

/** Length of the ring's middle line, so that parts are lengths of dashes. */
const AROUND = 100;
const RADIUS = AROUND / (2 * Math.PI);

export function Pie(props: { parts: { label: string; value: number; color?: string }[]; label: string }) {
  const total = () => props.parts.reduce((sum, part) => sum + Math.max(0, part.value), 0);
  const drawn = createMemo(() => {
    let before = 0;
    return props.parts.map((part, i) => {
      const size = total() ? (Math.max(0, part.value) / total()) * AROUND : 0;
      const from = before;
      before += size;
      return { ...part, size, from, color: part.color ?? colour(i, dark()) };
    });
  });
  return (
    <div class="pie" role="group" aria-label={props.label}>
      <svg
        viewBox="0 0 42 42"
        role="img"
        aria-label={drawn()
          .map((p) => `${p.label} ${p.size.toFixed(0)} %`)
          .join(", ")}
      >
        <For each={drawn()}>
          {(part) => (
            <circle
              cx="21"
              cy="21"
              r={RADIUS}
              fill="none"
              stroke={part.color}
              stroke-width="7"
              stroke-dasharray={`${Math.max(0, part.size - 0.3)} ${AROUND - Math.max(0, part.size - 0.3)}`}
              stroke-dashoffset={String(AROUND / 4 - part.from)}
            />
          )}
        </For>
      </svg>
      <ul>
        <For each={drawn()}>
          {(part) => (
            <li>
              <i class="swatch dot" style={{ "--swatch": part.color }} />
              <span class="clip grow" title={part.label}>
                {part.label}
              </span>
              <span class="num">
                {short(part.value)} <span class="faint">{part.size.toFixed(0)} %</span>
              </span>
            </li>
          )}
        </For>
      </ul>
    </div>
  );
}
