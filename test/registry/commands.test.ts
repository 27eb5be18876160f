import { describe, expect, test } from 'vitest';
import { loadCodec } from '../../src/codec/load-proto.ts';
import { decodeCommand, encodeCommand, stampCommand } from '../../src/registry/commands.ts';
import type { Command } from '../../src/registry/machine.ts';
import { SeededRandom } from '../transport/random-messages.ts';
import { registration } from './machine-driver.ts';
import { RandomLog } from './random-commands.ts';

const log = new RandomLog(11);
const random = new SeededRandom(12);

function ascending(): number[] {
  const count = random.oneOf([0, 1, 2, 50]);
  let leaseId = 0;
  return Array.from({ length: count }, () => {
    leaseId += 1 + random.integer(random.oneOf([1, 100, 2 ** 31]));
    return leaseId;
  });
}

const makers: Record<Command['type'], () => Command> = {
  register: () => ({ type: 'register', registration: log.registration(), validateDependencies: random.boolean() }),
  heartbeats: () => ({ type: 'heartbeats', leaseIds: ascending() }),
  deregister: () => ({
    type: 'deregister',
    name: random.text(),
    id: random.text(),
    leaseId: random.boolean() ? null : 1 + random.integer(2 ** 32),
  }),
  expire: () => ({
    type: 'expire',
    term: random.count(),
    items: random.list(() => ({
      leaseId: random.count(),
      judgedBy: random.count(),
      to: random.boolean() ? ('removed' as const) : ('unhealthy' as const),
    })),
  }),
  'open-term': () => ({ type: 'open-term', term: random.count(), coldStart: random.boolean() }),
  'advance-clock': () => ({ type: 'advance-clock' }),
};

describe.each(Object.entries(makers))('a command of type %s', (_, make) => {
  test('comes back from its bytes, whatever it holds', () => {
    for (let i = 0; i < 300; i++) {
      const command = make();
      const requestId = random.text();
      const stamp = { wallMs: random.count(), leaseMs: random.count() };
      const decoded = decodeCommand(stampCommand(encodeCommand(requestId, command), stamp));
      expect(decoded).toEqual({ requestId: requestId === '' ? null : requestId, stamp, command });
    }
  });

  test('has the same bytes each time it is encoded', () => {
    const command = make();
    expect(encodeCommand('r', command)).toEqual(encodeCommand('r', structuredClone(command)));
  });
});

test('a stamp is put behind the bytes of a command, which stay as they are', () => {
  const command = encodeCommand('r', { type: 'advance-clock' });
  const stamped = stampCommand(command, { wallMs: 5.9, leaseMs: 7.9 });
  expect([...stamped.subarray(0, command.length)]).toEqual([...command]);
  expect(decodeCommand(stamped).stamp).toEqual({ wallMs: 5, leaseMs: 7 });
});

test('a stamp put on twice, as after a change of leader, counts by the last', () => {
  const command = encodeCommand('r', { type: 'advance-clock' });
  const twice = stampCommand(stampCommand(command, { wallMs: 1, leaseMs: 1 }), { wallMs: 2, leaseMs: 3 });
  expect(decodeCommand(twice).stamp).toEqual({ wallMs: 2, leaseMs: 3 });
});

test('a heartbeat of many neighbouring leases costs about a byte each', () => {
  const leaseIds = Array.from({ length: 1_000 }, (_, i) => 1_000_000 + i);
  expect(encodeCommand('', { type: 'heartbeats', leaseIds }).length).toBeLessThan(1_020);
});

test('leases that do not ascend are refused before they can be read as others', () => {
  for (const leaseIds of [[2, 1], [1, 1], [0]]) {
    expect(() => encodeCommand('', { type: 'heartbeats', leaseIds })).toThrow('Lease ids must ascend');
  }
});

describe('bytes are refused', () => {
  const codec = loadCodec<Record<string, unknown>>('command.proto', 'manifest.log.v1.Command');
  const stamp = { wallMs: 1, leaseMs: 1 };

  test('without a stamp', () => {
    expect(() => decodeCommand(encodeCommand('r', { type: 'advance-clock' }))).toThrow('carries no stamp');
  });

  test('of a kind that this version does not know', () => {
    expect(() => decodeCommand(codec.encode({ stamp }))).toThrow('a kind that this version does not know');
  });

  test('with a registration that lacks its lease times, or is not there', () => {
    const { name, id, version } = registration('billing', 'one');
    const decode = (register: object) => decodeCommand(codec.encode({ register, stamp }));
    const registrationJson = Buffer.from(JSON.stringify({ name, id, version, interfaces: {}, metadata: {} }));
    expect(() => decode({ registrationJson })).toThrow('A committed registration is incomplete.');
    for (const json of ['null', '', ' {}', '{\n}']) {
      expect(() => decode({ registrationJson: Buffer.from(json) })).toThrow('is no JSON object on one line');
    }
    expect(() => decode({ registrationJson: Buffer.from('{') })).toThrow(SyntaxError);
  });
});
