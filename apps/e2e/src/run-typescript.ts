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

/** TypeScript as JavaScript, unchecked: every Node that is supported runs it. */
export function transpile(code: string): string {
  const { ESNext: module } = ts.ModuleKind;
  const compilerOptions = { module, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true };
  return ts.transpileModule(code, { compilerOptions }).outputText;
}

/** Compiles a TypeScript text as it stands and runs it in a process of its own, where `@x/…` packages resolve. */
export function runTypeScript(code: string, env: Readonly<Record<string, string>>): RunningScript {
  const folder = mkdtempSync(join(here, ".example-"));
  writeFileSync(join(folder, "example.mjs"), transpile(code));
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
