import { beforeEach, describe, expect, test } from 'vitest';
import { LocalCluster } from '../../src/node/local-cluster.ts';
import type { RaftStatus } from '../../src/raft/types.ts';
import type { MemberReport } from '../../src/transport/transport.ts';
import { MachineDriver } from '../registry/machine-driver.ts';

const raftOf = (parts: Partial<RaftStatus>): RaftStatus => ({
  id: 'b',
  term: 3,
  role: 'follower',
  leaderId: 'a',
  votedFor: null,
  commitIndex: 90,
  lastIndex: 95,
  stableIndex: 95,
  appliedIndex: 88,
  logStart: { index: 0, term: 0 },
  snapshotIndex: 0,
  membership: { voters: ['c', 'a', 'b'], votersOutgoing: [], learners: ['d'], learnersNext: [] },
  termOpened: false,
  quorumContactAgeTicks: null,
  leaderContactAgeTicks: 0,
  vouches: true,
  transferTarget: null,
  progress: [],
  ...parts,
});

const reportOf = (parts: Partial<MemberReport> = {}): MemberReport => ({
  type: 'member-report',
  role: 'leader',
  leaderId: 'a',
  term: 3,
  commitIndex: 100,
  appliedIndex: 100,
  version: '1.0.0',
  uptimeSeconds: 7,
  restAddress: 'http://a',
  grpcAddress: 'a:1',
  ...parts,
});

let nowMs: number;
let raft: RaftStatus;
let levelAtMs: number | null;
let failure: string | null;
let pauses: number;
let machine: MachineDriver;
let cluster: LocalCluster;

beforeEach(() => {
  nowMs = 1_000;
  raft = raftOf({});
  levelAtMs = 1_000;
  failure = null;
  pauses = 0;
  machine = new MachineDriver();
  cluster = new LocalCluster(
    {
      raft: () => raft,
      state: () => machine.state,
      nowMs: () => nowMs,
      levelAtMs: () => levelAtMs,
      storage: () => ({ backend: 'memory', failure }),
      pause: async () => {
        pauses++;
      },
    },
    { clusterId: 'test', nodeId: 'b', version: '2.0.0', restAddress: 'http://b', grpcAddress: 'b:1' },
  );
});

