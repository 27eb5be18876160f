import { type DestinationStream, type Logger, pino } from 'pino';

const secretNames = ['authorization', 'Authorization', 'authToken', '["auth-token"]', 'token'];

/** At the top of a log line, and in an object up to two levels below it. */
const secretPaths = secretNames.flatMap((name) => {
  const below = name.startsWith('[') ? name : `.${name}`;
  return [name, `*${below}`, `*.*${below}`];
});

/**
 * The one place that makes a logger: JSON lines, times in RFC 3339, nothing under a name that holds a secret.
 * Writes to standard output unless given a destination.
 */
export function createLogger(
  level: string,
  bindings: Readonly<Record<string, unknown>> = {},
  destination?: DestinationStream,
): Logger {
  const options = {
    level,
    base: { ...bindings },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: secretPaths, censor: '(secret)' },
  };
  return destination ? pino(options, destination) : pino(options);
}
