import { useQuery } from "@tanstack/react-query";
import { Eye, Printer, Wrench } from "lucide-react";
import { meQuery } from "@/api/queries";
import type { Role } from "@/api/types";
import { Badge, Card, Failed, Loading, type Tone } from "@/design";
import { text } from "@/text";
import styles from "./Account.module.css";

const words = text.account;

const LOOKS: Record<Role, [Tone, typeof Eye]> = {
  viewer: ["idle", Eye],
  operator: ["accent", Printer],
  admin: ["good", Wrench],
};

/** What the caller may do with each printer, in words. */
export function Rights() {
  const { data: me, error, refetch } = useQuery(meQuery);
  if (!me) {
    return (
      <Card title={words.may}>
        {error ? <Failed error={error} onRetry={() => refetch()} /> : <Loading />}
      </Card>
    );
  }
  const named = Object.entries(me.printers);
  const isSame = me.everywhere !== null && named.every(([, role]) => role === me.everywhere);
  const roles = [...new Set(named.map(([, role]) => role))];
  return (
    <Card title={words.may}>
      {me.anywhere === null ? (
        <p className={styles.about}>{words.nowhere}</p>
      ) : isSame && me.everywhere ? (
        <ul className={styles.rights}>
          <li>
            <span className={styles.printer}>{words.everywhere}</span>
            <RoleBadge role={me.everywhere} />
          </li>
        </ul>
      ) : (
        <ul className={styles.rights}>
          {named.map(([printer, role]) => (
            <li key={printer}>
              <span className={styles.printer}>{printer}</span>
              <RoleBadge role={role} />
            </li>
          ))}
        </ul>
      )}
      {me.anywhere !== null && (
        <dl className={styles.meanings}>
          {(isSame && me.everywhere ? [me.everywhere] : roles).map((role) => (
            <div key={role}>
              <dt>{words.rights[role]}</dt>
              <dd>{words.rightsAbout[role]}</dd>
            </div>
          ))}
        </dl>
      )}
      {me.visibility === "own" && me.everywhere !== "admin" && <p className={styles.about}>{words.own}</p>}
      {me.anywhere === "operator" && !me.stopOthers && <p className={styles.about}>{words.cantStop}</p>}
    </Card>
  );
}

function RoleBadge({ role }: { role: Role }) {
  const [tone, Picture] = LOOKS[role];
  return (
    <Badge tone={tone} icon={<Picture aria-hidden />}>
      {words.rights[role]}
    </Badge>
  );
}
