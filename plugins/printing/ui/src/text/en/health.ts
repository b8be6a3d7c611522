/** How the gateway and its parts are, and how to mend them. */
export const health = {
  badge: {
    ok: "All well",
    degraded: "Impaired",
    unavailable: "Out of service",
    away: "No answer",
    more: ", see more",
  },
  overall: {
    ok: "Everything works",
    degraded: "Something is impaired",
    unavailable: "Out of service",
    away: "The gateway doesn't answer",
    starting: "The gateway is starting",
    stopping: "The gateway is stopping",
  },
  about: {
    ok: "The gateway, its database and all of its parts are well.",
    degraded: "The rest works as always. What is impaired is listed below, with what to do.",
    unavailable: "No part can be served at the moment. What is wrong is listed below, with what to do.",
    away: "What you see below is how it last was. The page keeps trying.",
    awayFirst: "Nothing is known of it yet. The page keeps trying.",
    starting: "It takes requests in a moment.",
    stopping: "It ends what is under way and takes nothing new.",
  },
  awaySteps: [
    "Does this device have a connection to the gateway?",
    "Does the gateway run? Its log says why it ended.",
    "Is a proxy in between, and does it let requests through?",
  ],
  facts: {
    title: "Gateway",
    version: "Version",
    uptime: "Runs for",
    access: "Access",
    looked: "Last looked",
    live: "Live connection",
    silentSince: (when: string) => `Nothing heard since ${when}.`,
  },
  access: {
    asked: "Callers are asked who they are",
    open: "Open to this machine",
    insecure: "Open to everybody",
  } as Record<string, string>,
  insecure:
    "Every machine that reaches this gateway may do everything. Switch auth.insecure off and API keys on before anything else.",
  look: "Look again",
  parts: "Parts",
  database: "Database",
  databaseUp: "It answers.",
  databaseSteps: [
    "See whether the database runs, and whether its address and password are right.",
    "After an upgrade: fluxgate migrate --check, then fluxgate migrate.",
    "Nothing has to be restarted: the gateway looks every 10 seconds.",
  ],
  plugin: {
    active: "Active",
    starting: "Starting",
    quarantined: "Out of service",
  } as Record<string, string>,
  pluginVersion: (version: string) => `Version ${version}`,
  pluginNames: { printing: "3D printing" } as Record<string, string>,
  quarantine: "Out of service, because:",
  stages: {
    discovery: ["Two packages may bring a plugin of this name; see: fluxgate plugins."],
    import: ["Its package can't be loaded: install it again, in the version that fits the gateway."],
    settings: ["Its settings are wrong: run fluxgate check, which names file and line."],
    declaration: ["The plugin and the gateway don't fit together; install versions that do."],
    routes: ["The plugin's routes clash with others; see: fluxgate routes."],
    order: ["A plugin that it needs is missing or out of service; mend that one first."],
    migrations: ["Its tables are of another version: fluxgate migrate --check, then fluxgate migrate."],
    startup: [
      "It couldn't start; the reason is above, the traceback in the gateway's log. It is tried again by itself.",
    ],
    running: ["It ended unexpectedly; the gateway's log has the traceback. It is tried again by itself."],
    check: ["One of its checks that it can't do without is down; it comes back with it."],
  } as Record<string, readonly string[]>,
  status: { up: "Up", degraded: "Impaired", down: "Down" } as Record<string, string>,
  checks: {
    printers: {
      name: "Printers",
      steps: ["Each printer that is away is under Printers, with what to do."],
    },
    fluxprint: {
      name: "FluxPrint",
      steps: [
        "See whether FluxPrint runs, at the address in plugins.printing.fluxprint.url.",
        "What was accepted is kept; nothing is lost meanwhile.",
      ],
    },
    "accepted-jobs": {
      name: "Record of accepted jobs",
      steps: [
        "Jobs are kept on disk until the database takes them; none is lost.",
        "See whether the database runs, and whether the disk has room.",
      ],
    },
  } as Record<string, { name: string; steps: readonly string[] }>,
  critical: "Needed",
  checked: (age: string) => `looked ${age} ago`,
  justNow: "looked just now",
  upstreams: "Connections",
  upstream: {
    closed: "Well",
    open: "Not asked for now",
    "half-open": "Being tried",
    down: "Down",
  } as Record<string, string>,
  upstreamUse: (used: number, most: number) => `${used} of ${most} in use`,
  upstreamWaiting: (waiting: number) => (waiting === 1 ? "1 request waits" : `${waiting} requests wait`),
  upstreamSteps: [
    "The service behind it failed several times in a row and is left alone for a moment.",
    "See whether it runs. Once it answers, the connection comes back by itself.",
  ],
  printers: {
    title: "Printers",
    allWell: (known: number) =>
      known === 0
        ? "There are no printers."
        : known === 1
          ? "The printer answers."
          : `All ${known} printers answer.`,
    noReason: "It doesn't answer.",
    seen: (when: string) => `Last heard ${when}`,
    neverSeen: "Never heard since the gateway started",
    open: (name: string) => `Open ${name}`,
    steps: {
      offline: [
        "Is it switched on, and in the network?",
        "Does its server (OctoPrint, Moonraker, PrusaLink) run at the address that is set up?",
        "Is the key or password right? It shows under Set up printers.",
      ],
      stale: ["It answered a moment ago. Wait a little; should it stay silent, look at its network."],
      error: [
        "Look at the printer's own screen, and mend what it reports.",
        "Restart its firmware, if it asks for it.",
      ],
      held: ["Look what became of its print, and say so on the printer's page."],
    } as Record<string, readonly string[]>,
  },
  more: {
    title: "For operators",
    metrics: "Metrics",
    metricsAbout: "All that is counted, for Prometheus.",
    openapi: "API description",
    openapiAbout: "Every route, as OpenAPI 3.1.",
    json: "This page as JSON",
    jsonAbout: "The same, for scripts and monitors.",
  },
  whatToDo: "What to do",
  notShown: {
    title: "Health isn't shown to you",
    about: "Your key or token is restricted to scopes, so the gateway doesn't tell it how it is.",
  },
};
