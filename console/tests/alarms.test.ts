// Alarms in a browser: listed, opened, made in each kind with what they would have done, silenced.
import { expect, test } from "vitest";
import { session } from "./session";

const now = session();

const metric = encodeURIComponent(JSON.stringify({ i: "m1", n: "Shop", m: "Latency", d: [["Service", "checkout"]] }));

interface LogAlarm {
  Threshold: number;
  QueryResultsToEvaluate: number;
  OKActions: string[];
  ActionsEnabled: boolean;
  WarmUpConfiguration?: object;
  ScheduledQueryConfiguration: { QueryString: string; AggregationExpression: string; LogGroupIdentifiers: string[] };
}

interface Found {
  MetricAlarms: { Threshold?: number; ThresholdMetricId?: string; Metrics?: { Id: string }[] }[];
  CompositeAlarms: { AlarmRule: string }[];
  LogAlarms: LogAlarm[];
}

const alarm = (name: string) =>
  now.server.call<Found>("cloudwatch", "DescribeAlarms", {
    AlarmNames: [name],
    AlarmTypes: ["MetricAlarm", "CompositeAlarm", "LogAlarm"],
  });

test("listed, opened with reasons and changes, switched off", async () => {
  const { page, visit } = now;
  await visit.go("/alarms");
  await page.getByRole("button", { name: /^In alarm/ }).waitFor();
  await page.getByRole("table", { name: "Alarms" }).getByText("no-data").first().waitFor();
  const why = page
    .getByRole("row")
    .filter({ has: page.getByRole("link", { name: "checkout-slow", exact: true }) })
    .getByRole("link", { name: "Why?" });
  expect(await why.getAttribute("href")).toBe("#/investigate?alarm=checkout-slow");
  await now.sound("alarms");
  await page.getByRole("link", { name: "checkout-slow" }).click();
  await page.getByText("Latency > 250 for 2 of 3 × 60 s").waitFor();
  await page.locator(".chart canvas").waitFor();
  const history = page.getByRole("table", { name: "History" });
  await history.getByText("Alarm updated from INSUFFICIENT_DATA to ALARM").first().waitFor();
  await history
    .getByText(/set by the test|Threshold Crossed/)
    .first()
    .waitFor();
  await page.getByText(/It would have fired/).waitFor();
  await page.getByRole("table", { name: "Fires per week by threshold" }).waitFor();
  await now.sound("alarm");
  await page.getByRole("button", { name: "Switch actions off" }).click();
  await page.getByRole("button", { name: "Switch actions on" }).waitFor();
  expect(await page.getByRole("link", { name: "Why?" }).getAttribute("href")).toBe("#/investigate?alarm=checkout-slow");
  await visit.go("/alarms/alarm?name=none-such");
  await page.getByText("There is no alarm none-such here").waitFor();
});

test("a composite alarm is a tree, opened in place", async () => {
  const { page, visit, server } = now;
  await server.call("cloudwatch", "PutCompositeAlarm", {
    AlarmName: "above",
    AlarmRule: 'AT_LEAST(1, ALARM, ("shop", "no-data")) OR NOT OK("no-data") AND FALSE',
  });
  await visit.go("/alarms/alarm?name=above");
  const tree = page.getByRole("list", { name: "Rule" }).first();
  await tree.getByText("Any of these").waitFor();
  await tree.getByText("At least 1").waitFor();
  await tree.getByRole("button", { name: "Open" }).first().click();
  await tree.getByRole("list", { name: "Rule" }).getByText("checkout-slow").waitFor();
  await now.sound("alarm-composite");
});

test("a backtest is cancelled, and asked again", async () => {
  const { page, visit } = now;
  // The answer is held back until the request is given up.
  let held = 0;
  await page.route("**/_trailwatch/alarms/backtest", () => {
    held += 1;
  });
  const given = page.waitForEvent("requestfailed", (request) => request.url().endsWith("/alarms/backtest"));
  await visit.go("/alarms/create?range=3h");
  await page.getByLabel("Find a metric").fill("latency checkout");
  await page.getByRole("button", { name: /Service=checkout/ }).click();
  await page.getByLabel("Threshold", { exact: true }).fill("100");
  await page.getByText("Replaying…").waitFor();
  await expect.poll(() => held).toBeGreaterThan(0);
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await page.getByText("Cancelled.").waitFor();
  await given;
  await now.sound("alarm-backtest-cancelled");
  await page.unroute("**/_trailwatch/alarms/backtest");
  await page.getByRole("button", { name: "Ask again" }).click();
  await page.getByText(/It would have fired/).waitFor();
});

