// The console's own logic about dashboards, rules, queries and lines, without a browser.
import { describe, expect, test, vi } from "vitest";

// The pages' state looks at the browser when it is loaded.
vi.hoisted(() =>
  Object.assign(globalThis, {
    location: { hash: "" },
    addEventListener: () => undefined,
    localStorage: { getItem: () => null, setItem: () => undefined },
    matchMedia: () => ({ matches: false, addEventListener: () => undefined }),
  }),
);

import { callOf, type Form, previewOf } from "../src/alarm-draft";
import { keptOf, lostOf } from "../src/alarm-edit";
import { alarmsOf, holds, parseRule, quoted, type RuleMistake } from "../src/alarm-rule";
import { automatic, automatics } from "../src/automatic";
import { alarmSpans, type Backtest } from "../src/backtest";
import { aligned, hasLonely, stacked } from "../src/charts/aligned";
import { bodyOf, dashboardOf, places, rangeOf } from "../src/dashboards";
import { aggregated, explorerOf, labelOf, logGroupOf, matches, wantsTags } from "../src/explorer";
import { commands, condition, facetsOf, hasCommand, patternCondition, patternQuery, withCommand } from "../src/facets";
import { arranged, fitted, nudged, overlap, type Place } from "../src/grid";
import { drawn, groupNames, ofOneRun, overTime, rateOf, rateSeconds, runWords } from "../src/log-alarm";
import { type Alarm, linesOf, type Metric, type Query, type Series } from "../src/metrics";
import { applied, initial, schemaOf, type Variable, variablesOf } from "../src/variables";

const place = (x: number, y: number, width: number, height: number): Place => ({ x, y, width, height });

describe("the grid of a dashboard", () => {
  test("a widget that is moved pushes others down, and all float up", () => {
    const before = [place(0, 0, 6, 4), place(6, 0, 6, 4), place(0, 4, 12, 3)];
    expect(arranged(before, 0, place(6, 0, 6, 4))).toEqual([place(6, 0, 6, 4), place(6, 4, 6, 4), place(0, 8, 12, 3)]);
    expect(arranged(before, 2, place(0, 0, 12, 3))).toEqual([place(0, 3, 6, 4), place(6, 3, 6, 4), place(0, 0, 12, 3)]);
  });
  test("whatever is done, no two widgets overlap and none leaves the grid", () => {
    // Not random: the same walk each time.
    let seed = 7;
    const next = (n: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % n;
    };
    let now = Array.from({ length: 12 }, (_, i) => place((i % 4) * 6, Math.floor(i / 4) * 4, 6, 4));
    for (let turn = 0; turn < 300; turn++) {
      now = arranged(now, next(now.length), place(next(30) - 3, next(40), next(30), next(12)));
      for (const [i, one] of now.entries()) {
        expect(one).toEqual(fitted(one));
        for (const other of now.slice(i + 1)) expect(overlap(one, other)).toBe(false);
      }
    }
  });
  test("arrows move, with Shift they resize", () => {
    expect(nudged(place(0, 0, 6, 4), "ArrowRight", false)).toEqual(place(1, 0, 6, 4));
    expect(nudged(place(0, 0, 6, 4), "ArrowDown", true)).toEqual(place(0, 0, 6, 5));
    expect(nudged(place(0, 0, 6, 4), "ArrowLeft", false)).toEqual(place(0, 0, 6, 4));
    expect(nudged(place(0, 0, 6, 4), "a", false)).toBeUndefined();
  });
  test("a body keeps what the console does not know", () => {
    const body = JSON.stringify({ start: "-PT3H", x: 1, widgets: [{ type: "new", properties: { a: [1] }, extra: true }] });
    const read = dashboardOf(body);
    expect(JSON.parse(bodyOf(read, read.widgets, places(read.widgets)))).toEqual({
      start: "-PT3H",
      x: 1,
      widgets: [{ type: "new", properties: { a: [1] }, extra: true, x: 0, y: 0, width: 6, height: 6 }],
    });
  });
});

