/** Whom an account's secrets may be sent to. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { readCertificates, requireTls } from "../src/trust/trust.ts";
import { temporaryDirectory } from "./support/broker.ts";

const pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

t.test("secrets cross no network in the clear, and may stay on this machine", async (t) => {
  for (const url of ["https://cloud.example", "http://127.0.0.1:8080/v3", "http://[::1]:1", "http://localhost"])
    t.doesNotThrow(() => requireTls("url", url), url);
  for (const url of ["http://cloud.example", "http://127.0.0.1.example", "http://localhost.example", "http://10.0.0.1"])
    t.throws(() => requireTls("url", url), { message: /^url must begin with https:\/\/.*it names / }, url);
});

t.test("authorities are given as text, or as a file where files may be named", async (t) => {
  const directory = temporaryDirectory(t);
  writeFileSync(join(directory, "ca.pem"), pem);
  writeFileSync(join(directory, "key.pem"), "-----BEGIN PRIVATE KEY-----");
  t.equal(readCertificates("ca", pem, undefined), pem);
  t.equal(readCertificates("ca", "ca.pem", directory), pem);
  for (const path of ["key.pem", "nowhere.pem"])
    t.throws(
      () => readCertificates("ca", path, directory),
      { message: /^ca must be a certificate.*does not\.$/ },
      path,
    );
  t.throws(() => readCertificates("ca", join(directory, "ca.pem"), undefined), {
    message: /^ca must be a certificate in PEM text\.$/,
  });
});
