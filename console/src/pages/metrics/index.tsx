// Metrics: found by namespace and name, drawn together, with statistics, periods, math, searches, SQL and PromQL. The graph is in the URL.
import { createMemo, Show } from "solid-js";
import { freeId, graphOf, isSame, ROWS_MAX, type Row, rowOf } from "../../graph";
import type { Metric } from "../../metrics";
import { param, setParams } from "../../router";
import { PageHead } from "../../ui/parts";
import { RangePicker } from "../../ui/range";
import { AddToDashboard } from "./add";
import { Browse } from "./browse";
import { AddExpression, Rows } from "./builder";
import { Graph } from "./graph";

export default function Metrics() {
  const graph = createMemo(() => graphOf(param("graph")));
  const setGraph = (rows: Row[]) => setParams({ graph: rows.length ? JSON.stringify(rows) : "" });
  const toggle = (metric: Metric) => {
    const there = graph().find((row) => isSame(row, metric));
    if (there) setGraph(graph().filter((row) => row !== there));
    else if (graph().length < ROWS_MAX) setGraph([...graph(), rowOf(metric, freeId(graph(), "m"), "Average")]);
  };
  const check = (name: string, text: string) => (
    <label class="check">
      <input
        type="checkbox"
        checked={param(name) === "1"}
        onChange={(event) => setParams({ [name]: event.currentTarget.checked ? "1" : "" })}
      />
      {text}
    </label>
  );
  return (
    <div class="fill">
      <PageHead title="Metrics" sub="Choose metrics below; the graph is in the address.">
        {check("changes", "Changes")}
        {check("each", "A graph each")}
        <select
          aria-label="Compare"
          value={param("compare")}
          onChange={(event) => setParams({ compare: event.currentTarget.value })}
        >
          <option value="">Compare with…</option>
          <option value="1">the day before</option>
          <option value="7">the week before</option>
          <option value="28">four weeks before</option>
        </select>
        <Show when={graph().length}>
          <AddToDashboard rows={graph()} />
        </Show>
        <RangePicker />
      </PageHead>
      <Graph rows={graph()} />
      <Show when={graph().length}>
        <Rows rows={graph()} set={setGraph} />
      </Show>
      <AddExpression rows={graph()} set={setGraph} />
      <Browse graph={graph()} toggle={toggle} />
    </div>
  );
}
