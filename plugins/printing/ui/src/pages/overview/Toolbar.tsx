import { SelectField, TextField } from "@/design";
import { text } from "@/text";
import styles from "./Overview.module.css";
import { GROUPS, SORTS, type Sort, type Wanted } from "./sorting";

interface Props {
  wanted: Wanted;
  groups: readonly string[];
  onChange: (wanted: Wanted) => void;
}

/** Which of many printers are shown, in which order. */
export function Toolbar({ wanted, groups, onChange }: Props) {
  const words = text.overview;
  return (
    <search className={styles.toolbar} aria-label={words.toolbar}>
      <TextField
        label={words.search}
        bare
        type="search"
        placeholder={words.search}
        value={wanted.search}
        onChange={(event) => onChange({ ...wanted, search: event.target.value })}
      />
      <SelectField
        label={words.state}
        bare
        value={wanted.kind}
        onChange={(event) => onChange({ ...wanted, kind: event.target.value as Wanted["kind"] })}
      >
        <option value="any">{words.states.any}</option>
        {GROUPS.map((kind) => (
          <option key={kind} value={kind}>
            {words.states[kind]}
          </option>
        ))}
      </SelectField>
      {groups.length > 0 && (
        <SelectField
          label={words.group}
          bare
          value={wanted.group}
          onChange={(event) => onChange({ ...wanted, group: event.target.value })}
        >
          <option value="">{words.anyGroup}</option>
          {groups.map((group) => (
            <option key={group}>{group}</option>
          ))}
        </SelectField>
      )}
      <SelectField
        label={words.sort}
        bare
        value={wanted.sort}
        onChange={(event) => onChange({ ...wanted, sort: event.target.value as Sort })}
      >
        {SORTS.map((sort) => (
          <option key={sort} value={sort}>
            {words.sorts[sort]}
          </option>
        ))}
      </SelectField>
    </search>
  );
}
