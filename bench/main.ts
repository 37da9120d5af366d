/** `npm run bench -- <question>`: runs `bench/<question>.ts` with the arguments that follow; each file answers one question. */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const questions = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(".ts") && name !== "main.ts")
  .map((name) => name.slice(0, -".ts".length));

const [question = "", ...args] = process.argv.slice(2);
if (questions.includes(question)) {
  const child = spawn(process.execPath, [join(import.meta.dirname, `${question}.ts`), ...args], { stdio: "inherit" });
  child.once("exit", (code, signal) => {
    process.exitCode = code ?? (signal === null ? 0 : 1);
  });
} else {
  process.stderr.write(
    `${question === "" ? "name a question" : `there is no question "${question}"`}; the questions are ${questions.join(", ")}\n`,
  );
  process.exitCode = 2;
}
