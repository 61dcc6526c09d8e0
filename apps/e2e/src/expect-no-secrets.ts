import { expect } from "vitest";

const PART = 16;

/** Fails when a text holds a secret: as it is, escaped, encoded, or a part of a long one. Never prints it either. */
export function expectNoSecrets(output: string, secrets: readonly string[], where = ""): void {
  const found = secrets.flatMap((secret, i) =>
    formsOf(secret).flatMap(([how, form]) => (output.includes(form) ? [`secret ${i}, ${how}`] : [])),
  );
  expect(found, `secrets are printed ${where}`).toEqual([]);
}

function formsOf(secret: string): (readonly [string, string])[] {
  const bytes = Buffer.from(secret);
  const parts: (readonly [string, string])[] = [];
  for (let at = 0; at + PART <= secret.length; at += PART / 2)
    parts.push([`a part at ${at}`, secret.slice(at, at + PART)]);
  return [
    ["as it is", secret],
    ["as JSON", JSON.stringify(secret).slice(1, -1)],
    ["in a URL", encodeURIComponent(secret)],
    ["as base64", bytes.toString("base64").replace(/=+$/, "")],
    ["as hex", bytes.toString("hex")],
    ...parts.filter(([, part]) => !/^[-\s\w]*(?:NATS USER JWT|USER NKEY SEED|IMPORTANT|NKEY Seed printed)/.test(part)),
  ];
}
