import { CommandError, exitCodes } from './exit-codes.ts';

/** For a flag that may be repeated: all of its values, in order. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}

/** @returns milliseconds. @throws CommandError naming the flag */
export function durationMsOf(text: string, flag: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  const ms = Number(amount) * { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit as 'ms' | 's' | 'm' | 'h'];
  // Node's timers take no more than 2^31 ms.
  if (ms >= 1 && ms <= 2_147_483_647) return ms;
  throw new CommandError(
    `${flag} must be a time such as 10s, 500ms or 2m (seconds without a unit), not "${text}"`,
    exitCodes.usage,
  );
}

/** @throws CommandError naming the flag */
export function wholeNumberOf(text: string, flag: string, least: number): number {
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least) return number;
  throw new CommandError(`${flag} must be a whole number from ${least} on, not "${text}"`, exitCodes.usage);
}

/** What stands on both sides of the first `=`. @param like such as `TYPE=ADDRESS, such as REST=http://10.0.0.7:9000` */
export function pairOf(text: string, flag: string, like: string): [string, string] {
  const at = text.indexOf('=');
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new CommandError(`${flag} must be ${like}, not "${text}"`, exitCodes.usage);
}
