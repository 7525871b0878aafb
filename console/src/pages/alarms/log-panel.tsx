// What an alarm of logs looks at: the query, its groups, how rows become a value, and when; and what runs of it find.
import { createMemo, For, lazy, Show, Suspense } from "solid-js";
import { type Form, namesGroups } from "../../alarm-draft";
import { Chart, limitLine, type Mark, type Span } from "../../charts/chart";
import { asChart, fieldsOf, mistakeIn, type Results, runQuery } from "../../insights";
import { type Loaded, load } from "../../load";
import { drawn, groupNames, inUnits, type LogWatch, looked, ofOneRun, overTime, windowAt } from "../../log-alarm";
import { count } from "../../numbers";
import { href, setParams } from "../../router";
import { type Range, range } from "../../time";
import { GroupPicker } from "../../ui/groups";
import { ErrorNote, Field, Loading, Panel } from "../../ui/parts";
import { Plain } from "../../ui/table";
import { settled } from "./backtest";
import { Chosen, Figure, set, Text } from "./form";

const InsightsEditor = lazy(() => import("../../editor/insights-editor"));

const GROUPS_MAX = 50;
/** Values of a run that are listed. */
const VALUES_SHOWN = 20;
const EVERY = [60, 300, 600, 900, 1800, 3600, 21_600, 86_400];

/** What runs find: the values of one of now, and those over time; the latter are absent where the query counts by itself. */
export type Runs = Loaded<{ latest: Results; values?: { results: Results; at: Range } }>;

/** Asks what runs of an alarm find, and again when it changes. */
export function runsOf(watch: () => LogWatch | undefined): Runs {
  const asked = createMemo(() => {
    const now = watch();
    return now && (now.groups.length || namesGroups(now.query)) ? JSON.stringify(now) : undefined;
  });
  return load(
    () => {
      const text = asked();
      return text === undefined ? undefined : { text, at: range("1d") };
    },
    async ({ text, at }, signal) => {
      await settled(signal);
      const of = JSON.parse(text) as LogWatch;
      const groups = namesGroups(of.query) ? [] : groupNames(of.groups);
      // One after the other: a query that is refused is refused once.
      const latest = await runQuery(groups, ofOneRun(of), windowAt(of, Date.now()), signal);
      const query = overTime(of);
      const seen = drawn(of, at);
      return { latest, values: query ? { results: await runQuery(groups, query, seen, signal), at: seen } : undefined };
    },
  );
}

/** The form's part about logs. */
export function LogPanel(props: { form: Form; runs: Runs }) {
  const log = () => props.form.log;
  const fields = createMemo(() => fieldsOf(groupNames(log().groups)[0]));
  return (
    <Panel
      title="Log events"
      actions={
        <a
          href={href("/insights", {
            groups: groupNames(log().groups).join(","),
            q: log().query || "fields @timestamp, @message\n| sort @timestamp desc\n| limit 200",
            run: "1",
          })}
        >
          Its rows in Logs Insights
        </a>
      }
    >
      <div class="stack">
        <div class="filters">
          <GroupPicker
            chosen={log().groups}
            choose={(chosen) => setParams({ groups: chosen.join(",") }, true)}
            max={GROUPS_MAX}
          />
        </div>
        <div class="editor">
          <Suspense fallback={<Loading what="the editor" />}>
            <InsightsEditor
              text={log().query}
              change={(query) => setParams({ query }, true)}
              run={props.runs.reload}
              fields={fields()}
              wrong={mistakeIn(props.runs.error(), log().query)}
              placeholder="fields @timestamp, @message | filter @message like /ERROR/"
            />
          </Suspense>
        </div>
        <div class="form">
          <Field label="Value of a run" hint="One of count, avg, sum, min, max; with  by  each combination is judged by itself.">
            {(id) => (
              <input
                id={id}
                class="mono"
                required
                spellcheck={false}
                placeholder="count(*) by service"
                value={log().aggregation}
                onChange={set("agg")}
              />
            )}
          </Field>
          <Chosen
            label="Runs every"
            name="every"
            value={String(log().every)}
            of={[...new Set([...EVERY, log().every])].sort((a, b) => a - b).map((s) => [String(s), inUnits(s)])}
          />
          <Figure label="Looks back, seconds" name="from" value={log().from} min={1} max={2_592_000} />
          <Figure
            label="Up to, seconds before"
            name="to"
            value={log().to}
            min={0}
            max={2_592_000}
            hint="A minute waits for events that come late."
          />
          <Text
            label="Role"
            name="role"
            value={props.form.role}
            required
            code
            placeholder="arn:aws:iam::123456789012:role/logs"
            hint="AWS asks for one. Here it is kept and shown, and not assumed."
          />
          <Figure
            label="Log lines to send"
            name="lines"
            value={props.form.lines}
            min={0}
            max={50}
            hint="Lines of the events in messages; 0 for none."
          />
        </div>
      </div>
    </Panel>
  );
}

/** Values of the last runs over time, and of one now. */
export function RunsPanel(props: {
  title: string;
  runs: Runs;
  watch: LogWatch;
  threshold: number;
  spans: Span[];
  marks?: Mark[];
  empty: string;
}) {
  const lines = createMemo(() => {
    const now = props.runs.data()?.values;
    return now ? (asChart(now.results)?.lines ?? []) : [];
  });
  const isByItself = () => overTime(props.watch) === undefined;
  return (
    <Panel
      title={props.title}
      actions={
        <span class="faint">each point: {inUnits(looked(props.watch))} of events, as a run sees them; shaded: in alarm</span>
      }
    >
      <div class="stack">
        <Show when={props.runs.error()}>
          <ErrorNote error={props.runs.error()} retry={props.runs.reload} />
        </Show>
        <Show
          when={!isByItself() && !props.runs.error()}
          fallback={
            isByItself() && (
              <p class="faint">The query counts by itself: here is what a run of now finds, the backtest has all runs.</p>
            )
          }
        >
          <Chart
            lines={lines()}
            range={props.runs.data()?.values?.at ?? range("1d")}
            height={200}
            spans={props.spans}
            marks={props.marks}
            thresholds={limitLine(props.threshold)}
            label="What runs found and when it would fire"
            empty={props.runs.loading() ? "Loading…" : props.empty}
          />
        </Show>
        <Show when={props.runs.data()?.latest}>
          {(now) => (
            <>
              <p role="status">
                A run of now finds{" "}
                <strong>
                  {now().rows.length === 1 ? "one value" : now().rows.length ? `${count(now().rows.length)} values` : "nothing"}
                </strong>
                , in {count(now().statistics.recordsMatched)} events of the {inUnits(looked(props.watch))}.
              </p>
              <Show when={now().rows.length}>
                <div class="scroll-x">
                  <Plain class="dense" label="Values of a run of now" head={now().columns} of={now().rows.slice(0, VALUES_SHOWN)}>
                    {(row) => (
                      <tr>
                        <For each={now().columns}>{(name) => <td class="mono">{row[name]}</td>}</For>
                      </tr>
                    )}
                  </Plain>
                </div>
                <Show when={now().rows.length > VALUES_SHOWN}>
                  <p class="faint">and {count(now().rows.length - VALUES_SHOWN)} more.</p>
                </Show>
              </Show>
            </>
          )}
        </Show>
      </div>
    </Panel>
  );
}
