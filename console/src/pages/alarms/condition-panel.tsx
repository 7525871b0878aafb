// When an alarm fires: the statistic, the threshold or the band, in how many points, and what missing ones count.
import { Show } from "solid-js";
import { type Form, MISSING, OPERATORS, SIDES } from "../../alarm-draft";
import { inUnits } from "../../log-alarm";
import { STATISTICS } from "../../statistics";
import { Panel } from "../../ui/parts";
import { Chosen, Figure } from "./form";

const PERIODS = [10, 30, 60, 300, 900, 3600, 21_600, 86_400];

export function ConditionPanel(props: { form: Form }) {
  const kind = () => props.form.kind;
  const isLog = () => kind() === "log";
  return (
    <Panel title="Condition">
      <div class="form">
        <Show
          when={kind() !== "promql"}
          fallback={
            <>
              <Figure label="Must hold for, seconds" name="pending" value={props.form.pending} min={0} />
              <Figure label="Must not hold for, seconds" name="recovery" value={props.form.recovery} min={0} />
            </>
          }
        >
          <Show when={!isLog()}>
            <Show when={kind() !== "math"}>
              <Chosen label="Statistic" name="stat" value={props.form.stat} of={STATISTICS.map((stat) => [stat, stat])} />
            </Show>
            <Chosen
              label="Period"
              name="period"
              value={String(props.form.period)}
              of={PERIODS.map((seconds) => [String(seconds), inUnits(seconds)])}
            />
          </Show>
          <Show
            when={kind() === "anomaly"}
            fallback={
              <>
                <Chosen label="Fires when it is" name="operator" value={props.form.operator} of={OPERATORS} />
                <Figure label="Threshold" name="threshold" value={props.form.threshold} step="any" />
              </>
            }
          >
            <Chosen label="Fires when it is" name="side" value={props.form.side} of={SIDES} />
            <Figure label="Width of the band, deviations" name="width" value={props.form.width} step="any" min={0} />
          </Show>
          <Figure label={isLog() ? "Runs over it" : "Points over it"} name="m" value={props.form.m} min={1} max={props.form.n} />
          <Figure label="out of the last" name="n" value={props.form.n} min={1} max={isLog() ? 100 : 1440} />
          <Chosen label="Missing data" name="missing" value={props.form.missing} of={MISSING} />
        </Show>
      </div>
    </Panel>
  );
}
