import { Page } from "@/shell/Page";

export default function FilePage({ name }: { name: string }) {
  return <Page title={name}>{null}</Page>;
}
