import { existsSync, readFileSync } from "node:fs";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

/** The client's `tls` option; an empty one is TLS with the authorities that Node knows. */
export interface DialTls {
  readonly caFile?: string;
  readonly servername?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly handshakeFirst?: boolean;
}

/** What a look at a server's port has shown. */
type Finding =
  | { readonly kind: "info"; readonly tlsVerify: boolean }
  | { readonly kind: "tls-first" }
  | { readonly kind: "alert"; readonly code: string }
  | { readonly kind: "silent" };

/**
 * Why a dial may have ended without an answer: a client shows a TLS mismatch as a plain timeout. Looks at the port
 * twice, `lookMs` at most each time, and sends nothing but a TLS greeting. Undefined when TLS has nothing to do with it. Never rejects.
 */
export async function diagnoseTls(
  server: string,
  tls: DialTls | undefined,
  lookMs: number,
): Promise<string | undefined> {
  const { hostname, port } = new URL(`nats://${server}`);
  const at = { host: hostname.replaceAll(/[[\]]/g, ""), port: Number(port || 4222) };
  const first = await lookForInfo(at, lookMs);
  if (first.kind === "info") {
    if (tls?.handshakeFirst === true) return notFirst;
    if (!first.tlsVerify) return undefined;
    return tls?.certFile === undefined ? noCertificate : refusedCertificate;
  }
  const second = await lookForTls(at, tls, lookMs);
  if (second.kind === "alert") return tls?.certFile === undefined ? noCertificate : refusedCertificate;
  if (second.kind === "tls-first" && tls?.handshakeFirst !== true) return onlyFirst;
  return undefined;
}

const notFirst =
  "the server begins in plain text, but tls.handshake_first = true begins with TLS; leave that option out, or set handshake_first in the server's tls block";
const onlyFirst =
  "the server begins with TLS and sends nothing before it; set tls.handshake_first = true, with tls.ca_file for a private authority";
const noCertificate =
  "the server asks for a client certificate; give tls.cert_file and tls.key_file, signed by an authority the server knows";
const refusedCertificate =
  "the server asks for a client certificate and seems not to accept tls.cert_file: it may have expired, or be signed by an authority the server does not know";

type Address = { readonly host: string; readonly port: number };

/** What the server says by itself. */
function lookForInfo(at: Address, lookMs: number): Promise<Finding> {
  return new Promise((resolve) => {
    const socket = connectPlain(at);
    let text = "";
    const finish = finisher(socket, lookMs, resolve);
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      text += chunk;
      const line = /^INFO (\{.*\})\s*\r\n/.exec(text)?.[1];
      if (line !== undefined) finish({ kind: "info", tlsVerify: /"tls_verify":\s*true/.test(line) });
    });
  });
}

/** Whether it answers a TLS greeting, and what it thinks of our certificate. Nothing is sent, so nobody is trusted. */
function lookForTls(at: Address, tls: DialTls | undefined, lookMs: number): Promise<Finding> {
  return new Promise((resolve) => {
    const socket = connectTls({ ...at, rejectUnauthorized: false, ...clientCertificate(tls) });
    let secured = false;
    const finish = finisher(socket, lookMs, (finding) => {
      resolve(finding.kind === "silent" && secured ? { kind: "tls-first" } : finding);
    });
    socket.on("secureConnect", () => {
      secured = true;
    });
    // With TLS 1.3 the verdict on a certificate comes after the handshake, with the first bytes.
    socket.on("data", () => finish({ kind: "tls-first" }));
    socket.on("error", ({ code = "" }: NodeJS.ErrnoException) => {
      if (/ALERT.*CERTIFICATE|CERTIFICATE_REQUIRED|UNKNOWN_CA/.test(code)) finish({ kind: "alert", code });
      else finish({ kind: "silent" });
    });
  });
}

function clientCertificate(tls: DialTls | undefined): { cert?: Buffer; key?: Buffer } {
  const { certFile, keyFile } = tls ?? {};
  if (certFile === undefined || keyFile === undefined || !existsSync(certFile) || !existsSync(keyFile)) return {};
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

function finisher(socket: Socket, lookMs: number, resolve: (finding: Finding) => void): (finding: Finding) => void {
  const finish = (finding: Finding): void => {
    clearTimeout(timer);
    socket.destroy();
    resolve(finding);
  };
  const timer = setTimeout(() => finish({ kind: "silent" }), lookMs);
  socket.on("close", () => finish({ kind: "silent" }));
  socket.on("error", () => {});
  return finish;
}
