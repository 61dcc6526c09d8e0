import { renameSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { createJwtOperator, startNatsServer } from "@x/nats-testkit";
import { credsAuthenticator } from "nats";
import { expect, test } from "vitest";
import { numberedRows, pipelineSql } from "../src/pipeline-sql.js";
import { startCli } from "../src/run-cli.js";
import { openStreams } from "../src/streams.js";
import { openWorkFolder } from "../src/work-folder.js";

const RENEWALS = 10;
const LIFE_SECONDS = 3;
const ROWS_PER_SECOND = 20_000;
const CHUNK = 1000;
/** A machine that stands still for the last fifth of a life spoils a try; the claim itself stays whole. */
const options = { timeout: 180_000, retry: 2 };

test(
  "a 3-second JWT renewed ten times under 20,000 rows/s: exact output, and the server never has to end it",
  options,
  async () => {
    using folder = openWorkFolder();
    const operator = createJwtOperator();
    await using server = await startNatsServer({ config: operator.config() });
    const admin = operator.account.issueUser();
    await using streams = await openStreams(server.url, {
      authenticator: credsAuthenticator(Buffer.from(admin.creds)),
    });
    await streams.add("INPUT", "in.rows");
    await streams.add("OUTPUT", "out.rows");

    const user = operator.account.issueUser();
    const credsFile = `${folder.path}/user.creds`;
    const renew = (): void => {
      const { creds } = operator.account.issueUser({ user, expiresInSeconds: LIFE_SECONDS });
      renameSync(folder.write("user.creds.new", creds), credsFile);
    };
    renew();
    const renewing = setInterval(renew, 500);

    const auth = `, 'auth.type' = 'creds', 'auth.creds_file' = '${credsFile}'`;
    const sql = folder.write("job.sql", pipelineSql({ source: auth, sink: `${auth}, message_id = '{n}'` }));
    const running = startCli(["run", sql, "--json", "--checkpoint-interval", "100ms"], {
      cwd: folder.path,
      env: { NATS_URL: server.url },
    });
    try {
      const startedAt = Date.now();
      let total = 0;
      // Ten renewals, each at four fifths of a life.
      while (Date.now() - startedAt < (RENEWALS + 1) * LIFE_SECONDS * 800) {
        const due = Math.floor(((Date.now() - startedAt) / 1000) * ROWS_PER_SECOND);
        if (due < total + CHUNK) await sleep(10);
        else {
          await streams.fill("in.rows", numberedRows(total + 1, total + CHUNK));
          total += CHUNK;
        }
      }
      expect(total).toBeGreaterThan(100_000);
      await expect.poll(() => streams.count("OUTPUT"), { timeout: 60_000, interval: 200 }).toBe(total);
      running.child.kill("SIGTERM");
      const result = await running.finished;
      expect(result.exitCode, result.stderr).toBe(0);
      // Source and sink have a connection each.
      expect(result.pipelines[0]?.reconnects).toBeGreaterThanOrEqual(2 * RENEWALS);
      expect(result.stderr).not.toContain("AUTH_");
      const rows = await streams.rows<{ n: number }>("OUTPUT");
      expect(rows.length).toBe(total);
      expect(rows.findIndex(({ n }, i) => n !== i + 1)).toBe(-1);
      for (const secret of [user.seed, user.jwt]) expect(result.stdout + result.stderr).not.toContain(secret);
    } finally {
      clearInterval(renewing);
      running.child.kill("SIGKILL");
    }
  },
);
