import { useQueryClient } from "@tanstack/react-query";
import { KeyRound } from "lucide-react";
import { useEffect, useState } from "react";
import { Problem } from "@/api/problem";
import { Button, Notice, TextField } from "@/design";
import { text } from "@/text";
import styles from "./SignIn.module.css";
import { signIn } from "./session";

/** In place of every page while nobody is signed in: an API key or a token becomes a session of this browser.
 * `isEnded`: there was one, which has ended. */
export function SignIn({ isEnded = false }: { isEnded?: boolean }) {
  const [key, setKey] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const queries = useQueryClient();
  useEffect(() => {
    document.title = `${text.signIn.action} · ${text.common.appName}`;
  }, []);
  return (
    <main id="content" className={styles.place}>
      <form
        className={styles.form}
        onSubmit={async (event) => {
          event.preventDefault();
          setBusy(true);
          setError(null);
          try {
            await signIn(key.trim());
            await queries.resetQueries();
          } catch (problem) {
            setError(
              Problem.from(problem).status === 401 ? text.signIn.wrong : Problem.from(problem).message,
            );
          } finally {
            setBusy(false);
          }
        }}
      >
        <img src={`${import.meta.env.BASE_URL}icon.svg`} alt="" width={40} height={40} />
        <h1>{text.signIn.title}</h1>
        <p>{text.signIn.about}</p>
        {isEnded && <Notice>{text.signIn.ended}</Notice>}
        <TextField
          label={text.signIn.key}
          type="password"
          autoComplete="current-password"
          required
          autoFocus
          value={key}
          error={error}
          hint={text.signIn.hint}
          onChange={(event) => setKey(event.target.value)}
        />
        <Button type="submit" look="primary" large busy={isBusy} icon={<KeyRound aria-hidden />}>
          {text.signIn.action}
        </Button>
      </form>
    </main>
  );
}
