/** Who is let in: platforms by HTTP Basic, administrators by token, and what an attempt may cost the broker. */
import { randomBytes, scryptSync } from "node:crypto";
import { test } from "tap";
import { Secret } from "../../src/core/secret.ts";
import { type Account, createAuthenticator, readBasicCredentials } from "../../src/http/basic-auth.ts";
import { authenticateBearer, hashToken, makeToken } from "../../src/http/bearer-auth.ts";
import { decoyHash, generatePassword, hashPassword, verifyPassword } from "../../src/http/password.ts";

const basic = (pair: string) => `Basic ${Buffer.from(pair).toString("base64")}`;
const account = (changes: Partial<Account> = {}): Account => ({
  platformId: "p1",
  name: "cf-nord",
  username: "nord",
  hashes: [{ hash: "hash of right" }],
  state: "active",
  ...changes,
});
const platform = { id: "p1", name: "cf-nord" };

/** An authenticator over a list of accounts, a clock turned by hand, and a verification that counts and can be held. */
function setUp(accounts: readonly Account[] = [account()]) {
  const verified: string[] = [];
  const held: (() => void)[] = [];
  const world = { accounts, now: 1_000_000, hold: false, looks: 0, verified, held };
  const authenticator = createAuthenticator({
    findAccounts: () => {
      world.looks++;
      return world.accounts;
    },
    verify: async (password, hash) => {
      verified.push(hash);
      if (world.hold) await new Promise<void>((release) => held.push(release));
      return hash === `hash of ${password.reveal()}`;
    },
    now: () => world.now,
    randomBytes,
  });
  return Object.assign(world, authenticator);
}

test("the right password lets a platform in, and nothing of its account but id and name", async (t) => {
  const { authenticate } = setUp();
  t.strictSame(await authenticate(basic("nord:right")), platform);
});

test("what is not the right user and password lets nobody in", async (t) => {
  const { authenticate } = setUp();
  for (const header of [undefined, "", "Basic", basic("nord:wrong"), basic("süd:right"), "Bearer abc", basic("nord")]) {
    t.equal(await authenticate(header), "unauthenticated", String(header));
  }
});

test("what a connection sent before is recognised on it, for as long as the account has that password", async (t) => {
  const world = setUp();
  const { authenticate, accountsChanged } = world;
  const [one, other] = [{}, {}];
  await authenticate(basic("nord:right"), one);
  for (const connection of [one, one, other]) t.strictSame(authenticate(basic("nord:right"), connection), platform);
  t.equal(await authenticate(basic("nord:wrong"), one), "unauthenticated", "another header is another matter");
  world.accounts = [account({ state: "disabled" })];
  accountsChanged();
  t.equal(await authenticate(basic("nord:right"), one), "unauthenticated");
  world.accounts = [account()];
  accountsChanged();
  await authenticate(basic("nord:right"), one);
  t.strictSame(authenticate(basic("nord:right"), one), platform);
  world.accounts = [];
  world.now += 3_600_000;
  t.equal(await authenticate(basic("nord:right"), one), "unauthenticated", "what is remembered is looked up again");
});

test("a header is read as RFC 7617 says", (t) => {
  const read = (header: string) => {
    const credentials = readBasicCredentials(header);
    return credentials && [credentials.username, credentials.password.reveal()];
  };
  t.strictSame(read(basic("nord:right")), ["nord", "right"]);
  t.strictSame(read(basic("nord:with:colons:")), ["nord", "with:colons:"], "the first colon parts");
  t.strictSame(read(basic("nürnberg:grüße 🎉")), ["nürnberg", "grüße 🎉"], "UTF-8");
  t.strictSame(read(`bASIC   ${basic("nord:right").slice(6)}`), ["nord", "right"], "any case, several spaces");
  const malformed = [
    basic(":right"),
    basic("nord:"),
    basic("nord:ri\nght"),
    `Basic ${Buffer.from("nord:grüße", "latin1").toString("base64")}`,
    "Basic bm9yZDpyaWdodA",
    "Basic bm9yZDpyaWdodB==",
    "Basic bm9y ZDpyaWdodA==",
    "Basic bm9yZDp-_-Y=",
    "Basic ====",
    `Digest ${basic("nord:right").slice(6)}`,
  ];
  for (const header of malformed) t.equal(read(header), undefined, header);
  t.end();
});

