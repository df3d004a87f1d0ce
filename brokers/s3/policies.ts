/** What a binding may do, as IAM and Ceph word it. */
import type { BindingOrder } from "#adapter";

export type Level = "read-write" | "read-only";

export function levelOf(order: BindingOrder): Level {
  return order.binding.parameters.reveal().access === "read-only" ? "read-only" : "read-write";
}

const seeBucket = ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketLocation", "s3:GetBucketVersioning"];
const readObjects = ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectTagging", "s3:GetObjectVersionTagging"];
const writeObjects = [
  "s3:PutObject",
  "s3:PutObjectTagging",
  "s3:DeleteObject",
  "s3:DeleteObjectVersion",
  "s3:AbortMultipartUpload",
  "s3:ListMultipartUploadParts",
];

/**
 * JSON. One bucket and what is in it; never its policy, its settings or its ACLs. With `keepVersions`, what is deleted or
 * written over stays as an older version, whoever holds the key.
 */
export function policyFor(bucket: string, level: Level, keepVersions: boolean): string {
  const writes = level === "read-write";
  const changes = writeObjects.filter((action) => !keepVersions || action !== "s3:DeleteObjectVersion");
  return JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: writes ? [...seeBucket, "s3:ListBucketMultipartUploads"] : seeBucket,
        Resource: [`arn:aws:s3:::${bucket}`],
      },
      {
        Effect: "Allow",
        Action: writes ? [...readObjects, ...changes] : readObjects,
        Resource: [`arn:aws:s3:::${bucket}/*`],
      },
    ],
  });
}
