import { type DestinationStream, type Logger, pino } from 'pino';

/** Never written, wherever in an object they turn up. */
const secretPaths = [
  'authorization',
  'authToken',
  'token',
  '*.authorization',
  '*.authToken',
  '*.token',
  'req.headers.authorization',
];

/** The one place that makes a logger: JSON lines, times in RFC 3339. */
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
