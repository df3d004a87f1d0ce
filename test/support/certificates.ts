/** Certificates for servers on loopback, made anew for each test run. */
import { generateKeyPairSync } from "node:crypto";
import forge from "node-forge";

export interface Authority {
  /** PEM; what a client trusts. */
  readonly ca: string;
  /** Key and certificate of a server, or of a client, for these names; an IP address is written as such. */
  certify(...names: readonly string[]): { readonly key: string; readonly cert: string };
}

const dayMs = 24 * 60 * 60 * 1000;
let serial = 1;

export function createAuthority(name: string): Authority {
  const own = keyPair();
  const authority = certificate(name, name, own.publicKey);
  authority.setExtensions([
    { name: "basicConstraints", cA: true, critical: true },
    { name: "keyUsage", keyCertSign: true, critical: true },
  ]);
  authority.sign(own.privateKey, forge.md.sha256.create());
  return {
    ca: forge.pki.certificateToPem(authority),
    certify(...names) {
      const { publicKey, privateKey } = keyPair();
      const issued = certificate(names[0] ?? "", name, publicKey);
      const altNames = names.map((value) => (/^[0-9.]+$|:/.test(value) ? { type: 7, ip: value } : { type: 2, value }));
      issued.setExtensions([
        { name: "basicConstraints", cA: false },
        { name: "extKeyUsage", serverAuth: true, clientAuth: true },
        { name: "subjectAltName", altNames },
      ]);
      issued.sign(own.privateKey, forge.md.sha256.create());
      return { key: forge.pki.privateKeyToPem(privateKey), cert: forge.pki.certificateToPem(issued) };
    },
  };
}

/** Node makes keys a hundred times faster than the library does. */
function keyPair(): { readonly publicKey: forge.pki.rsa.PublicKey; readonly privateKey: forge.pki.rsa.PrivateKey } {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const key = forge.pki.privateKeyFromPem(privateKey.export({ type: "pkcs1", format: "pem" }).toString());
  return { privateKey: key, publicKey: forge.pki.setRsaPublicKey(key.n, key.e) };
}

function certificate(subject: string, issuer: string, publicKey: forge.pki.rsa.PublicKey): forge.pki.Certificate {
  const made = forge.pki.createCertificate();
  made.publicKey = publicKey;
  made.serialNumber = (serial++).toString(16).padStart(2, "0");
  made.validity.notBefore = new Date(Date.now() - dayMs);
  made.validity.notAfter = new Date(Date.now() + dayMs);
  made.setSubject([{ name: "commonName", value: subject }]);
  made.setIssuer([{ name: "commonName", value: issuer }]);
  return made;
}
