/** The broker as `lotse serve` starts it, but for the adapter kinds. */
import { readConfig } from "../../src/config.ts";
import { startBroker } from "../../src/main.ts";
import { kinds } from "./kinds.ts";

const broker = await startBroker(readConfig(process.env, process.cwd(), kinds), undefined, kinds);
process.once("SIGTERM", () => void broker.stop());
