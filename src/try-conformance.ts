/** Tries a registered provider with the conformance kit, as the account Lotse has there. */
import { runConformance } from "./conformance/run.ts";
import { BrokerUnreachable, type Credentials, type Target, WrongUsage } from "./conformance/target.ts";
import type { Json, JsonObject } from "./core/json.ts";
import type { Provider } from "./core/provider.ts";
import { Secret } from "./core/secret.ts";
import type { ConformanceResult } from "./providers/onboarding.ts";

/** An operation of a plan for testing that takes longer than this is a finding of its own. */
const operationTimeoutMs = 120_000;

/** With the plan named for testing, or by looking alone where none is. */
export async function tryConformance(provider: Provider): Promise<ConformanceResult> {
  const target = targetOf(provider);
  if (typeof target === "string") return { untried: target };
  try {
    const readOnly = provider.details.testPlan === undefined;
    const report = await runConformance(target, { readOnly, operationTimeoutMs, longestPauseMs: 2_000 });
    return { failedMusts: report.counts.mustBroken, report: report as unknown as Json };
  } catch (error) {
    if (error instanceof BrokerUnreachable || error instanceof WrongUsage) return { untried: error.message };
    throw error;
  }
}

/** Where and as whom, or why the kit cannot get there. */
function targetOf({ adapter, settings, details }: Provider): Target | string {
  if (adapter !== "osb" || settings === undefined) return "The kit tries registered OSB brokers only.";
  const values = settings.reveal();
  const { url, ca } = values;
  if (typeof url !== "string") return "It has no address.";
  const credentials = credentialsOf(values);
  const clientCertificate = certificateOf(values);
  const { testPlan } = details;
  return {
    url,
    plans: testPlan === undefined ? [] : [testPlan.plan],
    ...(testPlan !== undefined && { service: testPlan.offering }),
    ...(testPlan?.parameters !== undefined && { parameters: testPlan.parameters }),
    ...(credentials !== undefined && { credentials }),
    ...(typeof ca === "string" && { ca }),
    ...(clientCertificate !== undefined && { clientCertificate }),
  };
}

function credentialsOf(values: JsonObject): Credentials | undefined {
  const { username, password, token, tokenUrl, clientId, clientSecret, scope } = values;
  if (typeof token === "string") return { token: new Secret(token) };
  if (typeof tokenUrl === "string" && typeof clientId === "string" && typeof clientSecret === "string")
    return {
      tokenUrl,
      clientId,
      clientSecret: new Secret(clientSecret),
      ...(typeof scope === "string" && { scope }),
    };
  if (typeof username !== "string" || typeof password !== "string") return undefined;
  return { username, password: new Secret(password) };
}

/** Providers that are registered over the API name no files, so both are PEM texts. */
function certificateOf({ clientCertificate: cert, clientKey: key }: JsonObject): Target["clientCertificate"] {
  return typeof cert === "string" && typeof key === "string" ? { cert, key: new Secret(key) } : undefined;
}
