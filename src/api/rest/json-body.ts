import { RegistryError } from '../../registry/errors.ts';

/** Longer bodies are not searched for the place of a mistake: it takes a parse for each halving. */
const maxSearchedCharacters = 64 * 1024;

/**
 * Parses a request's body. An empty one is `undefined`: a heartbeat needs none.
 * @throws RegistryError `validation_error` that names the position of the mistake
 */
export function parseJsonBody(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  const text = decode(bytes);
  try {
    return JSON.parse(text);
  } catch (error) {
    const position = mistakePosition(text, error);
    throw new RegistryError(
      'validation_error',
      `The body is not valid JSON${position === null ? '' : `: look at ${describe(text, position)}`}.`,
      position === null ? {} : { details: { position } },
    );
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new RegistryError('validation_error', 'The body is not valid UTF-8. Encode it as UTF-8.');
  }
}

/** Where parsing stopped, in characters. V8 tells it in some of its messages only. */
function mistakePosition(text: string, error: unknown): number | null {
  const told = positionIn(error, text);
  if (told !== null || text.length > maxSearchedCharacters) return told;
  // The longest beginning of the text that could still become JSON ends where the mistake is.
  let viable = 0;
  let broken = text.length;
  while (broken - viable > 1) {
    const middle = (viable + broken) >>> 1;
    if (canGoOn(text.slice(0, middle))) viable = middle;
    else broken = middle;
  }
  return viable;
}

function canGoOn(beginning: string): boolean {
  try {
    JSON.parse(beginning);
    return true;
  } catch (error) {
    return positionIn(error, beginning) === beginning.length;
  }
}

function positionIn(error: unknown, text: string): number | null {
  const message = error instanceof Error ? error.message : '';
  if (message.startsWith('Unexpected end')) return text.length;
  const position = /at position (\d+)/.exec(message)?.[1];
  return position === undefined ? null : Number(position);
}

function describe(text: string, position: number): string {
  if (position >= text.length) return `its end (position ${position}), where something is missing`;
  const before = text.slice(0, position).split('\n');
  return `position ${position} (line ${before.length}, column ${(before.at(-1) ?? '').length + 1})`;
}
