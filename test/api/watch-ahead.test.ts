import { expect, test } from 'vitest';
import type { WatchEvent } from '../../src/registry/records.ts';
import { waitFor } from '../process/wait-for.ts';
import { Conversation } from './conversation.ts';
import { startInside } from './faces.ts';

const hint = /^: Revision 999 is ahead of this registry, which has come to 5\./m;

test.each([
  { from: 999, first: { type: 'compacted', revision: 5 }, isTold: true },
  { from: 2, first: { type: 'compacted', revision: 5 }, isTold: false },
  { from: 5, first: { type: 'progress', revision: 5 }, isTold: false },
] as const)(
  'a watch from $from that begins with $first.type at 5 is told why: $isTold',
  async ({ from, first, isTold }) => {
    const face = await startInside();
    const events: readonly WatchEvent[] = [first, { type: 'synced', revision: 5 }];
    face.fake.watched = events;
    const watcher = await Conversation.with(face.url);
    watcher.say(`GET /v1/watch?from=${from} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await waitFor(() => watcher.heard.includes('event: synced') || undefined, { timeoutMs: 5_000, what: 'the events' });
    expect(hint.test(watcher.heard)).toBe(isTold);
    watcher.hangUp();
    await face.close();
  },
);
