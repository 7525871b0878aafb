// Metrics in a browser: found, drawn in four languages, compared, with changes as marks, put on a dashboard.
import { expect, test } from "vitest";
import { HOSTILE } from "./server";
import { session } from "./session";

const now = session();

const graph = (...rows: object[]) => encodeURIComponent(JSON.stringify(rows));
const latency = (i: string, service: string, more: object = {}) => ({
  i,
  n: "Shop",
  m: "Latency",
  d: [["Service", service]],
  ...more,
});

test("chosen, drawn, with math, and found again by their address", async () => {
  const { page, visit } = now;
  await visit.go("/metrics?namespace=Shop");
  const table = page.getByRole("table", { name: "Metrics" });
  await page.getByText("Choose metrics below to draw them here").waitFor();
  await table.getByText("Service=checkout").click();
  await table.getByText("Service=search").click();
  const legend = page.getByRole("group", { name: "Graph" });
  await legend.getByRole("button", { name: /Latency checkout/ }).waitFor();
  await page.getByLabel("Statistic of m2").selectOption("p90");
  await page.getByLabel("Expression", { exact: true }).fill("m1 / m2");
  await page.getByLabel("Expression", { exact: true }).press("Enter");
  await legend.getByRole("button", { name: /^e1/ }).waitFor();
  await page.locator(".chart canvas").waitFor();
  await now.sound("metrics");
  await page.reload();
  await legend.getByRole("button", { name: /^e1/ }).waitFor();
  await page.getByLabel("Expression e1").fill("m1 / nothing");
  await page.getByLabel("Expression e1").press("Enter");
  await page.getByRole("alert").waitFor();
  now.refused(400);
  await now.sound("metrics-error");
  await page.getByLabel("Words in name and dimensions").fill("nothing is called this");
  await page.getByText("No metric has these words").waitFor();
});

test("searches and SQL make their lines, each in a chart of its own, cursors linked", async () => {
  const { page, visit } = now;
  const search = "SEARCH('{Shop,Service} MetricName=\"Latency\"', 'Average', 60)";
  const sql = 'SELECT MAX(Latency) FROM SCHEMA("Shop", Service) GROUP BY Service';
  await visit.go(`/metrics?each=1&graph=${graph({ i: "e1", e: search }, { i: "e2", e: sql })}`);
  await expect.poll(() => page.locator(".multiples .chart canvas").count()).toBeGreaterThanOrEqual(2);
  const charts = page.locator(".multiples .chart");
  const second = charts.nth(1).locator(".legend .num").first();
  const last = await second.textContent();
  // A cursor over the first chart tells the value of the same instant in the second.
  const over = (await charts.nth(0).locator(".u-over").boundingBox())!;
  await page.mouse.move(over.x + over.width * 0.3, over.y + over.height / 2);
  await expect.poll(() => second.textContent()).not.toBe(last);
  await now.sound("metrics-each");
});

test("PromQL is drawn beside metrics", async () => {
  const { page, visit } = now;
  await visit.go("/metrics");
  await page.getByLabel("Language").selectOption("promql");
  await page.getByLabel("Expression", { exact: true }).fill("max by (Service) (Latency)");
  await page.getByRole("button", { name: "Add expression" }).click();
  await page
    .getByRole("group", { name: "Graph" })
    .getByRole("button", { name: /Service="checkout"/ })
    .waitFor();
  await now.sound("metrics-promql");
  await page.getByLabel("PromQL p1").fill("max by (");
  await page.getByLabel("PromQL p1").press("Enter");
  await page
    .getByRole("alert")
    .getByText(/parse error|unexpected/i)
    .waitFor();
  now.refused(400);
});

test("changes are marks with words, and lead to their record; a drag zooms", async () => {
  const { page, visit } = now;
  await visit.go(`/metrics?range=15m&changes=1&graph=${graph(latency("m1", "checkout"))}`);
  await page.getByText(/^\d+ changes in this time/).click();
  await page
    .getByRole("link", { name: /PutMetricAlarm/ })
    .first()
    .waitFor();
  // All changes are of the seeding, so that the first mark is near the place of the last of them.
  const over = (await page.locator(".u-over").boundingBox())!;
  const tip = page.locator(".chart-tip");
  for (let x = over.width - 2; x > 0 && !(await tip.count()); x -= 4) await page.mouse.move(over.x + x, over.y + 40);
  await tip.getByText(/by/).first().waitFor();
  await now.sound("metrics-changes");
  await page.mouse.down();
  await page.mouse.up();
  await page.getByRole("complementary", { name: "Event" }).waitFor();
  await page.goBack();
  // The chart is made anew when the changes are there.
  await page.getByText(/^\d+ changes in this time/).waitFor();
  const chart = page.locator(".u-over");
  await chart.hover({ position: { x: 40, y: 60 } });
  await page.mouse.down();
  await chart.hover({ position: { x: 140, y: 60 } });
  await chart.hover({ position: { x: 240, y: 60 } });
  await page.mouse.up();
  await expect.poll(() => page.url()).toMatch(/start=.*end=/);
});