test("the range that a dashboard begins with", () => {
  const of = (start: unknown) => rangeOf({ widgets: [], start });
  expect(["-PT3H", "-PT6H", "-P1D", "-P2W", "-P9W", "2026-01-01T00:00:00Z", undefined].map(of)).toEqual([
    "3h",
    "12h",
    "1d",
    "30d",
    "90d",
    undefined,
    undefined,
  ]);
});

describe("variables", () => {
  const variable = (of: Partial<Variable>): Variable => ({
    type: "property",
    id: "v",
    label: "V",
    of: "Service",
    inputType: "input",
    values: [],
    visible: true,
    ...of,
  });
  const properties = {
    region: "us-east-1",
    period: 60,
    title: "Latency of checkout",
    metrics: [
      ["Shop", "Latency", "Service", "checkout", { stat: "p99" }],
      ["...", "search"],
    ],
  };
  test("a property is set as property, option and dimension", () => {
    expect(applied(properties, [variable({})], { v: "pay" }).metrics).toEqual([
      ["Shop", "Latency", "Service", "pay", { stat: "p99" }],
      ["...", "search"],
    ]);
    expect(applied(properties, [variable({ of: "period" })], { v: "300" }).period).toBe(300);
    expect(applied(properties, [variable({ of: "stat" })], { v: "p50" }).metrics).toEqual([
      ["Shop", "Latency", "Service", "checkout", { stat: "p50" }],
      ["...", "search"],
    ]);
    expect(applied(properties, [variable({})], { v: "" })).toEqual(properties);
  });
  test("a pattern is replaced in texts, as text, and as an expression where it is one", () => {
    const pattern = (of: string) => applied(properties, [variable({ type: "pattern", of })], { v: '"},{$&' });
    expect(pattern("checkout").title).toBe('Latency of "},{$&');
    expect(pattern("check(out|in)").title).toBe('Latency of "},{$&');
    // An expression that could take for ever is not one.
    expect(pattern("(a+)+$").title).toBe("Latency of checkout");
    expect(pattern("[").title).toBe("Latency of checkout");
  });
  test("what is no variable is none", () => {
    expect(
      variablesOf({ variables: [null, 3, {}, { id: "a", type: "pattern", pattern: "x", values: [{ value: 1 }, null] }] }),
    ).toMatchObject([{ id: "a", of: "x", values: [{ value: "1", label: "1" }] }]);
    expect(variablesOf({ variables: "x" })).toEqual([]);
    expect(initial(variable({ defaultValue: "__FIRST" }), [{ value: "a" }])).toBe("a");
    expect(schemaOf('{"A B",x, y} MetricName="L t"')).toMatchObject({ namespace: "A B", dimensions: ["x", "y"] });
  });
});

describe("rules of composite alarms", () => {
  const states: Record<string, string> = { a: "ALARM", "b c": "OK", d: "INSUFFICIENT_DATA" };
  const now = (rule: string) => holds(parseRule(rule), (name) => states[name]);
  test("what a rule comes to", () => {
    expect(now("ALARM(a) AND OK('b c')")).toBe(true);
    expect(now('alarm(a) and not (ok("b c") or ALARM(d))')).toBe(false);
    expect(now("ALARM(d) OR ALARM(a) AND FALSE")).toBe(false);
    expect(now("NOT NOT TRUE")).toBe(true);
    expect(now('AT_LEAST(2, ALARM, (a, d, "b c"))')).toBe(false);
    expect(now('AT_LEAST(50%, NOT ALARM, (a, d, "b c"))')).toBe(true);
    // What is not known decides nothing, unless the rest does.
    expect(now("ALARM(x)")).toBeUndefined();
    expect(now("ALARM(x) OR ALARM(a)")).toBe(true);
    expect(now("ALARM(x) AND OK(a)")).toBe(false);
  });
  test("mistakes are told with their place", () => {
    const at = (rule: string) => {
      try {
        parseRule(rule);
        return undefined;
      } catch (error) {
        return (error as RuleMistake).at;
      }
    };
    expect(at("")).toBe(0);
    expect(at("ALARM(a) AND")).toBe(12);
    expect(at("ALARM(a) ALARM(b)")).toBe(9);
    expect(at("ALARM(a")).toBe(7);
    expect(at("FOO(a)")).toBe(0);
    expect(at('ALARM("a')).toBe(6);
    expect(at("(".repeat(5000))).toBeGreaterThan(0);
    expect(at("NOT ".repeat(2000))).toBeGreaterThan(0);
  });
  test("names with quotes survive", () => {
    const name = 'a "b" \\ (c), d';
    expect(alarmsOf(parseRule(`ALARM(${quoted(name)}) OR OK(arn:aws:cloudwatch:us-east-1:1:alarm:z)`))).toEqual([name, "z"]);
  });
});

