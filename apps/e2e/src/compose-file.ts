import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly [key: string]: unknown;
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly volumes: Readonly<Record<string, object>>;
}

/** A file of the folder docker/. */
export function dockerFile(path: string): string {
  return fileURLToPath(new URL(`../../../docker/${path}`, import.meta.url));
}

/** docker/compose.yaml, with its anchors resolved. */
export function readComposeFile(): ComposeFile {
  return parse(readFileSync(dockerFile("compose.yaml"), "utf8"), { merge: true }) as ComposeFile;
}

/** The file of this repository that a service sees at a path; undefined where nothing of it is mounted. */
export function mountedAt(service: ComposeService, path: string): string | undefined {
  const mount = service.volumes?.map((volume) => volume.split(":")).find(([, target]) => target === path);
  return mount?.[0]?.startsWith("./") ? dockerFile(mount[0]) : undefined;
}
