/** How a check of bindings is made. */
import type { Finding, PlanCheck, PlanContext } from "../check.ts";
import { type Access, bindings } from "../stories/life.ts";

type Check = Omit<PlanCheck, "about" | "needs" | "run"> & {
  readonly needs?: PlanCheck["needs"];
  readonly look: (access: Access, context: PlanContext) => readonly Finding[];
};

export function bindCheck({ look, needs = [], ...data }: Check): PlanCheck {
  return {
    ...data,
    needs: ["bindable", ...needs],
    about: "plan",
    run: async (context) => look(await context.story(bindings), context),
  };
}
