import type { Of } from "@/api/types";
import { format, text } from "@/text";
import styles from "./Small.module.css";

const words = text.files.one.tool;

/** What each tool takes. */
export function ToolTable({ tools }: { tools: Of<"ToolItem">[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, by keyboard too
    <div className={styles.scroll} tabIndex={0}>
      <table className={styles.table}>
        <caption className="visually-hidden">{words.caption}</caption>
        <thead>
          <tr>
            <th scope="col">{words.name}</th>
            <th scope="col">{words.material}</th>
            <th scope="col">{words.length}</th>
            <th scope="col">{words.weight}</th>
            <th scope="col">{words.nozzle}</th>
          </tr>
        </thead>
        <tbody>
          {tools.map((tool, number) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a tool is its number
            <tr key={number}>
              <th scope="row">{words.number(number)}</th>
              <td>{tool.material ?? format.NOTHING}</td>
              <td>{tool.length === 0 ? words.unused : format.metres(tool.length)}</td>
              <td>{tool.weight === 0 ? format.NOTHING : format.grams(tool.weight)}</td>
              <td>{format.millimetres(tool.nozzleDiameter)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
