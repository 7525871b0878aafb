// Builds the console into dist/, each file compressed as the server embeds it; `npm run dev` serves it live before a running server.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";
import solid from "vite-plugin-solid";

/** Writes FILE.gz beside each file of the build. */
function compressed(folder: string): Plugin {
  return {
    name: "compressed",
    apply: "build",
    closeBundle() {
      for (const name of readdirSync(folder, { recursive: true }) as string[]) {
        const path = join(folder, name);
        if (name !== ".gitkeep" && statSync(path).isFile()) {
          writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
        }
      }
    },
  };
}

const server = process.env.TRAILWATCH ?? "http://127.0.0.1:8792";

export default defineConfig(({ command }) => ({
  // The page is served at / and its files below this path, out of the way of bucket names.
  base: command === "build" ? "/_trailwatch/console/" : "/",
  plugins: [solid(), compressed("dist")],
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: {
    proxy: {
      // The server takes calls of its own page only.
      "/_trailwatch": { target: server, changeOrigin: true, headers: { origin: server } },
      "/health": { target: server },
    },
  },
}));
