// Headless Chromium, and pages that remember what went wrong in them.
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import axe from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { live, type Server, target } from "./server";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
// No sandbox, for CI runs as root; and nothing that Chromium would ask the network for.
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const pictures = join(target, "console-screenshots");

export async function launch(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing; scripts/prerequisites.sh test installs it`);
  mkdirSync(pictures, { recursive: true });
  return chromium.launch({ executablePath: CHROMIUM, args: ARGS });
}

export class Visit {
  /** What the browser complained about: errors in scripts, and refusals of the content-security policy. */
  readonly complaints: string[] = [];

  private constructor(
    readonly page: Page,
    readonly context: BrowserContext,
    private readonly server: Server,
  ) {}

  static async begin(browser: Browser, server: Server, colorScheme: "light" | "dark" = "light"): Promise<Visit> {
    const context = await browser.newContext({
      viewport: { width: 1360, height: 860 },
      colorScheme,
      timezoneId: "UTC",
      locale: "en-US",
    });
    // Sources are made into scripts when they are first asked for.
    context.setDefaultTimeout(live ? 60_000 : 20_000);
    const page = await context.newPage();
    const visit = new Visit(page, context, server);
    page.on("pageerror", (error) => visit.complaints.push(String(error)));
    page.on("console", (message) => {
      // Solid, as it is served live, warns of what is no fault in a build.
      if (live && message.text().startsWith("computations created outside")) return;
      if (message.type() === "error" || message.type() === "warning") visit.complaints.push(message.text());
    });
    return visit;
  }

  async signIn(): Promise<void> {
    await this.page.goto(this.server.address);
    await this.page.getByLabel("Access key id").fill(this.server.key);
    await this.page.getByLabel("Secret access key").fill(this.server.secret);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.page.getByRole("heading", { name: "Overview" }).waitFor();
  }

  async go(hash: string): Promise<void> {
    await this.page.goto(`${this.server.address}/#${hash}`);
  }

  async picture(name: string): Promise<void> {
    await this.page.screenshot({ path: join(pictures, `${name}.png`) });
  }

  /** Faults that keep people out, as axe-core finds them: those that it calls serious or critical. */
  async faults(): Promise<string[]> {
    await this.page.evaluate(axe.source);
    const found = await this.page.evaluate(async () => {
      const results = await (
        window as unknown as {
          axe: {
            run: (
              options: object,
            ) => Promise<{ violations: { id: string; impact: string; nodes: { target: string[]; failureSummary: string }[] }[] }>;
          };
        }
      ).axe.run({ resultTypes: ["violations"] });
      return results.violations
        .filter((v) => v.impact === "serious" || v.impact === "critical")
        .flatMap((v) => v.nodes.map((node) => `${v.id}: ${node.target.join(" ")}: ${node.failureSummary}`));
    });
    return found;
  }

  /** True when data became markup somewhere. */
  async isInjected(): Promise<boolean> {
    return this.page.evaluate(() => "injected" in window || document.querySelector('img[src="x"], #root script') !== null);
  }
}
