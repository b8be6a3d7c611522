import { Page } from "@/shell/Page";

export default function HealthPage() {
  return <Page title="HealthPage">{null}</Page>;
}
