import { expect, test } from 'vitest';
import { HeartbeatGatherer } from '../../src/node/heartbeat-gatherer.ts';
import type { ApplyOutcome, HeartbeatsCommand, RenewedLease } from '../../src/registry/machine.ts';

const ttl = { heartbeat_interval: 10, unhealthy_after: 30, remove_after: 60 };
const renewedAt = (lastHeartbeatMs: number): RenewedLease => ({ status: 'up', lastHeartbeatMs, ttl });

function gathering() {
  const submitted: { command: HeartbeatsCommand; settle: (outcome: ApplyOutcome) => void; fail: (e: Error) => void }[] =
    [];
  const gatherer = new HeartbeatGatherer(
    (command) => new Promise((settle, fail) => submitted.push({ command, settle, fail })),
    () => {},
  );
  return { gatherer, submitted };
}

function outcome(leases: readonly (RenewedLease | null)[]): ApplyOutcome {
  return { requestId: 'r', result: { type: 'heartbeats', leases }, events: [] };
}

test('heartbeats of one turn become one command with ascending leases, each once, and each gets its own answer', async () => {
  const { gatherer, submitted } = gathering();
  const answers = Promise.all([gatherer.renew([7]), gatherer.renew([3, 7]), gatherer.renew([5, 3])]);
  gatherer.flush();
  expect(submitted.map(({ command }) => command.leaseIds)).toEqual([[3, 5, 7]]);
  submitted[0]?.settle(outcome([renewedAt(3), null, renewedAt(7)]));
  expect(await answers).toEqual([[renewedAt(7)], [renewedAt(3), renewedAt(7)], [null, renewedAt(3)]]);
});

test('while two batches are under way the next one gathers, and leaves when one returns', async () => {
  const { gatherer, submitted } = gathering();
  const first = gatherer.renew([1]);
  gatherer.flush();
  void gatherer.renew([2]);
  gatherer.flush();
  void gatherer.renew([3]);
  gatherer.flush();
  void gatherer.renew([4]);
  gatherer.flush();
  expect(submitted).toHaveLength(2);
  submitted[0]?.settle(outcome([renewedAt(1)]));
  await first;
  gatherer.flush();
  expect(submitted[2]?.command.leaseIds).toEqual([3, 4]);
});

test('a batch that fails fails each of its heartbeats', async () => {
  const { gatherer, submitted } = gathering();
  const answers = Promise.allSettled([gatherer.renew([1]), gatherer.renew([2])]);
  gatherer.flush();
  submitted[0]?.fail(new Error('no leader'));
  expect((await answers).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});
