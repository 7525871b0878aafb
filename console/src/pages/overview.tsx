// Overview: both planes at a glance, and the first steps of a new user.
import { createMemo, For, Show } from "solid-js";
import { Spark } from "../charts/spark";
import { load } from "../load";
import { filterEvents, listGroups } from "../logs";
import { type Alarm, condition, listAlarms, listMetrics, type Metric, metricData, periodFor, type Query } from "../metrics";
import { bytes, count, short } from "../numbers";
import { lookUp } from "../records";
import { href } from "../router";
import { refreshSession, type Session, session } from "../session";
import { ago, dateTime, duration, type Range, range } from "../time";
import { Badge, Code, Empty, PageHead, Panel, Shown, StateBadge } from "../ui/parts";
import { RangePicker } from "../ui/range";
import { Plain } from "../ui/table";

/** Hosts to show; the metrics page has all. */
const HOSTS_MAX = 8;
const GROUPS_MAX = 8;

export function Overview() {
  const period = createMemo(() => range("3h"));
  const alarms = load(period, (_, signal) => listAlarms({}, signal));
  const hosts = load(period, hostMetrics);
  const logs = load(period, logVolume);
  const errors = load(() => logs.data()?.groups, logErrors);
  const changes = load(period, (_, signal) =>
    lookUp(
      { attribute: "ReadOnly", value: "false", range: { start: Date.now() - 90 * 86_400_000, end: Date.now() } },
      12,
      undefined,
      signal,
    ),
  );
  const server = load(period, async (asked, signal) => {
    const [now, calls] = await Promise.all([refreshSession(), serverCalls(asked, signal)]);
    return now && { session: now, calls };
  });
  /** Nothing was sent yet but what the server tells of itself: the first steps come first. */
  const isNew = () => logs.data()?.own === 0 && alarms.data()?.alarms.length === 0;
  return (
    <>
      <PageHead title="Overview" sub="What needs attention, how the hosts are, what changed.">
        <RangePicker />
      </PageHead>
      <Show when={isNew()}>
        <FirstSteps isNew />
      </Show>
      <div class="tiles">
        <Panel title="Alarms" actions={<a href={href("/alarms")}>All alarms</a>}>
          <Shown of={alarms}>{(found) => <AlarmTile alarms={found().alarms} />}</Shown>
        </Panel>
        <Panel title="Trailwatch">
          <Shown of={server}>
            {(now) => <Show when={now()}>{(told) => <HealthTile session={told().session} calls={told().calls} />}</Show>}
          </Shown>
        </Panel>
      </div>
      <Panel title="Hosts" actions={<a href={href("/metrics", { namespace: "CWAgent" })}>All metrics</a>} flush>
        <Shown of={hosts} what="host metrics">
          {(found) => (
            <Show
              when={found().hosts.length}
              fallback={
                <Empty title="No host reports yet">
                  <p>
                    The server's own host appears after a minute. For others run <code>trailwatch agent</code> there.
                  </p>
                </Empty>
              }
            >
              <HostTable hosts={found().hosts} more={found().more} />
            </Show>
          )}
        </Shown>
      </Panel>
      <div class="two">
        <Panel title="Latest changes" actions={<a href={href("/events")}>Event history</a>} flush>
          <Shown of={changes} what="events">
            {(found) => (
              <Show
                when={found().rows.length}
                fallback={
                  <Empty title="Nothing was changed yet">
                    <p>Every write to this server and its imports appears here, with who made it.</p>
                  </Empty>
                }
              >
                <ul class="feed">
                  <For each={found().rows}>
                    {(row) => (
                      <li>
                        <a href={href("/events", { event: row.id })}>{row.name}</a>
                        <span class="grow clip" title={row.resources.map((r) => r.name).join("\n")}>
                          {row.resources[0]?.name ?? row.service}
                        </span>
                        <Show when={row.error}>
                          <Badge tone="bad">{row.error}</Badge>
                        </Show>
                        <span class="faint clip feed-who">{row.user}</span>
                        <time class="faint" title={dateTime(row.at)}>
                          {ago(row.at)}
                        </time>
                      </li>
                    )}
                  </For>
                </ul>
              </Show>
            )}
          </Shown>
        </Panel>
        <Panel title="Logs" actions={<a href={href("/logs")}>Log groups</a>} flush>
          <Shown of={logs} what="log groups">
            {(volume) => (
              <Show
                when={volume().count}
                fallback={
                  <Empty title="No logs yet">
                    <p>Send some: see the first steps below.</p>
                  </Empty>
                }
              >
                <LogVolume volume={volume()} errors={errors.data()} />
              </Show>
            )}
          </Shown>
        </Panel>
      </div>
      <Show when={!isNew()}>
        <FirstSteps isNew={false} />
      </Show>
    </>
  );
}

