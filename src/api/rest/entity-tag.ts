import { hash } from 'node:crypto';
import { checksum } from '../../codec/checksum.ts';

/*
 * Tags are compared with others of the same address only (RFC 9110, 8.8), so what was asked needs no more than a checksum:
 * it keeps apart what a client of many addresses might mix up.
 */

/**
 * The tag of an answer: the revision that it shows, and what was asked. Weak (RFC 9110, 8.8.1), because a heartbeat that
 * changes no status moves `last_heartbeat` without growing the revision: equal in meaning, not byte by byte.
 * Every member makes the same tag, so that a client may ask any of them next.
 */
export function entityTag(revision: number, question: readonly unknown[]): string {
  return `W/"${revision}-${checksum(Buffer.from(JSON.stringify(question)))}"`;
}

/** The tag of a text that is answered byte by byte. */
export function textTag(text: string): string {
  return `"${hash('sha256', text, 'base64url').slice(0, 16)}"`;
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
