import { beforeEach, describe, expect, test } from 'vitest';
import { WriteQueue } from '../../src/node/write-queue.ts';
import type { ProposeResult } from '../../src/raft/types.ts';
import type { ApplyOutcome } from '../../src/registry/machine.ts';
import type { ForwardCommands, ForwardRejected } from '../../src/transport/transport.ts';

const command = Uint8Array.of(1);

function outcomeOf(requestId: string): ApplyOutcome {
  return { requestId, result: { type: 'done' }, events: [] };
}

/** A member whose surroundings a test sets by hand. */
class Surroundings {
  nowMs = 0;
  leaderId: string | null = null;
  term = 1;
  self = 'a';
  answer: ProposeResult = { ok: true, firstIndex: 1, term: 1 };
  readonly proposed: (readonly Uint8Array[])[] = [];
  readonly sent: { to: string; message: ForwardCommands | ForwardRejected }[] = [];
  readonly queue = new WriteQueue(
    {
      nowMs: () => this.nowMs,
      leadership: () => ({ leaderId: this.leaderId, term: this.term, isSelf: this.leaderId === this.self }),
      propose: (commands) => {
        this.proposed.push(commands);
        return this.answer;
      },
      send: (to, message) => this.sent.push({ to, message }),
      wake: () => {},
    },
    { maxPending: 10, leaderWaitMs: 1_500 },
  );

  /** Submits a write and keeps how it ended. */
  submit(requestId: string, kind: 'heartbeats' | 'other' = 'other', timeoutMs = 5_000): { ended: string | null } {
    const watched: { ended: string | null } = { ended: null };
    this.queue.submit(requestId, command, kind, timeoutMs).then(
      () => {
        watched.ended = 'applied';
      },
      (error) => {
        watched.ended = error.code;
      },
    );
    return watched;
  }