function AlarmTile(props: { alarms: Alarm[] }) {
  const of = (state: string) => props.alarms.filter((alarm) => alarm.StateValue === state);
  return (
    <>
      <div class="figures">
        <a class="figure" classList={{ bad: of("ALARM").length > 0 }} href={href("/alarms", { state: "ALARM" })}>
          <b>{of("ALARM").length}</b> in alarm
        </a>
        <a class="figure" href={href("/alarms", { state: "INSUFFICIENT_DATA" })}>
          <b>{of("INSUFFICIENT_DATA").length}</b> insufficient data
        </a>
        <a class="figure" href={href("/alarms", { state: "OK" })}>
          <b>{of("OK").length}</b> OK
        </a>
      </div>
      <Show when={of("ALARM").length}>
        <ul class="feed inset">
          <For each={of("ALARM").slice(0, 5)}>
            {(alarm) => (
              <li>
                <StateBadge state={alarm.StateValue} />
                <a href={href("/alarms/alarm", { name: alarm.AlarmName })}>{alarm.AlarmName}</a>
                <span class="grow clip faint">{condition(alarm)}</span>
                <time class="faint">{ago((alarm.StateUpdatedTimestamp ?? 0) * 1000)}</time>
              </li>
            )}
          </For>
        </ul>
      </Show>
      <Show when={props.alarms.length === 0}>
        <p class="faint below">
          No alarms yet. <a href={href("/alarms/create")}>Create one</a> from any metric.
        </p>
      </Show>
    </>
  );
}

function HealthTile(props: { session: Session; calls: { calls: number; faults: number } }) {
  const health = () => props.session.health;
  const store = () => health().store;
  return (
    <>
      <div class="figures">
        <span class="figure" classList={{ good: health().status === "ok", bad: health().status !== "ok" }}>
          <b>{health().status === "ok" ? "Healthy" : "Read-only"}</b>{" "}
          {health().status === "ok" ? "takes writes" : "refuses writes"}
        </span>
        <span class="figure">
          <b>{duration(health().uptime_seconds)}</b> up
        </span>
        <span class="figure">
          <b>{bytes(store().segment_bytes + store().journal_bytes)}</b> stored
        </span>
        <a class="figure" href={href("/metrics", { namespace: "Trailwatch", q: "CallCount" })}>
          <b>{short(props.calls.calls)}</b> calls in this time
        </a>
        <a
          class="figure"
          classList={{ bad: props.calls.faults > 0 }}
          href={href("/metrics", { namespace: "Trailwatch", q: "FaultCount" })}
        >
          <b>{short(props.calls.faults)}</b> faults
        </a>
      </div>
      <Show when={health().reason ?? store().flush_error}>
        {(reason) => (
          <p class="note error" role="alert">
            {reason()}
          </p>
        )}
      </Show>
    </>
  );
}

interface Host {
  name: string;
  measures: { cpu: number[]; memory: number[]; disk: number[]; load: number[] };
}

const MEASURES = [
  { key: "cpu", metric: "cpu_usage_active", name: "CPU", percent: true },
  { key: "memory", metric: "mem_used_percent", name: "Memory", percent: true },
  { key: "disk", metric: "disk_used_percent", name: "Fullest disk", percent: true },
  { key: "load", metric: "system_load1", name: "Load", percent: false },
] as const;

async function hostMetrics(period: Range, signal: AbortSignal): Promise<{ hosts: Host[]; more: number }> {
  const lists = await Promise.all(MEASURES.map((m) => listMetrics({ Namespace: "CWAgent", MetricName: m.metric }, 2000, signal)));
  const host = (metric: Metric) =>
    metric.Dimensions.find((d) => d.Name === "host")?.Value ?? metric.Dimensions.find((d) => d.Name === "InstanceId")?.Value;
  const names = [...new Set(lists.flatMap((list) => list.items.map(host)))].filter((name): name is string => !!name).sort();
  const shown = names.slice(0, HOSTS_MAX);
  const queries: Query[] = [];
  const places: { host: string; key: keyof Host["measures"] }[] = [];
  for (const [i, measure] of MEASURES.entries()) {
    for (const metric of lists[i]?.items ?? []) {
      const name = host(metric);
      const isCore = metric.Dimensions.some((d) => d.Name === "cpu" && d.Value !== "cpu-total");
      if (!name || !shown.includes(name) || isCore || queries.length >= 500) continue;
      places.push({ host: name, key: measure.key });
      queries.push({ Id: `m${queries.length}`, MetricStat: { Metric: metric, Stat: "Average", Period: periodFor(period, 180) } });
    }
  }
  const series = await metricData(queries, period, signal);
  const hosts = shown.map((name) => ({ name, measures: { cpu: [], memory: [], disk: [], load: [] } as Host["measures"] }));
  for (const one of series) {
    const place = places[Number(one.id.slice(1))];
    const found = hosts.find((h) => h.name === place?.host);
    if (!place || !found || !one.values.length) continue;
    // Of several disks the fullest is shown.
    const old = found.measures[place.key];
    if (!old.length || (one.values.at(-1) ?? 0) > (old.at(-1) ?? 0)) found.measures[place.key] = one.values;
  }
  return { hosts, more: names.length - shown.length };
}

