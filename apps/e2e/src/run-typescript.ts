import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const here = fileURLToPath(new URL("..", import.meta.url));

export interface RunningScript extends Disposable {
  readonly child: ChildProcess;
  output(): string;
}

/** Compiles a TypeScript text as it stands and runs it in a process of its own, where `@x/…` packages resolve. */
export function runTypeScript(code: string, env: Readonly<Record<string, string>>): RunningScript {
  const folder = mkdtempSync(join(here, ".example-"));
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
  });
  writeFileSync(join(folder, "example.mjs"), outputText);
  const child = spawn(process.execPath, ["example.mjs"], { cwd: folder, env: { ...process.env, ...env } });
  let output = "";
  child.stdout.on("data", (text: Buffer) => {
    output += text;
  });
  child.stderr.on("data", (text: Buffer) => {
    output += text;
  });
  return {
    child,
    output: () => output,
    [Symbol.dispose]() {
      child.kill("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