test("more changes than one page has are marked", async () => {
  const { page, server, visit } = now;
  const resourceARN = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:checkout-slow";
  const tag = (n: number) =>
    server.call("cloudwatch", "TagResource", { ResourceARN: resourceARN, Tags: [{ Key: "n", Value: String(n) }] });
  for (let n = 0; n < 320; n += 16) await Promise.all(Array.from({ length: 16 }, (_, i) => tag(n + i)));
  await visit.go(`/metrics?range=1h&changes=1&graph=${graph(latency("m1", "checkout"))}`);
  await page.getByText(/^\d+ changes? in this time/).click();
  // Made within half a minute, they are one change or, on a slow machine, a few; those from before are there, too.
  const told = await page.getByRole("link", { name: /^TagResource/ }).allTextContents();
  expect(told.reduce((sum, text) => sum + Number(/× (\d+)/.exec(text)?.[1] ?? 1), 0)).toBe(320);
  await page
    .getByRole("link", { name: /PutMetricAlarm/ })
    .first()
    .waitFor();
});

test("the week before is dashed beside this one", async () => {
  const { page, visit } = now;
  const week = 7 * 86_400_000;
  const data = Array.from({ length: 60 }, (_, i) => ({
    MetricName: "Visits",
    Timestamp: (Date.now() - week - (i + 1) * 60_000) / 1000,
    Value: 10,
  }));
  const today = data.map((one) => ({ ...one, Timestamp: one.Timestamp + week / 1000, Value: 30 }));
  await now.server.call("cloudwatch", "PutMetricData", { Namespace: "Compared", MetricData: [...data, ...today] });
  await visit.go(`/metrics?range=1h&compare=7&graph=${graph({ i: "m1", n: "Compared", m: "Visits", d: [] })}`);
  const legend = page.getByRole("group", { name: "Graph" });
  await legend.getByRole("button", { name: "Visits (before) 10" }).waitFor();
  await legend.getByRole("button", { name: "Visits 30" }).waitFor();
  await now.sound("metrics-compare");
});

test("a graph goes on a dashboard", async () => {
  const { page, visit, server } = now;
  await visit.go(`/metrics?graph=${graph(latency("m1", "checkout", { s: "p99" }), { i: "e1", e: "m1 * 2", l: "twice" })}`);
  await page.getByRole("button", { name: "Add to dashboard" }).click();
  await page.getByLabel("Dashboard", { exact: true }).fill("graphs");
  await page.getByLabel("Title").fill("Twice as slow");
  await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("group", { name: "Twice as slow" }).first().locator("canvas").waitFor();
  const found = await server.call<{ DashboardBody: string }>("cloudwatch", "GetDashboard", { DashboardName: "graphs" });
  expect(JSON.parse(found.DashboardBody).widgets[0].properties.metrics).toEqual([
    ["Shop", "Latency", "Service", "checkout", { id: "m1", stat: "p99" }],
    [{ id: "e1", expression: "m1 * 2", label: "twice" }],
  ]);
});

test("hostile names are text", async () => {
  const { page, visit } = now;
  await visit.go("/metrics?namespace=Hostile&changes=1");
  await page
    .getByRole("table", { name: "Metrics" })
    .getByText("<img src=x")
    .first()
    .click({ position: { x: 4, y: 4 } });
  await page.getByRole("group", { name: "Graph" }).getByRole("button", { name: /<img/ }).waitFor();
  await now.sound("metrics-hostile");
  for (const text of ['[{"i":"m1"},{"i":3},null]', JSON.stringify([{ i: "e1", e: HOSTILE }])]) {
    await visit.go(`/metrics?graph=${encodeURIComponent(text)}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.waitForLoadState("networkidle");
    expect(await visit.isInjected()).toBe(false);
  }
});
