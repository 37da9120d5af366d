/**
 * Which branches of the chart's templates a rendering goes through. Beside each branch of a copy of the chart a note is made in
 * `.Values.global`, which all templates of one rendering share; the template that Helm executes last writes the notes down. An
 * `if` or `with` without an `else` has two branches, too.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { lineAt } from "../support/source-text.ts";
import { CHART, template } from "./rendering.ts";

/** Templates that are given a text instead of the chart's values, and can make no notes. */
const WITHOUT_VALUES = ["electorate.milliseconds", "electorate.seconds", "electorate.resourceName"];
/** The chart's own values see to it that these are never empty. */
const NEVER_EMPTY = /^(?:range .*|with \.Values\.(?:autoscaling|keda|networkPolicy))$/;
/** Helm executes files in falling order. */
const LAST = "0.yaml";
const NOTES = `apiVersion: v1
kind: ConfigMap
metadata:
  name: branches
data:
  taken: {{ keys $.Values.global | toJson | quote }}
`;

/** A copy of the chart that makes notes. */
export class NotedChart {
  readonly folder = mkdtempSync(join(tmpdir(), "electorate-branches-"));
  /** Every branch, as `file:line action, taken or not`. */
  readonly branches: readonly string[];

  constructor() {
    cpSync(CHART, this.folder, { recursive: true });
    const templates = join(this.folder, "templates");
    // What the notes for people say has tests of its own.
    const files = readdirSync(templates, { recursive: true, encoding: "utf8" }).filter((file) =>
      /\.(?:yaml|tpl)$/.test(file),
    );
    this.branches = files.flatMap((file) => {
      const { text, branches } = noted(file, readFileSync(join(templates, file), "utf8"));
      writeFileSync(join(templates, file), text);
      return branches;
    });
    writeFileSync(join(templates, LAST), NOTES);
  }

  /** What is rendered beside the notes, and the branches that were taken. */
  async render(values: object): Promise<{ readonly stdout: string; readonly taken: readonly string[] }> {
    const { code, stdout, stderr } = await template(values, "helm", [], this.folder);
    if (code !== 0) throw new Error(`the chart with notes does not render: ${stderr}`);
    const notes = `# Source: electorate/templates/${LAST}\n`;
    const documents = stdout.split(/^---\n/m);
    const [document = ""] = documents.filter((text) => text.startsWith(notes));
    const taken: unknown = JSON.parse(String(parseAllDocuments(document)[0]?.getIn(["data", "taken"])));
    if (!Array.isArray(taken)) throw new Error("the notes cannot be read");
    return { stdout: documents.filter((text) => !text.startsWith(notes)).join("---\n"), taken: taken.map(String) };
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface Frame {
  readonly keyword: string;
  readonly said: string;
  readonly what: string;
  hasElse: boolean;
}

/** The template with a note in each branch. */
export function noted(file: string, source: string): { readonly text: string; readonly branches: readonly string[] } {
  const branches: string[] = [];
  const frames: Frame[] = [];
  let isSilent = false;
  let text = "";
  let at = 0;
  const note = (branch: string, right: string): string => {
    if (isSilent) return "";
    branches.push(branch);
    return `{{ $_ := set $.Values.global ${JSON.stringify(branch)} true ${right}}}`;
  };
  const isWhole = ({ keyword, said, hasElse }: Frame): boolean =>
    keyword === "define" || hasElse || isSilent || NEVER_EMPTY.test(said);
  const actions = [...source.matchAll(/\{\{(-?)\s*((?:\/\*[\s\S]*?\*\/|"(?:[^"\\]|\\.)*"|[^}"])*?)\s*(-?)\}\}/g)];
  for (const [index, { 0: action, 1: left = "", 2: said = "", 3: right = "", index: start }] of actions.entries()) {
    text += source.slice(at, start);
    at = start + action.length;
    const [keyword = ""] = said.split(/\s/, 1);
    const what = `${file}:${lineAt(source, start)} ${said}`;
    // Values that are refused have tests of their own.
    const fails = actions[index + 1]?.[2]?.startsWith("fail ") === true;
    if (["if", "with", "range", "define"].includes(keyword)) {
      frames.push({ keyword, said, what, hasElse: false });
      if (keyword === "define") isSilent = WITHOUT_VALUES.some((name) => said.includes(`"${name}"`));
      text += keyword === "define" || fails ? action : `${action}${note(`${what}, taken`, right)}`;
    } else if (keyword === "else") {
      const frame = frames.at(-1);
      if (frame !== undefined) frame.hasElse ||= said === "else";
      text += `${action}${note(`${what}, taken`, right)}`;
    } else if (keyword === "end") {
      const frame = frames.pop();
      text +=
        frame === undefined || isWhole(frame)
          ? action
          : `{{${left} else }}${note(`${frame.what}, not taken`, "")}${action}`;
      if (frame?.keyword === "define") isSilent = false;
    } else text += action;
  }
  return { text: text + source.slice(at), branches };
}
