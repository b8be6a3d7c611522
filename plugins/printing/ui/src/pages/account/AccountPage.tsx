import { useQuery } from "@tanstack/react-query";
import { mayManageKeys } from "@/api/account";
import { whoQuery } from "@/api/queries";
import { Loading } from "@/design";
import { Page } from "@/shell/Page";
import { text } from "@/text";
import styles from "./Account.module.css";
import { Keys } from "./Keys";
import { KeysOff } from "./KeysOff";
import { Rights } from "./Rights";
import { WhoCard } from "./WhoCard";

/** Who is calling, what they may do, and the gateway's keys for those who manage them. */
export default function AccountPage() {
  const { data: who } = useQuery(whoQuery);
  return (
    <Page title={text.nav.account}>
      {who ? (
        <>
          <div className={styles.pair}>
            <WhoCard who={who} />
            <Rights />
          </div>
          {who.open ? <KeysOff /> : mayManageKeys(who) ? <Keys who={who} /> : null}
        </>
      ) : (
        <Loading />
      )}
    </Page>
  );
}
