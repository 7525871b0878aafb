// Dashboards that nobody had to make: of the hosts, of this server, of each namespace. They are AWS's dashboard JSON, so each can be
// saved and changed.
import type { Widget } from "./dashboards";
import { dimensionsText, type Metric } from "./metrics";

/** Metrics of one widget, widgets of one dashboard. */
const LINES_MAX = 40;
const WIDGETS_MAX = 60;

export const HOSTS = "hosts";
export const SERVER = "trailwatch";
const AGENT = "CWAgent";
const OWN = "Trailwatch";

export interface Automatic {
  /** Name in the URL: `hosts`, `trailwatch`, `namespace Shop`. */
  id: string;
  title: string;
  about: string;
}

/** What there is to see, from the metrics there are. */
export function automatics(metrics: Metric[]): Automatic[] {
  const namespaces = new Map<string, Set<string>>();
  for (const metric of metrics) {
    const names = namespaces.get(metric.Namespace) ?? new Set();
    names.add(metric.MetricName);
    namespaces.set(metric.Namespace, names);
  }
  const all: Automatic[] = [];
  if (namespaces.has(AGENT)) all.push({ id: HOSTS, title: "Hosts", about: "CPU, memory, disks and network of each host" });
  all.push({ id: SERVER, title: "Trailwatch", about: "Calls, errors and latency of this server" });
  for (const [namespace, names] of [...namespaces].sort((a, b) => a[0].localeCompare(b[0])))
    if (namespace !== OWN)
      all.push({
        id: `namespace ${namespace}`,
        title: namespace,
        about: `${names.size} ${names.size === 1 ? "metric" : "metrics"}`,
      });
  return all;
}

const row = (metric: Metric, options: object = {}) => [
  metric.Namespace,
  metric.MetricName,
  ...metric.Dimensions.flatMap((d) => [d.Name, d.Value]),
  options,
];

function graph(at: number, region: string, title: string, metrics: unknown[][], more: object = {}): Widget {
  return {
    type: "metric",
    x: (at % 2) * 12,
    y: Math.floor(at / 2) * 6,
    width: 12,
    height: 6,
    properties: { title, region, view: "timeSeries", stacked: false, metrics, ...more },
  };
}

const MEASURES: [string, string, object?][] = [
  ["cpu_usage_active", "CPU %"],
  ["mem_used_percent", "Memory %"],
  ["disk_used_percent", "Disks %"],
  ["system_load1", "Load"],
  ["net_bytes_recv", "Network in"],
  ["net_bytes_sent", "Network out"],
  ["diskio_read_bytes", "Disk reads"],
  ["diskio_write_bytes", "Disk writes"],
];

function hosts(metrics: Metric[], region: string): Widget[] {
  const widgets: Widget[] = [];
  for (const [name, title] of MEASURES) {
    const found = metrics.filter((m) => m.Namespace === AGENT && m.MetricName === name);
    if (found.length)
      widgets.push(
        graph(
          widgets.length,
          region,
          title,
          found.slice(0, LINES_MAX).map((m) => row(m)),
        ),
      );
  }
  return widgets;
}

/** Counts add up; all else is averaged. */
const isCount = (name: string) => /count|errors?$|faults?$|requests?$|bytes|orders|total|_sum$/i.test(name);

function namespace(metrics: Metric[], region: string, of: string): Widget[] {
  const names = [...new Set(metrics.filter((m) => m.Namespace === of).map((m) => m.MetricName))].sort();
  return names.slice(0, WIDGETS_MAX).map((name, i) => {
    const found = metrics.filter((m) => m.Namespace === of && m.MetricName === name);
    const title = found.length > LINES_MAX ? `${name} (${LINES_MAX} of ${found.length})` : name;
    return graph(
      i,
      region,
      title,
      found.slice(0, LINES_MAX).map((m) => row(m)),
      { stat: isCount(name) ? "Sum" : "Average" },
    );
  });
}

const SERVER_GRAPHS: [string, string, string, boolean][] = [
  ["CallCount", "Calls", "Sum", true],
  ["Latency", "Latency, p99 in ms", "p99", false],
  ["ErrorCount", "Refused calls", "Sum", true],
  ["FaultCount", "Failed calls", "Sum", true],
  ["BytesIn", "Bytes in", "Sum", true],
  ["BytesOut", "Bytes out", "Sum", true],
];

function server(metrics: Metric[], region: string): Widget[] {
  const known = new Set(SERVER_GRAPHS.map(([name]) => name));
  const calls = SERVER_GRAPHS.map(([name, title, stat, stacked], i) =>
    // A search, so that operations called later are there, too.
    graph(i, region, title, [[{ expression: `SEARCH('{${OWN},Operation,Service} MetricName="${name}"', '${stat}')` }]], {
      stacked,
    }),
  );
  const others = metrics.filter((m) => m.Namespace === OWN && !known.has(m.MetricName));
  const names = [...new Set(others.map((m) => m.MetricName))].sort().slice(0, WIDGETS_MAX);
  const rest = names.map((name, i) =>
    graph(
      calls.length + i,
      region,
      name,
      others
        .filter((m) => m.MetricName === name)
        .slice(0, LINES_MAX)
        .map((m) => row(m)),
      { stat: isCount(name) ? "Sum" : "Average" },
    ),
  );
  return [...calls, ...rest];
}

/** The widgets of an automatic dashboard; none when there is nothing of its kind. */
export function automatic(id: string, metrics: Metric[], region: string): Widget[] {
  const sorted = [...metrics].sort((a, b) => dimensionsText(a).localeCompare(dimensionsText(b)));
  if (id === HOSTS) return hosts(sorted, region);
  if (id === SERVER) return server(sorted, region);
  return id.startsWith("namespace ") ? namespace(sorted, region, id.slice("namespace ".length)) : [];
}
