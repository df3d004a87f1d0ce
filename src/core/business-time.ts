/** Time as people work it: counted only while somebody is there. */
import type { Calendar, ServiceLevel } from "./adapter.ts";
import type { Millis } from "./model.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
/** Days looked at; a calendar without a working day among them has none. */
const mostDays = 5_000;

/** How much business time a service level is; a day is as long as its business hours. */
export function businessMs({ businessDays = 0, businessHours = 0 }: ServiceLevel, calendar: Calendar): number {
  const day = minutesOf(calendar.closes) - minutesOf(calendar.opens);
  return (businessDays * day + businessHours * 60) * minuteMs;
}

/** The moment `ms` of business time after `from`. */
export function afterBusiness(from: Millis, ms: number, calendar: Calendar): Millis {
  let left = ms;
  for (const { opens, closes } of workingDays(from, calendar)) {
    const begin = Math.max(from, opens);
    if (begin >= closes) continue;
    if (left <= closes - begin) return begin + left;
    left -= closes - begin;
  }
  return from + ms;
}

/** Business time from one moment to a later one. */
export function businessBetween(from: Millis, to: Millis, calendar: Calendar): number {
  let sum = 0;
  for (const { opens, closes } of workingDays(from, calendar)) {
    if (opens >= to) break;
    sum += Math.max(0, Math.min(closes, to) - Math.max(opens, from));
  }
  return sum;
}

interface WorkingDay {
  readonly opens: Millis;
  readonly closes: Millis;
}

/** From the day before on: where somebody works, it may still be yesterday. */
function* workingDays(from: Millis, { zone, opens, closes, weekdays, holidays }: Calendar): Generator<WorkingDay> {
  const offset = offsetsIn(zone);
  const first = Math.floor((from + offset(from)) / dayMs) * dayMs;
  for (let index = -1; index < mostDays; index++) {
    // Midnight there, written as if it were UTC.
    const midnight = first + index * dayMs;
    const date = new Date(midnight);
    if (!weekdays.includes(date.getUTCDay() || 7) || holidays.includes(date.toISOString().slice(0, 10))) continue;
    const at = (time: string) => instantOf(midnight + minutesOf(time) * minuteMs, offset);
    yield { opens: at(opens), closes: at(closes) };
  }
}

/** A local time, written as if it were UTC, as the moment it is. */
function instantOf(local: Millis, offset: (at: Millis) => number): Millis {
  const guess = local - offset(local);
  return local - offset(guess);
}

/** By how much the zone's clocks are ahead of UTC at a moment. */
function offsetsIn(zone: string): (at: Millis) => number {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (at) => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
  };
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(":").map(Number);
  return hours * 60 + minutes;
}
