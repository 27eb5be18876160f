import { describe, expect, test } from 'vitest';
import type { RegistryLimits } from '../../src/registry/memories.ts';
import { RegistryState } from '../../src/registry/registry-state.ts';
import { bytesOf, throughSnapshot } from './machine-driver.ts';
import { RandomLog } from './random-commands.ts';

/** Small, so that thousands of commands make the memories forget again and again. */
const limits: RegistryLimits = { tombstoneMs: 20_000, tombstoneMax: 12, requestMemoryMs: 8_000, requestMemoryMax: 15 };

const seeds = [1, 2, 3, 4];
const entries = 1_200;

describe.each(seeds)('with seed %i', (seed) => {
  const log = new RandomLog(seed);
  const data: Uint8Array[] = [];
  const first = new RegistryState(limits);
  const hashes: string[] = [];
  const outcomes: string[] = [];
  for (let index = 1; index <= entries; index++) {
    const bytes = log.next(first);
    data.push(bytes);
    outcomes.push(JSON.stringify(first.apply(index, bytes)));
    hashes.push(first.hash());
  }

  test('a second member is in the same state after every single entry, and gave the same results', () => {
    const second = new RegistryState(limits);
    data.forEach((bytes, position) => {
      expect(JSON.stringify(second.apply(position + 1, bytes))).toBe(outcomes[position]);
      expect(second.hash()).toBe(hashes[position]);
    });
    expect(bytesOf(second.capture()).equals(bytesOf(first.capture()))).toBe(true);
  });

  test('a snapshot at any point and the rest of the log give the same states and results as the whole log', () => {
    const whole = new RegistryState(limits);
    for (let at = 0; at < entries; at += 1 + log.random.integer(150)) {
      while (whole.appliedIndex < at) whole.apply(whole.appliedIndex + 1, data[whole.appliedIndex] ?? new Uint8Array());
      const restored = throughSnapshot(whole, limits);
      expect(restored.hash()).toBe(whole.hash());
      data.slice(at).forEach((bytes, offset) => {
        const outcome = restored.apply(at + offset + 1, bytes);
        if (offset < 100) expect(JSON.stringify(outcome)).toBe(outcomes[at + offset]);
      });
      expect(restored.hash()).toBe(hashes.at(-1));
      expect(restored.counts()).toEqual(first.counts());
    }
  });

  test('the sequence was worth it: every kind of outcome came up', () => {
    const all = outcomes.join('\n');
    for (const sign of [
      '"created":true',
      '"created":false',
      '"type":"deregistered"',
      'dependency_not_found',
      'lease_mismatch',
      'service_not_found',
      '"type":"expired"',
      '"status":"unhealthy"',
      '"status":"unknown"',
      'null,{"status":"up"',
    ]) {
      expect(all).toContain(sign);
    }
  });

  test('revisions are dense, lease ids are never given twice, and stamps never go back', () => {
    const state = new RegistryState(limits);
    let revision = 0;
    const leases = new Set<number>();
    data.forEach((bytes, position) => {
      const before = { wallMs: state.wallMs, leaseMs: state.leaseMs };
      for (const event of state.apply(position + 1, bytes).events) {
        expect(event.revision).toBe(++revision);
        if (event.type !== 'registered' && event.type !== 'updated') continue;
        expect(leases.has(event.instance.leaseId)).toBe(false);
        leases.add(event.instance.leaseId);
      }
      expect(state.revision).toBe(revision);
      expect(state.wallMs).toBeGreaterThanOrEqual(before.wallMs);
      expect(state.leaseMs).toBeGreaterThanOrEqual(before.leaseMs);
    });
  });

  test('a capture shows the state at its moment, however the state goes on', () => {
    const state = new RegistryState(limits);
    for (let index = 1; index <= 700; index++) state.apply(index, data[index - 1] ?? new Uint8Array());
    const capture = state.capture();
    for (let index = 701; index <= data.length; index++) state.apply(index, data[index - 1] ?? new Uint8Array());
    expect(state.hash()).not.toBe(hashes[699]);
    expect(bytesOf(capture).equals(bytesOf(RegistryState.restore(capture, limits).capture()))).toBe(true);
    expect(RegistryState.restore(capture, limits).hash()).toBe(hashes[699]);
  });
});

test('states that differ in anything that is remembered have different hashes', () => {
  const log = new RandomLog(99);
  const state = new RegistryState(limits);
  for (let index = 1; index <= 200; index++) state.apply(index, log.next(state));
  const capture = state.capture();
  const [instance] = capture.instances;
  const [tombstone] = capture.tombstones;
  const [request] = capture.requests;
  if (!instance || !tombstone || !request) throw new Error('The sequence left something out.');
  const others = [
    { ...capture, header: { ...capture.header, leaseMs: capture.header.leaseMs + 1 } },
    { ...capture, header: { ...capture.header, nextLeaseId: capture.header.nextLeaseId + 1 } },
    { ...capture, instances: [{ ...instance, leaseRenewedAtMs: 7 }, ...capture.instances.slice(1)] },
    { ...capture, tombstones: [{ ...tombstone, cause: tombstone.cause === 'expired' ? 'deregistered' : 'expired' }] },
    { ...capture, requests: [{ ...request, requestId: 'another' }, ...capture.requests.slice(1)] },
  ] as const;
  const hashes = others.map((other) => RegistryState.restore(other, limits).hash());
  expect(new Set([state.hash(), ...hashes]).size).toBe(others.length + 1);
});