test("made on a metric: the backtest counts, another threshold is taken, deleted", async () => {
  const { page, visit } = now;
  await visit.go("/alarms/create?range=3h");
  await page.getByText("Choose what is watched first.").waitFor();
  await page.getByLabel("Find a metric").fill("latency checkout");
  await page.getByRole("button", { name: /Service=checkout/ }).click();
  await page.getByLabel("Threshold", { exact: true }).fill("100000");
  await page.getByText(/It would have fired 0 times/).waitFor();
  const tries = page.getByRole("table", { name: "Fires per week by threshold" });
  await tries.getByRole("button", { name: /^Take/ }).first().click();
  await expect.poll(() => page.getByLabel("Threshold", { exact: true }).inputValue()).not.toBe("100000");
  await page.getByText(/It would have fired [1-9]/).waitFor();
  await page.getByText(/changes of state/).waitFor();
  await page.getByLabel("Name", { exact: true }).fill("busy");
  await now.sound("alarm-create");
  expect(page.url()).toContain("threshold=");
  await page.getByRole("button", { name: "Create alarm" }).click();
  await page.getByRole("heading", { name: "busy" }).waitFor();
  expect((await alarm("busy")).MetricAlarms.length).toBe(1);
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByRole("heading", { name: "Alarms", exact: true }).waitFor();
  expect((await alarm("busy")).MetricAlarms).toEqual([]);
});

test("made on math, on a band, and on PromQL", async () => {
  const { page, visit } = now;
  const rows = encodeURIComponent(
    JSON.stringify([
      { i: "m1", n: "Shop", m: "Latency", d: [["Service", "checkout"]] },
      { i: "m2", n: "Shop", m: "Latency", d: [["Service", "search"]] },
    ]),
  );
  await visit.go(`/alarms/create?kind=math&range=3h&graph=${rows}&threshold=3`);
  await page.getByLabel("Expression", { exact: true }).fill("m1 / m2");
  await page.getByRole("button", { name: "Add expression" }).click();
  await expect.poll(() => page.getByLabel("Watched", { exact: true }).inputValue()).toBe("e1");
  await page.locator(".chart canvas").waitFor();
  await page.getByText(/It would have fired \d/).waitFor();
  await now.sound("alarm-create-math");
  await page.getByLabel("Name", { exact: true }).fill("ratio");
  await page.getByRole("button", { name: "Create alarm" }).click();
  await page.getByRole("heading", { name: "ratio" }).waitFor();
  expect((await alarm("ratio")).MetricAlarms[0]?.Metrics?.map((m) => m.Id)).toEqual(["m1", "m2", "e1"]);

  await visit.go(`/alarms/create?kind=anomaly&range=3h&metric=${metric}`);
  await page.locator(".chart canvas").waitFor();
  await now.sound("alarm-create-anomaly");
  await page.getByLabel("Name", { exact: true }).fill("unusual");
  await page.getByRole("button", { name: "Create alarm" }).click();
  await page.getByRole("heading", { name: "unusual" }).waitFor();
  expect((await alarm("unusual")).MetricAlarms[0]?.ThresholdMetricId).toBe("ad1");

  await visit.go("/alarms/create?kind=promql&range=3h");
  await page.getByLabel("Query").fill("max by (Service) (Latency) > 250");
  await page.getByLabel("Query").press("Tab");
  await page
    .getByRole("group", { name: "What is watched" })
    .getByRole("button", { name: /checkout/ })
    .waitFor();
  await page.getByLabel("Name", { exact: true }).fill("prom");
  await page.getByRole("button", { name: "Create alarm" }).click();
  await page.getByRole("heading", { name: "prom" }).waitFor();
});

test("made of other alarms, with a mistake at its place", async () => {
  const { page, visit } = now;
  await visit.go("/alarms/create?kind=composite");
  await page.getByText("No rule yet").waitFor();
  await page.getByLabel("Fires when").fill("ALARM(checkout-slow");
  await page.getByText(/Expected \)\. At character 20/).waitFor();
  await page.getByLabel("Fires when").fill("");
  await page.getByLabel("Find an alarm").fill("checkout");
  await page
    .getByRole("list", { name: "Alarms found" })
    .getByRole("button", { name: /checkout-slow/ })
    .click();
  await page.getByLabel("Find an alarm").fill("no-data");
  await page
    .getByRole("list", { name: "Alarms found" })
    .getByRole("button", { name: /no-data/ })
    .click();
  await page.getByRole("list", { name: "Rule" }).getByText("All of these").waitFor();
  await now.sound("alarm-create-composite");
  await page.getByLabel("Name", { exact: true }).fill("both");
  await page.getByRole("button", { name: "Create alarm" }).click();
  await page.getByRole("heading", { name: "both" }).waitFor();
  expect((await alarm("both")).CompositeAlarms[0]?.AlarmRule).toBe('ALARM("checkout-slow") AND ALARM("no-data")');
});

