import { Page } from "@/shell/Page";

export default function QueuePage() {
  return <Page title="QueuePage">{null}</Page>;
}