function HostTable(props: { hosts: Host[]; more: number }) {
  return (
    <>
      <Plain class="hosts" head={["Host", ...MEASURES.map((measure) => measure.name)]} of={props.hosts}>
        {(host) => (
          <tr>
            <th scope="row">
              <a href={href("/metrics", { namespace: "CWAgent", q: host.name })}>{host.name}</a>
            </th>
            <For each={MEASURES}>
              {(measure) => {
                const values = () => host.measures[measure.key];
                const last = () => values().at(-1);
                return (
                  <td>
                    <div class="measure" classList={{ hot: measure.percent && (last() ?? 0) >= 90 }}>
                      <span class="num">
                        {last() === undefined ? "–" : `${short(last() ?? 0)}${measure.percent ? " %" : ""}`}
                      </span>
                      <Spark
                        values={values()}
                        max={measure.percent ? 100 : 1}
                        label={`${measure.name} of ${host.name} over time`}
                      />
                    </div>
                  </td>
                );
              }}
            </For>
          </tr>
        )}
      </Plain>
      <Show when={props.more > 0}>
        <p class="count">
          and {props.more} more hosts: <a href={href("/metrics", { namespace: "CWAgent" })}>all metrics</a>
        </p>
      </Show>
    </>
  );
}

interface Volume {
  groups: { name: string; bytes: number }[];
  total: number;
  count: number;
  /** Those that somebody made: the server has one of its own. */
  own: number;
  received: number[];
}

/** The largest groups, and what came in by PutLogEvents. */
async function logVolume(period: Range, signal: AbortSignal): Promise<Volume> {
  const Metric = {
    Namespace: "Trailwatch",
    MetricName: "BytesIn",
    Dimensions: [
      { Name: "Operation", Value: "PutLogEvents" },
      { Name: "Service", Value: "logs" },
    ],
  };
  const query = { Id: "v", MetricStat: { Metric, Stat: "Sum", Period: periodFor(period, 120) } };
  const [found, received] = await Promise.all([listGroups("", signal), metricData([query], period, signal)]);
  const groups = found.items.map((group) => ({ name: group.logGroupName, bytes: group.storedBytes ?? 0 }));
  return {
    groups: groups.sort((a, b) => b.bytes - a.bytes || a.name.localeCompare(b.name)).slice(0, GROUPS_MAX),
    total: groups.reduce((sum, group) => sum + group.bytes, 0),
    count: groups.length,
    own: groups.filter((group) => !group.name.startsWith("/trailwatch/")).length,
    received: received[0]?.values ?? [],
  };
}

/** The server's own calls in the period: all, and those that were its fault. */
async function serverCalls(period: Range, signal: AbortSignal) {
  const sum = (Id: string, name: string): Query => ({
    Id,
    Expression: `SUM(SEARCH('{Trailwatch,Operation,Service} MetricName="${name}"', 'Sum', ${periodFor(period, 120)}))`,
  });
  const series = await metricData([sum("calls", "CallCount"), sum("faults", "FaultCount")], period, signal);
  const values = (id: string) => series.find((one) => one.id === id)?.values ?? [];
  const total = (id: string) => values(id).reduce((a, b) => a + b, 0);
  return { calls: total("calls"), faults: total("faults") };
}

/** Words of lines that tell of errors, as a filter pattern, and how far back and how many are counted for each group. */
const ERRORS = "?ERROR ?Error ?error ?FATAL ?Fatal ?Exception ?panic";
const ERRORS_MS = 3_600_000;
const ERRORS_MAX = 100;

interface Errors {
  count: number;
  more: boolean;
}

