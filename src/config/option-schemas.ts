import { z } from 'zod';

/** Every option arrives as text: from the command line, from a variable, or from a file. */
interface NumberRange {
  /** What the number counts, as in "seconds". */
  readonly unit: string;
  readonly minimum: number;
  readonly maximum: number;
}

/** Decimal digits only: no sign, exponent or hexadecimal form that a reader of the configuration might misread. */
function numberIn({ unit, minimum, maximum }: NumberRange, pattern: RegExp, kind: string) {
  return z.string().transform((text, context) => {
    const value = Number(text);
    if (pattern.test(text) && value >= minimum && value <= maximum) return value;
    context.addIssue({ code: 'custom', message: `must be a ${kind} of ${unit} from ${minimum} to ${maximum}` });
    return z.NEVER;
  });
}

export const wholeNumber = (range: NumberRange) => numberIn(range, /^\d+$/, 'whole number');

export const port = z.string().transform((text, context) => {
  const value = Number(text);
  if (/^\d{1,5}$/.test(text) && value >= 1 && value <= 65_535) return value;
  context.addIssue({ code: 'custom', message: 'must be a port number from 1 to 65535' });
  return z.NEVER;
});

const secondsInAYear = 31_536_000;

/** Fractions are allowed: short leases make tests and trials quick. */
export const seconds = numberIn({ unit: 'seconds', minimum: 0.05, maximum: secondsInAYear }, /^\d+(\.\d+)?$/, 'number');

export const milliseconds = wholeNumber({ unit: 'milliseconds', minimum: 1, maximum: 600_000 });

const memberName = /^[a-zA-Z0-9-]{1,64}$/;

export const clusterName = z
  .string()
  .regex(memberName, 'must hold 1 to 64 letters, digits and hyphens, such as "manifest"');

export const nodeName = z.string().regex(memberName, 'must hold 1 to 64 letters, digits and hyphens, such as "node-1"');

export const nonEmpty = (example: string) => z.string().min(1, `must not be empty; give a value such as ${example}`);

export const oneOf = <const T extends readonly [string, ...string[]]>(choices: T) =>
  z.enum(choices, { error: `must be one of ${choices.join(', ')}` });

const truth: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['false', false],
  ['0', false],
  ['no', false],
]);

export const trueOrFalse = z.string().transform((text, context) => {
  const value = truth.get(text.toLowerCase());
  if (value !== undefined) return value;
  context.addIssue({ code: 'custom', message: 'must be true or false' });
  return z.NEVER;
});

/** Of a file; empty: none. */
export const path = z.string();

/** RFC 6750 allows less; what a header can carry without quoting is enough here. Empty: none. */
export const token = z
  .string()
  .regex(/^[\x21-\x7e]*$/, 'must hold printable ASCII characters without spaces')
  .transform((text) => (text === '' ? null : text));

/** A name or an IPv4 address, or an IPv6 address in brackets, then a port. */
const hostAndPort = /^(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/;

/** Whether `text` is like `10.0.0.1:8503`, `node-1:8503` or `[::1]:8503`. */
export function isHostAndPort(text: string): boolean {
  const portNumber = Number(hostAndPort.exec(text)?.[1] ?? 0);
  return portNumber >= 1 && portNumber <= 65_535;
}

export const optionalHostAndPort = z
  .string()
  .refine((text) => text === '' || isHostAndPort(text), 'must be HOST:PORT, such as "10.0.0.1:8502"');

export const optionalUrl = z
  .string()
  .refine(
    (text) => text === '' || (/^https?:\/\//i.test(text) && URL.canParse(text)),
    'must be a URL that begins with http:// or https://, such as "http://10.0.0.1:8500"',
  );

/** Where to listen: one address or name, without a port. */
export const listenHost = z
  .string()
  .regex(/^[A-Za-z0-9._:%-]+$/, 'must be an address or a host name without a port, such as "127.0.0.1" or "0.0.0.0"')
  .refine(
    (text) => !/^[^:]+:\d+$/.test(text),
    'must not carry a port: ports are given by rest-port, grpc-port and peer-port',
  );
