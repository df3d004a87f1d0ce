/** SSH keys and certificates in OpenSSH's own formats (PROTOCOL.key, PROTOCOL.certkeys): Ed25519, made from 32 bytes each. */
import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";

/** What precedes an Ed25519 seed in PKCS #8 (RFC 8410). */
const pkcs8 = Buffer.from("302e020100300506032b657004220420", "hex");

export interface SshKey {
  /** The same seed makes the same key. */
  readonly seed: Buffer;
  readonly key: KeyObject;
  /** As it is sent over the wire: type and key. */
  readonly blob: Buffer;
}

/** `seed`: 32 bytes in base64url. */
export function sshKeyFrom(seed: string): SshKey {
  const bytes = Buffer.from(seed, "base64url");
  const key = createPrivateKey({ key: Buffer.concat([pkcs8, bytes]), format: "der", type: "pkcs8" });
  const { x = "" } = createPublicKey(key).export({ format: "jwk" });
  return { seed: bytes, key, blob: Buffer.concat([text("ssh-ed25519"), text(Buffer.from(x, "base64url"))]) };
}

/** A line for `authorized_keys`. */
export function publicLine({ blob }: SshKey, comment: string): string {
  return `ssh-ed25519 ${blob.toString("base64")} ${comment}`;
}

/** A file for `ssh -i`, without passphrase. */
export function privateFile({ seed, blob }: SshKey, comment: string): string {
  const publicPart = blob.subarray(blob.length - 32);
  // Two equal numbers tell a wrong passphrase from a right one; without passphrase any will do.
  const check = Buffer.from("6c6f74736c6f7473", "hex");
  const inner = Buffer.concat([
    check,
    text("ssh-ed25519"),
    text(publicPart),
    text(Buffer.concat([seed, publicPart])),
    text(comment),
  ]);
  // The cipher "none" still wants blocks of eight bytes, filled up with 1, 2, 3 …
  const padding = Buffer.from(Array.from({ length: (8 - (inner.length % 8)) % 8 }, (_, index) => index + 1));
  const whole = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    text("none"),
    text("none"),
    text(""),
    number(1),
    text(blob),
    text(Buffer.concat([inner, padding])),
  ]);
  const lines = whole.toString("base64").match(/.{1,70}/g) ?? [];
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join("\n")}\n-----END OPENSSH PRIVATE KEY-----\n`;
}

/** Types of keys that a certificate can be made for. */
const keyTypes = new Set([
  "ssh-ed25519",
  "ssh-rsa",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
]);

/** The key of a line as in `authorized_keys`; undefined: it is none, or holds more than one line. */
export function readPublicLine(line: string): { readonly type: string; readonly blob: Buffer } | undefined {
  const [type = "", base64 = ""] = line.trim().split(" ");
  if (/[\r\n]/.test(line.trim()) || !keyTypes.has(type) || !/^[A-Za-z0-9+/]+=*$/.test(base64)) return undefined;
  const blob = Buffer.from(base64, "base64");
  const name = text(type);
  return blob.subarray(0, name.length).equals(name) && blob.length > name.length + 32 ? { type, blob } : undefined;
}

export interface CertificateWish {
  readonly authority: SshKey;
  /** Whose key is certified. */
  readonly subject: { readonly type: string; readonly blob: Buffer };
  /** Shown in the machine's log at every login. */
  readonly keyId: string;
  /** Name of the user to log in as. */
  readonly principal: string;
  readonly validFrom: Date;
  readonly validTo: Date;
  /** 32 bytes in base64url. */
  readonly nonce: string;
}

/** A line for `KEY-cert.pub`: the authority says that whoever has the key may log in as `principal` for a while. */
export function certificate(wish: CertificateWish): string {
  const { type, blob } = wish.subject;
  const certificateType = type.includes("@openssh.com")
    ? type.replace("@openssh.com", "-cert-v01@openssh.com")
    : `${type}-cert-v01@openssh.com`;
  const extensions = ["permit-X11-forwarding", "permit-agent-forwarding", "permit-port-forwarding", "permit-pty"];
  const body = Buffer.concat([
    text(certificateType),
    text(Buffer.from(wish.nonce, "base64url")),
    // The key's own fields, whatever its type: its blob without the type in front.
    blob.subarray(text(type).length),
    long(0),
    number(1),
    text(wish.keyId),
    text(text(wish.principal)),
    long(Math.floor(wish.validFrom.getTime() / 1000)),
    long(Math.floor(wish.validTo.getTime() / 1000)),
    text(""),
    text(Buffer.concat([...extensions, "permit-user-rc"].flatMap((name) => [text(name), text("")]))),
    text(""),
    text(wish.authority.blob),
  ]);
  const signature = Buffer.concat([text("ssh-ed25519"), text(sign(null, body, wish.authority.key))]);
  return `${certificateType} ${Buffer.concat([body, text(signature)]).toString("base64")} ${wish.keyId}`;
}

/** SSH's `string`: its length before it. */
function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([number(bytes.length), bytes]);
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function long(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}
