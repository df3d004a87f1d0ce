/** A value that must not be printed: logs, errors and JSON show a placeholder, only `reveal()` gives it out. */
import type { Json } from "./json.ts";

const placeholder = "[secret]";

/** Wraps credentials, parameters, facts and handles from the moment they are read until they are sealed or answered. */
export class Secret<T extends Json = Json> {
  #value: T | undefined;
  #open: (() => T) | undefined;

  constructor(value: T) {
    this.#value = value;
  }

  /** A secret that is opened only when somebody looks, and then once: most reads of a row never need it. */
  static lazily<T extends Json>(open: () => T): Secret<T> {
    const secret = new Secret<T>(null as T);
    secret.#open = open;
    return secret;
  }

  /** The value itself; call it only where it is sealed, sent to a back end, or answered to its owner. */
  reveal(): T {
    if (this.#open !== undefined) {
      this.#value = this.#open();
      this.#open = undefined;
    }
    return this.#value as T;
  }

  toJSON(): string {
    return placeholder;
  }

  toString(): string {
    return placeholder;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return placeholder;
  }
}
