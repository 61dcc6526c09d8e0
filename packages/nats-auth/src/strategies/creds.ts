import { ConnectorError } from "@x/connector-api";
import type { AuthStrategy } from "../auth-strategy.js";
import { openAuthenticator } from "../open-authenticator.js";
import { parseSecret, pullSecret, type SecretSource, secretOptions, storedFields } from "../secret-source.js";
import { readUserJwt, replyWithJwt } from "../user-jwt.js";

export interface CredsConfig {
  readonly type: "creds";
  readonly creds: SecretSource;
}

/** A user JWT and its seed in one text, as `nsc` writes it to a `.creds` file. */
export const creds: AuthStrategy<CredsConfig> = {
  type: "creds",
  optionNames: secretOptions("auth.creds"),
  fromOptions: (options) => ({ type: "creds", ...pullSecret(options, "auth.creds", "creds") }),
  parse(stored) {
    const fields = storedFields(stored, "creds", creds.optionNames);
    return { type: "creds", creds: parseSecret(fields, "auth.creds", "creds") };
  },
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
