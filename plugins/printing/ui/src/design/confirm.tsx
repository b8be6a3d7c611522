import { useState } from "react";
import { text } from "@/text";
import { Button } from "./Button";
import { Dialog } from "./Dialog";

export interface Question {
  title: string;
  description: string;
  /** What the button that does it says: a verb. */
  action: string;
  dangerous?: boolean;
  onYes: () => void;
}

/** `[ask, element]`: `ask` shows the question; `element` has to stand somewhere in the page. */
export function useConfirm(): [(question: Question) => void, React.ReactNode] {
  const [question, setQuestion] = useState<Question | null>(null);
  const [isOpen, setOpen] = useState(false);
  const ask = (next: Question) => {
    setQuestion(next);
    setOpen(true);
  };
  const element = (
    <Dialog
      open={isOpen}
      onClose={() => setOpen(false)}
      title={question?.title ?? ""}
      description={question?.description}
      actions={
        <>
          <Button onClick={() => setOpen(false)}>{text.common.keep}</Button>
          <Button
            look={question?.dangerous ? "danger" : "primary"}
            onClick={() => {
              setOpen(false);
              question?.onYes();
            }}
          >
            {question?.action}
          </Button>
        </>
      }
    />
  );
  return [ask, element];
}
