/** What is said to the S3 API. Every call is one request, unless it says otherwise; errors are the client's. */
import type { ListBucketsCommandOutput, ListObjectVersionsCommandOutput, S3Client } from "@aws-sdk/client-s3";
import { clientSettings, type Key } from "./clients.ts";
import { isError, orLacking, statusOf } from "./errors.ts";
import type { Tags } from "./names.ts";
import type { Account } from "./settings.ts";
import { lifecycleRule, type Wishes } from "./wishes.ts";

export interface Contents {
  readonly objects: readonly { readonly Key: string; readonly VersionId?: string }[];
  readonly uploads: readonly { readonly Key: string; readonly UploadId: string }[];
}

export interface Buckets {
  exists(name: string, signal: AbortSignal): Promise<boolean>;
  /** One of the account's own under this name is as good as a new one. */
  create(name: string, signal: AbortSignal): Promise<void>;
  /** Several requests, each of which says the same when repeated. Throws `Lacking`. */
  shape(name: string, wishes: Wishes, tags: Tags, signal: AbortSignal): Promise<void>;
  /** All names in the account; several requests where there are many. */
  list(signal: AbortSignal): Promise<readonly string[]>;
  /** Up to 1000 versions and delete markers, and as many uploads; two requests. Undefined: there is no such bucket. */
  contents(name: string, signal: AbortSignal): Promise<Contents | undefined>;
  /** Removes what `contents` said; a request for all objects, and one for each upload. */
  empty(name: string, contents: Contents, signal: AbortSignal): Promise<void>;
  /** False: something is still in it. */
  remove(name: string, signal: AbortSignal): Promise<boolean>;
  /** Counts every version; a request for each 1000 of them. Undefined: there is no such bucket. */
  measure(name: string, signal: AbortSignal): Promise<{ readonly bytes: number; readonly objects: number } | undefined>;
  /** Whether the key opens the bucket already. */
  opens(name: string, key: Key, signal: AbortSignal): Promise<boolean>;
  close(): void;
}

export type Sdk = typeof import("@aws-sdk/client-s3");

