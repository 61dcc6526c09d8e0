import { X509Certificate } from "node:crypto";
import { connect, credsAuthenticator, jwtAuthenticator } from "nats";
import { expect, it } from "vitest";
import { createCertificateAuthority, createJwtOperator, startNatsServer } from "../src/index.ts";

it("makes accounts with JetStream, users by either key, permissions, and ends: expiry and revocation", async () => {
  const operator = createJwtOperator();
  const other = operator.addAccount("OTHER");
  await using server = await startNatsServer({ config: operator.config() });
  const user = operator.account.issueUser();
  const bySigningKey = operator.account.issueUser({ user, bySigningKey: true });
  const authenticator = jwtAuthenticator(user.jwt, Buffer.from(user.seed));
  const connection = await connect({ servers: server.url, authenticator });
  await (await connection.jetstreamManager()).streams.add({ name: "S", subjects: ["s"] });
  await connection.close();
  for (const { creds } of [bySigningKey, other.issueUser()]) {
    const link = await connect({ servers: server.url, authenticator: credsAuthenticator(Buffer.from(creds)) });
    const streams = await (await link.jetstreamManager()).streams.list().next();
    expect(streams.length).toBe(creds === bySigningKey.creds ? 1 : 0);
    await link.close();
  }

  const limited = operator.account.issueUser({ allow: { publish: ["a"], subscribe: ["_INBOX.>"] } });
  const narrow = await connect({
    servers: server.url,
    authenticator: credsAuthenticator(Buffer.from(limited.creds)),
  });
  const refused = (async () => {
    for await (const status of narrow.status()) if (status.type === "error") return status.permissionContext;
    return undefined;
  })();
  narrow.publish("b");
  expect(await refused).toMatchObject({ operation: "publish", subject: "b" });
  await narrow.close();

  const expired = operator.account.issueUser({ expiresInSeconds: -1 });
  operator.account.revoke(user);
  await server.reload(operator.config());
  for (const { creds } of [expired, user]) {
    await expect(
      connect({ servers: server.url, authenticator: credsAuthenticator(Buffer.from(creds)) }),
    ).rejects.toThrow(/Authorization Violation/);
  }
});

it("makes certificates that their authority vouches for", () => {
  const authority = createCertificateAuthority();
  const { cert, key } = authority.issue({ hosts: ["nats.example", "127.0.0.1"] });
  const [issuer, subject] = [new X509Certificate(authority.cert), new X509Certificate(cert)];
  expect(subject.verify(issuer.publicKey)).toBe(true);
  expect(issuer.ca).toBe(true);
  expect([subject.checkHost("nats.example"), subject.checkIP("127.0.0.1")]).toEqual(["nats.example", "127.0.0.1"]);
  expect(key).toContain("PRIVATE KEY");
  const past = new X509Certificate(authority.issue({ notAfter: new Date(Date.now() - 1000) }).cert);
  expect(Date.parse(past.validTo)).toBeLessThan(Date.now());
  const late = new X509Certificate(authority.issue({ notAfter: new Date("2060-01-01T00:00:00Z") }).cert);
  expect(late.validTo).toMatch(/2060/);
});
