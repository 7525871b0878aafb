// How much script each interaction costs over a million log lines and 100,000 points. Figures are printed; what is asserted are bounds on
// work, not on time: nodes in the page, and tasks that held it up.
import type { CDPSession } from "playwright-core";
import { beforeEach, expect, test } from "vitest";
import type { Server } from "./server";
import { session } from "./session";

const LINES = 1_000_000;
/** Lines of one call: their bytes, with 26 more for each as AWS counts, stay below 1 MiB. */
const BATCH = 10_000;
const HOSTS = 5;
/** Minutes of two weeks, less one for the clock. */
const MINUTES = 14 * 24 * 60 - 60;
const MINUTE = 60_000;

/** Most nodes of a page: tables draw what is in sight only. */
const NODES_MAX = 6000;
/** Most tasks longer than 50 ms of one interaction; each may be as long as the machine is slow. */
const LONG_TASKS_MAX = 40;

const start = Date.now() - 2 * 60 * MINUTE;

async function seedLines(server: Server): Promise<void> {
  const where = { logGroupName: "/million", logStreamName: "all" };
  await server.call("logs", "CreateLogGroup", { logGroupName: where.logGroupName });
  await server.call("logs", "CreateLogStream", where);
  const words = ["request done", "cache miss", "slow query", "retry"];
  for (let batch = 0; batch < LINES / BATCH; batch++) {
    const logEvents = Array.from({ length: BATCH }, (_, i) => {
      const n = batch * BATCH + i;
      return {
        timestamp: start + Math.floor(n * 7),
        message: `{"level":"${n % 50 ? "info" : "error"}","msg":"${words[n % 4]}","n":${n}}`,
      };
    });
    await server.call("logs", "PutLogEvents", { ...where, logEvents });
  }
}

async function seedPoints(server: Server): Promise<void> {
  const end = Math.floor(Date.now() / MINUTE) * MINUTE;
  const all = Array.from({ length: HOSTS * MINUTES }, (_, i) => {
    const minute = Math.floor(i / HOSTS);
    const host = i % HOSTS;
    return {
      MetricName: "load",
      Timestamp: (end - (MINUTES - minute) * MINUTE) / 1000,
      Value: 50 + 30 * Math.sin(minute / (60 + host * 7)) + (minute % 13),
      Dimensions: [{ Name: "host", Value: `h${host}` }],
    };
  });
  for (let at = 0; at < all.length; at += 1000)
    await server.call("cloudwatch", "PutMetricData", { Namespace: "Measured", MetricData: all.slice(at, at + 1000) });
}

const now = session(async (server) => {
  const began = performance.now();
  await seedLines(server);
  const lines = performance.now();
  await seedPoints(server);
  const told = `${LINES.toLocaleString("en-US")} lines in ${((lines - began) / 1000).toFixed(1)} s`;
  console.log(`seeded ${told}, ${HOSTS * MINUTES} points in ${((performance.now() - lines) / 1000).toFixed(1)} s`);
});

let devtools: CDPSession;

beforeEach(async () => {
  devtools = await now.visit.context.newCDPSession(now.page);
  await devtools.send("Performance.enable");
  await now.page.evaluate(() => {
    const counted = window as unknown as { long: number[] };
    counted.long = [];
    new PerformanceObserver((list) => counted.long.push(...list.getEntries().map((entry) => entry.duration))).observe({
      entryTypes: ["longtask"],
    });
  });
});

/** Does something, and tells what it cost. */
async function measured(name: string, act: () => Promise<void>, longTasksMax = LONG_TASKS_MAX): Promise<void> {
  const figures = async () => {
    const { metrics } = await devtools.send("Performance.getMetrics");
    const of = (wanted: string) => metrics.find((metric) => metric.name === wanted)?.value ?? 0;
    return { script: of("ScriptDuration"), layout: of("LayoutDuration") + of("RecalcStyleDuration"), heap: of("JSHeapUsedSize") };
  };
  const clear = () =>
    now.page.evaluate(() => (window as unknown as { long: number[] }).long.splice(0).map((ms) => Math.round(ms)));
  await clear();
  const before = await figures();
  await act();
  const after = await figures();
  const long = await clear();
  const nodes = await now.page.evaluate(() => document.querySelectorAll("*").length);
  const ms = (seconds: number) => `${(seconds * 1000).toFixed(0)} ms`;
  console.log(
    `${name}: script ${ms(after.script - before.script)}, style and layout ${ms(after.layout - before.layout)}, long tasks ${
      long.length ? `${long.length} (longest ${Math.max(...long)} ms)` : "none"
    }, ${nodes} nodes, heap ${(after.heap / 1e6).toFixed(0)} MB`,
  );
  expect(nodes, name).toBeLessThan(NODES_MAX);
  expect(long.length, name).toBeLessThanOrEqual(longTasksMax);
}

