/**
 * Keys by Ceph: users of its admin API, whose keys are given and not made up, so that a repeated call gives the same. What a
 * user may do is a policy of the user's own and not the bucket's, which all bindings would have to share and two at once would
 * overwrite.
 */
import type { BindingOrder } from "#adapter";
import { type AskCeph, openAdmin } from "./ceph-admin.ts";
import type { Key } from "./clients.ts";
import { clientFor, type IamSdk } from "./iam.ts";
import { type Keys, policyName } from "./keys.ts";
import { readUserName, userName } from "./names.ts";
import type { Account } from "./settings.ts";

export async function openCephKeys(account: Account, sdk: IamSdk): Promise<Keys & { readonly ask: AskCeph }> {
  const client = clientFor(account, sdk);
  const ask = await openAdmin(account);
  return {
    ask,
    async give(order: BindingOrder, PolicyDocument, tools) {
      const { signal } = tools;
      const user = userName(order.instance.id, order.binding.id);
      const key: Key = { accessKeyId: `LOTSE${order.binding.id.toUpperCase()}`, secretAccessKey: tools.secret("key") };
      await ask("PUT", "user", { ...userOf(order, user), ...wordsOf(key) }, signal).catch((error: unknown) => {
        // The user's own, by a call whose answer was lost.
        if (!["UserAlreadyExists", "KeyExists"].includes(error instanceof Error ? error.name : "")) throw error;
      });
      const policy = { UserName: user, PolicyName: policyName, PolicyDocument };
      await client.send(new sdk.PutUserPolicyCommand(policy), { abortSignal: signal });
      return key;
    },
    async take(user, signal) {
      await ask("DELETE", "user", { uid: user }, signal);
    },
    exists: async (user, signal) => (await ask("GET", "user", { uid: user }, signal)) !== undefined,
    async list(instanceId, signal) {
      const names: string[] = [];
      let marker = "";
      do {
        const query = { list: "", "max-entries": "1000", ...(marker !== "" && { marker }) };
        const page = (await ask("GET", "user", query, signal)) as Page | undefined;
        names.push(...(page?.keys ?? []));
        marker = page?.truncated === true ? (page.marker ?? "") : "";
      } while (marker !== "");
      return names.filter((name) => {
        const ids = readUserName(name);
        return ids !== undefined && (instanceId === undefined || ids.instance === instanceId);
      });
    },
    close: () => client.destroy(),
  };
}

interface Page {
  readonly keys?: readonly string[];
  readonly truncated?: boolean;
  readonly marker?: string;
}

/** Ceph's users have no tags, so their display name tells people where they belong. They may make no buckets. */
function userOf({ token, instance }: BindingOrder, uid: string) {
  const words = [instance.organization ?? "", instance.space ?? "", token].map(encodeURIComponent);
  return { uid, "display-name": `Lotse ${words.join(" ")}`.slice(0, 250), "max-buckets": "-1" };
}

function wordsOf({ accessKeyId, secretAccessKey }: Key) {
  return { "access-key": accessKeyId, "secret-key": secretAccessKey };
}