describe('the status of the cluster', () => {
  test('names every member by id, itself from itself and the others from what they reported', async () => {
    nowMs = 5_400;
    cluster.heard('a', reportOf());
    const { cluster_id, node, leader, term, members } = await cluster.status();
    expect({ cluster_id, node, leader, term }).toEqual({ cluster_id: 'test', node: 'b', leader: 'a', term: 3 });
    expect(members.map(({ id, role, voter, reachable }) => [id, role, voter, reachable])).toEqual([
      ['a', 'leader', true, true],
      ['b', 'follower', true, true],
      ['c', 'unreachable', true, false],
      ['d', 'unreachable', false, false],
    ]);
    expect(members[0]).toEqual({
      id: 'a',
      role: 'leader',
      reachable: true,
      voter: true,
      term: 3,
      commit_index: 100,
      applied_index: 100,
      lag: 0,
      version: '1.0.0',
      uptime_seconds: 7,
      rest_address: 'http://a',
      grpc_address: 'a:1',
    });
    expect(members[1]).toMatchObject({ version: '2.0.0', uptime_seconds: 4, rest_address: 'http://b' });
    expect(members[2]).toMatchObject({ term: 0, lag: null, version: '' });
  });

  test("tells how far each member is behind the leader's commit, and nothing where nobody knows it", async () => {
    cluster.heard('c', reportOf({ role: 'follower', appliedIndex: 40 }));
    const lags = async () => (await cluster.status()).members.map(({ lag }) => lag);
    expect(await lags()).toEqual([null, null, null, null]);
    cluster.heard('a', reportOf());
    expect(await lags()).toEqual([0, 12, 60, null]);
    cluster.heard('c', reportOf({ role: 'follower', appliedIndex: 101 }));
    expect((await lags())[2]).toBe(0);
    raft = raftOf({ leaderId: null });
    expect(await lags()).toEqual([null, null, null, null]);
  });

  test('shows a member that was silent for 3.5 s as unreachable, with what it said last', async () => {
    cluster.heard('a', reportOf());
    nowMs += 3_500;
    expect((await cluster.status()).members[0]).toMatchObject({ role: 'leader', reachable: true });
    nowMs += 1;
    expect((await cluster.status()).members[0]).toMatchObject({
      role: 'unreachable',
      reachable: false,
      applied_index: 100,
    });
  });

  test('counts the outgoing voters of a change in', async () => {
    raft = raftOf({ membership: { voters: ['a', 'b'], votersOutgoing: ['b', 'z'], learners: [], learnersNext: [] } });
    expect((await cluster.status()).members.map(({ id }) => id)).toEqual(['a', 'b', 'z']);
  });

  test("has the state's hash when it is asked for, made once for an index, in slices", async () => {
    machine.register('svc', 'one');
    expect((await cluster.status()).state).toEqual({ applied_index: 1, revision: 1, hash: null });
    const [first, second] = await Promise.all([
      cluster.status({ stateHash: true }),
      cluster.status({ stateHash: true }),
    ]);
    expect(first.state).toEqual({ applied_index: 1, revision: 1, hash: machine.state.hash() });
    expect(second.state).toEqual(first.state);
    // Before its one chunk, and before there is none.
    expect(pauses).toBe(2);
    machine.register('svc', 'two');
    expect((await cluster.status({ stateHash: true })).state.hash).toBe(machine.state.hash());
  });

  test('hashes what the state was when it was asked for, while the state goes on', async () => {
    machine.register('svc', 'one');
    const hash = machine.state.hash();
    const asked = cluster.status({ stateHash: true });
    machine.register('svc', 'two');
    expect((await asked).state).toEqual({ applied_index: 1, revision: 1, hash });
  });
});

describe('health', () => {
  test('counts what is listed, by status', async () => {
    for (const id of ['one', 'two', 'three']) machine.register('svc', id);
    machine.expire(1, 'unhealthy', 0);
    expect(await cluster.health()).toEqual({
      status: 'healthy',
      version: '2.0.0',
      uptime_seconds: 0,
      services_registered: 3,
      services_healthy: 2,
      services_unhealthy: 1,
      services_unknown: 0,
      storage_backend: 'memory',
      storage_healthy: true,
      node: 'b',
      leader: 'a',
      term: 3,
    });
  });

  const reason = async () => {
    const { status, reason: why } = await cluster.health();
    return `${status}${why === undefined ? '' : `: ${why}`}`;
  };

  test('fails without a leader', async () => {
    raft = raftOf({ leaderId: null });
    expect(await reason()).toMatch(/^unhealthy: no leader/);
  });

  test('trap 30: fails until this member was level with a leader', async () => {
    levelAtMs = null;
    expect(await reason()).toMatch(/^unhealthy: starting/);
  });

  test('fails when the leader has confirmed nothing for more than 4 s', async () => {
    nowMs = 5_000;
    expect(await reason()).toBe('healthy');
    nowMs = 5_001;
    expect(await reason()).toBe('unhealthy: the leader a does not confirm reads');
  });

  test('fails when the store failed, whatever else is wrong', async () => {
    failure = 'the disk is full';
    raft = raftOf({ leaderId: null });
    expect(await reason()).toBe('unhealthy: storage failed: the disk is full');
    expect((await cluster.health()).storage_healthy).toBe(false);
  });
});

test('what a member tells the others is where it stands and where it is reached', () => {
  nowMs = 3_900;
  expect(cluster.ownReport()).toEqual({
    type: 'member-report',
    role: 'follower',
    leaderId: 'a',
    term: 3,
    commitIndex: 90,
    appliedIndex: 88,
    version: '2.0.0',
    uptimeSeconds: 2,
    restAddress: 'http://b',
    grpcAddress: 'b:1',
  });
});
