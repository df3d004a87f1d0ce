/** What one process of the tests has compiled, the next one need not compile again. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** For the environment of processes that tests start; tap gives it to the tests themselves. */
export const compiled = { NODE_COMPILE_CACHE: join(fileURLToPath(new URL("../..", import.meta.url)), ".tap/compiled") };
