import { Page } from "@/shell/Page";

export default function FilesPage() {
  return <Page title="FilesPage">{null}</Page>;
}
