// Dashboards in a browser: drawn in every view, edited by hand and by keys, with variables, automatic ones.
import { expect, test } from "vitest";
import { HOSTILE, type Server } from "./server";
import { session } from "./session";

const now = session();

async function bodyOf(server: Server, DashboardName: string): Promise<{ widgets: Widget[]; variables?: unknown[] }> {
  const found = await server.call<{ DashboardBody: string }>("cloudwatch", "GetDashboard", { DashboardName });
  return JSON.parse(found.DashboardBody);
}

interface Widget {
  type: string;
  x: number;
  y: number;
  width: number;
  height: number;
  properties: Record<string, unknown>;
}

const put = (server: Server, DashboardName: string, body: object) =>
  server.call("cloudwatch", "PutDashboard", { DashboardName, DashboardBody: JSON.stringify(body) });

const region = "us-east-1";
const latency = (service: string) => ["Shop", "Latency", "Service", service];
const metric = (title: string, at: [number, number, number, number], properties: object) => ({
  type: "metric",
  x: at[0],
  y: at[1],
  width: at[2],
  height: at[3],
  properties: { title, region, ...properties },
});

test("every view of every widget type is drawn", async () => {
  const { page, server, visit } = now;
  const metrics = [latency("checkout"), latency("search")];
  await put(server, "views", {
    widgets: [
      metric("Lines", [0, 0, 8, 5], {
        view: "timeSeries",
        metrics,
        annotations: { horizontal: [{ value: 250, label: "slow" }] },
      }),
      metric("Areas", [8, 0, 8, 5], { view: "timeSeries", stacked: true, metrics }),
      metric("Ring", [16, 0, 8, 5], { view: "pie", metrics, setPeriodToTimeRange: true }),
      metric("Bars", [0, 5, 8, 4], { view: "bar", metrics }),
      metric("Gauges", [8, 5, 8, 4], { view: "gauge", metrics, yAxis: { left: { min: 0, max: 400 } } }),
      metric("Numbers", [16, 5, 8, 4], { view: "singleValue", sparkline: true, metrics }),
      metric("Table", [0, 9, 12, 4], { view: "table", metrics }),
      {
        type: "explorer",
        x: 12,
        y: 9,
        width: 12,
        height: 4,
        properties: {
          title: "Explorer",
          metrics: [{ metricName: "Latency", resourceType: "AWS::EC2::Instance", stat: "Average" }],
          labels: [{ key: "Service" }],
          region,
          widgetOptions: { view: "timeSeries" },
        },
      },
      {
        type: "log",
        x: 0,
        y: 13,
        width: 12,
        height: 5,
        properties: { title: "Log lines", region, view: "bar", query: "SOURCE '/shop/checkout' | stats count(*) as n by level" },
      },
      {
        type: "custom",
        x: 12,
        y: 13,
        width: 6,
        height: 5,
        properties: { title: "Custom", endpoint: "arn:aws:lambda:us-east-1:1:function:f", params: { html: HOSTILE } },
      },
      { type: "text", x: 18, y: 13, width: 6, height: 5, properties: { markdown: `# Text\n* **bold** ${HOSTILE}` } },
    ],
  });
  await visit.go("/dashboards/dashboard?name=views");
  const widget = (name: string) => page.getByRole("group", { name, exact: true }).first();
  for (const name of ["Lines", "Areas", "Explorer"]) await widget(name).locator("canvas").waitFor();
  await widget("Ring").locator("circle").nth(1).waitFor();
  await widget("Ring").getByText("Latency checkout").waitFor();
  await widget("Bars").locator(".bar-row").nth(1).waitFor();
  await widget("Gauges")
    .getByRole("meter", { name: /checkout/ })
    .waitFor();
  await widget("Numbers").locator(".spark .line").nth(1).waitFor();
  await widget("Table")
    .getByRole("rowheader", { name: /search/ })
    .waitFor();
  await widget("Log lines").getByText("error").waitFor();
  await widget("Custom").getByText("This server has no Lambda").waitFor();
  await now.sound("dashboard-views");
});