describe("drafts of alarms", () => {
  const form = (of: Partial<Form>): Form => ({
    kind: "metric",
    name: "n",
    description: "",
    topic: "",
    ok: "",
    unknown: "",
    stat: "p99",
    period: 60,
    operator: "GreaterThanThreshold",
    threshold: 5,
    n: 3,
    m: 2,
    missing: "missing",
    rows: [],
    of: "",
    width: 2,
    side: "GreaterThanUpperThreshold",
    promql: "",
    pending: 60,
    recovery: 0,
    log: { query: "", groups: [], aggregation: "count(*)", every: 300, from: 300, to: 0 },
    role: "",
    lines: 0,
    rule: "",
    suppressor: "",
    wait: 1,
    extension: 2,
    ...of,
  });
  const metric = { i: "m1", n: "Shop", m: "Latency", d: [["Service", "x"]] as [string, string][] };
  test("each kind is its call", () => {
    expect(callOf(form({ metric }))).toMatchObject({
      operation: "PutMetricAlarm",
      input: { Namespace: "Shop", ExtendedStatistic: "p99", Threshold: 5, DatapointsToAlarm: 2 },
    });
    expect(callOf(form({ kind: "math", rows: [metric, { i: "e1", e: "m1*2" }], of: "e1" }))).toMatchObject({
      input: {
        Metrics: [
          { Id: "m1", ReturnData: false },
          { Id: "e1", Expression: "m1*2", ReturnData: true },
        ],
        Threshold: 5,
      },
    });
    const band = callOf(form({ kind: "anomaly", metric }));
    expect(band).toMatchObject({
      input: { ThresholdMetricId: "ad1", Metrics: [{ Id: "m1" }, { Expression: "ANOMALY_DETECTION_BAND(m1, 2)" }] },
    });
    expect((band as { input: object }).input).not.toHaveProperty("Threshold");
    expect(callOf(form({ kind: "composite", rule: "ALARM(a)", suppressor: "s" }))).toMatchObject({
      operation: "PutCompositeAlarm",
      input: { AlarmRule: "ALARM(a)", ActionsSuppressor: "s", ActionsSuppressorWaitPeriod: 1 },
    });
    expect(previewOf(form({ kind: "composite", rule: "ALARM(a)" }))).toEqual([]);
    const log = { query: "filter ok = 0", groups: ["/a"], aggregation: "count(*) by host", every: 7200, from: 600, to: 60 };
    expect(callOf(form({ kind: "log", log, role: "arn:r", lines: 3, topic: "arn:t arn:u" }))).toMatchObject({
      operation: "PutLogAlarm",
      input: {
        ScheduledQueryConfiguration: {
          QueryString: "filter ok = 0",
          LogGroupIdentifiers: ["/a"],
          ScheduleConfiguration: { ScheduleExpression: "rate(2 hours)", StartTimeOffset: 600, EndTimeOffset: 60 },
        },
        QueryResultsToEvaluate: 3,
        QueryResultsToAlarm: 2,
        ActionLogLineRoleArn: "arn:r",
        AlarmActions: ["arn:t", "arn:u"],
      },
    });
    expect(callOf(form({ kind: "log", role: "arn:r" }))).toHaveProperty("missing");
    expect(
      callOf(form({ kind: "log", role: "arn:r", log: { ...log, groups: [], query: "SOURCE '/a' | limit 9" } })),
    ).not.toHaveProperty("missing");
  });
  test("an alarm is edited as it is, and what the form has no field for is said", () => {
    const common = { AlarmArn: "", StateValue: "OK", AlarmName: "n", ActionsEnabled: false };
    const limits = { EvaluationPeriods: 3, Threshold: 5, ComparisonOperator: "LessThanThreshold" };
    const stat = { Metric: { Namespace: "Shop", MetricName: "Latency", Dimensions: [] }, Stat: "p99", Period: 300 };
    const alarms: Alarm[] = [
      {
        ...common,
        ...limits,
        Namespace: "Shop",
        MetricName: "Latency",
        Dimensions: [],
        Statistic: "Sum",
        Period: 60,
        Unit: "Count",
      },
      {
        ...common,
        ...limits,
        Metrics: [
          { Id: "m1", MetricStat: stat, ReturnData: false },
          { Id: "e1", Expression: "m1*2", Label: "twice", Period: 300, ReturnData: true },
        ],
      },
      {
        ...common,
        EvaluationPeriods: 3,
        ThresholdMetricId: "ad1",
        ComparisonOperator: "GreaterThanUpperThreshold",
        Metrics: [
          { Id: "m1", MetricStat: stat, ReturnData: true },
          { Id: "ad1", Expression: "ANOMALY_DETECTION_BAND(m1, 2.5)", ReturnData: true },
        ],
      },
      {
        ...common,
        EvaluationCriteria: { PromQLCriteria: { Query: "up == 0", PendingPeriod: 0, RecoveryPeriod: 60 } },
        EvaluationInterval: 60,
      },
      {
        ...common,
        AlarmRule: "ALARM(a)",
        ActionsSuppressor: "s",
        ActionsSuppressorWaitPeriod: 1,
        ActionsSuppressorExtensionPeriod: 2,
      },
      {
        ...common,
        Threshold: 1,
        ComparisonOperator: "GreaterThanThreshold",
        TreatMissingData: "notBreaching",
        QueryResultsToEvaluate: 5,
        QueryResultsToAlarm: 1,
        ScheduledQueryConfiguration: {
          QueryString: "filter ok = 0",
          LogGroupIdentifiers: ["/a", "arn:aws:logs:us-east-1:1:log-group:/b"],
          ScheduledQueryRoleARN: "arn:r",
          AggregationExpression: "max(ms) by host | sort desc",
          ScheduleConfiguration: { ScheduleExpression: "rate(1 minute)", StartTimeOffset: 60 },
        },
      },
    ];
    expect(alarms.map(lostOf)).toEqual(alarms.map(() => []));
    expect(keptOf(alarms[0]!)).toEqual({ ActionsEnabled: false, Unit: "Count" });
    const inAnother = { Id: "m1", AccountId: "2", MetricStat: stat, ReturnData: true } as Query;
    expect(lostOf({ ...common, ...limits, Metrics: [inAnother] })).toEqual(["Metrics"]);
    expect(lostOf({ ...alarms[3]!, EvaluationInterval: 30 })).toEqual(["EvaluationInterval"]);
  });
  test("runs of an alarm of logs as queries", () => {
    const of = {
      query: "filter ok = 0",
      groups: [],
      aggregation: "max(ms) as worst by host, path | sort desc",
      every: 300,
      from: 600,
      to: 60,
    };
    expect(overTime(of)).toBe("filter ok = 0\n| stats max(ms) as worst by bin(540s), host, path\n| limit 10000");
    expect(ofOneRun({ ...of, aggregation: "count(*)" })).toBe("filter ok = 0\n| stats count(*)\n| limit 500");
    expect(overTime({ ...of, query: "stats count(*) by host" })).toBeUndefined();
    expect(runWords(of)).toBe("every 5 min, over the 9 min that end 1 min before");
    expect(["rate(1 minute)", "rate(2 hours)", "rate(0 minutes)", "cron(0 * * * ? *)"].map(rateSeconds)).toEqual([
      60,
      7200,
      undefined,
      undefined,
    ]);
    expect([60, 300, 3600, 7200, 86_400, 90].map(rateOf)).toEqual([
      "rate(1 minute)",
      "rate(5 minutes)",
      "rate(1 hour)",
      "rate(2 hours)",
      "rate(1 day)",
      "rate(2 minutes)",
    ]);
    expect(groupNames(["/a", "arn:aws:logs:us-east-1:1:log-group:/b:*"])).toEqual(["/a", "/b"]);
    expect(drawn(of, { start: 0, end: 1e9 })).toEqual({ start: 837_540_000, end: 1e9 });
  });
  test("what is missing is said", () => {
    expect(callOf(form({}))).toHaveProperty("missing");
    expect(callOf(form({ metric, threshold: Number.NaN }))).toHaveProperty("missing");
    expect(callOf(form({ kind: "math", rows: [metric] }))).toHaveProperty("missing");
  });
  test("times in alarm of a backtest", () => {
    const change = (at: number, to: string) => ({ at: new Date(at).toISOString(), from: "", to, reason: "" });
    const found = { transitions: [change(1, "OK"), change(2, "ALARM"), change(5, "OK"), change(8, "ALARM")] } as Backtest;
    expect(alarmSpans(found, 9)).toEqual([
      { start: 2, end: 5 },
      { start: 8, end: 9 },
    ]);
  });
});

