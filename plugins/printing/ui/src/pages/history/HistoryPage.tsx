import { Page } from "@/shell/Page";

export default function HistoryPage() {
  return <Page title="HistoryPage">{null}</Page>;
}
