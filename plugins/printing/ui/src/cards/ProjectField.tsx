import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { projectsQuery } from "@/api/projects";
import { SelectField, TextField } from "@/design";
import { text } from "@/text";

interface Props {
  /** An id; "" is none. */
  value: string;
  onChange: (project: string) => void;
  error?: string | null;
  isOptional?: boolean;
}

const words = text.project;
const OTHER = "?";

/** A project that the caller may print for: by its title, or by its id where it isn't among those that are listed. */
export function ProjectField({ value, onChange, error = null, isOptional = false }: Props) {
  const { data, isPending } = useQuery(projectsQuery);
  const [isOther, setOther] = useState(false);
  const offered = (data ?? []).filter((project) => project.mayPrint);
  const isListed = value === "" || offered.some((project) => project.id === value);
  const isTyped = isOther || (!isPending && !isListed);
  const byId = (
    <TextField
      label={words.id}
      hint={words.idHint}
      maxLength={255}
      autoComplete="off"
      spellCheck={false}
      value={value}
      error={error}
      onChange={(event) => onChange(event.target.value)}
    />
  );
  if (!isPending && offered.length === 0) return byId;
  return (
    <>
      <SelectField
        label={words.label}
        value={isTyped ? OTHER : value}
        disabled={isPending}
        error={isTyped ? null : error}
        onChange={(event) => {
          setOther(event.target.value === OTHER);
          onChange(event.target.value === OTHER ? "" : event.target.value);
        }}
      >
        <option value="">{isOptional ? words.none : words.choose}</option>
        {offered.map(({ id, title }) => (
          <option key={id} value={id}>
            {title}
          </option>
        ))}
        <option value={OTHER}>{words.other}</option>
      </SelectField>
      {isTyped && byId}
    </>
  );
}
