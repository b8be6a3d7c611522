import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { CircleCheck, CircleSlash, Clock, KeyRound, Plus } from "lucide-react";
import { useState } from "react";
import { type Key, keysQuery, revokeKey, type Who } from "@/api/account";
import { Badge, Button, Card, Empty, Failed, failed, Loading, type Tone, told, useConfirm } from "@/design";
import { format, text } from "@/text";
import styles from "./Account.module.css";
import { KeyDialog } from "./KeyDialog";

const words = text.account.keys;

/** The gateway's API keys: those that are taken, and on demand those that aren't any more. */
export function Keys({ who }: { who: Who }) {
  const keys = useQuery(keysQuery);
  const queries = useQueryClient();
  const [isMaking, setMaking] = useState(false);
  const [showsEnded, setShowsEnded] = useState(false);
  const [ask, question] = useConfirm();
  const revoke = useMutation({
    mutationFn: (key: Key) => revokeKey(key.id),
    onSuccess: (_, key) => {
      told(words.revoked(key.name));
      queries.invalidateQueries({ queryKey: isOwn(key, who) ? ["who"] : ["keys"] });
    },
    onError: failed,
  });
  const active = keys.data?.filter((key) => key.status === "active") ?? [];
  const ended = keys.data?.filter((key) => key.status !== "active") ?? [];
  return (
    <Card
      title={words.title}
      actions={
        <Button look="primary" icon={<Plus aria-hidden />} onClick={() => setMaking(true)}>
          {words.create}
        </Button>
      }
    >
      <p className={styles.about}>{words.about}</p>
      {keys.error ? (
        <Failed error={keys.error} onRetry={() => keys.refetch()} />
      ) : !keys.data ? (
        <Loading />
      ) : (
        <>
          {active.length === 0 && (
            <Empty icon={<KeyRound aria-hidden />} title={words.empty}>
              {words.emptyAbout}
            </Empty>
          )}
          <ul className={styles.keys}>
            {[...active, ...(showsEnded ? ended : [])].map((key) => (
              <KeyRow
                key={key.id}
                one={key}
                isOwn={isOwn(key, who)}
                isBusy={revoke.isPending && revoke.variables.id === key.id}
                onRevoke={() =>
                  ask({
                    title: words.revokeTitle(key.name),
                    description: words.revokeAbout + (isOwn(key, who) ? words.revokeOwn : ""),
                    action: words.revoke,
                    dangerous: true,
                    onYes: () => revoke.mutate(key),
                  })
                }
              />
            ))}
          </ul>
          {ended.length > 0 && !showsEnded && (
            <div>
              <Button look="quiet" onClick={() => setShowsEnded(true)}>
                {words.showEnded(ended.length)}
              </Button>
            </div>
          )}
        </>
      )}
      {isMaking && <KeyDialog onClose={() => setMaking(false)} />}
      {question}
    </Card>
  );
}

/** Whether the caller signed in with this key. */
function isOwn(key: Key, who: Who): boolean {
  return key.subject === who.id && who.id === `key:${key.id}`;
}

const LOOKS: Record<string, [Tone, typeof CircleCheck]> = {
  active: ["good", CircleCheck],
  expired: ["warn", Clock],
  revoked: ["idle", CircleSlash],
};

interface RowProps {
  one: Key;
  isOwn: boolean;
  isBusy: boolean;
  onRevoke: () => void;
}

function KeyRow({ one: key, isOwn, isBusy, onRevoke }: RowProps) {
  const [tone, Picture] = LOOKS[key.status] ?? ["idle", CircleSlash];
  const limits = [
    key.roles.length > 0 ? key.roles.join(", ") : words.noRoles,
    key.groups.length > 0 && words.groups(key.groups.join(", ")),
    key.scopes !== null && words.scopes(key.scopes.join(", ") || text.account.none),
    key.subject !== `key:${key.id}` && words.calls(key.subject),
  ];
  return (
    <li>
      <div className={styles.keyHead}>
        <span className={styles.keyName}>{key.name}</span>
        <Badge tone={tone} icon={<Picture aria-hidden />}>
          {words.status[key.status]}
        </Badge>
        {isOwn && <Badge>{words.yours}</Badge>}
      </div>
      <p className={styles.about}>{limits.filter(Boolean).join(" · ")}</p>
      <dl className={styles.keyFacts}>
        <div>
          <dt>{text.account.id}</dt>
          <dd>
            <code>{key.id}</code>
          </dd>
        </div>
        <div>
          <dt>{words.columns.expires}</dt>
          <dd>{key.expires_at ? format.moment(key.expires_at) : words.never}</dd>
        </div>
        <div>
          <dt>{words.columns.used}</dt>
          <dd>{key.last_used_at ? format.ago(key.last_used_at) : words.neverUsed}</dd>
        </div>
        <div>
          <dt>{words.columns.made}</dt>
          <dd>{words.made(format.day(key.created_at), key.created_by)}</dd>
        </div>
      </dl>
      {key.status === "active" && (
        <Button look="danger" busy={isBusy} aria-label={words.revokeOf(key.name)} onClick={onRevoke}>
          {words.revoke}
        </Button>
      )}
    </li>
  );
}
