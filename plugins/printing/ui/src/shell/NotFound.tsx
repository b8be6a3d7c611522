import { MapPinOff } from "lucide-react";
import { Link } from "wouter";
import { buttonClass, Empty } from "@/design";
import { text } from "@/text";
import { Page } from "./Page";

export function NotFound() {
  return (
    <Page title={text.notFound.title}>
      <Empty
        icon={<MapPinOff aria-hidden />}
        actions={
          <Link href="/" className={buttonClass("primary")}>
            {text.notFound.action}
          </Link>
        }
      >
        {text.notFound.about}
      </Empty>
    </Page>
  );
}