test("a platform's password is hashed once, however often it asks", async (t) => {
  const world = setUp();
  const first = await world.authenticate(basic("nord:right"));
  for (let request = 0; request < 100; request++) t.equal(world.authenticate(basic("nord:right")), first);
  world.now += 3_600_000;
  t.strictSame(await world.authenticate(basic("nord:right")), platform);
  t.strictSame(world.verified, ["hash of right"]);
  t.equal(world.looks, 2, "but the account is looked up again after a while");
});

test("requests that come at the same time share one check", async (t) => {
  const world = setUp();
  const answers = await Promise.all(Array.from({ length: 64 }, () => world.authenticate(basic("nord:right"))));
  t.strictSame(new Set(answers), new Set([platform]));
  t.strictSame(world.verified, ["hash of right"]);
});

test("while a password is rotated the old and the new one both work, the old one until its end", async (t) => {
  const hashes = [{ hash: "hash of new" }, { hash: "hash of old", expiresAt: 1_005_000 }];
  const world = setUp([account({ hashes })]);
  t.strictSame(await world.authenticate(basic("nord:new")), platform);
  t.strictSame(await world.authenticate(basic("nord:old")), platform);
  world.now = 1_004_999;
  t.strictSame(await world.authenticate(basic("nord:old")), platform);
  world.now = 1_005_000;
  t.equal(await world.authenticate(basic("nord:old")), "unauthenticated");
  t.strictSame(await world.authenticate(basic("nord:new")), platform);
});

test("a withdrawn password is refused at once, and within seconds if another replica withdrew it", async (t) => {
  const world = setUp();
  await world.authenticate(basic("nord:right"));
  world.accounts = [account({ hashes: [{ hash: "hash of other" }] })];
  t.strictSame(await world.authenticate(basic("nord:right")), platform, "nobody has told yet");
  world.now += 10_000;
  t.equal(await world.authenticate(basic("nord:right")), "unauthenticated", "seen without being told");

  const told = setUp();
  await told.authenticate(basic("nord:right"));
  told.accounts = [account({ state: "disabled" })];
  told.accountsChanged();
  t.equal(await told.authenticate(basic("nord:right")), "unauthenticated", "told");
});

test("a check that was under way while the accounts changed is not relied on afterwards", async (t) => {
  const world = setUp();
  world.hold = true;
  const before = world.authenticate(basic("nord:right"));
  await Promise.resolve();
  world.accounts = [];
  world.accountsChanged();
  world.hold = false;
  const after = world.authenticate(basic("nord:right"));
  for (const release of world.held) release();
  t.strictSame(await before, platform, "asked before the change");
  t.equal(await after, "unauthenticated", "asked after it");
  t.equal(await world.authenticate(basic("nord:right")), "unauthenticated");
});

test("an unknown user costs as much as a wrong password, in rotation or not", async (t) => {
  const rotating = account({ hashes: [{ hash: "hash of new" }, { hash: "hash of old" }] });
  for (const accounts of [[], [account()], [rotating], [account({ state: "disabled" })]]) {
    const world = setUp(accounts);
    await world.authenticate(basic("nord:wrong"));
    t.equal(world.verified.length, 2);
  }
});

test("a client with a stale password is refused without a hash for each request, and let in once it is set", async (t) => {
  const world = setUp();
  await world.authenticate(basic("nord:stale"));
  for (let request = 0; request < 100; request++) {
    t.equal(world.authenticate(basic("nord:stale")), "unauthenticated");
  }
  t.equal(world.verified.length, 2);
  world.accounts = [account({ hashes: [{ hash: "hash of stale" }] })];
  world.accountsChanged();
  t.strictSame(await world.authenticate(basic("nord:stale")), platform);
});

test("a flood of wrong passwords is turned away, and platforms already known do not notice", async (t) => {
  const world = setUp();
  await world.authenticate(basic("nord:right"));
  world.verified.length = 0;
  world.hold = true;
  const flood = Array.from({ length: 100 }, (_, n) => world.authenticate(basic(`nord:guess-${n}`)));
  const settled = Promise.race(flood);
  t.equal(await settled, "busy");
  t.equal(world.verified.length, 2, "two at once");
  world.now += 60_000;
  t.strictSame(await world.authenticate(basic("nord:right")), platform);
  world.hold = false;
  for (const release of world.held) release();
  const answers = await Promise.all(flood);
  t.equal(answers.filter((answer) => answer === "busy").length, 100 - 2 - 32, "two checked, 32 waited");
  t.equal(await world.authenticate(basic("nord:guess-99")), "unauthenticated", "afterwards there is room again");
});

