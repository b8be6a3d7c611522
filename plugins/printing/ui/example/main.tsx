import { Fluxgate, PrinterCard, usePrinterNames } from "@fluxgate/printing-ui";
import "@fluxgate/printing-ui/style.css";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./studio.css";

/** Where the gateway is; `?gateway=` for a try. Its configuration has to let this origin in: see docs/dashboard.md. */
const gateway =
  new URLSearchParams(location.search).get("gateway") ??
  import.meta.env.VITE_FLUXGATE_URL ??
  "http://localhost:8080";

function Printers() {
  return (
    <div className="cards">
      {usePrinterNames().map((name) => (
        <PrinterCard key={name} name={name} />
      ))}
    </div>
  );
}

function Studio() {
  return (
    <main>
      <h1>A design platform</h1>
      <h2>Native components</h2>
      <p>React components in this page's own layout and colours.</p>
      <Fluxgate baseUrl={gateway}>
        <Printers />
      </Fluxgate>
      <h2>The dashboard in a frame</h2>
      <p>The whole dashboard, without its navigation.</p>
      <iframe
        title="3D printing"
        src={`${gateway}/printing?embed=1`}
        sandbox="allow-same-origin allow-scripts allow-forms allow-popups"
      />
    </main>
  );
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Studio />
    </StrictMode>,
  );
}