test("in a narrow widget the legend is one row: names are cut, whole in titles, and reached by key", async () => {
  const { page, server, visit } = now;
  await page.setViewportSize({ width: 1024, height: 768 });
  const label = (service: string) => `${service}, as those see it who wait for its pages`;
  const lines = ["checkout", "search"].flatMap((service) =>
    ["Average", "p90"].map((stat) => [...latency(service), { stat, label: `${label(service)}, ${stat}` }]),
  );
  await put(server, "legends", { widgets: [metric("Narrow", [0, 0, 6, 5], { view: "timeSeries", metrics: lines })] });
  await visit.go("/dashboards/dashboard?name=legends");
  const widget = page.getByRole("group", { name: "Narrow", exact: true }).first();
  await widget.locator("canvas").waitFor();
  const entries = widget.locator(".legend button");
  await expect.poll(() => entries.count()).toBe(4);
  expect(await widget.evaluate((body) => body.scrollHeight - body.clientHeight), "nothing is below the edge").toBe(0);
  const tops = await entries.evaluateAll((all) => new Set(all.map((one) => one.getBoundingClientRect().top)).size);
  expect(tops, "they stand in one row").toBe(1);
  const isCut = () =>
    entries.last().evaluate((last) => (last.children[1]?.scrollWidth ?? 0) > (last.children[1]?.clientWidth ?? 0) + 1);
  expect(await isCut()).toBe(true);
  expect(await entries.last().getAttribute("title")).toBe(`${label("search")}, p90: click to hide or show`);
  await now.sound("dashboard-legends");
  await entries.nth(2).focus();
  await page.keyboard.press("Tab");
  expect(await entries.last().evaluate((last) => last === document.activeElement)).toBe(true);
  await page.keyboard.press("Space");
  await expect.poll(() => entries.last().getAttribute("aria-pressed")).toBe("false");
  expect(await isCut(), "whole where the keyboard is").toBe(false);
});

test("an explorer finds metrics by the tags of their log groups, a graph for each value that it is split by", async () => {
  const { page, server, visit } = now;
  const groups = { "/shop/checkout": "pay", "/shop/search": "find" };
  for (const [name, team] of Object.entries(groups)) {
    const resourceArn = `arn:aws:logs:${region}:123456789012:log-group:${name}`;
    await server.call("logs", "TagResource", { resourceArn, tags: { team, shop: "yes" } });
    const Dimensions = [{ Name: "LogGroupName", Value: name }];
    await server.call("cloudwatch", "PutMetricData", {
      Namespace: "AWS/Logs",
      MetricData: [{ MetricName: "IncomingBytes", Value: 7, Dimensions }],
    });
  }
  const explorer = (title: string, y: number, properties: object) => ({
    type: "explorer",
    x: 0,
    y,
    width: 24,
    height: 5,
    properties: {
      title,
      region,
      metrics: [{ metricName: "IncomingBytes", resourceType: "AWS::Logs::LogGroup", stat: "Sum" }],
      ...properties,
    },
  });
  await put(server, "tagged", {
    widgets: [
      explorer("Split", 0, { labels: [{ key: "shop", value: "yes" }], splitBy: "team", aggregateBy: { key: "*", func: "SUM" } }),
      explorer("None", 5, { labels: [{ key: "shop", value: "no" }] }),
    ],
  });
  await visit.go("/dashboards/dashboard?name=tagged");
  const split = page.getByRole("group", { name: "Split", exact: true });
  for (const team of ["pay", "find"]) await split.getByRole("heading", { name: team, exact: true }).waitFor();
  await expect.poll(() => split.locator("canvas").count()).toBe(2);
  await page.getByRole("group", { name: "None", exact: true }).getByText("the tags of their log groups").waitFor();
  await now.sound("dashboard-explorer");
});

test("widgets are dragged, resized, moved by keys, copied and removed, and saved as AWS JSON", async () => {
  const { page, server, visit } = now;
  await put(server, "moves", {
    start: "-PT6H",
    widgets: [
      { type: "text", x: 0, y: 0, width: 6, height: 4, properties: { markdown: "first" } },
      metric("Second", [6, 0, 6, 4], { view: "singleValue", metrics: [latency("checkout")] }),
    ],
  });
  await visit.go("/dashboards/dashboard?name=moves");
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  const grid = await page.locator(".widgets").boundingBox();
  const cell = ((grid?.width ?? 0) + 10) / 24;
  const handle = page.getByRole("button", { name: "Move Second", exact: true });
  const box = (await handle.boundingBox())!;
  await page.mouse.move(box.x + 5, box.y + 5);
  await page.mouse.down();
  await page.mouse.move(box.x + 5 + 6 * cell, box.y + 8, { steps: 4 });
  await page.mouse.up();
  await page.getByText("Column 13, row 1, 6 columns wide, 4 rows high").waitFor({ state: "attached" });
  const corner = (await page.locator('[data-corner="Second"]').boundingBox())!;
  await page.mouse.move(corner.x + 6, corner.y + 6);
  await page.mouse.down();
  await page.mouse.move(corner.x + 6 + 4 * cell, corner.y + 6 + 2 * 58, { steps: 4 });
  await page.mouse.up();
  await page.getByText("Column 13, row 1, 10 columns wide, 6 rows high").waitFor({ state: "attached" });
  await page.getByRole("button", { name: "Move text", exact: true }).focus();
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Shift+ArrowDown");
  await page.getByText("Column 2, row 1, 6 columns wide, 5 rows high").waitFor({ state: "attached" });
  await now.sound("dashboard-editing");
  await page.getByRole("button", { name: "Duplicate Second", exact: true }).click();
  await page.getByRole("button", { name: "Move Second (copy)", exact: true }).waitFor();
  await page.getByRole("button", { name: "Remove text", exact: true }).click();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Edit", exact: true }).waitFor();
  const body = await bodyOf(server, "moves");
  expect(body).toMatchObject({ start: "-PT6H" });
  expect(body.widgets.map((w) => [w.properties.title, w.x, w.y, w.width, w.height])).toEqual([
    ["Second", 12, 0, 10, 6],
    ["Second (copy)", 12, 6, 10, 6],
  ]);
});

