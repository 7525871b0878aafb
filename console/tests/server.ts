// A real server with seeded data, and the calls that seed it: through the console's own sessions, as a browser makes them.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createServer, type ViteDevServer } from "vite";

const root = resolve(import.meta.dirname, "../..");
export const target = process.env.TRAILWATCH_TARGET ?? join(root, "target");
const binary = join(target, "release", "trailwatch");
/** True when pages come from Vite, as the sources are now, and not from the server, as they were when it was built. */
export const live = process.env.CONSOLE_LIVE === "1";

const TARGETS = {
  logs: ["Logs_20140328", "application/x-amz-json-1.1"],
  cloudwatch: ["GraniteServiceVersion20100801", "application/x-amz-json-1.0"],
  cloudtrail: ["com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101", "application/x-amz-json-1.1"],
} as const;

/** Longest wait for the server to be ready: CI machines are slow. */
const READY_MS_MAX = 60_000;

export class Server {
  private cookie = "";
  private csrf = "";

  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
    /** Where the pages are. */
    readonly address: string,
    /** Where the server is. */
    readonly endpoint: string,
    readonly key: string,
    readonly secret: string,
    private readonly pages: ViteDevServer | undefined,
  ) {}

  static async start(...args: string[]): Promise<Server> {
    if (!existsSync(binary)) throw new Error(`${binary} is not built; run 'make build' first`);
    const folder = mkdtempSync(join(tmpdir(), "trailwatch-console-"));
    const process = spawn(binary, ["serve", "--listen", "127.0.0.1:0", "--data-dir", join(folder, "data"), ...args], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const told = await new Promise<string>((done, failed) => {
      let text = "";
      const timer = setTimeout(() => failed(new Error(`the server was not ready in time: ${text}`)), READY_MS_MAX);
      process.stdout?.on("data", (chunk) => {
        text += chunk;
        if (!/AWS_DEFAULT_REGION=/.test(text)) return;
        clearTimeout(timer);
        done(text);
      });
      process.on("exit", (code) => failed(new Error(`the server ended with ${code}: ${text}`)));
    });
    const value = (name: RegExp) => name.exec(told)?.[1] ?? "";
    const endpoint = value(/AWS_ENDPOINT_URL=(\S+)/);
    const pages = live ? await sources(endpoint) : undefined;
    return new Server(
      process,
      folder,
      pages?.resolvedUrls?.local[0]?.replace(/\/$/, "") ?? endpoint,
      endpoint,
      value(/AWS_ACCESS_KEY_ID=(\S+)/),
      value(/AWS_SECRET_ACCESS_KEY=(\S+)/),
      pages,
    );
  }

  async stop(): Promise<void> {
    await this.pages?.close();
    await this.end("SIGTERM");
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Ends the process and leaves its data. */
  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((done) => this.process.once("exit", done));
    this.process.kill(signal);
    await ended;
  }

  async signIn(): Promise<void> {
    const answer = await fetch(`${this.endpoint}/_trailwatch/console/sign-in`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ accessKeyId: this.key, secretAccessKey: this.secret }),
    });
    if (!answer.ok) throw new Error(`sign-in: ${answer.status} ${await answer.text()}`);
    this.cookie = (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    this.csrf = ((await answer.json()) as { csrf: string }).csrf;
  }

  /** A call of IAM, which speaks forms; the answer's text. */
  async iam(operation: string, input: Record<string, string>): Promise<string> {
    if (!this.csrf) await this.signIn();
    const answer = await fetch(`${this.endpoint}/_trailwatch/console/aws`, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        cookie: this.cookie,
        "x-trailwatch-csrf": this.csrf,
      },
      body: new URLSearchParams({ Action: operation, Version: "2010-05-08", ...input }).toString(),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${operation}: ${answer.status} ${text}`);
    return text;
  }

  async call<T = Record<string, never>>(service: keyof typeof TARGETS, operation: string, input: object = {}): Promise<T> {
    if (!this.csrf) await this.signIn();
    const [prefix, type] = TARGETS[service];
    const answer = await fetch(`${this.endpoint}/_trailwatch/console/aws`, {
      method: "POST",
      headers: {
        "content-type": type,
        "x-amz-target": `${prefix}.${operation}`,
        cookie: this.cookie,
        "x-trailwatch-csrf": this.csrf,
      },
      body: JSON.stringify(input),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${operation}: ${answer.status} ${text}`);
    return (text ? JSON.parse(text) : {}) as T;
  }
}

/** The pages as their sources are now, before the server at `endpoint`. */
async function sources(endpoint: string): Promise<ViteDevServer> {
  // Read by vite.config.ts.
  process.env.TRAILWATCH = endpoint;
  const pages = await createServer({
    root: join(root, "console"),
    configFile: join(root, "console", "vite.config.ts"),
    logLevel: "error",
    clearScreen: false,
    server: { host: "127.0.0.1", port: 0, hmr: false, watch: null },
  });
  return pages.listen();
}

/** What would run, or make an element, if a page took data for markup. */
export const HOSTILE = `<img src=x onerror="window.injected=1"><script>window.injected=1</script>"'\`{{7*7}}\${7*7}`;

const MINUTE = 60_000;

