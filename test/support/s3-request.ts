/** One request to an S3 API, signed as AWS Signature Version 4 has it (docs.aws.amazon.com, "Signature calculation"). */
import { createHash, createHmac } from "node:crypto";

export interface S3Access {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const sign = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/** `path`: with the bucket in front, such as `/bucket/key`; `query`: sorted by name already. */
export async function askS3(
  { endpoint, region, accessKeyId, secretAccessKey }: S3Access,
  method: string,
  path: string,
  { query = "", body = "" }: { readonly query?: string; readonly body?: string } = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const at = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${at.slice(0, 8)}/${region}/s3/aws4_request`;
  const hash = sha256(body);
  const signed = "host;x-amz-content-sha256;x-amz-date";
  const headers = `host:${new URL(endpoint).host}\nx-amz-content-sha256:${hash}\nx-amz-date:${at}\n`;
  const canonical = [method, path, query, headers, signed, hash].join("\n");
  const key = [region, "s3", "aws4_request"].reduce(sign, sign(`AWS4${secretAccessKey}`, at.slice(0, 8)));
  const signature = sign(key, ["AWS4-HMAC-SHA256", at, scope, sha256(canonical)].join("\n")).toString("hex");
  const answer = await fetch(`${endpoint}${path}${query === "" ? "" : `?${query}`}`, {
    method,
    headers: {
      "x-amz-content-sha256": hash,
      "x-amz-date": at,
      authorization: `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`,
    },
    ...(body !== "" && { body }),
  });
  return { status: answer.status, text: await answer.text() };
}