describe("facets and queries", () => {
  test("fields of columns and of JSON messages are counted", () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({
      "@timestamp": `t${i}`,
      "@message": JSON.stringify({ level: i % 4 ? "info" : "error", ms: i, user: { name: i % 2 ? "a" : "b" }, id: `id-${i}` }),
      "@logStream": "web-1",
    }));
    const facets = facetsOf(rows);
    expect(facets.map((facet) => facet.field)).toEqual(["@logStream", "level", "user.name"]);
    expect(facets[1]).toMatchObject({
      values: [
        ["info", 30],
        ["error", 10],
      ],
      rows: 40,
      distinct: 2,
    });
    expect(facetsOf([{ "@message": "{broken" }, { "@message": "plain" }])).toEqual([]);
  });
  test("a filter goes before what ends events, and away again", () => {
    const query = "fields @message\n| filter a = '|' # | no\n| stats count(*) by b";
    expect(commands(query).length).toBe(3);
    const added = withCommand(query, condition("level", "it's"));
    expect(commands(added)[2]?.trim()).toBe("filter level = 'it\\'s'");
    expect(hasCommand(added, condition("level", "it's"))).toBe(true);
    expect(commands(withCommand(added, condition("level", "it's"))).length).toBe(3);
    expect(condition("a-b", "12")).toBe("filter `a-b` = 12");
    expect(condition("x", "007")).toBe("filter x = '007'");
  });
  test("patterns are of the same events", () => {
    expect(patternQuery("fields @timestamp, @message | filter level = 'error' | sort @timestamp desc | limit 5")).toBe(
      "filter level = 'error'\n| pattern @message\n| sort @sampleCount desc\n| limit 200",
    );
    expect(patternCondition("GET /a/.*")).toBe("filter @message like /GET \\/a\\/.*/");
    expect(commands("filter @message like /a|b/ | limit 3").length).toBe(2);
  });
});

