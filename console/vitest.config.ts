import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["tests/**/*.test.ts"],
    testTimeout: 90_000,
    hookTimeout: 120_000,
    // One server and one browser at a time: the machine has other things to do.
    fileParallelism: false,
    retry: 0,
    // As long as the browser's own waits.
    expect: { poll: { timeout: 60_000 } },
  },
});
