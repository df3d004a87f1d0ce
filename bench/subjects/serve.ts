/** The broker as `lotse serve` starts it, but for the adapter kinds. */
import { useCompileCache } from "../../src/compile-cache.js";

useCompileCache(process.env.LOTSE_DATA_DIR);
const { readConfig } = await import("../../src/config.ts");
const { startBroker } = await import("../../src/main.ts");
const { kinds } = await import("./kinds.ts");

const broker = await startBroker(readConfig(process.env, process.cwd(), kinds), undefined, kinds);
process.once("SIGTERM", () => void broker.stop());
