/** Requests that a broker has to refuse, and what is there afterwards: nothing. */
import type { PlanContext } from "../check.ts";
import type { Exchange, Question } from "../client.ts";
import { incomplete, requestsFor } from "../requests.ts";

export interface Refused {
  readonly what: string;
  readonly asked: Exchange;
}

export interface Refusals {
  readonly missingFields: readonly Refused[];
  readonly malformed: readonly Refused[];
  readonly unknownPlan: Refused;
  readonly unknownService: Refused;
  readonly maintenance: Refused;
  readonly otherContentType: Refused;
  readonly stranger: Refused | undefined;
  readonly unknownUpdated: Exchange;
  readonly unknownBound: Exchange;
  /** Deletions of what was never ordered. */
  readonly unknownRemoved: Exchange;
  readonly unknownUnbound: Exchange;
  /** The deletion of everything whose order was refused. */
  readonly afterwards: readonly { readonly refused: Refused; readonly removed: Exchange }[];
}

export const canary = "canary-that-must-not-be-repeated-8c2f4e6a";

export async function refusals(context: PlanContext): Promise<Refusals> {
  const { client, plan, newId, target } = context;
  const { order, access, instance, binding, hints, remove, patch, put } = requestsFor(context);
  const tried: Refused[] = [];

  async function refuse(what: string, more: Partial<Question>): Promise<Refused> {
    const question: Question = { method: "PUT", path: instance(), query: incomplete, ...more };
    const asked = await client.ask(question);
    const refused = { what, asked };
    tried.push(refused);
    return refused;
  }
  async function each(cases: Readonly<Record<string, Partial<Question>>>): Promise<Refused[]> {
    const answers: Refused[] = [];
    for (const [what, more] of Object.entries(cases)) answers.push(await refuse(what, more));
    return answers;
  }

  const without = (field: string): Partial<Question> => {
    const { [field]: _left, ...body } = order();
    return { body };
  };
  const required = ["service_id", "plan_id", "organization_guid", "space_guid"];
  const missingFields = await each(
    Object.fromEntries(required.map((field) => [`order without ${field}`, without(field)])),
  );
  const malformed = await each({
    "order whose body is broken JSON": { raw: `{"service_id": "${plan.serviceId}", ` },
    "order whose body is a list": { body: [order()] },
    "order whose service_id is a number": { body: order({ service_id: 17 }) },
    "order whose parameters are a text": { body: order({ parameters: canary }) },
  });
  const unknownPlan = await refuse("order on an unknown plan", { body: order({ plan_id: newId() }) });
  const unknownService = await refuse("order on an unknown service", { body: order({ service_id: newId() }) });
  const maintenance = await refuse("order with another maintenance_info.version", {
    body: order({ maintenance_info: { version: `999.0.0-${newId().slice(0, 8)}` } }),
  });
  const otherContentType = await refuse("order sent as text/plain without its service_id", {
    ...without("service_id"),
    headers: { "content-type": "text/plain" },
  });
  const stranger =
    target.credentials === undefined
      ? undefined
      : await refuse("order without credentials", { body: order(), headers: { authorization: null } });

  const nowhere = instance();
  const unknownUpdated = await patch(nowhere, { service_id: plan.serviceId, context: { platform: "cloudfoundry" } });
  const unknownBound = await put(binding(nowhere), access());
  const unknownRemoved = await remove(nowhere);
  const unknownUnbound = await remove(binding(instance()));
  const afterwards: { refused: Refused; removed: Exchange }[] = [];
  for (const refused of tried)
    afterwards.push({ refused, removed: await remove(refused.asked.question.path, { ...hints, ...incomplete }) });
  return {
    missingFields,
    malformed,
    unknownPlan,
    unknownService,
    maintenance,
    otherContentType,
    stranger,
    unknownUpdated,
    unknownBound,
    unknownRemoved,
    unknownUnbound,
    afterwards,
  };
}
