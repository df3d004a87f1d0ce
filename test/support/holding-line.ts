/**
 * Lets a line stand still at one moment, so that whoever asks by it can be killed exactly there: the request takes effect,
 * its answer is held, and so is everything that comes after.
 */
import type { Asked, Watcher } from "./http-line.ts";

export interface Hold {
  /** Counts moments anew, and stands at this one. */
  arm(moment: number): void;
  /** Nothing goes on any more, and nothing is under way. */
  stands(): boolean;
  /** Carries everything from now on. What was held gets lost. */
  open(): void;
}

export interface HttpHold extends Hold {
  /** What the line is to be started with. */
  readonly watcher: Required<Watcher>;
}

export interface Counting {
  readonly isLook: (asked: Asked) => boolean;
  /** Goes through uncounted, before the line stands still. */
  readonly ignores?: (asked: Asked) => boolean;
  /**
   * Whoever asks by this line also says things elsewhere, which may change something before the next request: the moment
   * just before a change counts too.
   */
  readonly ahead?: boolean;
}

/**
 * A moment is what the back end can be like when an answer gets lost: everything that changes something counts, and of the
 * looks between two changes the first, as after each of them the back end is the same. A change that is asked for once more
 * in the same words is but a look: who waits for something asks so again and again.
 */
export function createHold({ isLook, ignores = () => false, ahead = false }: Counting): HttpHold {
  let stop: number | undefined;
  let count = 0;
  let looked = false;
  let still = false;
  const said = new Set<string>();
  let underWay = 0;
  let opened = Promise.withResolvers<never>();
  opened.promise.catch(() => undefined);

  /** Counts the moment there is before or after this request; whether it is the one to stand at. */
  const isHere = (): boolean => ++count === stop;

  return {
    watcher: {
      async judge(asked) {
        if (still) return opened.promise;
        if (ignores(asked)) {
          underWay++;
          return undefined;
        }
        const words = `${asked.method} ${asked.path} ${asked.body}`;
        const look = isLook(asked) || said.has(words);
        said.add(words);
        const counts = !(look && looked);
        looked = look;
        if (ahead && !look && isHere()) {
          still = true;
          return opened.promise;
        }
        if (counts && isHere()) still = true;
        underWay++;
        return undefined;
      },
      async onAnswer() {
        underWay--;
        if (still) await opened.promise;
      },
    },
    arm(moment) {
      stop = moment;
      count = 0;
      looked = false;
      said.clear();
    },
    stands: () => still && underWay === 0,
    open() {
      stop = undefined;
      still = false;
      opened.reject(new Error("Held until its sender was gone."));
      opened = Promise.withResolvers<never>();
      opened.promise.catch(() => undefined);
    },
  };
}