test("widgets are added and changed by a form; what is discarded is not saved", async () => {
  const { page, server, visit } = now;
  await put(server, "forms", { widgets: [] });
  await visit.go("/dashboards/dashboard?name=forms");
  await page.getByRole("button", { name: "Add a widget" }).click();
  const dialog = page.getByRole("dialog", { name: "Add widget" });
  await dialog.getByLabel("Title").fill("Both");
  await dialog.getByLabel("Find a metric").fill("latency checkout");
  await dialog.getByRole("button", { name: /Service=checkout/ }).click();
  await dialog.getByLabel("Find a metric").fill("latency search");
  await dialog.getByRole("button", { name: /Service=search/ }).click();
  await dialog.getByLabel("View", { exact: true }).selectOption("table");
  await dialog
    .getByLabel("Preview")
    .getByRole("rowheader", { name: /search/ })
    .waitFor();
  await now.sound("dashboard-widget-form");
  await dialog.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("button", { name: "Add widget" }).click();
  await page.getByRole("dialog").getByLabel("Type").selectOption("text");
  await page.getByRole("dialog").getByLabel("Markdown").fill("## Read me");
  await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("Read me").waitFor();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Edit", exact: true }).click();
  expect((await bodyOf(server, "forms")).widgets.map((w) => [w.type, w.properties.view ?? w.properties.markdown])).toEqual([
    ["metric", "table"],
    ["text", "## Read me"],
  ]);
  await page.getByRole("button", { name: "Edit Both", exact: true }).click();
  await page.getByRole("dialog").getByRole("button", { name: "JSON" }).click();
  await page.getByRole("dialog").getByLabel("Properties").fill('{"title": "Other"');
  await page.getByRole("dialog").getByRole("button", { name: "Apply" }).click();
  expect(
    await page
      .getByRole("dialog")
      .getByLabel("Properties")
      .evaluate((area: HTMLTextAreaElement) => area.validity.valid),
  ).toBe(false);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Remove Both", exact: true }).click();
  await page.getByRole("button", { name: "Discard changes" }).click();
  await page.getByRole("group", { name: "Both" }).waitFor();
});

test("variables change what is drawn, and stand in the URL", async () => {
  const { page, server, visit } = now;
  await put(server, "choices", {
    variables: [
      {
        type: "property",
        property: "Service",
        inputType: "select",
        id: "service",
        label: "Service",
        search: '{Shop,Service} MetricName="Latency"',
        populateFrom: "Service",
        defaultValue: "__FIRST",
        visible: true,
      },
      {
        type: "pattern",
        pattern: "Title",
        inputType: "radio",
        id: "title",
        label: "Words",
        values: [
          { value: "Latency of", label: "long" },
          { value: "L", label: "short" },
        ],
        visible: true,
      },
    ],
    widgets: [metric("Title Service", [0, 0, 12, 5], { view: "table", metrics: [latency("nothing")] })],
  });
  await visit.go("/dashboards/dashboard?name=choices");
  const average = page
    .getByRole("group", { name: /Service$/ })
    .getByRole("cell")
    .nth(2);
  await average.waitFor();
  await expect.poll(() => average.textContent()).not.toBe("–");
  const first = await average.textContent();
  await page.getByLabel("Service", { exact: true }).selectOption("search");
  await expect.poll(() => average.textContent()).not.toBe(first);
  await page.getByLabel("long").check();
  await page.getByRole("group", { name: "Latency of Service" }).waitFor();
  expect(page.url()).toContain("v.service=search");
  await now.sound("dashboard-variables");
  await page.reload();
  await page.getByRole("group", { name: "Latency of Service" }).waitFor();
  expect(await page.getByLabel("Service", { exact: true }).inputValue()).toBe("search");
});

