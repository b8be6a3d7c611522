import { useQuery } from "@tanstack/react-query";
import { Download } from "lucide-react";
import { useState } from "react";
import { everyJob, type HistoryFilter } from "@/api/history";
import { optionsQuery } from "@/api/queries";
import { Button, failed, told } from "@/design";
import { text } from "@/text";
import { csvOf, save } from "./csv";
import { localDay } from "./filters";

const words = text.history.csv;

/** Everything that is filtered as a file for spreadsheets. */
export function Export({ filter, isPossible }: { filter: HistoryFilter; isPossible: boolean }) {
  const { data: options } = useQuery(optionsQuery);
  const [read, setRead] = useState<number | null>(null);
  const run = async () => {
    setRead(0);
    try {
      const { jobs, isCut } = await everyJob(filter, setRead);
      save(`prints-${localDay(new Date())}.csv`, csvOf(jobs, options?.currency ?? ""));
      told((isCut ? words.cut : words.done)(jobs.length));
    } catch (error) {
      failed(error);
    } finally {
      setRead(null);
    }
  };
  return (
    <Button icon={<Download aria-hidden />} busy={read !== null} disabled={!isPossible} onClick={run}>
      {read ? words.busy(read) : words.action}
    </Button>
  );
}
