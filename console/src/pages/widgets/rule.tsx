// A metric widget of a Contributor Insights rule: what contributes most, as lines.
import { createMemo, Show } from "solid-js";
import { aws } from "../../aws";
import { Chart, type Line } from "../../charts/chart";
import { load } from "../../load";
import { periodFor } from "../../metrics";
import type { Range } from "../../time";
import { ErrorNote, Loading } from "../../ui/parts";

interface Report {
  Contributors?: {
    Keys: string[];
    Datapoints?: { Timestamp: number; ApproximateValue: number }[];
  }[];
}

export function RuleWidget(props: { rule: Record<string, unknown>; region: string; range: Range; height: number }) {
  const data = load(
    () => ({ rule: props.rule, range: props.range, region: props.region }),
    ({ rule, range, region }, signal) =>
      aws<Report>(
        "cloudwatch",
        "GetInsightRuleReport",
        {
          RuleName: String(rule.ruleName ?? ""),
          StartTime: range.start / 1000,
          EndTime: range.end / 1000,
          Period: periodFor(range, 200),
          MaxContributorCount: Number(rule.maxContributorCount) || 10,
          OrderBy: rule.orderBy === "Maximum" ? "Maximum" : "Sum",
        },
        signal,
        region,
      ),
  );
  const lines = createMemo((): Line[] =>
    (data.data()?.Contributors ?? []).map((one) => {
      const points = [...(one.Datapoints ?? [])].sort((a, b) => a.Timestamp - b.Timestamp);
      return {
        label: one.Keys.join(" "),
        times: points.map((point) => point.Timestamp * 1000),
        values: points.map((point) => point.ApproximateValue),
      };
    }),
  );
  return (
    <Show when={!data.error()} fallback={<ErrorNote error={data.error()} retry={data.reload} />}>
      <Show when={data.data()} fallback={<Loading />}>
        <Chart lines={lines()} range={props.range} height={props.height} label={`Contributors of ${props.rule.ruleName}`} />
      </Show>
    </Show>
  );
}
