import { beforeEach, describe, expect, test } from 'vitest';
import { LeaseWorld, maxContactAgeTicks, tickMs } from './lease-world.ts';

let world: LeaseWorld;

beforeEach(() => {
  world = new LeaseWorld();
});

describe('an instance without heartbeats', () => {
  test('turns unhealthy after 30 s and goes after 60 s, to the second', () => {
    world.register('one');
    const unhealthy = world.untilChange('one');
    expect(unhealthy).toEqual({ to: 'unhealthy', afterMs: expect.any(Number) });
    expect(unhealthy.afterMs).toBeGreaterThanOrEqual(30_000);
    expect(unhealthy.afterMs).toBeLessThan(31_000);
    const gone = world.untilChange('one');
    expect(gone.to).toBe('gone');
    expect(unhealthy.afterMs + gone.afterMs).toBeGreaterThanOrEqual(60_000);
    expect(unhealthy.afterMs + gone.afterMs).toBeLessThan(61_000);
  });

  test('is judged by the times that it asked for', () => {
    world.register('short', { heartbeat_interval: 1, unhealthy_after: 2.5, remove_after: 7 });
    world.register('long', { unhealthy_after: 150, remove_after: 300 });
    const unhealthy = world.untilChange('short');
    expect(unhealthy.afterMs).toBeGreaterThanOrEqual(2_500);
    expect(unhealthy.afterMs).toBeLessThan(3_500);
    expect(world.untilChange('short').to).toBe('gone');
    const long = world.untilChange('long');
    expect(world.state.leaseMs).toBeGreaterThanOrEqual(150_000);
    expect(world.state.leaseMs).toBeLessThan(151_000);
    expect(long.to).toBe('unhealthy');
  });

  test('that was registered before this leader began is judged like any other', () => {
    world.register('one');
    world.pass(3_000);
    world.lead();
    expect(world.untilChange('one').to).toBe('unhealthy');
  });

  test('keeps its whole period after a cold start, and is not called unhealthy in between', () => {
    world.register('one');
    world.pass(25_000);
    world.lead(true);
    const change = world.untilChange('one');
    expect(change.to).toBe('gone');
    expect(change.afterMs).toBeGreaterThanOrEqual(60_000);
    expect(change.afterMs).toBeLessThan(61_000);
  });
});

describe('an instance that keeps its heartbeats', () => {
  test('stays up for hours, and nothing is ever proposed against it', () => {
    const lease = world.register('one');
    for (let beat = 0; beat < 500; beat++) {
      world.pass(10_000);
      world.heartbeat(lease);
    }
    expect([world.statusOf('one'), world.expiries]).toEqual(['up', 0]);
    expect(world.keeper.scheduled).toBe(1);
  });

  test('stays up when each comes at the last moment', () => {
    const lease = world.register('one');
    for (let beat = 0; beat < 50; beat++) {
      world.pass(29_800);
      world.heartbeat(lease);
    }
    expect([world.statusOf('one'), world.expiries]).toEqual(['up', 0]);
  });

  test('trap 28: loses nothing when its heartbeat stands in the log ahead of an expiry that was judged without it', () => {
    const lease = world.register('one');
    world.pass(29_900);
    world.commits = false;
    world.heartbeat(lease);
    world.pass(300);
    expect(world.expiries).toBe(1);
    world.commits = true;
    world.commit();
    expect(world.statusOf('one')).toBe('up');
  });
});

