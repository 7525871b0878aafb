// What the tests of one page share: a server with data, a browser, a visit that is signed in, and what must hold of every page.
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { launch, Visit } from "./browser";
import { live, Server, seed } from "./server";

/** Longest wait for the pages' sources to be compiled, which the first visit of a live server waits for. */
const FIRST_MS_MAX = 100_000;

export interface Session {
  server: Server;
  browser: Browser;
  visit: Visit;
  page: Page;
  /** Keeps a picture; no serious fault of accessibility, no markup out of data, no complaint of the browser. */
  sound: (name: string) => Promise<void>;
  /** An answer with an error status makes the browser complain; takes those complaints, and no other. */
  refused: (status: number) => void;
}

/** Begins a server for the file, and a visit for each test. */
export function session(seeding: (server: Server) => Promise<void> = seed): Session {
  const now = {} as Session;
  beforeAll(async () => {
    now.server = await Server.start();
    await seeding(now.server);
    now.browser = await launch();
    if (!live) return;
    const first = await Visit.begin(now.browser, now.server);
    await first.page.goto(now.server.address, { timeout: FIRST_MS_MAX });
    await first.context.close();
  });
  afterAll(async () => {
    await now.browser?.close();
    await now.server?.stop();
  });
  beforeEach(async () => {
    now.visit = await Visit.begin(now.browser, now.server);
    now.page = now.visit.page;
    await now.visit.signIn();
  });
  afterEach(async () => {
    await now.visit.context.close();
  });
  now.sound = async (name) => {
    await now.visit.picture(name);
    expect(await now.visit.faults(), name).toEqual([]);
    expect(await now.visit.isInjected(), name).toBe(false);
    expect(now.visit.complaints, name).toEqual([]);
  };
  now.refused = (status) => {
    const told = now.visit.complaints.splice(0);
    expect(told.length).toBeGreaterThan(0);
    expect(told.filter((text) => !text.includes(String(status)))).toEqual([]);
  };
  return now;
}