/** How many lines of each group tell of errors; a group whose lines may not be read has none. */
async function logErrors(groups: Volume["groups"], signal: AbortSignal): Promise<Map<string, Errors>> {
  const end = Date.now();
  const counted = groups.map(async ({ name }): Promise<[string, Errors]> => {
    const asked = { group: name, stream: "", pattern: ERRORS, start: end - ERRORS_MS, end };
    const found = await filterEvents(asked, ERRORS_MAX, undefined, signal).catch(() => ({ events: [], next: undefined }));
    return [name, { count: found.events.length, more: !!found.next }];
  });
  return new Map(await Promise.all(counted));
}

function LogVolume(props: { volume: Volume; errors: Map<string, Errors> | undefined }) {
  const received = () => props.volume.received.reduce((a, b) => a + b, 0);
  const most = () => Math.max(1, ...props.volume.groups.map((group) => group.bytes));
  return (
    <>
      <div class="figures padded">
        <span class="figure">
          <b>{bytes(received())}</b> received in this time
        </span>
        <span class="figure">
          <b>{bytes(props.volume.total)}</b> stored in {count(props.volume.count)} {props.volume.count === 1 ? "group" : "groups"}
        </span>
        <div class="grow">
          <Spark values={props.volume.received} label="Bytes received by PutLogEvents over time" />
        </div>
      </div>
      <ul class="feed volume">
        <For each={props.volume.groups}>
          {(group) => (
            <li>
              <a class="clip grow" href={href("/logs/group", { name: group.name })}>
                {group.name}
              </a>
              <Show when={props.errors?.get(group.name)?.count ? props.errors.get(group.name) : undefined}>
                {(found) => (
                  <a
                    class="bad"
                    title="Lines of the last hour that have a word such as error, fatal, exception or panic"
                    href={href("/logs/group", { name: group.name, q: ERRORS, range: "1h" })}
                  >
                    {count(found().count)}
                    {found().more ? "+" : ""} with errors
                  </a>
                )}
              </Show>
              <div class="gauge" aria-hidden="true">
                <i style={{ "--part": `${(group.bytes / most()) * 100}%` }} />
              </div>
              <span class="num">{bytes(group.bytes)}</span>
            </li>
          )}
        </For>
      </ul>
    </>
  );
}

function FirstSteps(props: { isNew: boolean }) {
  const now = () => {
    const told = session();
    return told.signedIn ? told : undefined;
  };
  const environment = () =>
    [
      `export AWS_ENDPOINT_URL=${location.origin}`,
      `export AWS_ACCESS_KEY_ID=${now()?.accessKeyId || now()?.account}`,
      `export AWS_SECRET_ACCESS_KEY=${now()?.open ? "any-secret-works" : "…the secret that you signed in with…"}`,
      "export AWS_DISABLE_HOST_PREFIX_INJECTION=true",
      `export AWS_DEFAULT_REGION=${now()?.region}`,
    ].join("\n");
  const logs = `aws logs create-log-group --log-group-name demo
aws logs create-log-stream --log-group-name demo --log-stream-name one
aws logs put-log-events --log-group-name demo --log-stream-name one \\
  --log-events timestamp=$(date +%s000),message='{"level":"error","ms":412}'`;
  const metrics = `aws cloudwatch put-metric-data --namespace Shop --metric-name Orders --value 17 --unit Count
aws cloudwatch put-metric-alarm --alarm-name no-orders --namespace Shop --metric-name Orders \\
  --statistic Sum --period 60 --evaluation-periods 1 --threshold 1 \\
  --comparison-operator LessThanThreshold --treat-missing-data breaching`;
  const trail = `aws s3api create-bucket --bucket audit
aws cloudtrail create-trail --name main --s3-bucket-name audit --is-multi-region-trail
aws cloudtrail start-logging --name main`;
  return (
    <details class="panel steps" open={props.isNew}>
      <summary>
        <h2>First steps</h2>
        <span class="faint">commands to paste into a shell, for the aws cli and any AWS SDK</span>
      </summary>
      <div class="panel-body steps-grid">
        <Step n={1} title="Point the aws cli here" text={environment()} />
        <Step n={2} title="Send a log event" text={logs} />
        <Step n={3} title="Send a metric, and watch it" text={metrics} />
        <Step n={4} title="Keep the audit trail in a bucket" text={trail} />
      </div>
    </details>
  );
}

function Step(props: { n: number; title: string; text: string }) {
  return (
    <section>
      <h3>
        {props.n}. {props.title}
      </h3>
      <Code text={props.text} />
    </section>
  );
}
