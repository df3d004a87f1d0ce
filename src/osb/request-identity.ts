/** The name of one request in logs, audit rows and replies: the platform's, or one made here. */

/** Visible ASCII only, so that it can go into a header and a log line as it is; 255 characters leave room over a GUID. */
const echoableForm = /^[\x21-\x7e]{1,255}$/;

/**
 * The X-Broker-API-Request-Identity to use and to answer with (OSB 2.17, Request Identity). A value that could not be
 * repeated safely counts as not sent. Platforms may repeat values: this names a request for people and is no key.
 */
export function requestIdentity(header: string | readonly string[] | undefined, randomUuid: () => string): string {
  return typeof header === "string" && echoableForm.test(header) ? header : randomUuid();
}