export function openBuckets(account: Account, sdk: Sdk): Buckets {
  const open = (key: Key): S3Client =>
    new sdk.S3Client({
      ...clientSettings(account, key),
      forcePathStyle: account.pathStyle,
      ...(account.endpoint !== undefined && { endpoint: account.endpoint }),
    });
  const client = open(account);

  async function* versions(Bucket: string, abortSignal: AbortSignal) {
    let next: { readonly KeyMarker?: string; readonly VersionIdMarker?: string } | undefined = {};
    while (next !== undefined) {
      const page: ListObjectVersionsCommandOutput = await client.send(
        new sdk.ListObjectVersionsCommand({ Bucket, ...next }),
        { abortSignal },
      );
      yield page;
      const { NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = page;
      const more = page.IsTruncated === true && KeyMarker !== undefined;
      next = more ? { KeyMarker, ...(VersionIdMarker !== undefined && { VersionIdMarker }) } : undefined;
    }
  }

  return {
    async exists(Bucket, abortSignal) {
      abortSignal.throwIfAborted();
      try {
        // Not HEAD, whose answer has no code to tell a missing bucket from a wrong address.
        await client.send(new sdk.GetBucketVersioningCommand({ Bucket }), { abortSignal });
        return true;
      } catch (error) {
        if (isError(error, "NoSuchBucket")) return false;
        throw error;
      }
    },
    async create(Bucket, abortSignal) {
      abortSignal.throwIfAborted();
      await client.send(new sdk.CreateBucketCommand({ Bucket }), { abortSignal }).catch((error: unknown) => {
        if (!isError(error, "BucketAlreadyOwnedByYou")) throw error;
      });
    },
    async shape(Bucket, wishes, tags, abortSignal) {
      const options = { abortSignal };
      const { publicAccess, encryption, kmsKey } = wishes;
      // First what protects.
      if (publicAccess !== "allowed") {
        const PublicAccessBlockConfiguration = {
          BlockPublicAcls: publicAccess === "blocked",
          IgnorePublicAcls: true,
          BlockPublicPolicy: true,
          RestrictPublicBuckets: true,
        };
        const block = new sdk.PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration });
        await orLacking("the blocking of public access", client.send(block, options));
      }
      if (encryption !== "provider") {
        const how = { SSEAlgorithm: encryption, ...(kmsKey !== undefined && { KMSMasterKeyID: kmsKey }) };
        const ServerSideEncryptionConfiguration = { Rules: [{ ApplyServerSideEncryptionByDefault: how }] };
        const encrypt = new sdk.PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration });
        await orLacking(`encryption with ${encryption}`, client.send(encrypt, options));
      }
      const there = await client.send(new sdk.GetBucketVersioningCommand({ Bucket }), options);
      // Where versions were never kept, nothing is said about them.
      if (wishes.versioning !== (there.Status === "Enabled")) {
        const VersioningConfiguration = { Status: wishes.versioning ? "Enabled" : "Suspended" } as const;
        const keep = new sdk.PutBucketVersioningCommand({ Bucket, VersioningConfiguration });
        await orLacking("older versions", client.send(keep, options));
      }
      const LifecycleConfiguration = { Rules: [lifecycleRule(wishes)] };
      const expire = new sdk.PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration });
      await orLacking("life-cycle rules", client.send(expire, options));
      const tag = new sdk.PutBucketTaggingCommand({ Bucket, Tagging: { TagSet: [...tags] } });
      await orLacking("tags of buckets", client.send(tag, options));
    },
    async list(abortSignal) {
      abortSignal.throwIfAborted();
      const names: string[] = [];
      let token: string | undefined;
      do {
        const input = token === undefined ? {} : { ContinuationToken: token };
        const page: ListBucketsCommandOutput = await client.send(new sdk.ListBucketsCommand(input), { abortSignal });
        names.push(...(page.Buckets ?? []).map(({ Name = "" }) => Name));
        token = page.ContinuationToken;
      } while (token !== undefined);
      return names;
    },
    async contents(Bucket, abortSignal) {
      abortSignal.throwIfAborted();
      try {
        const { value } = await versions(Bucket, abortSignal).next();
        const all = [...(value?.Versions ?? []), ...(value?.DeleteMarkers ?? [])];
        const { Uploads = [] } = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket }), { abortSignal });
        return {
          objects: all.map(({ Key = "", VersionId }) => ({ Key, ...(VersionId !== undefined && { VersionId }) })),
          uploads: Uploads.map(({ Key = "", UploadId = "" }) => ({ Key, UploadId })),
        };
      } catch (error) {
        if (isError(error, "NoSuchBucket")) return undefined;
        throw error;
      }
    },
    async empty(Bucket, { objects, uploads }, abortSignal) {
      if (objects.length > 0) {
        const Delete = { Quiet: true, Objects: [...objects] };
        const { Errors = [] } = await client.send(new sdk.DeleteObjectsCommand({ Bucket, Delete }), { abortSignal });
        const [first] = Errors;
        if (first !== undefined) throw new Error(`${Errors.length} objects could not be removed: ${first.Code}.`);
      }
      for (const upload of uploads)
        await client
          .send(new sdk.AbortMultipartUploadCommand({ Bucket, ...upload }), { abortSignal })
          .catch((error: unknown) => {
            if (!isError(error, "NoSuchUpload")) throw error;
          });
    },
    async remove(Bucket, abortSignal) {
      try {
        await client.send(new sdk.DeleteBucketCommand({ Bucket }), { abortSignal });
        return true;
      } catch (error) {
        if (isError(error, "NoSuchBucket")) return true;
        if (isError(error, "BucketNotEmpty")) return false;
        throw error;
      }
    },
    async measure(Bucket, abortSignal) {
      abortSignal.throwIfAborted();
      let bytes = 0;
      let objects = 0;
      try {
        for await (const { Versions = [] } of versions(Bucket, abortSignal)) {
          for (const { Size = 0 } of Versions) bytes += Size;
          objects += Versions.length;
        }
        return { bytes, objects };
      } catch (error) {
        if (isError(error, "NoSuchBucket")) return undefined;
        throw error;
      }
    },
    async opens(Bucket, key, abortSignal) {
      const bound = open(key);
      try {
        await bound.send(new sdk.ListObjectsV2Command({ Bucket, MaxKeys: 1 }), { abortSignal });
        return true;
      } catch (error) {
        if (statusOf(error) === 403) return false;
        throw error;
      } finally {
        bound.destroy();
      }
    },
    close: () => client.destroy(),
  };
}
