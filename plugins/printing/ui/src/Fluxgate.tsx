import { CSPProvider } from "@base-ui/react/csp-provider";
import { Tooltip } from "@base-ui/react/tooltip";
import { QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { type Connection, configure } from "./api/client";
import { makeQueryClient } from "./api/queries";
import "./design/reset.css";
import "./design/tokens.css";
import { follow } from "./live";

interface Props extends Partial<Connection> {
  children: ReactNode;
}

/** Around the cards: which gateway they show, and one live connection to it for all of them. The browser is known to the
 * gateway by its session's cookie; `headers` are for the calls besides. One at a time in a page. */
export function Fluxgate({ baseUrl = "", headers, children }: Props) {
  const [queries] = useState(makeQueryClient);
  useState(() => configure({ baseUrl, ...(headers && { headers }) }));
  useEffect(() => follow(), []);
  return (
    <CSPProvider disableStyleElements>
      <QueryClientProvider client={queries}>
        <Tooltip.Provider delay={400}>
          <div className="fluxgate">{children}</div>
        </Tooltip.Provider>
      </QueryClientProvider>
    </CSPProvider>
  );
}