describe('time is not counted', () => {
  let lease: number;

  beforeEach(() => {
    lease = world.register('one');
    world.pass(20_000);
  });

  /** What may be counted before it is noticed that nothing is served, or of two pauses. */
  const slackMs = 500;

  /** Ten seconds of its patience are left, whatever went by. */
  function expectTenSecondsLeft(): void {
    expect(world.statusOf('one')).toBe('up');
    const { to, afterMs } = world.untilChange('one');
    expect(to).toBe('unhealthy');
    expect(afterMs).toBeGreaterThanOrEqual(9_900 - slackMs);
    expect(afterMs).toBeLessThan(11_500);
  }

  test('without an answer from a quorum', () => {
    world.raft = { ...world.raft, quorumContactAgeTicks: maxContactAgeTicks + 1 };
    world.pass(300_000);
    world.raft = { ...world.raft, quorumContactAgeTicks: maxContactAgeTicks };
    expectTenSecondsLeft();
  });

  test('while nobody leads', () => {
    world.raft = { ...world.raft, role: 'follower', quorumContactAgeTicks: null };
    world.pass(300_000);
    world.raft = { ...world.raft, role: 'leader' };
    world.pass(300_000);
    world.raft = { ...world.raft, quorumContactAgeTicks: 0 };
    expectTenSecondsLeft();
  });

  test("before the leader's term is open", () => {
    world.raft = { ...world.raft, termOpened: false };
    world.pass(300_000);
    world.raft = { ...world.raft, termOpened: true };
    expectTenSecondsLeft();
  });

  test("before the entry that opens the leader's term is applied, for there may be a cold start in it", () => {
    const { term } = world.raft;
    world.raft = { ...world.raft, term: term + 1 };
    world.pass(300_000);
    world.raft = { ...world.raft, term };
    expectTenSecondsLeft();
  });

  test('trap 28: in a pause of the process, however long, and a leader that wakes up expires nobody', () => {
    world.tick(90_000);
    world.tick(86_400_000);
    expect([world.statusOf('one'), world.expiries]).toEqual(['up', 0]);
    expectTenSecondsLeft();
  });

  test('when a clock went back', () => {
    world.tick(-50_000);
    expectTenSecondsLeft();
  });

  test('trap 27: by the wall clock', () => {
    world.wallMs += 86_400_000;
    world.heartbeat();
    expectTenSecondsLeft();
    expect(world.state.wallMs).toBeGreaterThan(1_700_000_000_000 + 86_400_000);
    expect(lease).toBe(world.state.find('svc', 'one')?.leaseId);
  });

  test('trap 31: while entries wait behind a disk that hangs, although the quorum answers', () => {
    world.commits = false;
    world.heartbeat();
    world.pass(300_000);
    expect(world.expiries).toBe(0);
    world.commits = true;
    world.commit();
    expectTenSecondsLeft();
  });

  test('trap 31: and it goes on while entries come out of the log, be there always some that wait', () => {
    let beats = 0;
    world.commits = false;
    world.pass(20_000, () => {
      world.heartbeat();
      if (++beats % maxContactAgeTicks !== 0) return;
      world.commits = true;
      world.commit();
      world.commits = false;
      world.heartbeat();
    });
    expect(world.statusOf('one')).toBe('unhealthy');
  });
});

describe('a change of leader', () => {
  test('trap 29: expires nobody, and prolongs a lease by no more than the time since the last stamp', () => {
    world.register('one');
    world.pass(20_000);
    world.lead();
    expect(world.statusOf('one')).toBe('up');
    const { to, afterMs } = world.untilChange('one');
    expect(to).toBe('unhealthy');
    expect(afterMs).toBeGreaterThanOrEqual(9_900);
    expect(afterMs).toBeLessThan(11_500);
  });

  test('trap 29: repeated every few seconds does not keep a dead instance listed for ever', () => {
    world.register('one');
    let reigns = 0;
    for (; world.statusOf('one') !== 'gone' && reigns < 30; reigns++) {
      world.pass(5_000);
      world.lead();
    }
    // 60 s in reigns of 5 s, each losing at most the second since its last stamp.
    expect(reigns).toBeGreaterThanOrEqual(12);
    expect(reigns).toBeLessThanOrEqual(16);
  });

  test('leaves what the old leader judged void, and the new one judges by what it applied', () => {
    const lease = world.register('one');
    world.pass(29_900);
    world.commits = false;
    world.pass(300);
    expect(world.proposed.at(-1)).toMatchObject({ type: 'expire', term: 1 });
    const late = world.proposed.at(-1);
    world.commits = true;
    // The entry was lost with the leader that proposed it; a copy of it comes after the next term's opening.
    world.raft = { ...world.raft, term: 2 };
    world.append({ type: 'open-term', term: 2, coldStart: false });
    world.heartbeat(lease);
    if (late) world.append(late);
    expect(world.statusOf('one')).toBe('up');
    expect(world.untilChange('one').afterMs).toBeGreaterThanOrEqual(30_000 - tickMs);
  });

  test('within one tick, by which this member leads a later term, begins from the log again', () => {
    world.register('one');
    world.pass(10_000);
    world.raft = { ...world.raft, term: world.raft.term + 1 };
    world.append({ type: 'open-term', term: world.raft.term, coldStart: false });
    world.pass(10_000);
    expect([world.statusOf('one'), world.keeper.scheduled]).toEqual(['up', 1]);
    expect(world.untilChange('one').to).toBe('unhealthy');
    expect(world.proposed.findLast((command) => command.type === 'expire')).toMatchObject({ term: 2 });
  });
});

