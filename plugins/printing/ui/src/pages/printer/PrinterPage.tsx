import { Page } from "@/shell/Page";

export default function PrinterPage({ name }: { name: string }) {
  return <Page title={name}>{null}</Page>;
}
