import { describe, expect, it } from 'vitest';
import { DevJournal, type Observation } from '../../src/cli/dev-journal.ts';
import type { ClusterStatus } from '../../src/registry/service.ts';
import { statusOf } from './scripted-member.ts';

const silence: Observation = { type: 'silence' };

/** What a member says that knows of this leader. */
function says(leader: string | null, term: number, serves = true): Observation {
  return { type: 'answer', status: statusOf(leader, { term }) as ClusterStatus, serves };
}

function journalOfThree(): DevJournal {
  return new DevJournal(['node-1', 'node-2', 'node-3'], 1_000);
}

const texts = (lines: readonly { readonly text: string }[]) => lines.map(({ text }) => text);

describe('the journal of a cluster', () => {
  it('says that the cluster is ready, once, when a leader serves', () => {
    const journal = journalOfThree();
    expect(texts(journal.observed('node-1', says(null, 0), 1_100))).toEqual([]);
    expect(texts(journal.observed('node-1', says('node-2', 1), 1_900))).toEqual([]);
    expect(journal.ready).toBe(false);
    expect(texts(journal.observed('node-2', says('node-2', 1), 2_234))).toEqual([
      'cluster ready: leader node-2 (1.2 s)',
    ]);
    expect(texts(journal.observed('node-2', says('node-2', 1), 2_500))).toEqual([]);
    expect([journal.ready, journal.leader]).toEqual([true, 'node-2']);
  });

  it('takes a leader that answers no reads for none', () => {
    const journal = journalOfThree();
    expect(texts(journal.observed('node-2', says('node-2', 1, false), 2_000))).toEqual([]);
    expect(journal.leader).toBeNull();
  });

  it('tells of the death of the leader, the time without one, and the next', () => {
    const journal = journalOfThree();
    journal.observed('node-1', says('node-1', 1), 2_000);
    expect(texts(journal.ended('node-1', 'was ended by SIGKILL', 5_000))).toEqual([
      'node-1 was ended by SIGKILL',
      'no leader',
    ]);
    expect(texts(journal.observed('node-3', says('node-1', 1), 5_100))).toEqual([]);
    expect(texts(journal.observed('node-3', says('node-3', 2), 5_800))).toEqual([
      'node-3 leads in term 2 (0.8 s without one)',
    ]);
  });

  it('tells of the death of a follower without a word on the leader', () => {
    const journal = journalOfThree();
    journal.observed('node-1', says('node-1', 1), 2_000);
    expect(texts(journal.ended('node-2', 'ended with code 1', 3_000))).toEqual(['node-2 ended with code 1']);
  });

  it('believes the greater term where two say that they lead', () => {
    const journal = journalOfThree();
    journal.observed('node-2', says('node-2', 1), 2_000);
    expect(texts(journal.observed('node-1', says('node-1', 2), 3_000))).toEqual(['node-1 leads in term 2']);
    expect(texts(journal.observed('node-2', says('node-2', 1), 3_100))).toEqual([]);
    expect(texts(journal.observed('node-3', says('node-3', 3), 4_000))).toEqual(['node-3 leads in term 3']);
  });

  it('hears nothing from a member whose process is gone', () => {
    const journal = journalOfThree();
    journal.observed('node-1', says('node-1', 1), 2_000);
    journal.ended('node-1', 'was ended by SIGKILL', 3_000);
    // Its last answer was still under way.
    expect(texts(journal.observed('node-1', says('node-1', 1), 3_001))).toEqual([]);
    expect(journal.leader).toBeNull();
    expect(texts(journal.startedAgain('node-1', 42))).toEqual(['node-1 is started again, process 42']);
    expect(texts(journal.observed('node-1', says('node-1', 2), 4_000))).toEqual([
      'node-1 leads in term 2 (1.0 s without one)',
    ]);
  });

  it('mentions a silence only when it lasts, and its end', () => {
    const journal = journalOfThree();
    journal.observed('node-2', says('node-1', 1), 2_000);
    expect(texts(journal.observed('node-2', silence, 3_000))).toEqual([]);
    expect(texts(journal.observed('node-2', says('node-1', 1), 4_000))).toEqual([]);
    expect(texts(journal.observed('node-2', silence, 5_000))).toEqual([]);
    expect(texts(journal.observed('node-2', silence, 5_999))).toEqual([]);
    expect(texts(journal.observed('node-2', silence, 6_000))).toEqual([
      'node-2 does not answer, though its process is there',
    ]);
    expect(texts(journal.observed('node-2', silence, 9_000))).toEqual([]);
    expect(texts(journal.observed('node-2', says('node-1', 1), 9_500))).toEqual(['node-2 answers again']);
  });

  it('does not call a leader by that name which has long been silent', () => {
    const journal = journalOfThree();
    journal.observed('node-1', says('node-1', 1), 2_000);
    journal.observed('node-1', silence, 3_000);
    expect(journal.leader).toBe('node-1');
    expect(texts(journal.observed('node-1', silence, 4_000))).toEqual([
      'node-1 does not answer, though its process is there',
      'no leader',
    ]);
  });

  it('expects no answer from a member that has only just been started', () => {
    const journal = journalOfThree();
    expect(texts(journal.observed('node-1', silence, 2_000))).toEqual([]);
    expect(texts(journal.observed('node-1', silence, 60_000))).toEqual([]);
  });
});