/** Three hours of a small shop: two log groups, metrics, hosts, alarms, a dashboard. */
export async function seed(server: Server): Promise<void> {
  const now = Math.floor(Date.now() / MINUTE) * MINUTE;
  for (const group of ["/shop/checkout", "/shop/search", "/empty"]) {
    await server.call("logs", "CreateLogGroup", { logGroupName: group });
    await server.call("logs", "CreateLogStream", { logGroupName: group, logStreamName: "web-1" });
  }
  const logEvents = Array.from({ length: 2000 }, (_, i) => {
    const isError = i % 25 === 0;
    const message = JSON.stringify({
      level: isError ? "error" : "info",
      msg: isError ? `refused ${HOSTILE}` : "request done",
      ms: 20 + ((i * 37) % 400),
      path: ["/cart", "/pay", "/"][i % 3],
    });
    return { timestamp: now - 170 * MINUTE + i * 5000, message };
  });
  await server.call("logs", "PutLogEvents", { logGroupName: "/shop/checkout", logStreamName: "web-1", logEvents });
  await server.call("logs", "PutLogEvents", {
    logGroupName: "/shop/search",
    logStreamName: "web-1",
    logEvents: [{ timestamp: now - MINUTE, message: HOSTILE }],
  });
  const minutes = Array.from({ length: 180 }, (_, i) => i);
  const at = (i: number) => (now - (180 - i) * MINUTE) / 1000;
  const latency = minutes.map((i) => ({
    MetricName: "Latency",
    Timestamp: at(i),
    Value: 120 + 60 * Math.cos(i / 20) + (i > 150 ? 200 : 0),
    Unit: "Milliseconds",
    Dimensions: [{ Name: "Service", Value: "checkout" }],
  }));
  const search = minutes.map((i) => ({
    MetricName: "Latency",
    Timestamp: at(i),
    Value: 60 + 20 * Math.cos(i / 9),
    Unit: "Milliseconds",
    Dimensions: [{ Name: "Service", Value: "search" }],
  }));
  const orders = minutes.map((i) => ({ MetricName: "Orders", Timestamp: at(i), Value: 40 + ((i * 7) % 9), Unit: "Count" }));
  await server.call("cloudwatch", "PutMetricData", { Namespace: "Shop", MetricData: [...latency, ...search, ...orders] });
  const host = minutes.flatMap((i) => [
    {
      MetricName: "mem_used_percent",
      Timestamp: at(i),
      Value: 60,
      Unit: "Percent",
      Dimensions: [{ Name: "host", Value: "web-1" }],
    },
    {
      MetricName: "cpu_usage_active",
      Timestamp: at(i),
      Value: 30 + (i % 7),
      Unit: "Percent",
      Dimensions: [
        { Name: "cpu", Value: "cpu-total" },
        { Name: "host", Value: "web-1" },
      ],
    },
  ]);
  await server.call("cloudwatch", "PutMetricData", { Namespace: "CWAgent", MetricData: host });
  await server.call("cloudwatch", "PutMetricData", {
    Namespace: "Hostile",
    MetricData: [{ MetricName: HOSTILE.slice(0, 120), Value: 1, Dimensions: [{ Name: "name", Value: HOSTILE.slice(0, 120) }] }],
  });
  const alarm = {
    Namespace: "Shop",
    MetricName: "Latency",
    Dimensions: [{ Name: "Service", Value: "checkout" }],
    Statistic: "Average",
    Period: 60,
    EvaluationPeriods: 3,
    DatapointsToAlarm: 2,
    Threshold: 250,
    ComparisonOperator: "GreaterThanThreshold",
  };
  await server.call("cloudwatch", "PutMetricAlarm", {
    AlarmName: "checkout-slow",
    AlarmDescription: `Checkout is slow ${HOSTILE}`,
    ...alarm,
  });
  await server.call("cloudwatch", "PutMetricAlarm", { AlarmName: "no-data", ...alarm, MetricName: "Absent" });
  await server.call("cloudwatch", "PutCompositeAlarm", {
    AlarmName: "shop",
    AlarmRule: 'ALARM("checkout-slow") AND NOT ALARM("no-data")',
  });
  await server.call("cloudwatch", "SetAlarmState", {
    AlarmName: "checkout-slow",
    StateValue: "ALARM",
    StateReason: "set by the test",
  });
  const widgets = [
    {
      type: "text",
      x: 0,
      y: 0,
      width: 24,
      height: 2,
      properties: {
        markdown: `# Shop\nOrders and **latency** [guide](https://example.com) [bad](javascript:window.injected=1) ${HOSTILE}`,
      },
    },
    {
      type: "metric",
      x: 0,
      y: 2,
      width: 12,
      height: 6,
      properties: {
        title: "Latency",
        view: "timeSeries",
        stacked: false,
        region: "us-east-1",
        metrics: [
          ["Shop", "Latency", "Service", "checkout"],
          ["...", "search", { stat: "p90" }],
        ],
        annotations: { horizontal: [{ value: 250, label: "slow" }] },
      },
    },
    {
      type: "metric",
      x: 12,
      y: 2,
      width: 6,
      height: 6,
      properties: {
        title: "Orders",
        view: "singleValue",
        region: "us-east-1",
        metrics: [["Shop", "Orders", { stat: "Sum" }]],
        period: 300,
      },
    },
    {
      type: "alarm",
      x: 18,
      y: 2,
      width: 6,
      height: 6,
      properties: { title: "State", alarms: ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:checkout-slow"] },
    },
    {
      type: "log",
      x: 0,
      y: 8,
      width: 24,
      height: 6,
      properties: {
        title: "Errors",
        region: "us-east-1",
        view: "table",
        query: "SOURCE '/shop/checkout' | fields @timestamp, msg | filter level = 'error' | limit 20",
      },
    },
  ];
  await server.call("cloudwatch", "PutDashboard", { DashboardName: "shop", DashboardBody: JSON.stringify({ widgets }) });
}
