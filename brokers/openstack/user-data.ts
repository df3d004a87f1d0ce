/** What the machine is told at its first boot (cloud-init): whose SSH certificates it trusts, and what the customer says. */

/** Nova takes no more, counted after base64. */
export const mostUserDataBytes = 65_535;

/**
 * Makes sshd trust certificates of the authority. A script of its own, so that it never collides with the customer's
 * cloud-config, whose lists would replace ours.
 */
function trustScript(authorityLine: string): string {
  return `#!/bin/sh
# Logins with certificates that Lotse hands out with a binding.
printf '%s\\n' '${authorityLine}' >/etc/ssh/lotse_authority.pub
mkdir -p /etc/ssh/sshd_config.d
printf 'TrustedUserCAKeys /etc/ssh/lotse_authority.pub\\n' >/etc/ssh/sshd_config.d/50-lotse.conf
grep -q '^Include /etc/ssh/sshd_config.d/' /etc/ssh/sshd_config ||
  printf 'TrustedUserCAKeys /etc/ssh/lotse_authority.pub\\n' >>/etc/ssh/sshd_config
systemctl try-reload-or-restart ssh.service || systemctl try-reload-or-restart sshd.service
`;
}

/** The whole in base64, as Nova takes it; undefined: it is too long. */
export function userData(authorityLine: string, customers: string | undefined): string | undefined {
  const script = trustScript(authorityLine);
  const whole = customers === undefined ? script : multipart([script, customers]);
  const encoded = Buffer.from(whole).toString("base64");
  return encoded.length > mostUserDataBytes ? undefined : encoded;
}

/** Several documents in one (MIME); cloud-init looks into each for what it is. */
function multipart(parts: readonly string[]): string {
  const boundary = "==lotse==";
  const bodies = parts.map(
    (part) =>
      `--${boundary}\nContent-Type: ${typeOf(part)}; charset="utf-8"\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\n${base64Lines(part)}\n`,
  );
  return `Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n${bodies.join("")}--${boundary}--\n`;
}

function base64Lines(text: string): string {
  return (
    Buffer.from(text)
      .toString("base64")
      .match(/.{1,76}/g) ?? []
  ).join("\n");
}

function typeOf(part: string): string {
  if (part.startsWith("#!")) return "text/x-shellscript";
  if (part.startsWith("#cloud-config")) return "text/cloud-config";
  // cloud-init tells by the first line what it is.
  return "text/plain";
}
