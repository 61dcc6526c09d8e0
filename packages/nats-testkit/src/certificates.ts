import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** A certificate and its key as PEM texts. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** The subject's common name. */
  name?: string;
  /** DNS names and IPv4 addresses the certificate is for. Default: `localhost`, `127.0.0.1`. */
  hosts?: readonly string[];
  /** Default: an hour ago. */
  notBefore?: Date;
  /** Default: in a day. An earlier one makes a certificate that has expired. */
  notAfter?: Date;
}

/** An authority that signs certificates for servers and clients of a test. */
export interface CertificateAuthority {
  /** Its own certificate, for `ca_file`. */
  readonly cert: string;
  issue(options?: CertificateOptions): Certificate;
}

/** X.509 v3 with P-256 keys (RFC 5280), written with Node's own crypto: for tests, not for the world. */
export function createCertificateAuthority(name = "nats-testkit authority"): CertificateAuthority {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const cert = certify({ subject: name, issuer: name, key: privateKey, signer: privateKey, isAuthority: true });
  return {
    cert,
    issue(options = {}) {
      const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
      const { name: subject = "nats-testkit", ...rest } = options;
      return {
        cert: certify({ subject, issuer: name, key, signer: privateKey, isAuthority: false, ...rest }),
        key: key.export({ type: "pkcs8", format: "pem" }).toString(),
      };
    },
  };
}

interface Request extends Omit<CertificateOptions, "name"> {
  readonly subject: string;
  readonly issuer: string;
  readonly key: KeyObject;
  readonly signer: KeyObject;
  readonly isAuthority: boolean;
}

const HOUR_MS = 3_600_000;

function certify(request: Request): string {
  const { subject, issuer, key, signer, isAuthority } = request;
  const { hosts = ["localhost", "127.0.0.1"], notBefore, notAfter } = request;
  const extensions = [
    extension("2.5.29.19", sequence(...(isAuthority ? [der(0x01, Buffer.of(0xff))] : [])), true),
    ...(isAuthority ? [] : [extension("2.5.29.17", sequence(...hosts.map(generalName)), false)]),
  ];
  const body = sequence(
    der(0xa0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(1), randomBytes(15)])),
    ecdsaWithSha256,
    distinguishedName(issuer),
    sequence(
      time(notBefore ?? new Date(Math.min(Date.now(), notAfter?.getTime() ?? Date.now()) - HOUR_MS)),
      time(notAfter ?? new Date(Date.now() + 24 * HOUR_MS)),
    ),
    distinguishedName(subject),
    createPublicKey(key).export({ type: "spki", format: "der" }),
    der(0xa3, sequence(...extensions)),
  );
  const signature = sign("sha256", body, signer);
  const text = sequence(body, ecdsaWithSha256, bits(signature)).toString("base64");
  return `-----BEGIN CERTIFICATE-----\n${text.replaceAll(/.{64}/g, "$&\n").trim()}\n-----END CERTIFICATE-----\n`;
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const size = length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function integer(bytes: Buffer): Buffer {
  return der(0x02, bytes);
}

function bits(bytes: Buffer): Buffer {
  return der(0x03, Buffer.concat([Buffer.of(0), bytes]));
}

/** Arcs below 2^21 are enough here. */
function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const arcs = rest.flatMap((arc) => [
    ...(arc >= 0x4000 ? [0x80 | (arc >> 14)] : []),
    ...(arc >= 0x80 ? [0x80 | ((arc >> 7) & 0x7f)] : []),
    arc & 0x7f,
  ]);
  return der(0x06, Buffer.of(first * 40 + second, ...arcs));
}

const ecdsaWithSha256 = sequence(oid("1.2.840.10045.4.3.2"));

function distinguishedName(commonName: string): Buffer {
  return sequence(der(0x31, sequence(oid("2.5.4.3"), der(0x0c, Buffer.from(commonName)))));
}

function generalName(host: string): Buffer {
  const isAddress = /^\d+(\.\d+){3}$/.test(host);
  return isAddress ? der(0x87, Buffer.from(host.split(".").map(Number))) : der(0x82, Buffer.from(host));
}

function extension(id: string, content: Buffer, critical: boolean): Buffer {
  return sequence(oid(id), ...(critical ? [der(0x01, Buffer.of(0xff))] : []), der(0x04, content));
}

/** UTCTime up to 2049, and GeneralizedTime after it (RFC 5280, 4.1.2.5). */
function time(date: Date): Buffer {
  const text = date.toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return date.getUTCFullYear() < 2050 ? der(0x17, Buffer.from(text.slice(2))) : der(0x18, Buffer.from(text));
}
