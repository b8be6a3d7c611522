import { useQuery } from "@tanstack/react-query";
import { meQuery, useCan, whoQuery } from "@/api/queries";
import { isAtWork } from "@/cards/status";
import { useJobOf } from "@/live";
import { usePart } from "./part";

export interface May {
  /** Say things of the printer: its bed, its spool, whether it takes jobs. */
  operate: boolean;
  /** Heat it, move it, and go on with its print. */
  command: boolean;
  /** Pause and cancel its print. */
  stop: boolean;
  administer: boolean;
}

/** What the caller may do with a printer now: what is somebody else's print may not be theirs to touch. */
export function useMay(name: string): May {
  const can = useCan();
  const { data: me } = useQuery(meQuery);
  const { data: who } = useQuery(whoQuery);
  const owner = useJobOf(name);
  const prints = usePart(name, isAtWork) ?? false;
  const operate = can("operator", { printer: name });
  const administer = can("admin", { printer: name });
  const isOurs =
    administer ||
    me?.visibility !== "own" ||
    (owner !== undefined && (owner.created_by === who?.id || owner.project_id !== null));
  return {
    operate,
    administer,
    command: operate && (!prints || isOurs),
    stop: operate && (isOurs || me?.stopOthers === true),
  };
}
