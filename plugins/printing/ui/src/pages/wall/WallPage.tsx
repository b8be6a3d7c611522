import { Page } from "@/shell/Page";

export default function WallPage() {
  return <Page title="WallPage">{null}</Page>;
}
