// Named amounts as horizontal bars.
import { For } from "solid-js";
import { short } from "../numbers";
import { dark } from "../theme";
import { colour } from "./palette";

export function Bars(props: { bars: { label: string; value: number }[]; label: string }) {
  const most = () => Math.max(1e-9, ...props.bars.map((bar) => Math.abs(bar.value)));
  return (
    <div role="list" aria-label={props.label}>
      <For each={props.bars}>
        {(bar, i) => (
          <div class="bar-row" role="listitem">
            <span class="clip" title={bar.label}>
              {bar.label}
            </span>
            <i style={{ "--part": `${(Math.abs(bar.value) / most()) * 100}%`, "--swatch": colour(i(), dark()) }} />
            <span class="num">{short(bar.value)}</span>
          </div>
        )}
      </For>
    </div>
  );
}