describe("lines", () => {
  test("of the same instants are not sorted, others meet", () => {
    const a = { times: [1, 2, 3], values: [1, 2, 3] };
    expect(aligned([a, a]).times).toBe(a.times);
    expect([[1, 2, null], [null, 3, null, 4], [5], []].map(hasLonely)).toEqual([false, true, true, false]);
    expect(aligned([a, { times: [2, 4], values: [7, 8] }])).toEqual({
      times: [1, 2, 3, 4],
      columns: [
        [1, 2, 3, null],
        [null, 7, null, 8],
      ],
    });
    expect(
      stacked([
        [1, null],
        [2, 3],
      ]),
    ).toEqual([
      [1, null],
      [3, 3],
    ]);
  });
  test("the two limits of a band become one", () => {
    const series = (label: string, id = "ad1"): Series => ({ id, label, times: [], values: [], messages: [] });
    const lines = linesOf([series("Latency", "m1"), series("Latency upper"), series("Latency lower")], () => ({}));
    expect(lines.map((line) => [line.label, !!line.band])).toEqual([
      ["Latency", false],
      ["Latency lower", false],
      ["Latency upper", true],
    ]);
  });
});

describe("dashboards that make themselves", () => {
  const metric = (Namespace: string, MetricName: string, host = ""): Metric => ({
    Namespace,
    MetricName,
    Dimensions: host ? [{ Name: "host", Value: host }] : [],
  });
  test("of hosts, of the server, of each namespace", () => {
    const metrics = [metric("CWAgent", "mem_used_percent", "a"), metric("Shop", "Orders"), metric("Trailwatch", "CallCount")];
    expect(automatics(metrics).map((one) => one.id)).toEqual(["hosts", "trailwatch", "namespace CWAgent", "namespace Shop"]);
    expect(automatic("hosts", metrics, "r")).toMatchObject([{ properties: { title: "Memory %", region: "r" } }]);
    expect(automatic("namespace Shop", metrics, "r")).toMatchObject([
      { properties: { stat: "Sum", metrics: [["Shop", "Orders", {}]] } },
    ]);
    expect(automatic("trailwatch", [], "r").length).toBeGreaterThan(3);
    expect(automatic("nothing", metrics, "r")).toEqual([]);
  });
  test("explorers look at dimensions, and put lines together", () => {
    const explorer = explorerOf({
      metrics: [{ metricName: "cpu", resourceType: "AWS::EC2::Instance", stat: "Average" }],
      labels: [
        { key: "host", value: "a" },
        { key: "host", value: "b" },
      ],
      aggregateBy: { key: "host", func: "MAX" },
    });
    expect(matches(metric("Any", "cpu", "b"), explorer)).toBe(true);
    expect(matches(metric("Any", "cpu", "c"), explorer)).toBe(false);
    expect(matches(metric("AWS/RDS", "cpu", "a"), explorer)).toBe(false);
    const tagged = explorerOf({ metrics: [{ metricName: "IncomingBytes" }], labels: [{ key: "team", value: "shop" }] });
    const bytes = { Namespace: "AWS/Logs", MetricName: "IncomingBytes", Dimensions: [{ Name: "LogGroupName", Value: "/a" }] };
    expect([wantsTags(bytes, tagged), logGroupOf(bytes), logGroupOf(metric("Any", "cpu", "a"))]).toEqual([true, "/a", undefined]);
    expect(matches(bytes, tagged, { team: "shop" })).toBe(true);
    expect(matches(bytes, tagged, { team: "search" })).toBe(false);
    expect(matches(bytes, tagged)).toBe(false);
    // A dimension goes before a tag of the same name; names of JavaScript's own are none.
    expect(labelOf(bytes, "LogGroupName", { LogGroupName: "/b" })).toBe("/a");
    expect(labelOf(bytes, "constructor", {})).toBeUndefined();
    const series = (values: number[]): Series => ({ id: "x", label: "l", times: [1, 2], values, messages: [] });
    expect(aggregated([series([1, 5]), series([4, 2])], () => "all", "MAX")).toEqual([
      { label: "all", times: [1, 2], values: [4, 5] },
    ]);
  });
});