describe('a wave of expiries', () => {
  test('is spread over ticks, at most a thousand in an entry, and forgets nobody', () => {
    for (let i = 0; i < 2_500; i++) world.register(`i${i}`);
    world.pass(30_000);
    const before = world.expiries;
    world.pass(1_000);
    const sizes = world.proposed.flatMap((command) => (command.type === 'expire' ? [command.items.length] : []));
    expect(before).toBeLessThanOrEqual(1);
    expect(sizes).toEqual([1_000, 1_000, 500]);
    expect(world.state.counts()).toMatchObject({ unhealthy: 2_500 });
    world.pass(31_000);
    expect(world.state.counts().total).toBe(0);
    world.pass(2_000);
    expect(world.keeper.scheduled).toBe(0);
  });

  test('spares whoever reports while it waits for its turn', () => {
    const leases = Array.from({ length: 2_500 }, (_, i) => world.register(`i${i}`));
    while (world.expiries === 0) world.pass(tickMs);
    world.heartbeat(...leases.slice(-500));
    world.pass(1_000);
    expect(world.state.counts()).toMatchObject({ up: 500, unhealthy: 2_000 });
  });

  test('that the log refused is proposed again a second later', () => {
    world.register('one');
    world.takesProposals = false;
    world.pass(32_000);
    expect(world.statusOf('one')).toBe('up');
    world.takesProposals = true;
    expect(world.untilChange('one').afterMs).toBeLessThanOrEqual(1_200);
  });
});

describe('the lease clock in the log', () => {
  const clockEntries = () => world.proposed.filter((command) => command.type === 'advance-clock').length;

  test('is written once a second while something is listed and nothing else is written', () => {
    world.register('one');
    world.pass(20_000);
    expect(clockEntries()).toBeGreaterThanOrEqual(18);
    expect(clockEntries()).toBeLessThanOrEqual(20);
    expect(world.state.leaseMs).toBeGreaterThanOrEqual(19_000);
  });

  test('is not written when other entries carry it, nor when nothing is listed', () => {
    world.pass(20_000);
    expect(clockEntries()).toBe(0);
    const lease = world.register('one');
    world.pass(20_000, () => world.heartbeat(lease));
    expect(clockEntries()).toBe(0);
  });

  test('goes on from the greatest stamp, and a member that does not lead stamps with that', () => {
    world.register('one');
    world.pass(10_000);
    const { leaseMs } = world.state;
    world.raft = { ...world.raft, role: 'follower' };
    world.tick(tickMs);
    expect(world.keeper.stampMs(world.state)).toBe(leaseMs);
  });
});

test('leases of a day that are replaced again and again leave the wheel within a minute or so', () => {
  for (let i = 0; i < 3_000; i++) {
    world.register('one', { unhealthy_after: 40_000, remove_after: 86_400 });
    world.pass(tickMs);
  }
  expect(world.keeper.scheduled).toBeLessThan(700);
  world.pass(120_000);
  expect(world.keeper.scheduled).toBe(1);
});
