import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Check, Copy } from "lucide-react";
import { useId, useRef, useState } from "react";
import { createKey, type KeyWish } from "@/api/account";
import { Problem } from "@/api/problem";
import { Button, Dialog, Notice, SelectField, TextField } from "@/design";
import { text } from "@/text";
import styles from "./Account.module.css";
import { areNames, EVERYTHING, namesOf, SCOPES, type ScopeChoice } from "./keyForm";

const words = text.account.keys;
const ROLES = ["viewer", "operator", "admin", "metrics", "none"] as const;
const EXPIRY_DAYS = ["30", "90", "365", "never"] as const;
const DAY = 86_400;

/** Make a key, then show it once. */
export function KeyDialog({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient();
  const create = useMutation({
    mutationFn: createKey,
    onSuccess: () => queries.invalidateQueries({ queryKey: ["keys"] }),
  });
  if (create.data) return <Made name={create.data.record.name} secret={create.data.key} onClose={onClose} />;
  return (
    <Form
      isBusy={create.isPending}
      problem={create.error && Problem.from(create.error)}
      onSubmit={(wish) => create.mutate(wish)}
      onClose={onClose}
    />
  );
}

interface FormProps {
  isBusy: boolean;
  problem: Problem | null;
  onSubmit: (wish: KeyWish) => void;
  onClose: () => void;
}

function Form({ isBusy, problem, onSubmit, onClose }: FormProps) {
  const form = useId();
  const [name, setName] = useState("");
  const [role, setRole] = useState<(typeof ROLES)[number]>("operator");
  const [groups, setGroups] = useState("");
  const [scopes, setScopes] = useState<ScopeChoice>(EVERYTHING);
  const [others, setOthers] = useState("");
  const [expiry, setExpiry] = useState<(typeof EXPIRY_DAYS)[number]>("90");
  const [isTried, setTried] = useState(false);
  const groupsError = areNames(namesOf(groups)) ? null : words.badNames;
  const othersError =
    scopes !== "other"
      ? null
      : namesOf(others).length === 0
        ? words.noScopes
        : areNames(namesOf(others))
          ? null
          : words.badNames;
  const submit = () => {
    setTried(true);
    if (groupsError || othersError) return;
    onSubmit({
      name: name.trim(),
      roles: role === "none" ? [] : [role],
      groups: namesOf(groups),
      scopes: scopes === "other" ? namesOf(others) : SCOPES[scopes],
      expires_in: expiry === "never" ? null : Number(expiry) * DAY,
    });
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={words.newTitle}
      actions={
        <>
          <Button onClick={onClose}>{text.common.cancel}</Button>
          <Button look="primary" type="submit" form={form} busy={isBusy}>
            {words.submit}
          </Button>
        </>
      }
    >
      <form
        id={form}
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        {problem && (
          <Notice tone="bad">
            <strong>{problem.title}.</strong> {problem.message}
          </Notice>
        )}
        <TextField
          label={words.newName}
          hint={words.newNameHint}
          value={name}
          required
          pattern=".*\S.*"
          maxLength={100}
          autoComplete="off"
          onChange={(event) => setName(event.target.value)}
        />
        <SelectField
          label={words.newRole}
          value={role}
          onChange={(event) => setRole(event.target.value as typeof role)}
        >
          {ROLES.map((one) => (
            <option key={one} value={one}>
              {words.newRoles[one]}
            </option>
          ))}
        </SelectField>
        <SelectField
          label={words.newScopes}
          value={scopes}
          onChange={(event) => setScopes(event.target.value as ScopeChoice)}
        >
          {([...(Object.keys(SCOPES) as ScopeChoice[]), "other"] as const).map((one) => (
            <option key={one} value={one}>
              {words.newScope[one]}
            </option>
          ))}
        </SelectField>
        {scopes === "other" && (
          <TextField
            label={words.newOther}
            hint={words.newOtherHint}
            value={others}
            error={isTried ? othersError : null}
            autoComplete="off"
            onChange={(event) => setOthers(event.target.value)}
          />
        )}
        <TextField
          label={words.newGroups}
          hint={words.newGroupsHint}
          value={groups}
          error={isTried ? groupsError : null}
          autoComplete="off"
          onChange={(event) => setGroups(event.target.value)}
        />
        <SelectField
          label={words.newExpires}
          value={expiry}
          onChange={(event) => setExpiry(event.target.value as typeof expiry)}
        >
          {EXPIRY_DAYS.map((one) => (
            <option key={one} value={one}>
              {words.newExpiry[one]}
            </option>
          ))}
        </SelectField>
      </form>
    </Dialog>
  );
}

/** The key itself. It isn't closed by a stray click: it would be lost. */
function Made({ name, secret, onClose }: { name: string; secret: string; onClose: () => void }) {
  const [copied, setCopied] = useState<"not" | "yes" | "refused">("not");
  const [isWarned, setWarned] = useState(false);
  const field = useRef<HTMLDivElement>(null);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(secret);
      setCopied("yes");
    } catch {
      // pages that don't come by https have no clipboard
      field.current?.querySelector("input")?.select();
      setCopied("refused");
    }
  };
  return (
    <Dialog
      open
      onClose={() => (copied === "yes" || isWarned ? onClose() : setWarned(true))}
      title={words.madeTitle}
      description={words.madeAbout}
      actions={
        <>
          <Button
            icon={copied === "yes" ? <Check aria-hidden /> : <Copy aria-hidden />}
            onClick={copy}
            look={copied === "yes" ? "secondary" : "primary"}
          >
            {copied === "yes" ? words.copied : words.copy}
          </Button>
          <Button look={copied === "yes" ? "primary" : "secondary"} onClick={onClose}>
            {words.done}
          </Button>
        </>
      }
    >
      {isWarned && copied === "not" && <Notice tone="warn">{words.copyFirst}</Notice>}
      {copied === "refused" && <Notice tone="warn">{words.copyByHand}</Notice>}
      <div ref={field} className={styles.secret}>
        <TextField
          label={words.keyOf(name)}
          value={secret}
          readOnly
          spellCheck={false}
          onFocus={(event) => event.target.select()}
        />
      </div>
    </Dialog>
  );
}
