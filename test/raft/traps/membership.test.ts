import { describe, expect, test } from 'vitest';
import { encodeMembership } from '../../../src/raft/membership.ts';
import type { Entry, Membership } from '../../../src/raft/types.ts';
import { entry, from, membership, restored } from '../harness/fixtures.ts';
import { LoneCore } from '../harness/lone-core.ts';

/*
 * Ways in which other implementations have failed, each as the shortest script of messages that shows it. The numbers
 * are those that the comments in src/raft/ name. A test here fails when the guard that such a comment stands at is gone.
 */

const membershipEntry = (index: number, term: number, value: Membership): Entry => ({
  index,
  term,
  kind: 'membership',
  data: encodeMembership(value),
});

describe('membership', () => {
  test('trap 22: commits are counted anew by a new membership', () => {
    const core = new LoneCore(
      restored({
        membership: membership({ voters: ['a'], votersOutgoing: ['b', 'c'] }),
        terms: [1],
        entries: [membershipEntry(1, 1, membership({ voters: ['a'] }))],
      }),
    );
    core.member.appliesAtOnce = false;
    core.lead();
    core.acknowledge(['b', 'c'], 2);
    core.propose('x');
    expect(core.status.commitIndex).toBe(2);
    // With b and c gone, what a holds is committed at once: nobody is left whose answer would start the count.
    core.member.applyHandedOut();
    expect([core.status.membership.voters, core.status.commitIndex]).toEqual([['a'], 3]);
  });

  test('trap 22: votes are counted by both halves of a membership that is changing', () => {
    const changing = membership({ voters: ['a', 'b', 'c'], votersOutgoing: ['a', 'd', 'e'] });
    const core = new LoneCore(restored({ membership: changing }));
    core.campaign();
    core.step(from.voteResponse({ from: 'b' }), from.voteResponse({ from: 'c' }));
    expect(core.status.role).toBe('candidate');
    core.step(from.voteResponse({ from: 'd' }));
    expect(core.status.role).toBe('leader');
  });

  test('trap 23: after a restart the membership is the one of snapshot and log', () => {
    const core = new LoneCore();
    const change = membershipEntry(1, 1, membership({ voters: ['a', 'b', 'd'] }));
    core.step(from.append({ entries: [change, entry(2, 1)], commitIndex: 2 }));
    core.member.takeSnapshot(0);
    core.step(from.append({ prevLogIndex: 2, prevLogTerm: 1, entries: [entry(3, 1)], commitIndex: 3 }));
    core.restart();
    expect(core.status.membership.voters).toEqual(['a', 'b', 'd']);
    const next = membershipEntry(4, 1, membership({ voters: ['a', 'd'] }));
    core.step(from.append({ prevLogIndex: 3, prevLogTerm: 1, entries: [next, entry(5, 1)], commitIndex: 4 }));
    core.step(from.append({ prevLogIndex: 5, prevLogTerm: 1, entries: [entry(6, 1)], commitIndex: 6 }));
    core.restart();
    // Not snapshot: the change is found in the log again, as soon as it is applied again.
    expect([core.status.membership.voters, core.core.membershipAt(3).voters]).toEqual([
      ['a', 'd'],
      ['a', 'b', 'd'],
    ]);
  });
});
