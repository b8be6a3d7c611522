import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import dts from "vite-plugin-dts";
import about from "./package.json" with { type: "json" };

// `@fluxgate/printing-ui`: the cards for other React applications. What it depends on isn't bundled.
const others = Object.keys({ ...about.dependencies, ...about.peerDependencies });

export default defineConfig({
  plugins: [react(), dts({ include: ["src"], exclude: ["src/**/*.test.ts"], entryRoot: "src" })],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  publicDir: false,
  build: {
    outDir: "dist",
    lib: { entry: "src/index.ts", formats: ["es"], fileName: "index", cssFileName: "style" },
    rollupOptions: { external: (id) => others.some((name) => id === name || id.startsWith(`${name}/`)) },
  },
});