test("strangers' wrong passwords do not push a platform out of memory", async (t) => {
  const world = setUp();
  await world.authenticate(basic("nord:right"));
  for (let n = 0; n < 1100; n++) await world.authenticate(basic(`nord:guess-${n}`));
  world.verified.length = 0;
  t.strictSame(world.authenticate(basic("nord:right")), platform);
  await world.authenticate(basic("nord:guess-0"));
  t.equal(world.verified.length, 2, "the oldest wrong one is forgotten");
});

test("when the accounts cannot be read, nobody is let in or remembered as wrong", async (t) => {
  let broken = true;
  const { authenticate } = createAuthenticator({
    findAccounts: async () => {
      if (broken) throw new Error("no database");
      return [account()];
    },
    verify: async () => true,
    now: () => 0,
    randomBytes,
  });
  await t.rejects(Promise.resolve(authenticate(basic("nord:right"))), { message: "no database" });
  broken = false;
  t.strictSame(await authenticate(basic("nord:right")), platform);
});

test("a made password has 256 random bits and fits its hash and no other", async (t) => {
  const password = generatePassword(randomBytes);
  t.match(password.reveal(), /^[\w-]{43}$/);
  const hash = await hashPassword(password, randomBytes);
  t.match(hash, /^\$scrypt\$ln=14,r=8,p=1\$/);
  t.not(hash, await hashPassword(password, randomBytes), "salted");
  t.equal(await verifyPassword(password, hash), true);
  t.equal(await verifyPassword(generatePassword(randomBytes), hash), false);
  t.equal(await verifyPassword(password, decoyHash(randomBytes)), false);
});

test("a hash made at another cost still verifies", async (t) => {
  const salt = Buffer.alloc(16, 7);
  const key = scryptSync("old password", salt, 32, { N: 1024, r: 4, p: 2 });
  const text = (bytes: Buffer) => bytes.toString("base64").replaceAll("=", "");
  const hash = `$scrypt$ln=10,r=4,p=2$${text(salt)}$${text(key)}`;
  t.equal(await verifyPassword(new Secret("old password"), hash), true);
  t.equal(await verifyPassword(new Secret("other password"), hash), false);
});

test("a damaged hash is an error and no verdict, and the error does not repeat it", async (t) => {
  const whole = decoyHash(randomBytes);
  for (const hash of ["", "plain", whole.slice(0, -1), whole.replace("ln=14", "ln=31"), whole.replace("r=8", "r=0")]) {
    await t.rejects(verifyPassword(new Secret("any"), hash), {
      message: "A stored password hash is not in the form this version knows.",
    });
  }
});

test("an administrator's token opens the door until it expires, and only its hash is stored", async (t) => {
  const { token, hash } = makeToken(randomBytes);
  t.match(token.reveal(), /^lotse_[\w-]{43}$/);
  t.equal(hash, hashToken(token));
  t.notOk(hash.includes(token.reveal().slice(6)));
  const stored = { hash, name: "anna", expiresAt: 2000 };
  const find = (wanted: string) => (wanted === hash ? stored : undefined);
  t.equal(await authenticateBearer(`Bearer ${token.reveal()}`, find, 1999), stored);
  t.equal(await authenticateBearer(`bearer ${token.reveal()}`, find, 1999), stored, "any case");
  t.equal(await authenticateBearer(`Bearer ${token.reveal()}`, find, 2000), undefined, "expired");
  t.equal(await authenticateBearer(`Bearer ${makeToken(randomBytes).token.reveal()}`, find, 0), undefined, "unknown");
});

test("what is not a token of this broker is not even looked up", async (t) => {
  const token = makeToken(randomBytes).token.reveal();
  const find = () => t.fail("looked up") as never;
  const headers = [
    undefined,
    "",
    "Bearer",
    `Basic ${token}`,
    "Bearer x",
    `Bearer ${token}x`,
    `Bearer ${token.toUpperCase()}`,
  ];
  for (const header of headers)
    t.equal(await authenticateBearer(header, find, 0), undefined, String(header).slice(0, 12));
});

test("a store that finds another token than the one asked for opens no door", async (t) => {
  const { token } = makeToken(randomBytes);
  const other = { hash: makeToken(randomBytes).hash };
  t.equal(await authenticateBearer(`Bearer ${token.reveal()}`, () => other, 0), undefined);
});
