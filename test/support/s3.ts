/** Buckets and keys of a provider that speaks S3, as its tests look at them. */
import {
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import type { Access } from "../../src/core/adapter.ts";

export interface Account {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export function s3Client({ endpoint, region, accessKeyId, secretAccessKey }: Account): S3Client {
  const credentials = { accessKeyId, secretAccessKey };
  return new S3Client({ endpoint, region, credentials, forcePathStyle: true, maxAttempts: 1 });
}

export function bucketOf({ credentials }: Access) {
  const { bucket, ...account } = credentials as unknown as Account & { readonly bucket: string };
  const client = s3Client(account);
  return {
    bucket,
    client,
    put: (Key: string, Body: string) => client.send(new PutObjectCommand({ Bucket: bucket, Key, Body })),
    async get(Key: string): Promise<string | undefined> {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }));
      return Body?.transformToString();
    },
  };
}

export async function opens(access: Access): Promise<boolean> {
  const { client, bucket } = bucketOf(access);
  try {
    await client.send(new ListObjectsV2Command({ Bucket: bucket }));
    return true;
  } catch (error) {
    const { $metadata } = error as { readonly $metadata?: { readonly httpStatusCode?: number } };
    if ([403, 404].includes($metadata?.httpStatusCode ?? 0)) return false;
    throw error;
  } finally {
    client.destroy();
  }
}

export async function bucketNames(client: S3Client, id = ""): Promise<string[]> {
  const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
  return Buckets.map(({ Name = "" }) => Name).filter((name) => name.startsWith("lotse-") && name.includes(id));
}
