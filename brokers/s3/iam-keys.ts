/**
 * Keys by IAM, which makes up the secrets, tells each only once, and allows a user two keys. So that an answer may get lost,
 * the secret is sealed into a tag of the user, with a secret that only the broker has for this operation:
 *
 * | the user's keys           | bind                                            |
 * | ------------------------- | ----------------------------------------------- |
 * | one is sealed             | answer with it                                  |
 * | some, and none is sealed  | nobody knows their secrets: delete, make a new one |
 * | none                      | make one, seal it                               |
 *
 * A key that is sealed is never deleted but with its user, so what one call answered another does not make worthless. At the
 * end each call looks which sealed keys are there and answers with the oldest: a key of its own that another call took for
 * lost meanwhile is not answered with.
 */
import type { BindingOrder, Tools } from "#adapter";
import type { Key } from "./clients.ts";
import { isError } from "./errors.ts";
import { clientFor, type IamSdk, ifThere } from "./iam.ts";
import { type Keys, policyName } from "./keys.ts";
import { tagsFor, userName } from "./names.ts";
import { seal, unseal } from "./seal.ts";
import type { Account } from "./settings.ts";

const sealTag = (accessKeyId: string) => `lotse-key-${accessKeyId}`;
const everyPath = "/lotse/";
const pathOf = (instanceId: string) => `${everyPath}${instanceId}/`;

export function openIamKeys(account: Account, sdk: IamSdk): Keys {
  const client = clientFor(account, sdk);

  async function keyIds(UserName: string, abortSignal: AbortSignal): Promise<readonly string[]> {
    const answer = await client.send(new sdk.ListAccessKeysCommand({ UserName }), { abortSignal });
    const age = (date: Date | undefined) => date?.getTime() ?? 0;
    return [...(answer.AccessKeyMetadata ?? [])]
      .sort((one, other) => age(one.CreateDate) - age(other.CreateDate))
      .map(({ AccessKeyId = "" }) => AccessKeyId);
  }

  /** The keys first and the tags after them, so that a key sealed in between is seen as sealed. */
  async function look(UserName: string, tools: Tools) {
    const ids = await keyIds(UserName, tools.signal);
    const { Tags = [] } = await client.send(new sdk.ListUserTagsCommand({ UserName }), { abortSignal: tools.signal });
    const seals = new Map(Tags.map(({ Key, Value = "" }) => [Key, Value]));
    const known = ids.flatMap((accessKeyId): Key[] => {
      const sealed = seals.get(sealTag(accessKeyId));
      const secretAccessKey = sealed && unseal(sealed, tools.secret("seal"));
      return secretAccessKey === undefined || secretAccessKey === "" ? [] : [{ accessKeyId, secretAccessKey }];
    });
    return { ids, known };
  }

  async function removeKey(UserName: string, AccessKeyId: string, abortSignal: AbortSignal): Promise<void> {
    await ifThere(client.send(new sdk.DeleteAccessKeyCommand({ UserName, AccessKeyId }), { abortSignal }));
  }

  return {
    async give(order: BindingOrder, PolicyDocument, tools) {
      const { signal: abortSignal } = tools;
      abortSignal.throwIfAborted();
      const { id } = order.instance;
      const UserName = userName(id, order.binding.id);
      const user = { UserName, Path: pathOf(id), Tags: [...tagsFor(order)] };
      await client.send(new sdk.CreateUserCommand(user), { abortSignal }).catch((error: unknown) => {
        if (!isError(error, "EntityAlreadyExists", "EntityAlreadyExistsException")) throw error;
      });
      const policy = { UserName, PolicyName: policyName, PolicyDocument };
      await client.send(new sdk.PutUserPolicyCommand(policy), { abortSignal });
      const { ids, known } = await look(UserName, tools);
      const [key] = known;
      if (key !== undefined) return key;
      for (const orphan of ids) await removeKey(UserName, orphan, abortSignal);
      const { AccessKey } = await client
        .send(new sdk.CreateAccessKeyCommand({ UserName }), { abortSignal })
        .catch((cause: unknown) => {
          // A user has two keys at most: calls that overlap have made them, and the next one finds or removes them.
          if (!isError(cause, "LimitExceeded", "LimitExceededException")) throw cause;
          throw new Error(`IAM gives ${UserName} no further key.`, { cause });
        });
      const { AccessKeyId = "", SecretAccessKey = "" } = AccessKey ?? {};
      const Tags = [{ Key: sealTag(AccessKeyId), Value: seal(SecretAccessKey, tools.secret("seal")) }];
      await client.send(new sdk.TagUserCommand({ UserName, Tags }), { abortSignal });
      const [oldest] = (await look(UserName, tools)).known;
      if (oldest === undefined) throw new Error(`IAM does not show the key of ${UserName} yet.`);
      return oldest;
    },
    async take(UserName, abortSignal) {
      abortSignal.throwIfAborted();
      const ids = await ifThere(keyIds(UserName, abortSignal));
      // The user goes last, as it is what the rest is found by.
      for (const id of ids ?? []) await removeKey(UserName, id, abortSignal);
      const policy = { UserName, PolicyName: policyName };
      await ifThere(client.send(new sdk.DeleteUserPolicyCommand(policy), { abortSignal }));
      await ifThere(client.send(new sdk.DeleteUserCommand({ UserName }), { abortSignal }));
    },
    async exists(UserName, abortSignal) {
      abortSignal.throwIfAborted();
      return (await ifThere(client.send(new sdk.GetUserCommand({ UserName }), { abortSignal }))) !== undefined;
    },
    async list(instanceId, abortSignal) {
      abortSignal.throwIfAborted();
      const PathPrefix = instanceId === undefined ? everyPath : pathOf(instanceId);
      const names: string[] = [];
      for await (const page of sdk.paginateListUsers({ client }, { PathPrefix }, { abortSignal }))
        names.push(...(page.Users ?? []).map(({ UserName = "" }) => UserName));
      return names;
    },
    close: () => client.destroy(),
  };
}