const range = `start=${new Date(start - MINUTE).toISOString()}&end=${new Date(start + LINES * 7 + MINUTE).toISOString()}`;

test("a million log lines", async () => {
  const { page, visit } = now;
  await measured("first thousand lines", async () => {
    await visit.go(`/logs/group?name=/million&${range}`);
    await page.getByText(/^1,000 events so far/).waitFor();
  });
  const table = page.getByRole("table", { name: "Log events" });
  const body = table.getByRole("rowgroup", { name: "Log events, rows" });
  // To the end, again and again: each time the next page comes, until all lines are there.
  let loaded = 1000;
  // A hundred interactions: three long tasks for each at most, for parsing, keeping and drawing.
  await measured(
    "all lines, page by page",
    async () => {
      while (loaded < LINES) {
        await body.evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
        const more = await page.waitForFunction((had) => {
          const text = document.querySelector(".count")?.textContent ?? "";
          const n = Number(/^([\d,]+) events/.exec(text)?.[1]?.replaceAll(",", "") ?? 0);
          return n > had ? n : 0;
        }, loaded);
        loaded = (await more.jsonValue()) as number;
      }
    },
    LINES / BATCH + LONG_TASKS_MAX,
  );
  expect(loaded).toBe(LINES);
  await measured("a jump to the middle of a million", async () => {
    await body.evaluate((element) => element.scrollTo({ top: element.scrollHeight / 2 }));
    await table
      .getByText(`"n":${LINES / 2}}`)
      .first()
      .waitFor();
  });
  await measured("fifty wheel turns", async () => {
    const box = (await body.boundingBox())!;
    const from = await body.evaluate((element) => element.scrollTop);
    await page.mouse.move(box.x + 200, box.y + 200);
    for (let i = 0; i < 50; i++) await page.mouse.wheel(0, 300);
    // A wheel's turn is answered before the table has moved: what is still to come would move it away from where we go next.
    await expect.poll(() => body.evaluate((element) => element.scrollTop)).toBe(from + 50 * 300);
  });
  await measured("a line opened", async () => {
    await body.evaluate((element) => element.scrollTo({ top: 0 }));
    await table.getByText('"n":0}').click();
    await page.getByRole("complementary", { name: "Log event" }).waitFor();
  });
  await measured("ten thousand rows of a query with facets", async () => {
    const query = encodeURIComponent("fields @timestamp, @message | limit 10000");
    await visit.go(`/insights?groups=/million&run=1&q=${query}&${range}`);
    await page.getByText(/^10,000 rows/).waitFor();
    await page
      .getByRole("complementary", { name: "Fields" })
      .getByRole("button", { name: /^error/ })
      .waitFor();
  });
  await measured("a count of a million by the minute", async () => {
    const query = encodeURIComponent("stats count(*) as n by bin(1m)");
    await visit.go(`/insights?groups=/million&run=1&q=${query}&${range}`);
    await page.getByText(/1,000,000 of 1,000,000 events matched/).waitFor();
    await page.locator(".chart canvas").waitFor();
  });
});

test("a hundred thousand points", async () => {
  const { page, visit } = now;
  const rows = Array.from({ length: HOSTS }, (_, i) => ({ i: `m${i}`, n: "Measured", m: "load", d: [["host", `h${i}`]], p: 60 }));
  const graph = encodeURIComponent(JSON.stringify(rows));
  await measured("100,000 points drawn", async () => {
    await visit.go(`/metrics?range=30d&graph=${graph}`);
    await page
      .getByRole("group", { name: "Graph" })
      .getByRole("button", { name: /^load h4 \d/ })
      .waitFor();
  });
  const points = await page.evaluate(async () => document.querySelectorAll(".chart canvas").length);
  expect(points).toBe(1);
  const over = (await page.locator(".u-over").boundingBox())!;
  await measured("the cursor across 100,000 points", async () => {
    for (let i = 0; i < 60; i++) await page.mouse.move(over.x + over.width * (0.5 + i / 125), over.y + 60);
  });
  await measured("a line hidden and shown", async () => {
    const line = page.getByRole("group", { name: "Graph" }).getByRole("button", { name: /^load h0/ });
    await line.click();
    await line.click();
  });
  await measured("zoomed in by a drag", async () => {
    await page.mouse.move(over.x + over.width * 0.7, over.y + 60);
    await page.mouse.down();
    await page.mouse.move(over.x + over.width * 0.9, over.y + 60, { steps: 10 });
    await page.mouse.up();
    await expect.poll(() => page.url()).toContain("start=");
    await page.waitForLoadState("networkidle");
  });
});
