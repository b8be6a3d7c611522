import { MapPinOff } from "lucide-react";
import { Link } from "wouter";
import { buttonClass, Empty } from "@/design";
import { text } from "@/text";

export function NotFound() {
  return (
    <Empty
      icon={<MapPinOff aria-hidden />}
      title={text.notFound.title}
      actions={
        <Link href="/" className={buttonClass("primary")}>
          {text.notFound.action}
        </Link>
      }
    >
      {text.notFound.about}
    </Empty>
  );
}
