import { ConnectorError } from "@x/connector-api";
import type { AuthStrategy } from "../auth-strategy.js";
import { openAuthenticator } from "../open-authenticator.js";
import { parseSecrets, pullSecrets, type SecretSource, secretOptions } from "../secret-source.js";
import { readUserJwt, replyWithJwt } from "../user-jwt.js";

export interface CredsConfig {
  readonly type: "creds";
  readonly creds: SecretSource;
}

const secrets = { creds: "auth.creds" };

/** A user JWT and its seed in one text, as `nsc` writes it to a `.creds` file. */
export const creds: AuthStrategy<CredsConfig> = {
  type: "creds",
  optionNames: Object.values(secrets).flatMap(secretOptions),
  fromOptions: (options) => ({ type: "creds", ...pullSecrets(options, "creds", secrets) }),
  parse: (stored) => ({ type: "creds", ...parseSecrets(stored, "creds", secrets) }),
  open: (config, context) =>
    openAuthenticator(context, {
      sources: { creds: config.creds },
      derive({ creds: text }) {
        const [jwt, seed] = sectionsOf(text);
        return readUserJwt(jwt, seed, { jwt: "auth.creds", seed: "auth.creds" });
      },
      reply: replyWithJwt,
      lifetimeOf: ({ lifetime }) => lifetime,
    }),
};

/** Two blocks between lines of dashes; the END line of `nsc` has more dashes than the BEGIN line. */
const section = /-{3,}\s*BEGIN ([A-Z ]+?)\s*-{3,}\s*([A-Za-z0-9\-_.=]+?)\s*-{3,}\s*END [A-Z ]+?\s*-{3,}/g;

function sectionsOf(text: string): readonly [jwt: string, seed: string] {
  const found = new Map([...text.matchAll(section)].map(([, name = "", body = ""]) => [name, body]));
  const jwt = found.get("NATS USER JWT");
  const seed = found.get("USER NKEY SEED");
  if (jwt !== undefined && seed !== undefined) return [jwt, seed];
  const missing = [jwt === undefined && '"NATS USER JWT"', seed === undefined && '"USER NKEY SEED"'].filter(Boolean);
  throw new ConnectorError(
    "OPTION_INVALID",
    `"auth.creds": expected a .creds text, its part ${missing.join(" and ")} is missing`,
  );
}
