import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createJwtOperator, type JwtUser, type NatsServer, startNatsServer } from "@x/nats-testkit";
import { type ConnectionOptions, credsAuthenticator, nkeyAuthenticator } from "nats";
import { createUser, fromSeed } from "nkeys.js";
import type { WorkFolder } from "../work-folder.js";

/** A server that asks for one kind of credentials, and who may enter it. */
export interface AuthServer extends AsyncDisposable {
  readonly server: NatsServer;
  /** WITH options of a pipeline, as `, name = 'value'`: every secret from a file of the folder. */
  readonly options: string;
  /** For a client that is independent of the code under test. */
  readonly admin: Partial<ConnectionOptions>;
  /** Texts that must never be printed. */
  readonly secrets: readonly string[];
  /** The server takes other credentials from now on, and drops those who came with the old ones. */
  rotate(): Promise<void>;
  /** Writes the credentials of now into the files; without any, the server lets everybody in again. */
  publish(): Promise<void>;
  /** Lets nobody in who has no credentials: so it is already, where there are any. */
  refuse(): Promise<void>;
}

/** One way to enter: what the server is told, and what the files hold. */
interface Generation {
  readonly config: string;
  readonly files: Readonly<Record<string, string>>;
}

type Mode = (folder: WorkFolder) => {
  readonly type: string;
  readonly generations: readonly [Generation, Generation];
  readonly admin: Partial<ConnectionOptions> | "the same";
};

const seedOf = (): string => new TextDecoder().decode(createUser().getSeed());
const ADMIN = "admin-password-9b1f";

/** Every mode: one entry each. */
export const modes: Readonly<Record<string, Mode>> = {
  none: () => ({
    type: "none",
    admin: { user: "admin", pass: ADMIN },
    // There is nothing to rotate but the server's mind.
    generations: [
      { config: "", files: {} },
      { config: users(""), files: {} },
    ],
  }),
  credentials: () => ({
    type: "credentials",
    admin: { user: "admin", pass: ADMIN },
    generations: pair((n) => ({
      config: users(`{ user: app, password: "passw0rd-of-generation-${n}" },`),
      files: { username: "app", password: `passw0rd-of-generation-${n}` },
    })),
  }),
  token: () => ({
    type: "token",
    // With a token there is only one user.
    admin: "the same",
    generations: pair((n) => ({
      config: `authorization { token: "t0ken-of-generation-${n}" }`,
      files: { token: `t0ken-of-generation-${n}` },
    })),
  }),
  nkey: () => {
    const admin = seedOf();
    return {
      type: "nkey",
      admin: { authenticator: nkeyAuthenticator(Buffer.from(admin)) },
      generations: pair(() => {
        const seed = seedOf();
        return {
          config: `authorization { users: [{ nkey: ${publicOf(seed)} }, { nkey: ${publicOf(admin)} }] }`,
          files: { nkey_seed: seed },
        };
      }),
    };
  },
  jwt: () => jwtMode("jwt", ({ jwt, seed }) => ({ jwt, nkey_seed: seed })),
  creds: () => jwtMode("creds", ({ creds }) => ({ creds })),
};

/** Starts the server of a mode; its files are in the folder. */
export async function startAuthServer(mode: string, folder: WorkFolder, bin?: string): Promise<AuthServer> {
  const { type, generations, admin } = (modes[mode] as Mode)(folder);
  const server = await startNatsServer({
    config: generations[0].config,
    ...(bin === undefined ? {} : { bin }),
  });
  let current = generations[0];
  const names = Object.keys(current.files);
  const pathOf = (name: string): string => join(folder.path, `${mode}-${name}`);
  const writeFiles = (): void => {
    for (const name of names) writeFileSync(pathOf(name), current.files[name] as string);
  };
  writeFiles();
  return {
    server,
    options: [`, 'auth.type' = '${type}'`, ...names.map((name) => `'auth.${name}_file' = '${pathOf(name)}'`)].join(
      ", ",
    ),
    admin: admin === "the same" ? { authenticator: () => ({ auth_token: current.files.token ?? "" }) } : admin,
    secrets: generations.flatMap(({ files }) => Object.values(files).filter((text) => text !== "app")),
    async rotate() {
      current = generations[1];
      await server.reload(current.config);
    },
    async publish() {
      writeFiles();
      if (names.length === 0) await server.reload(generations[0].config);
    },
    async refuse() {
      if (names.length === 0) await server.reload(generations[1].config);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function pair(make: (n: number) => Generation): readonly [Generation, Generation] {
  return [make(1), make(2)];
}

function users(user: string): string {
  return `authorization { users: [${user} { user: admin, password: "${ADMIN}" }] }`;
}

function publicOf(seed: string): string {
  return fromSeed(Buffer.from(seed)).getPublicKey();
}

function jwtMode(type: string, filesOf: (user: JwtUser) => Record<string, string>): ReturnType<Mode> {
  const operator = createJwtOperator();
  const { account } = operator;
  const admin = account.issueUser();
  const [first, second] = [account.issueUser(), account.issueUser({ bySigningKey: true })];
  const before = { config: operator.config(), files: filesOf(first) };
  account.revoke(first);
  return {
    type,
    admin: { authenticator: credsAuthenticator(Buffer.from(admin.creds)) },
    generations: [before, { config: operator.config(), files: filesOf(second) }],
  };
}
