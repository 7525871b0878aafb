// What can be told without a browser: formats, selectors, dashboards, frames.
import { describe, expect, test, vi } from "vitest";

// The router looks at the address when it is loaded.
vi.hoisted(() => Object.assign(globalThis, { location: { hash: "" }, addEventListener: () => undefined }));

import { places, queriesOf, sourcesOf } from "../src/dashboards";
import { asChart } from "../src/insights";
import { childrenOf, labelled, type Query } from "../src/metrics";
import { bytes, short, withUnit } from "../src/numbers";
import { basicSentences, sentence } from "../src/selectors";

test("numbers are short and keep their size", () => {
  expect([0, 0.01234, 1.005, 42.123, 999.4, 12_345, 2_500_000, 3e9, 1e-7].map(short)).toEqual([
    "0",
    "0.0123",
    "1",
    "42.1",
    "999",
    "12.3k",
    "2.5M",
    "3G",
    "1.0e-7",
  ]);
  expect([0, 999, 1000, 179_000, 5.2e9].map(bytes)).toEqual(["0 B", "999 B", "1.0 kB", "179 kB", "5.2 GB"]);
  expect(withUnit(93.4, "Percent")).toBe("93.4 %");
});

describe("selectors as sentences", () => {
  test("advanced ones", () => {
    const selector = {
      FieldSelectors: [
        { Field: "eventCategory", Equals: ["Data"] },
        { Field: "readOnly", Equals: ["false"] },
        { Field: "resources.type", Equals: ["AWS::S3::Object"] },
        { Field: "resources.ARN", StartsWith: ["arn:aws:s3:::a/", "arn:aws:s3:::b/"] },
      ],
    };
    expect(sentence(selector)).toBe(
      "Data events that write, where the resource type is AWS::S3::Object, and the resource's ARN begins with arn:aws:s3:::a/ or arn:aws:s3:::b/",
    );
    expect(sentence({ FieldSelectors: [{ Field: "eventCategory", Equals: ["Management"] }] })).toBe("Management events");
  });
  test("older ones", () => {
    expect(
      basicSentences({
        ReadWriteType: "WriteOnly",
        IncludeManagementEvents: true,
        DataResources: [{ Type: "AWS::S3::Object", Values: ["arn:aws:s3:::logs/"] }],
      }),
    ).toEqual([
      "Management events that write",
      "Data events that write of AWS::S3::Object whose ARN begins with arn:aws:s3:::logs/",
    ]);
    expect(
      basicSentences({
        IncludeManagementEvents: false,
        DataResources: [{ Type: "AWS::Lambda::Function", Values: ["arn:aws:lambda"] }],
      }),
    ).toEqual(["Data events of every AWS::Lambda::Function"]);
  });
});

describe("dashboards", () => {
  test("metrics inherit from the row above", () => {
    const metrics = [
      ["A", "m", "d", "1"],
      ["...", "2", { stat: "p99" }],
      [".", "n", ".", "."],
      [{ expression: "w1 + 1", id: "w9" }],
    ];
    const drawn = queriesOf({ metrics, stat: "Sum", period: 60 }, 300).map((d) => d.query);
    expect(drawn[1]?.MetricStat).toMatchObject({
      Stat: "p99",
      Period: 60,
      Metric: { Namespace: "A", MetricName: "m", Dimensions: [{ Name: "d", Value: "2" }] },
    });
    expect(drawn[2]?.MetricStat?.Metric).toEqual({ Namespace: "A", MetricName: "n", Dimensions: [{ Name: "d", Value: "2" }] });
    expect(drawn.map((q) => q.Id)).toEqual(["w1", "w2", "w3", "w9"]);
  });
  test("nonsense makes no lines", () => {
    expect(queriesOf({ metrics: "x" }, 60)).toEqual([]);
    expect(queriesOf({ metrics: [null, 3] as unknown as unknown[] }, 60)).toEqual([]);
  });
  test("widgets without a place follow each other", () => {
    const widget = { type: "text", properties: {}, width: 12, height: 3 };
    expect(places([widget, widget, widget]).map((p) => [p.x, p.y])).toEqual([
      [0, 0],
      [12, 0],
      [0, 3],
    ]);
  });
  test("a log widget names its groups", () => {
    expect(sourcesOf("SOURCE '/a' | SOURCE '/b' | fields x | limit 3")).toEqual({
      groups: ["/a", "/b"],
      query: "fields x | limit 3",
    });
  });
});

test("metrics of one name are told apart by what differs", () => {
  const query = (Id: string, MetricName: string, host: string, Stat = "Average"): Query => ({
    Id,
    MetricStat: {
      Metric: {
        Namespace: "A",
        MetricName,
        Dimensions: [
          { Name: "env", Value: "x" },
          { Name: "host", Value: host },
        ],
      },
      Stat,
      Period: 60,
    },
  });
  const labels = labelled([query("a", "cpu", "1"), query("b", "cpu", "2", "p90"), query("c", "mem", "1")]).map((q) => q.Label);
  expect(labels).toEqual(["cpu 1 Average", "cpu 2 p90", undefined]);
});

test("results become lines by time, bars by name", () => {
  const of = (columns: string[], rows: Record<string, string>[]) =>
    asChart({ columns, rows, status: "Complete", statistics: { recordsMatched: 0, recordsScanned: 0, bytesScanned: 0 } });
  const byTime = of(
    ["bin(5m)", "level", "n"],
    [
      { "bin(5m)": "2026-11-26 09:05:00.000", level: "error", n: "2" },
      { "bin(5m)": "2026-11-26 09:00:00.000", level: "error", n: "1" },
      { "bin(5m)": "2026-11-26 09:00:00.000", level: "info", n: "7" },
    ],
  );
  expect(byTime?.lines.map((line) => [line.label, line.values])).toEqual([
    ["error", [1, 2]],
    ["info", [7]],
  ]);
  expect(of(["level", "n"], [{ level: "error", n: "2" }])).toMatchObject({ kind: "bars", bars: [{ label: "error", value: 2 }] });
  expect(of(["@message"], [{ "@message": "x" }])).toBeUndefined();
});

test("the alarms of a composite alarm's rule", () => {
  const rule = `ALARM("a b") AND NOT (OK(c) OR ALARM('arn:aws:cloudwatch:us-east-1:123456789012:alarm:d')) OR ALARM(c) AND TRUE`;
  expect(childrenOf(rule)).toEqual(["a b", "c", "d"]);
});
