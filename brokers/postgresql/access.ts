/** Makes and takes back access: a login role of its own for every binding. */
import type { BindingOrder, Made, Outcome, Tools } from "#adapter";
import { loginName, namesOf } from "./names.ts";
import { scramVerifier } from "./scram.ts";
import type { Server } from "./server.ts";
import type { Account } from "./settings.ts";
import { closeLogins, dropLogin, findNames, handOver, lockInstance, makeLogin, ownsAnything } from "./sql.ts";

export async function bind(server: Server, order: BindingOrder, tools: Tools): Promise<Outcome> {
  const names = namesOf(order.instance.id);
  const login = loginName(order.instance.id, order.binding.id);
  const readOnly = order.binding.parameters.reveal().access === "read-only";
  const password = tools.secret("password");
  const verifier = await scramVerifier(password);
  return server.session(tools.signal, async (session): Promise<Outcome> => {
    await lockInstance(session, order.instance.id);
    const there = await findNames(session, [names.database, login]);
    if (!there.has(names.database))
      return { state: "failed", reason: "The database does not exist at the provider any more.", clean: true };
    await makeLogin(session, names, { name: login, verifier, readOnly, exists: there.has(login) });
    return { state: "done", made: { access: accessTo(server.account, names.database, login, password) } };
  });
}

function accessTo(account: Account, database: string, username: string, password: string): NonNullable<Made["access"]> {
  const { publicHost: host, publicPort: port, tls } = account;
  const sslmode = tls === "off" ? "disable" : "verify-full";
  const place = `${host.includes(":") ? `[${host}]` : host}:${port}/${encodeURIComponent(database)}`;
  const login = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`;
  const jdbc = new URLSearchParams({ user: username, password, sslmode });
  return {
    credentials: {
      uri: `postgresql://${login}@${place}?sslmode=${sslmode}`,
      jdbcUrl: `jdbc:postgresql://${place}?${jdbc}`,
      host,
      port,
      database,
      username,
      password,
      sslmode,
      ...(tls !== "off" && tls.ca !== undefined && { ca: tls.ca }),
    },
    endpoints: [{ host, ports: [String(port)], protocol: "tcp" }],
  };
}

export async function unbind(server: Server, order: BindingOrder, tools: Tools): Promise<Outcome> {
  const names = namesOf(order.instance.id);
  const login = loginName(order.instance.id, order.binding.id);
  await server.session(tools.signal, async (session) => {
    await lockInstance(session, order.instance.id);
    if (!(await findNames(session, [login])).has(login)) return;
    await closeLogins(session, [login]);
    if (await ownsAnything(session, names.database, login))
      await server.inside(names.database, tools.signal, (inside) => handOver(inside, names, login));
    await dropLogin(session, login);
  });
  return { state: "done" };
}

export async function fetchBinding(server: Server, order: BindingOrder, tools: Tools): Promise<Made | undefined> {
  const login = loginName(order.instance.id, order.binding.id);
  return server.session(tools.signal, async (session) =>
    (await findNames(session, [login])).has(login) ? {} : undefined,
  );
}
