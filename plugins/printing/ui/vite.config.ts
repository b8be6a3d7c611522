import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { compression } from "vite-plugin-compression2";

// The gateway serves the same files at /printing and /dashboard/printing; scripts and styles are always asked for below
// the first. `npm run dev` forwards what the page asks of the gateway.
const gateway = process.env.FLUXGATE_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "/printing/",
  // beside each file the same in gzip and Brotli, which the gateway sends to whoever takes it
  plugins: [react(), compression({ include: /\.(js|css|svg|html)$/, threshold: 1024 })],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "../fluxgate_printing/dashboard",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    target: "es2022",
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": gateway, "/-": gateway } },
});
