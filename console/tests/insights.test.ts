// Logs in a browser: queries, fields to narrow by, patterns, and from a line to what was around it; the live tail.
import { expect, test } from "vitest";
import { HOSTILE } from "./server";
import { session } from "./session";

const now = session();

const query = (text: string, more = "") => `/insights?groups=/shop/checkout&run=1${more}&q=${encodeURIComponent(text)}`;

test("a chart, a table, a mistake at its place", async () => {
  const { page, visit } = now;
  await visit.go(query("stats count(*) as events, max(ms) by bin(10m)"));
  await page.getByText(/2,000 of 2,000 events matched/).waitFor();
  await page.locator(".chart canvas").waitFor();
  await now.sound("insights-chart");
  const editor = page.getByRole("textbox", { name: "Query" });
  await editor.click();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("fields @message\n| fitler ms");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Run query" }).click();
  await page.getByRole("alert").getByText("fitler").waitFor();
  expect(await page.locator(".cm-wrong").textContent()).toBe("fitler");
  now.refused(400);
  await now.sound("insights-error");
});

test("fields beside the results narrow the query, and widen it again", async () => {
  const { page, visit } = now;
  await visit.go(query("fields @timestamp, @message, @logStream | sort @timestamp desc | limit 2000"));
  const fields = page.getByRole("complementary", { name: "Fields" });
  await fields.getByRole("button", { name: /^error 80$/ }).waitFor();
  await now.sound("insights-facets");
  await fields.getByRole("button", { name: /^error 80$/ }).click();
  await page.getByText(/^80 rows/).waitFor();
  expect(decodeURIComponent(page.url()).replaceAll("+", " ")).toContain("filter level = 'error'");
  await fields.getByRole("button", { name: /^error 80$/ }).click();
  await page.getByText(/^2,000 rows/).waitFor();
  // Another query in the address is taken over, as by the way back.
  await visit.go(query("fields @timestamp, @message | limit 7"));
  await page.getByText(/^7 rows/).waitFor();
  await page.goBack();
  await page.getByText(/^2,000 rows/).waitFor();
});

test("patterns of the lines, one of them opened", async () => {
  const { page, visit } = now;
  await visit.go(query("fields @timestamp, @message | limit 1000", "&view=patterns"));
  const patterns = page.getByRole("table", { name: "Patterns" });
  await patterns
    .getByRole("row", { name: /request done/ })
    .first()
    .waitFor();
  await now.sound("insights-patterns");
  await patterns
    .getByRole("row", { name: /refused/ })
    .first()
    .click();
  await page.getByText(/^80 rows/).waitFor();
  await page.getByRole("table", { name: "Results" }).getByText("refused").first().waitFor();
});

test("from a row to its stream, its metrics and the changes", async () => {
  const { page, visit } = now;
  await visit.go(query("filter level = 'error' | display @timestamp, msg, ms | limit 5"));
  // At its beginning: the line goes on below the next column.
  await page
    .getByRole("table", { name: "Results" })
    .getByText("refused")
    .first()
    .click({ position: { x: 4, y: 4 } });
  const row = page.getByRole("complementary", { name: "Row" });
  await row.getByText("window.injected").first().waitFor();
  await row.getByText(/more fields of the event/).click();
  await now.sound("insights-row");
  expect(await row.getByRole("link", { name: "audit writes of the hour before" }).getAttribute("href")).toMatch(
    /^#\/events\?start=/,
  );
  const metrics = await row.getByRole("link", { name: "those that name web-1" }).getAttribute("href");
  await row.getByRole("link", { name: /this stream, one minute/ }).click();
  await page.getByRole("heading", { name: "/shop/checkout" }).waitFor();
  await page.getByText(/^2[45] events/).waitFor();
  await page.getByRole("button", { name: /Stream: web-1/ }).waitFor();
  await page.getByRole("table", { name: "Log events" }).getByText("request done").first().click();
  await page
    .getByRole("complementary", { name: "Log event" })
    .getByRole("link", { name: /this stream/ })
    .waitFor();
  await visit.go((metrics ?? "").slice(1));
  await page
    .getByRole("group", { name: "Graph" })
    .getByRole("button", { name: /mem_used_percent/ })
    .waitFor();
});

test("completion knows commands and the fields of the group", async () => {
  const { page, visit } = now;
  await visit.go("/insights?groups=/shop/checkout");
  const editor = page.getByRole("textbox", { name: "Query" });
  await editor.click();
  await page.keyboard.press("Control+A");
  await page.keyboard.type("sta");
  await page.getByRole("option", { name: /^stats/ }).waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.type("count(*) by lev");
  await page.getByRole("option", { name: /^level/ }).waitFor();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Control+Enter");
  await page.getByText("2 rows").waitFor();
  await page.getByRole("list").getByText("error", { exact: true }).waitFor();
});

test("live tail: lines as they arrive, paused by a key, highlighted", async () => {
  const { page, visit, server } = now;
  await visit.go("/tail");
  await page.getByText("Choose up to ten log groups").waitFor();
  await now.sound("tail-empty");
  await page.getByLabel("Add a log group").pressSequentially("/shop/search");
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByText(/^Following/).waitFor();
  const put = (message: string) =>
    server.call("logs", "PutLogEvents", {
      logGroupName: "/shop/search",
      logStreamName: "web-1",
      logEvents: [{ timestamp: Date.now(), message }],
    });
  await put(`first ${HOSTILE}`);
  const lines = page.getByRole("table", { name: "Lines" });
  await lines.getByText(/^first/).waitFor();
  await page.getByLabel("Highlight").fill("IRST onerror");
  await lines.locator("mark", { hasText: "irst" }).waitFor();
  expect(await lines.locator("mark").count()).toBe(2);
  await now.sound("tail");
  await page.getByRole("heading", { name: "Live tail" }).click();
  await page.keyboard.press("p");
  await put("second");
  await page.getByRole("button", { name: "Go on (1 came)" }).waitFor();
  await page.keyboard.press("p");
  await lines.getByText("second").click();
  await page.getByRole("complementary", { name: "Log event" }).getByText("/shop/search").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText(/^Stopped, 2 lines/).waitFor();
});
