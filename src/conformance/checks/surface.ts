/** Headers, authentication, and reading what is not there: everything that needs GETs only. */
import { answerOf, type BrokerCheck, expectStatus, finding, fine, isRefusal } from "../check.ts";
import { surface } from "../stories/surface.ts";

export const surfaceChecks: readonly BrokerCheck[] = [
  {
    id: "auth-catalog",
    title: "The catalog is for those who log in: without credentials, or with wrong ones, the answer is 401.",
    section: "Platform to Service Broker Authentication",
    level: "MUST",
    needs: ["authentication"],
    about: "broker",
    async run(context) {
      const { strangers } = await context.story(surface);
      return [...strangers].flatMap(([what, exchange]) => expectStatus(exchange, [401], `catalog with ${what}`));
    },
  },
  {
    id: "auth-every-fetch",
    title: "Every other GET wants credentials as well.",
    section: "Platform to Service Broker Authentication",
    level: "MUST",
    needs: ["authentication"],
    about: "broker",
    async run(context) {
      const { strangersElsewhere } = await context.story(surface);
      return [...strangersElsewhere].flatMap(([what, exchange]) =>
        expectStatus(exchange, [401], `request without credentials (${what})`),
      );
    },
  },
  {
    id: "version-missing",
    title: "A request without X-Broker-API-Version is refused with 400 (412 by older brokers), or served.",
    section: "API Version Header",
    level: "SHOULD",
    about: "broker",
    async run(context) {
      const { noVersion } = await context.story(surface);
      return expectStatus(noVersion, [200, 400, 412], "request without a version");
    },
  },
  {
    id: "version-major",
    title: "A version that the broker does not speak is refused with 412, and never with another status.",
    section: "API Version Header",
    level: "MUST",
    about: "broker",
    async run(context) {
      const { otherMajors } = await context.story(surface);
      return otherMajors.flatMap((exchange) =>
        expectStatus(exchange, [412, 200], `request of version ${exchange.sent["x-broker-api-version"]}`),
      );
    },
  },
  {
    id: "version-minor",
    title: "Platforms of every minor version of 2 are served, older and newer ones.",
    section: "API Version Header",
    level: "SHOULD",
    about: "broker",
    async run(context) {
      const { otherMinors } = await context.story(surface);
      return otherMinors.flatMap((exchange) =>
        expectStatus(exchange, [200], `request of version ${exchange.sent["x-broker-api-version"]}`),
      );
    },
  },
  {
    id: "version-header-case",
    title: "Headers are known by their name in any case.",
    section: "API Version Header",
    level: "MUST",
    about: "broker",
    async run(context) {
      const { upperCaseHeaders } = await context.story(surface);
      return expectStatus(upperCaseHeaders, [200], "request with X-BROKER-API-VERSION");
    },
  },
  {
    id: "identity-malformed",
    title: "An originating identity that cannot be read does no harm: it is ignored, or refused with 400.",
    section: "Originating Identity",
    level: "SHOULD",
    about: "broker",
    async run(context) {
      const { brokenIdentities } = await context.story(surface);
      return brokenIdentities.flatMap((exchange) =>
        expectStatus(exchange, [200, 400], "request with a malformed originating identity"),
      );
    },
  },
  {
    id: "fetch-unknown-instance",
    title: "Fetching an instance that never was is answered 404.",
    section: "Fetching a Service Instance",
    level: "MUST",
    needs: ["instances_retrievable"],
    about: "broker",
    run: async (context) => expectStatus((await context.story(surface)).unknownInstance, [404], "fetch"),
  },
  {
    id: "fetch-unknown-binding",
    title: "Fetching a binding that never was is answered 404.",
    section: "Fetching a Service Binding",
    level: "MUST",
    needs: ["bindings_retrievable"],
    about: "broker",
    run: async (context) => expectStatus((await context.story(surface)).unknownBinding, [404], "fetch"),
  },
  {
    id: "poll-unknown-instance",
    title: "Polling an instance that never was is answered 404.",
    section: "Polling Last Operation for Service Instances",
    level: "MUST",
    about: "broker",
    run: async (context) => expectStatus((await context.story(surface)).unknownInstancePolled, [404], "poll"),
  },
  {
    id: "poll-unknown-binding",
    title: "Polling a binding that never was is answered 404.",
    section: "Polling Last Operation for Service Bindings",
    level: "MUST",
    about: "broker",
    run: async (context) => expectStatus((await context.story(surface)).unknownBindingPolled, [404], "poll"),
  },
  {
    id: "path-malformed",
    title: "Paths that lead nowhere, or cannot be decoded, are refused, and are no error of the broker's.",
    section: "Service Broker Errors",
    level: "MUST",
    about: "broker",
    async run(context) {
      const { brokenPaths } = await context.story(surface);
      return brokenPaths.flatMap((exchange) => {
        const answer = answerOf(exchange);
        return isRefusal(answer) ? fine : finding(`The answer was ${answer.status}; expected: 400 or 404.`, exchange);
      });
    },
  },
  {
    id: "path-any-character",
    title: "Ids of instances may have any characters, properly encoded.",
    section: "URL Properties",
    level: "SHOULD",
    needs: ["instances_retrievable"],
    about: "broker",
    run: async (context) => expectStatus((await context.story(surface)).oddId, [404], "fetch by an odd id"),
  },
];
