/** Users of the AWS peer with exactly the policy that an adapter's README asks for. */
import { readFileSync } from "node:fs";
import {
  CreateAccessKeyCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  IAMClient,
  PutUserPolicyCommand,
} from "@aws-sdk/client-iam";
import type { Test } from "tap";
import type { Facts } from "../peers/peer.ts";

export interface AwsUser {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

interface Statement {
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
}

/** The first policy in the file. moto does not know which RDS resource a call is about, so their names are left out. */
export function policyIn(readme: string): string {
  const [, json = "{}"] = /```json\n([\s\S]*?)\n```/.exec(readFileSync(readme, "utf8")) ?? [];
  const policy = JSON.parse(json) as { readonly Statement: readonly Statement[] };
  const Statement = policy.Statement.map((statement) => ({
    ...statement,
    ...([statement.Resource].flat().every((name) => name.startsWith("arn:aws:rds:")) && { Resource: "*" }),
  }));
  return JSON.stringify({ ...policy, Statement });
}

/** For the length of the test. */
export async function awsUser(t: Test, facts: Facts, policy: string): Promise<AwsUser> {
  const { accessKeyId, secretAccessKey } = facts as unknown as AwsUser;
  const iam = new IAMClient({
    endpoint: String(facts.endpoint),
    region: String(facts.region),
    credentials: { accessKeyId, secretAccessKey },
  });
  const UserName = `user-${crypto.randomUUID()}`;
  await iam.send(new CreateUserCommand({ UserName }));
  await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "policy", PolicyDocument: policy }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  const key = { accessKeyId: AccessKey?.AccessKeyId ?? "", secretAccessKey: AccessKey?.SecretAccessKey ?? "" };
  t.teardown(async () => {
    await iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId: key.accessKeyId }));
    await iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName: "policy" }));
    await iam.send(new DeleteUserCommand({ UserName }));
    iam.destroy();
  });
  return key;
}
