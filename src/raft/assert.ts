/** This member found itself in a state that the protocol rules out. It must stop before it tells others. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/**
 * Holds in production too: going on with a broken invariant can lose acknowledged data, stopping cannot.
 * @throws InvariantError
 */
export function invariant(condition: boolean, message: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantError(typeof message === 'string' ? message : message());
}