test("silenced by a rule, which is shown at the alarm and deleted", async () => {
  const { page, visit } = now;
  await visit.go("/alarms/mutes");
  await page.getByText("No mute rules").waitFor();
  await now.sound("mutes-empty");
  await visit.go("/alarms/alarm?name=checkout-slow");
  await page.getByRole("link", { name: "Mute", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Create mute rule" });
  await dialog.getByText("1 chosen.").waitFor();
  await dialog.getByLabel("Name", { exact: true }).fill("night");
  await dialog.getByRole("button", { name: "Again and again" }).click();
  await dialog.getByLabel("When").fill("nonsense");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await dialog.getByRole("alert").waitFor();
  now.refused(400);
  await dialog.getByLabel("When").fill("0 2 * * SUN");
  await dialog.getByRole("button", { name: "Create", exact: true }).click();
  await page.getByRole("table", { name: "Mute rules" }).getByText("cron(0 2 * * SUN) UTC, for 1 h").waitFor();
  await now.sound("mutes");
  await visit.go("/alarms/alarm?name=checkout-slow");
  await page.getByRole("link", { name: "night" }).click();
  await page.getByRole("button", { name: "Delete night" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.getByText(/No mute rules|No rule has these words/).waitFor();
});

test("made on log events: what runs find is seen before, also where it is by path", async () => {
  const { page, visit } = now;
  await visit.go("/alarms/create?kind=log&range=3h");
  await page.getByText("Choose a log group first.").waitFor();
  await now.sound("alarm-create-log-empty");
  await page.getByLabel("Add a log group").fill("/shop/checkout");
  await page.getByText(/A run of now finds/).waitFor();
  // Where the mistake is, and no backtest of it either.
  const query = (text: string) => `/alarms/create?kind=log&range=3h&groups=/shop/checkout&query=${encodeURIComponent(text)}`;
  await visit.go(query("fitler level = 'error'"));
  await page.getByRole("alert").getByText("fitler").first().waitFor();
  await expect.poll(() => page.locator(".cm-wrong").textContent()).toBe("fitler");
  now.refused(400);
  await now.sound("alarm-create-log-error");
  await visit.go(query("filter level = 'error'"));
  await page.getByLabel("Looks back, seconds").fill("7200");
  await page.getByText(/A run of now finds one value, in \d+ events of the 2 h/).waitFor();
  await page.locator(".chart canvas").waitFor();
  await page.getByLabel("Value of a run").fill("count(*) by path");
  await page.getByLabel("Value of a run").press("Tab");
  await page.getByText(/A run of now finds 3 values/).waitFor();
  const values = page.getByRole("table", { name: "Values of a run of now" });
  await values.getByText("/cart").waitFor();
  await page
    .getByRole("group", { name: "What runs found and when it would fire" })
    .getByRole("button", { name: /^\/pay/ })
    .waitFor();
  await page.getByLabel("Threshold", { exact: true }).fill("10");
  await page.getByText(/It would have fired [1-9]/).waitFor();
  await page.getByText(/these are the last 499 runs: 1 d 17 h/).waitFor();
  await page.getByLabel("Name", { exact: true }).fill("errors-by-path");
  await page.getByText("Replaying…").waitFor({ state: "hidden" });
  await now.sound("alarm-create-log");
  await page.getByRole("button", { name: "Create alarm" }).click();
  await page.getByRole("heading", { name: "errors-by-path" }).waitFor();
  const [made] = (await alarm("errors-by-path")).LogAlarms;
  expect(made?.ScheduledQueryConfiguration).toMatchObject({
    QueryString: "filter level = 'error'",
    LogGroupIdentifiers: ["/shop/checkout"],
    AggregationExpression: "count(*) by path",
  });
  await page.getByText("every 5 min, over the 2 h before").waitFor();
  await page.getByText(/It would have fired [1-9]/).waitFor();
  await page.getByRole("table", { name: "Values of a run of now" }).getByText("/pay").waitFor();
  await page
    .getByRole("table", { name: "History" })
    .getByText(/created/)
    .first()
    .waitFor();
  await now.sound("alarm-log");
  await visit.go("/alarms");
  await page.getByRole("table", { name: "Alarms" }).getByText("count(*) by path > 10 in 2 of 3 runs").waitFor();
});

test("edited: what the form does not have stays, and what it cannot hold is said", async () => {
  const { page, visit, server } = now;
  await server.call("cloudwatch", "PutLogAlarm", {
    AlarmName: "edited",
    ScheduledQueryConfiguration: {
      QueryString: "filter level = 'error'",
      LogGroupIdentifiers: ["/shop/checkout"],
      ScheduledQueryRoleARN: "arn:aws:iam::000000000000:role/logs",
      ScheduleConfiguration: { ScheduleExpression: "rate(10 minutes)", StartTimeOffset: 600 },
      AggregationExpression: "count(*)",
    },
    QueryResultsToEvaluate: 4,
    QueryResultsToAlarm: 1,
    Threshold: 1,
    ComparisonOperator: "GreaterThanThreshold",
    ActionsEnabled: false,
    WarmUpConfiguration: { WarmUpPeriodDurationInMinutes: 5 },
  });
  await visit.go("/alarms/alarm?name=edited");
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await page.getByRole("heading", { name: "Edit edited" }).waitFor();
  await page.getByLabel("Threshold", { exact: true }).fill("7");
  expect(await page.getByLabel("out of the last").inputValue()).toBe("4");
  expect(await page.getByLabel("Name", { exact: true }).getAttribute("readonly")).not.toBeNull();
  await now.sound("alarm-edit");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("count(*) > 7 in 1 of 4 runs").first().waitFor();
  expect((await alarm("edited")).LogAlarms[0]).toMatchObject({
    Threshold: 7,
    QueryResultsToEvaluate: 4,
    ActionsEnabled: false,
    WarmUpConfiguration: { WarmUpPeriodDurationInMinutes: 5 },
  });

  await server.call("cloudwatch", "PutMetricAlarm", {
    AlarmName: "odd",
    EvaluationPeriods: 1,
    Threshold: 1,
    ComparisonOperator: "GreaterThanThreshold",
    Metrics: [
      {
        Id: "m1",
        MetricStat: { Metric: { Namespace: "Shop", MetricName: "Orders" }, Stat: "Sum", Period: 60, Unit: "Count" },
        ReturnData: true,
      },
    ],
  });
  await visit.go("/alarms/alarm?name=odd");
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await page.getByText("This form has no field for Metrics of this alarm").waitFor();
  expect(await page.getByRole("button", { name: "Save" }).isDisabled()).toBe(true);
  await now.sound("alarm-edit-odd");
});

test("tags are made with an alarm, changed and taken away in its form, and stay where a save fails", async () => {
  const { page, visit, server } = now;
  const arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:tagged";
  const tags = async () =>
    (await server.call<{ Tags: object[] }>("cloudwatch", "ListTagsForResource", { ResourceARN: arn })).Tags;
  const fill = async (label: string, text: string) => page.getByLabel(label, { exact: true }).fill(text);
  await visit.go(`/alarms/create?range=3h&metric=${metric}&threshold=250`);
  await fill("Name", "tagged");
  await page.getByRole("button", { name: "Add a tag" }).click();
  await fill("Key of tag 1", "team");
  await fill("Value of tag 1", "pay");
  await page.getByRole("button", { name: "Add a tag" }).click();
  await fill("Key of tag 2", "team");
  await page.getByRole("button", { name: "Create alarm" }).click();
  await page.getByRole("alert").getByText("There are two tags with the key team.").waitFor();
  await fill("Key of tag 2", "tier=a");
  await now.sound("alarm-create-tags");
  await page.getByRole("button", { name: "Create alarm" }).click();
  await page.getByRole("heading", { name: "tagged" }).waitFor();
  expect(await tags()).toEqual([
    { Key: "team", Value: "pay" },
    { Key: "tier=a", Value: "" },
  ]);
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await page.getByRole("heading", { name: "Edit tagged" }).waitFor();
  expect(await page.getByLabel("Key of tag 1", { exact: true }).inputValue()).toBe("team");
  await page.getByRole("button", { name: "Remove tag 1" }).click();
  await expect.poll(() => page.getByLabel("Key of tag 1", { exact: true }).inputValue()).toBe("tier=a");
  await fill("Value of tag 1", "gold");
  await page.getByRole("button", { name: "Add a tag" }).click();
  await fill("Key of tag 2", "aws:own");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("alert").getByText("Tag keys beginning with aws: are reserved for AWS.").waitFor();
  now.refused(400);
  await page.getByRole("button", { name: "Remove tag 2" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Alarms / tagged" }).waitFor();
  expect(await tags()).toEqual([{ Key: "tier=a", Value: "gold" }]);
});
