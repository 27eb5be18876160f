import { createHash, timingSafeEqual } from 'node:crypto';
import { RegistryError } from '../registry/errors.ts';

const digest = (text: string) => createHash('sha256').update(text).digest();

/** The token of an `Authorization: Bearer TOKEN` header; `null` without one. */
export function bearerToken(header: string | undefined): string | null {
  return /^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? null;
}

/** Makes the check that writes have to pass. Digests are compared, so neither length nor prefix shows in the time it takes. */
export function writeGuard(expectedToken: string | null): (header: string | undefined) => void {
  if (expectedToken === null) return () => {};
  const expected = digest(expectedToken);
  return (header) => {
    const token = bearerToken(header);
    if (token !== null && timingSafeEqual(digest(token), expected)) return;
    throw new RegistryError(
      'unauthorized',
      token === null
        ? 'Writes need a token: send the header "Authorization: Bearer TOKEN".'
        : 'The token is not the right one.',
    );
  };
}
