/** Who may do what, row by row: the table as it was decided, as the code has it and as the documents show it. */
import { readFileSync } from "node:fs";
import t from "tap";
import {
  type Action,
  actions,
  covers,
  mayDo,
  type Principal,
  permissions,
  type Reach,
  type Role,
  roles,
} from "../../src/core/permissions.ts";

/** In the order administrator, provider-editor, reviewer, auditor, fulfiller. */
const decided: { readonly [action in Action]: readonly [...(Reach | "-")[]] } = {
  "providers.read": ["all", "own", "all", "all", "-"],
  "providers.register": ["all", "own", "-", "-", "-"],
  "providers.edit": ["all", "own", "-", "-", "-"],
  "providers.check": ["all", "own", "-", "-", "-"],
  "providers.submit": ["all", "own", "-", "-", "-"],
  "providers.reject": ["all", "-", "all", "-", "-"],
  "providers.publish": ["all", "-", "all", "-", "-"],
  "providers.suspend": ["all", "-", "all", "-", "-"],
  "providers.resume": ["all", "-", "all", "-", "-"],
  "providers.retire": ["all", "-", "-", "-", "-"],
  "catalog.read": ["all", "own", "all", "all", "-"],
  "catalog.refresh": ["all", "own", "-", "-", "-"],
  "catalog.publish": ["all", "-", "all", "-", "-"],
  "overlays.edit": ["all", "own", "all", "-", "-"],
  "visibility.edit": ["all", "-", "-", "-", "-"],
  "instances.read": ["all", "own", "all", "all", "-"],
  "operations.read": ["all", "own", "all", "all", "-"],
  "operations.retry": ["all", "own", "-", "-", "-"],
  "audit.read": ["all", "-", "-", "all", "-"],
  "tokens.read": ["all", "-", "-", "all", "-"],
  "tokens.manage": ["all", "-", "-", "-", "-"],
  "platforms.read": ["all", "-", "all", "all", "-"],
  "platforms.manage": ["all", "-", "-", "-", "-"],
  "orphans.read": ["all", "own", "all", "all", "-"],
  "orphans.resolve": ["all", "-", "-", "-", "-"],
  "adoption.manage": ["all", "-", "-", "-", "-"],
  "tasks.read": ["all", "own", "-", "all", "own"],
  "tasks.fulfil": ["all", "-", "-", "-", "own"],
};

const who = (role: Role | readonly Role[], providers: readonly string[] = []): Principal => ({
  name: "anna",
  tokenId: "1",
  roles: [role].flat(),
  providers,
});

t.test("every role may do exactly what was decided", async (t) => {
  t.same(actions, Object.keys(decided));
  t.same(roles, ["administrator", "provider-editor", "reviewer", "auditor", "fulfiller"]);
  for (const action of actions)
    for (const [column, role] of roles.entries()) {
      const reach = decided[action][column];
      t.equal(permissions[action][role] ?? "-", reach, `${role}: ${action}`);
      const principal = who(role, ["it-nord"]);
      t.equal(mayDo(principal, action), reach !== "-", `${role}: ${action} somewhere`);
      t.equal(mayDo(principal, action, "it-nord"), reach !== "-", `${role}: ${action} at an own provider`);
      t.equal(mayDo(principal, action, "aurora"), reach === "all", `${role}: ${action} at another's`);
    }
});

t.test("an editor without providers may do nothing, and roles add up", async (t) => {
  for (const action of actions) {
    t.equal(mayDo(who("provider-editor"), action), false, action);
    t.equal(mayDo(who([]), action), false, `${action} without a role`);
  }
  const both = who(["provider-editor", "auditor"], ["it-nord"]);
  t.equal(mayDo(both, "providers.read", "aurora"), true, "as an auditor");
  t.equal(mayDo(both, "providers.edit", "aurora"), false, "as an editor of another");
  t.equal(mayDo(both, "providers.edit", "it-nord"), true, "as an editor");
});

t.test("nobody hands out more than they have", async (t) => {
  const editor = who("provider-editor", ["it-nord", "aurora"]);
  t.equal(covers(editor, who("provider-editor", ["it-nord"])), true, "less");
  t.equal(covers(editor, editor), true, "as much");
  t.equal(covers(editor, who("provider-editor", ["it-nord", "borealis"])), false, "another provider");
  for (const role of ["administrator", "reviewer", "auditor"] as const) {
    t.equal(covers(editor, who(role)), false, `an editor: ${role}`);
    t.equal(covers(who("administrator"), who(role)), true, `an administrator: ${role}`);
  }
  t.equal(covers(who("auditor"), who("reviewer")), false);
});

t.test("the page about the management API shows the table as it is", async (t) => {
  const page = readFileSync(new URL("../../docs/management-api.md", import.meta.url), "utf8");
  const [, table = ""] = page.split("<!-- permissions -->");
  const [shown = ""] = table.split("\n## ");
  const rows = shown
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  t.same(rows[0], ["action", ...roles]);
  t.same(
    rows.slice(2),
    actions.map((action) => [`\`${action}\``, ...roles.map((role) => permissions[action][role] ?? "")]),
  );
});
