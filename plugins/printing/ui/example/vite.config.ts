import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// A page of another origin, as FluxStudio is: http://localhost:5174. VITE_FLUXGATE_URL names the gateway.
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  plugins: [react()],
  resolve: {
    alias: {
      "@fluxgate/printing-ui/style.css": fileURLToPath(new URL("../dist/style.css", import.meta.url)),
      "@fluxgate/printing-ui": fileURLToPath(new URL("../dist/index.js", import.meta.url)),
    },
  },
  build: { outDir: "../dist-example", emptyOutDir: true },
  server: { port: 5174 },
});