  /** Moves the clock as the member does, and lets promises settle. */
  async pass(durationMs: number): Promise<void> {
    for (const untilMs = this.nowMs + durationMs; this.nowMs < untilMs; ) {
      this.nowMs += 50;
      this.queue.tick();
      this.queue.flush();
    }
    await settled();
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

let around: Surroundings;

beforeEach(() => {
  around = new Surroundings();
});

describe('a write', () => {
  test('is proposed here when this member leads, together with all others of the turn', async () => {
    around.leaderId = 'a';
    const one = around.submit('r1');
    const two = around.submit('r2');
    around.queue.flush();
    expect(around.proposed).toEqual([[command, command]]);
    around.queue.applied(outcomeOf('r1'));
    around.queue.applied(outcomeOf('r2'));
    await settled();
    expect([one.ended, two.ended]).toEqual(['applied', 'applied']);
    expect(around.queue.size).toBe(0);
  });

  test('is passed on to the leader in one message, and ends when its entry is applied here', async () => {
    around.leaderId = 'b';
    const write = around.submit('r1');
    around.queue.flush();
    expect(around.sent).toEqual([
      { to: 'b', message: { type: 'forward-commands', commands: [{ requestId: 'r1', command }] } },
    ]);
    around.queue.applied(outcomeOf('r1'));
    await settled();
    expect(write.ended).toBe('applied');
  });

  test('waits for a leader, but not longer than it may: then it certainly never happened', async () => {
    const write = around.submit('r1');
    await around.pass(1_450);
    expect(write.ended).toBeNull();
    await around.pass(100);
    expect(write.ended).toBe('service_unavailable');
    expect(around.sent).toEqual([]);
  });

  test('goes to the leader that appears while it waits', async () => {
    around.submit('r1');
    await around.pass(500);
    around.leaderId = 'b';
    around.queue.flush();
    expect(around.sent).toHaveLength(1);
  });

  test('trap 34: is passed on again, under the same request id, when its leader is lost', async () => {
    around.leaderId = 'b';
    const write = around.submit('r1');
    around.queue.flush();
    around.leaderId = 'c';
    around.term = 2;
    around.queue.flush();
    expect(around.sent.map(({ to }) => to)).toEqual(['b', 'c']);
    expect(around.sent[0]?.message).toEqual(around.sent[1]?.message);
    around.queue.applied(outcomeOf('r1'));
    await settled();
    expect(write.ended).toBe('applied');
  });

  test('whose leader is lost and not replaced ends as unknown, never as unavailable', async () => {
    around.leaderId = 'b';
    const write = around.submit('r1');
    around.queue.flush();
    around.leaderId = null;
    await around.pass(1_600);
    expect(write.ended).toBe('outcome_unknown');
  });

  test('that nobody answers ends at its deadline as unknown', async () => {
    around.leaderId = 'a';
    const write = around.submit('r1', 'other', 2_000);
    await around.pass(1_950);
    expect(write.ended).toBeNull();
    await around.pass(100);
    expect(write.ended).toBe('outcome_unknown');
  });

  test('whose message was lost with the connection is passed on again at the next tick', async () => {
    around.leaderId = 'b';
    around.submit('r1');
    around.queue.flush();
    around.queue.unreachable('b');
    around.queue.flush();
    expect(around.sent).toHaveLength(1);
    await around.pass(50);
    expect(around.sent).toHaveLength(2);
  });

  test('that its leader leaves unanswered is passed on again after a second', async () => {
    around.leaderId = 'b';
    around.submit('r1');
    around.queue.flush();
    await around.pass(900);
    expect(around.sent).toHaveLength(1);
    await around.pass(200);
    expect(around.sent).toHaveLength(2);
  });

  test('refused by the one member it was handed to, as overloaded, certainly never happened', async () => {
    around.leaderId = 'b';
    const write = around.submit('r1');
    around.queue.flush();
    around.queue.receiveRejected({ type: 'forward-rejected', requestIds: ['r1'], reason: 'overloaded' });
    await settled();
    expect(write.ended).toBe('service_unavailable');
  });

  test('refused while an earlier copy may still be in a log has an unknown outcome', async () => {
    around.leaderId = 'b';
    const write = around.submit('r1');
    around.queue.flush();
    around.leaderId = 'c';
    around.term = 2;
    around.queue.flush();
    around.queue.receiveRejected({ type: 'forward-rejected', requestIds: ['r1'], reason: 'overloaded' });
    await settled();
    expect(write.ended).toBe('outcome_unknown');
  });

  test('refused because the other does not lead waits for the next tick, and no longer than it may', async () => {
    around.leaderId = 'b';
    const write = around.submit('r1');
    around.queue.flush();
    around.queue.receiveRejected({ type: 'forward-rejected', requestIds: ['r1'], reason: 'not-leader' });
    around.queue.flush();
    expect(around.sent).toHaveLength(1);
    await around.pass(50);
    expect(around.sent).toHaveLength(2);
    around.queue.receiveRejected({ type: 'forward-rejected', requestIds: ['r1'], reason: 'not-leader' });
    around.leaderId = null;
    await around.pass(1_600);
    expect(write.ended).toBe('service_unavailable');
  });

  test('is refused at once when too many wait, and a heartbeat a little later', async () => {
    const writes = Array.from({ length: 8 }, (_, i) => around.submit(`r${i}`));
    const refused = around.submit('r8');
    const heartbeat = around.submit('h1', 'heartbeats');
    await settled();
    expect(writes.map(({ ended }) => ended)).toEqual(Array(8).fill(null));
    expect([refused.ended, heartbeat.ended]).toEqual(['service_unavailable', null]);
  });

  test('that a leader cannot take, because too much is uncommitted, certainly never happened', async () => {
    around.leaderId = 'a';
    around.answer = { ok: false, reason: 'too-much-uncommitted' };
    const write = around.submit('r1');
    around.queue.flush();
    await settled();
    expect(write.ended).toBe('service_unavailable');
  });
});

describe("another member's writes", () => {
  const forwarded: ForwardCommands = { type: 'forward-commands', commands: [{ requestId: 'r1', command }] };

  test('are proposed when this member leads, and answered by their entry alone', () => {
    around.queue.receiveForwarded('b', forwarded);
    expect(around.proposed).toEqual([[command]]);
    expect(around.sent).toEqual([]);
  });

  test('are refused when it does not lead', () => {
    around.answer = { ok: false, reason: 'not-leader' };
    around.queue.receiveForwarded('b', forwarded);
    expect(around.sent).toEqual([
      { to: 'b', message: { type: 'forward-rejected', requestIds: ['r1'], reason: 'not-leader' } },
    ]);
  });
});
