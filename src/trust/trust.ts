/** Whom an account's secrets may be sent to: addresses that nobody can listen in on, and authorities that vouch for them. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

const loopback = new Set(["127.0.0.1", "[::1]", "localhost"]);

/** Throws, naming the setting, unless the URL is https or stays on this machine. */
export function requireTls(setting: string, url: string): void {
  const { protocol, hostname } = new URL(url);
  if (protocol !== "https:" && !loopback.has(hostname))
    throw new Error(`${setting} must begin with https://, except on the loopback address; it names ${hostname}.`);
}

const begin = "-----BEGIN CERTIFICATE-----";

/**
 * Certificates as PEM text, given as such or as the path of a file, relative ones from `directory`; throws, naming the
 * setting, if there are none. Without a directory, no files are read: whoever wrote the settings may not name any.
 */
export function readCertificates(setting: string, value: string, directory: string | undefined): string {
  if (value.includes(begin)) return value;
  if (directory === undefined) throw new Error(`${setting} must be a certificate in PEM text.`);
  const path = resolve(directory, value);
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  if (text.includes(begin)) return text;
  throw new Error(
    `${setting} must be a certificate in PEM text, or the path of a file that holds one; ${path} does not.`,
  );
}
