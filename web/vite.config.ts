import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Where `npm run dev` and `npm run preview` find the API: the mock, unless told of a real server. */
const api = process.env.HOMEOSTAT_API ?? "http://127.0.0.1:4400";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  // Nothing is inlined as data: the server's content security policy allows files of its own origin only.
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: false },
  server: { port: 4401, proxy: { "/api": api } },
  test: { include: ["src/**/*.test.ts", "src/**/*.test.tsx", "mock/**/*.test.ts"], environment: "node", testTimeout: 60_000 },
});
