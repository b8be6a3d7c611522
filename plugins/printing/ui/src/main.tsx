import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./design/tokens.css";
import "./design/reset.css";
import "./design/base.css";
import { App } from "./shell/App";
import { setTheme, theme } from "./shell/theme";

setTheme(theme());
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
