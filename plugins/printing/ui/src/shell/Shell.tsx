import {
  Activity,
  ExternalLink,
  FileBox,
  History,
  KeyRound,
  ListOrdered,
  type LucideIcon,
  Moon,
  MoreHorizontal,
  Printer,
  Settings2,
  Sun,
  SunMoon,
} from "lucide-react";
import { type ReactNode, useState } from "react";
import { Link, useLocation, useRoute } from "wouter";
import { useCan, useIsNative } from "@/api/queries";
import { IconButton, Menu, useMedia } from "@/design";
import { text } from "@/text";
import { LinkBadge } from "./LinkBadge";
import { isEmbedded, ownWindow } from "./place";
import { ServiceBadge } from "./ServiceBadge";
import styles from "./Shell.module.css";
import { setTheme, type Theme, theme } from "./theme";

interface Place {
  to: string;
  /** Also the place of these. */
  below?: string;
  label: string;
  icon: LucideIcon;
}

/** The frame of every page: where one can go, how the connection is. */
export function Shell({ children }: { children: ReactNode }) {
  const can = useCan();
  const isNative = useIsNative();
  const isPhone = useMedia("(max-width: 40rem)");
  if (isEmbedded) {
    return (
      <main id="content" className={styles.embedded}>
        {children}
      </main>
    );
  }
  const mayLook = can("viewer", "any");
  const places: Place[] = !mayLook
    ? []
    : [
        { to: "/", below: "/printers/:name/*?", label: text.nav.overview, icon: Printer },
        { to: "/queue", label: text.nav.queue, icon: ListOrdered },
        { to: "/files", below: "/files/*?", label: text.nav.files, icon: FileBox },
        { to: "/history", below: "/history/*?", label: text.nav.history, icon: History },
      ];
  const more: Place[] = [
    ...(isNative && can("admin", "all")
      ? [{ to: "/settings", below: "/settings/*?", label: text.nav.settings, icon: Settings2 }]
      : []),
    { to: "/health", label: text.nav.health, icon: Activity },
    { to: "/account", label: text.nav.account, icon: KeyRound },
  ];
  return (
    <div className={styles.shell}>
      <a href="#content" className={styles.skip}>
        {text.nav.skip}
      </a>
      <header className={styles.side}>
        <div className={styles.brand}>
          <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width={28} height={28} />
          <span>{text.common.appName}</span>
        </div>
        <nav aria-label={text.nav.label} className={styles.nav}>
          {places.map((place) => (
            <NavItem key={place.to} {...place} />
          ))}
          <span className={styles.gap} />
          {isPhone ? <MoreMenu places={more} /> : more.map((place) => <NavItem key={place.to} {...place} />)}
        </nav>
        <div className={styles.foot}>
          <div className={styles.states}>
            {mayLook && <LinkBadge />}
            <ServiceBadge />
          </div>
          <span className={styles.tools}>
            <ThemeMenu />
            <IconButton
              label={text.common.newWindow}
              onClick={() => window.open(ownWindow(), "_blank", "noopener")}
            >
              <ExternalLink aria-hidden />
            </IconButton>
          </span>
        </div>
      </header>
      <main id="content" tabIndex={-1} className={styles.main}>
        {children}
      </main>
    </div>
  );
}

/** The places that a phone has no room for. */
function MoreMenu({ places }: { places: readonly Place[] }) {
  const [at, go] = useLocation();
  const isThere = places.some(({ to }) => at === to || at.startsWith(`${to}/`));
  return (
    <Menu
      trigger={
        <button type="button" className={styles.item} aria-current={isThere ? "page" : undefined}>
          <MoreHorizontal aria-hidden />
          <span>{text.common.more}</span>
        </button>
      }
      choices={places.map(({ to, label, icon: Picture }) => ({
        label,
        icon: <Picture aria-hidden />,
        onSelect: () => go(to),
      }))}
    />
  );
}

function NavItem({ to, below, label, icon: Picture }: Place) {
  const [isHere] = useRoute(to);
  const [isBelow] = useRoute(below ?? to);
  return (
    <Link href={to} className={styles.item ?? ""} aria-current={isHere || isBelow ? "page" : undefined}>
      <Picture aria-hidden />
      <span>{label}</span>
    </Link>
  );
}

const THEME_PICTURES: Record<Theme, LucideIcon> = { system: SunMoon, light: Sun, dark: Moon };

function ThemeMenu() {
  const [now, setNow] = useState(theme);
  const Picture = THEME_PICTURES[now];
  return (
    <Menu
      trigger={
        <IconButton label={text.nav.theme}>
          <Picture aria-hidden />
        </IconButton>
      }
      choices={(Object.keys(THEME_PICTURES) as Theme[]).map((one) => {
        const Icon = THEME_PICTURES[one];
        return {
          label: text.nav.themes[one],
          icon: <Icon aria-hidden />,
          onSelect: () => {
            setTheme(one);
            setNow(one);
          },
        };
      })}
    />
  );
}
