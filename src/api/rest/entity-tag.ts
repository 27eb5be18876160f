import { hash } from 'node:crypto';

/**
 * The tag of an answer: the revision that it shows, and what was asked. Weak (RFC 9110, 8.8.1), because a heartbeat that
 * changes no status moves `last_heartbeat` without growing the revision: equal in meaning, not byte by byte.
 * Every member makes the same tag, so that a client may ask any of them next.
 */
export function entityTag(revision: number, question: readonly unknown[]): string {
  return `W/"${revision}-${digest(JSON.stringify(question))}"`;
}

/** The tag of a text that is answered byte by byte. */
export function textTag(text: string): string {
  return `"${digest(text)}"`;
}

function digest(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 16);
}

/** Whether `If-None-Match` names the tag, by weak comparison (RFC 9110, 13.1.2). */
export function namesTag(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((candidate) => opaque(candidate.trim()) === opaque(tag));
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}