test("dashboards that make themselves: hosts, the server, a namespace; saved as one's own", async () => {
  const { page, server, visit } = now;
  await visit.go("/dashboards");
  await page.getByRole("link", { name: /^Shop/ }).waitFor();
  await page.getByRole("link", { name: "shop", exact: true }).waitFor();
  await now.sound("dashboards");
  await page.getByRole("link", { name: /^Hosts/ }).click();
  await page.getByRole("group", { name: "Memory %" }).locator("canvas").first().waitFor();
  await now.sound("dashboard-hosts");
  await visit.go("/dashboards/automatic?of=namespace%20Shop");
  await page.getByRole("group", { name: "Orders" }).locator("canvas").first().waitFor();
  await visit.go("/dashboards/automatic?of=trailwatch");
  await page.getByRole("group", { name: "Calls" }).first().waitFor();
  await visit.go("/dashboards/automatic?of=namespace%20Shop");
  await page.getByRole("button", { name: "Save as…" }).click();
  await page.getByLabel("Name", { exact: true }).fill("mine");
  await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "mine" }).waitFor();
  expect((await bodyOf(server, "mine")).widgets.length).toBe(2);
});

test("a dashboard is imported from a file, refused with reasons, full screen, deleted", async () => {
  const { page, server, visit } = now;
  await visit.go("/dashboards");
  const file = (body: string) => ({ name: "from aws.json", mimeType: "application/json", buffer: Buffer.from(body) });
  await page.getByLabel("Dashboard JSON file").setInputFiles(file('{"widgets":[{"type":"metric","properties":{}}]}'));
  const dialog = page.getByRole("dialog");
  expect(await dialog.getByLabel("Name").inputValue()).toBe("from-aws");
  await dialog.getByRole("button", { name: "Save" }).click();
  await dialog.getByRole("alert").getByText("Should have required property 'region'").first().waitFor();
  now.refused(400);
  await now.sound("dashboard-error");
  await dialog
    .getByLabel("Dashboard JSON")
    .fill('{"widgets":[{"type":"text","width":6,"height":3,"properties":{"markdown":"from AWS"}}]}');
  await dialog.getByRole("button", { name: "Save" }).click();
  await page.getByText("from AWS").waitFor();
  expect((await bodyOf(server, "from-aws")).widgets.length).toBe(1);
  await visit.go("/dashboards/dashboard?name=from-aws&full=1");
  await page.getByText("from AWS").waitFor();
  expect(await page.getByRole("navigation").isVisible()).toBe(false);
  await page.getByRole("button", { name: "Leave full screen" }).click();
  await page.getByRole("navigation").waitFor();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "Dashboards", exact: true }).waitFor();
  await visit.go("/dashboards/dashboard?name=from-aws");
  await page.getByRole("alert").getByText("does not exist").waitFor();
  now.refused(404);
});

test("variables are made by a form", async () => {
  const { page, server, visit } = now;
  await put(server, "asked", { widgets: [metric("Latency", [0, 0, 12, 5], { view: "table", metrics: [latency("checkout")] })] });
  await visit.go("/dashboards/dashboard?name=asked&edit=1");
  await page.getByRole("button", { name: "Variables" }).click();
  const dialog = page.getByRole("dialog", { name: "Variables" });
  await dialog.getByRole("button", { name: "Add a variable" }).click();
  await dialog.getByLabel("Property or dimension").fill("Service");
  await dialog.getByLabel("Label").fill("Which");
  await dialog.getByLabel("Input").selectOption("select");
  await dialog.getByLabel("Values", { exact: true }).fill("checkout = Checkout\nsearch");
  await dialog.getByLabel("Values", { exact: true }).blur();
  await now.sound("dashboard-variables-form");
  await dialog.getByRole("button", { name: "Apply" }).click();
  await page.getByLabel("Which", { exact: true }).selectOption("search");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("button", { name: "Edit", exact: true }).waitFor();
  expect((await bodyOf(server, "asked")).variables).toEqual([
    {
      type: "property",
      property: "Service",
      inputType: "select",
      id: "var1",
      label: "Which",
      values: [
        { value: "checkout", label: "Checkout" },
        { value: "search", label: "search" },
      ],
      visible: true,
    },
  ]);
  expect(await page.getByLabel("Which", { exact: true }).inputValue()).toBe("search");
});

test("fresh data come by themselves", async () => {
  const { page, visit } = now;
  await page.clock.install();
  await visit.go("/dashboards/dashboard?name=shop&refresh=60");
  await page.getByText("Orders and").waitFor();
  await page.locator(".widget canvas").waitFor();
  const asked = page.waitForRequest((request) => request.headers()["x-amz-target"]?.endsWith(".GetMetricData") ?? false);
  await page.clock.fastForward(61_000);
  await asked;
});
