// What can be told without a browser: formats, selectors, dashboards, frames.
import { describe, expect, test, vi } from "vitest";

// The router looks at the address when it is loaded, and the clock at what was chosen before.
vi.hoisted(() =>
  Object.assign(globalThis, {
    location: { hash: "" },
    addEventListener: () => undefined,
    localStorage: { getItem: () => null, setItem: () => undefined },
  }),
);

import { changeOf, tagsOf, twice } from "../src/alarm-tags";
import { barsOf, widened } from "../src/bars";
import { places, queriesOf, sourcesOf } from "../src/dashboards";
import { asChart } from "../src/insights";
import { moments, pathOf } from "../src/investigate";
import { childrenOf, labelled, type Query } from "../src/metrics";
import { bytes, short, withUnit } from "../src/numbers";
import { base64, checkGrowth, checkInclusion, keyOf, leafHash, readCheckpoint, rootFrom, type Tree } from "../src/proof";
import { rowOfRecord } from "../src/records";
import { words } from "../src/search";
import { basicSentences, sentence } from "../src/selectors";
import { ANSWER } from "./investigation";

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

describe("proofs", () => {
  const text = new TextEncoder();
  const sha = async (...parts: Uint8Array[]) => {
    const all = Uint8Array.from(parts.flatMap((part) => [...part]));
    return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
  };
  type Hash = Awaited<ReturnType<typeof sha>>;
  /** RFC 6962, 2.1: the largest power of two below the number of leaves splits them. */
  const split = (n: number) => 2 ** Math.ceil(Math.log2(n) - 1);
  const root = async (leaves: Hash[]): Promise<Hash> => {
    if (leaves.length === 1) return leaves[0]!;
    const k = split(leaves.length);
    return sha(Uint8Array.of(1), await root(leaves.slice(0, k)), await root(leaves.slice(k)));
  };
  /** RFC 6962, 2.1.1. */
  const path = async (m: number, leaves: Hash[]): Promise<Hash[]> => {
    if (leaves.length === 1) return [];
    const k = split(leaves.length);
    return m < k
      ? [...(await path(m, leaves.slice(0, k))), await root(leaves.slice(k))]
      : [...(await path(m - k, leaves.slice(k))), await root(leaves.slice(0, k))];
  };
  /** RFC 6962, 2.1.2. */
  const growth = async (m: number, leaves: Hash[], isWhole = true): Promise<Hash[]> => {
    if (m === leaves.length) return isWhole ? [] : [await root(leaves)];
    const k = split(leaves.length);
    return m <= k
      ? [...(await growth(m, leaves.slice(0, k), isWhole)), await root(leaves.slice(k))]
      : [...(await growth(m - k, leaves.slice(k), false)), await root(leaves.slice(0, k))];
  };
  const leavesOf = (n: number) => Promise.all(Array.from({ length: n }, (_, i) => leafHash(`record ${i}`)));
  const treeOf = async (leaves: Hash[]): Promise<Tree> => ({ origin: "log", size: leaves.length, root: await root(leaves) });

  test("every leaf of every small tree leads to its root, and to no other", async () => {
    for (let n = 1; n <= 20; n++) {
      const leaves = await leavesOf(n);
      const expected = await root(leaves);
      for (let i = 0; i < n; i++) {
        const proof = await path(i, leaves);
        expect(await rootFrom(leaves[i]!, i, n, proof)).toEqual(expected);
        if (n > 1) expect(await rootFrom(leaves[(i + 1) % n]!, i, n, proof)).not.toEqual(expected);
        await expect(rootFrom(leaves[i]!, i, n, [...proof, expected])).rejects.toThrow("more hashes");
        if (proof.length) await expect(rootFrom(leaves[i]!, i, n, proof.slice(1))).rejects.toThrow("below the root");
      }
      await expect(rootFrom(leaves[0]!, n, n, [])).rejects.toThrow("is not among");
    }
  });

  test("a tree that grew is told from one that was changed", async () => {
    for (let n = 1; n <= 17; n++) {
      const leaves = await leavesOf(n);
      const later = await treeOf(leaves);
      for (let m = 1; m <= n; m++) {
        const earlier = await treeOf(leaves.slice(0, m));
        const proof = await growth(m, leaves);
        await checkGrowth(earlier, later, proof);
        const changed = await treeOf([await leafHash("another"), ...leaves.slice(1, m)]);
        await expect(checkGrowth(changed, later, proof)).rejects.toThrow("was changed");
      }
    }
    const [small, large] = [await treeOf(await leavesOf(2)), await treeOf(await leavesOf(3))];
    await expect(checkGrowth(large, small, [])).rejects.toThrow("had 3 events before");
  });

  test("a checkpoint must be signed by the log's key", async () => {
    const pair = await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"]);
    const typed = Uint8Array.of(1, ...new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
    const id = (await sha(text.encode("log\n"), typed)).slice(0, 4);
    const vkey = `log+${[...id].map((b) => b.toString(16).padStart(2, "0")).join("")}+${base64(typed)}`;
    const leaves = await leavesOf(5);
    const signed = `log\n5\n${base64(await root(leaves))}\n`;
    const signature = new Uint8Array(await crypto.subtle.sign({ name: "Ed25519" }, pair.privateKey, text.encode(signed)));
    const note = `${signed}\n— log ${base64(Uint8Array.of(...id, ...signature))}\n`;
    const key = await keyOf(vkey);
    expect(await readCheckpoint(note, key)).toMatchObject({ isSigned: true, tree: { origin: "log", size: 5 } });
    await expect(readCheckpoint(note.replace("\n5\n", "\n6\n"), key)).rejects.toThrow("signature is wrong");
    await expect(readCheckpoint(`${signed}\n`, key)).rejects.toThrow("did not sign");
    await expect(keyOf(vkey.replace("log+", "dog+"))).rejects.toThrow("not the one");
    const given = { index: 3, sequence: 4, proof: (await path(3, leaves)).map(base64), vkey, checkpoint: note };
    expect(await checkInclusion("record 3", given)).toMatchObject({ isSigned: true });
    await expect(checkInclusion("record 4", given)).rejects.toThrow("the record is not event 4 of the log");
  });
});

test("bars are as wide as the range asks, and hold all that narrower ones held", () => {
  const range = { start: 0, end: 86_400_000 };
  const minutes = Array.from({ length: 60 }, (_, i) => ({ at: i * 60_000, count: 2, marked: i % 2 }));
  const { bars, width } = widened(minutes, 60_000, range);
  expect([width, bars]).toEqual([
    1_800_000,
    [
      { at: 0, count: 60, marked: 15 },
      { at: 1_800_000, count: 60, marked: 15 },
    ],
  ]);
  expect(barsOf([{ at: 5, marked: true }], { start: 0, end: 1000 })).toEqual({
    bars: [{ at: 0, count: 1, marked: 1 }],
    width: 1000,
  });
});

test("words of a search, and those that are one", () => {
  expect(words('a  "b c" d"e f')).toEqual(["a", "b c", 'd"e', "f"]);
  expect(words('"open')).toEqual(["open"]);
  expect(words("  ")).toEqual([]);
});

test("a record that is no record is a row all the same", () => {
  expect(rowOfRecord("nonsense", 5)).toMatchObject({ at: 5, name: "", resources: [], record: "nonsense" });
  expect(rowOfRecord('{"resources":[null,{"ARN":"a"}],"userIdentity":null,"eventSource":3}')).toMatchObject({
    source: "",
    at: 0,
  });
});

describe("an investigation", () => {
  test("is one timeline, in order", () => {
    expect(moments(ANSWER).map((moment) => [moment.kind, moment.title, moment.detail])).toEqual([
      ["change", "DeleteBucketPolicy", "shop-assets · by alice · 2 times"],
      ["metric", "AWS/S3 5xxErrors", "from about 0.4 to about 57"],
      ["onset", "It began", "Sum of AWS/S3 5xxErrors went from about 0.4 to about 57 at 10:01"],
      ["log", "New in /shop/web", "ERROR AccessDenied reading <Token-1>"],
      ["transition", "shop-5xx", "to ALARM"],
    ]);
  });
  test("draws what lies in its time, and gaps as gaps", () => {
    const span = { from: Date.parse(ANSWER.window.from), to: Date.parse(ANSWER.window.to) };
    const drawn = pathOf(ANSWER.metrics[0]!, span, { width: 750, height: 64 });
    expect(drawn).toMatchObject({ low: 0, high: 20, threshold: 32 });
    expect(drawn.path).toBe("M0.0 62.0L10.0 47.0M250.0 2.0");
  });
});

test("tags of an alarm: read from the address, compared, counted", () => {
  const tag = (Key: string, Value: string) => ({ Key, Value });
  for (const text of ["", "null", "{", "7", '{"Key":"a"}']) expect(tagsOf(text), text).toBe(undefined);
  expect(tagsOf('[{"Key":"a","Value":"b","more":1},{"Key":1,"Value":"c"},null]')).toEqual([tag("a", "b")]);
  expect(tagsOf("[]")).toEqual([]);
  expect(tagsOf(JSON.stringify(Array.from({ length: 60 }, (_, i) => tag(`k${i}`, ""))))?.length).toBe(50);
  expect([twice([tag("a", ""), tag("b", "")]), twice([tag("a", ""), tag("a", "1")])]).toEqual([undefined, "a"]);
  const before = [tag("stays", "1"), tag("changes", "1"), tag("goes", "1")];
  const after = [tag("stays", "1"), tag("changes", "2"), tag("new", "")];
  expect(changeOf(before, after)).toEqual({ put: [tag("changes", "2"), tag("new", "")], remove: ["goes"] });
  expect(changeOf(before, before)).toEqual({ put: [], remove: [] });
});
