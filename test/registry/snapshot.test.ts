import { describe, expect, test } from 'vitest';
import { RegistryState } from '../../src/registry/registry-state.ts';
import { CaptureDecoder, encodeCapture, type RegistryCapture } from '../../src/registry/snapshot.ts';
import { bytesOf, decodeCapture, entry, MachineDriver, registration } from './machine-driver.ts';
import { RandomLog } from './random-commands.ts';

function someState(): RegistryState {
  const log = new RandomLog(5);
  const state = new RegistryState();
  for (let index = 1; index <= 60; index++) state.apply(index, log.next(state));
  return state;
}

const state = someState();
const bytes = bytesOf(state.capture());

describe('a snapshot', () => {
  test.each([1, 2, 3, 7, 100, 4_096])('comes back from chunks of %i bytes as it was', (chunkBytes) => {
    const { header, ...parts } = decodeCapture(bytes, chunkBytes);
    const { header: expected, ...expectedParts } = state.capture();
    expect(header).toMatchObject(expected);
    expect(parts).toEqual(expectedParts);
  });

  test('of an empty state comes back', () => {
    const empty = new RegistryState();
    expect(RegistryState.restore(decodeCapture(bytesOf(empty.capture()))).hash()).toBe(empty.hash());
  });

  test('trap 35: restored knows who is gone, and since when', () => {
    const machine = new MachineDriver();
    machine.register('billing', 'one');
    machine.deregister('billing', 'one');
    const restored = RegistryState.restore(decodeCapture(bytesOf(machine.state.capture())));
    expect(machine.state.tombstone('billing', 'one')).toMatchObject({ cause: 'deregistered', leaseId: 1 });
    expect(restored.tombstone('billing', 'one')).toEqual(machine.state.tombstone('billing', 'one'));
  });

  test('trap 34: restored applies a request that it knows no second time', () => {
    const machine = new MachineDriver();
    const register = {
      type: 'register',
      registration: registration('billing', 'one'),
      validateDependencies: false,
    } as const;
    const first = machine.apply(register, 'again');
    machine.deregister('billing', 'one');
    const restored = RegistryState.restore(decodeCapture(bytesOf(machine.state.capture())));
    const stamp = { wallMs: machine.wallMs, leaseMs: machine.leaseMs };
    const second = restored.apply(restored.appliedIndex + 1, entry('again', register, stamp));
    expect(second).toEqual({ requestId: 'again', result: first.result, events: [] });
    expect(restored.find('billing', 'one')).toBeUndefined();
  });

  test('of many parts is read, and becomes a state, in slices', () => {
    const machine = new MachineDriver();
    for (let i = 0; i < 1_200; i++) machine.register('svc', `i-${i}`);
    const decoder = new CaptureDecoder();
    expect([...decoder.pushing(bytesOf(machine.state.capture()))].length).toBeGreaterThanOrEqual(12);
    const restoring = RegistryState.restoring(decoder.finish());
    let pauses = 0;
    let step = restoring.next();
    for (; !step.done; step = restoring.next()) pauses++;
    expect(pauses).toBeGreaterThanOrEqual(4);
    expect(step.value.hash()).toBe(machine.state.hash());
  });

  test('that ends with a full chunk has no empty one behind it', () => {
    const machine = new MachineDriver();
    machine.register('svc', 'great', { text: 'x'.repeat(256 * 1_024) });
    const capture = { ...machine.state.capture(), requests: [] };
    const chunks = [...encodeCapture(capture)];
    expect(chunks).toHaveLength(1);
    expect(decodeCapture(Buffer.concat(chunks)).instances).toEqual(capture.instances);
  });

  test('of many instances is made in chunks of about 256 KiB, each only when it is asked for', () => {
    const machine = new MachineDriver();
    const metadata = { description: 'x'.repeat(400) };
    for (let i = 0; i < 1_500; i++) machine.register('billing', `i${i}`, metadata);
    const chunks = [...encodeCapture(machine.state.capture())];
    expect(chunks.length).toBeGreaterThan(2);
    for (const chunk of chunks.slice(0, -1)) {
      expect(chunk.length).toBeGreaterThanOrEqual(256 * 1_024);
      expect(chunk.length).toBeLessThan(257 * 1_024 + 1_024);
    }
    const decoder = new CaptureDecoder();
    for (const chunk of chunks) decoder.push(chunk);
    expect(RegistryState.restore(decoder.finish()).hash()).toBe(machine.state.hash());
  });

  test('that was cut short at any byte is refused', () => {
    for (let length = 0; length < bytes.length; length += 1 + (length % 37)) {
      expect(() => decodeCapture(bytes.subarray(0, length), 64)).toThrow('The snapshot is incomplete.');
    }
  });

  test('with a byte altered is refused in words, or is a state that can be told from the true one', () => {
    for (let position = 0; position < bytes.length; position += 11) {
      const damaged = Uint8Array.from(bytes);
      damaged[position] = (damaged[position] ?? 0) ^ 0x24;
      let hash: string;
      try {
        hash = RegistryState.restore(decodeCapture(damaged)).hash();
      } catch (error) {
        expect(String(error)).toMatch(/^Error: The snapshot (is|has|does)/);
        continue;
      }
      expect(hash).not.toBe(state.hash());
    }
  });
});

describe('a snapshot that contradicts itself is refused:', () => {
  const header = {
    format: 2,
    appliedIndex: 9,
    term: 1,
    revision: 3,
    nextLeaseId: 5,
    wallMs: 1,
    leaseMs: 1,
    instances: 0,
    tombstones: 0,
    requests: 0,
  };
  const times = { registeredAtMs: 1, lastHeartbeatMs: 1, leaseRenewedAtMs: 1, lastHeartbeatIndex: 1, revision: 1 };
  const instance = (id: string, leaseId: number, status = 'up', changed: object = {}) => ({
    ...{ registration: registration('billing', id), leaseId, status, ...times },
    ...changed,
  });
  const tombstone = { name: 'a', id: 'b', leaseId: 1, cause: 'expired', atWallMs: 1, atLeaseMs: 1 };
  const request = { requestId: 'r', atLeaseMs: 1, result: { type: 'done' } };
  const announced = (instances: number, tombstones = 0, requests = 0) => ({
    ...header,
    instances,
    tombstones,
    requests,
  });

  /** An instance is the list of its values, its registration at the end. */
  function lineOf(said: object): string {
    if (!('registration' in said)) return JSON.stringify(said);
    const { registration: own, ...others } = said;
    return JSON.stringify([...Object.values(others), own]);
  }

  /** Lines as text, or what they say. */
  function read(...lines: readonly (object | string)[]): RegistryCapture {
    const text = lines.map((line) => `${typeof line === 'string' ? line : lineOf(line)}\n`).join('');
    return decodeCapture(Buffer.from(text));
  }

  test.each([
    ['another format', [{ ...header, format: 1 }], 'format 1; this version reads format 2'],
    ['no header first', [instance('one', 1)], 'does not begin with its header'],
    ['a header without its term', [{ ...header, term: undefined }], "'undefined' is no count"],
    ['two headers', [header, header], 'more in it than it announced'],
    ['fewer instances than announced', [announced(1)], 'incomplete'],
    ['fewer tombstones than announced', [announced(0, 1)], 'incomplete'],
    ['fewer requests than announced', [announced(0, 0, 1)], 'incomplete'],
    ['more than announced', [header, instance('one', 1)], 'more in it than it announced'],
    ['a line that is no object', [announced(0, 1), 'null'], 'a line is no object'],
    ['a line that is no JSON', [announced(0, 1), '{'], 'is damaged'],
    ['a status that is none', [announced(1), instance('one', 1, 'down')], "'down'"],
    [
      'a lease that does not ascend',
      [announced(2), instance('one', 2), instance('two', 2)],
      "lease 2 of 'billing/two'",
    ],
    ['a lease that was not given yet', [announced(1), instance('one', 5)], "lease 5 of 'billing/one'"],
    ['a time that is none', [announced(1), instance('one', 1, 'up', { registeredAtMs: '1' })], "'1' is no count"],
    ['one instance twice', [announced(2), instance('one', 1), instance('one', 2)], "lease 2 of 'billing/one'"],
    [
      'an instance without registration',
      [announced(1), instance('one', 1, 'up', { registration: null })],
      'is cut short',
    ],
    ['an instance without its end', [announced(1), lineOf(instance('one', 1)).slice(0, -1)], 'is cut short'],
    ['an instance of too few values', [announced(1), '[1,"up",1,{}]'], 'other values than it should'],
    ['an instance of too many values', [announced(1), '[1,"up",1,2,3,4,5,6,{}]'], 'other values than it should'],
    ['a time before all times', [announced(1), instance('one', 1, 'up', { registeredAtMs: -1 })], "'-1' is no count"],
    ['an instance that is no list', [announced(1), '{"leaseId":1,{}]'], 'is damaged'],
    ['a registration that is none', [announced(1), instance('one', 1, 'up', { registration: {} })], 'is incomplete'],
    ['a tombstone without cause', [announced(0, 1), { ...tombstone, cause: undefined }], "whose cause is 'undefined'"],
    ['a tombstone without id', [announced(0, 1), { ...tombstone, id: undefined }], "a tombstone of 'a/undefined'"],
    ['a request without id', [announced(0, 0, 1), { ...request, requestId: undefined }], 'no id or no result'],
    ['a request whose result is none', [announced(0, 0, 1), { ...request, result: null }], 'no id or no result'],
    ['a request without result', [announced(0, 0, 1), { ...request, result: undefined }], 'no id or no result'],
    ['a result that is no JSON', [announced(0, 0, 1), '{"requestId":"r","atLeaseMs":1,"result":{}'], 'is damaged'],
  ] as const)('%s', (_, lines, message) => {
    expect(() => read(...lines)).toThrow(message);
  });

  test('and one that does not is read', () => {
    const { instances, ...others } = read(
      announced(2, 1, 1),
      instance('one', 1),
      instance('two', 4),
      tombstone,
      request,
    );
    expect(instances).toEqual([instance('one', 1), instance('two', 4)]);
    expect(others).toMatchObject({
      tombstones: [tombstone],
      requests: [{ requestId: 'r', result: { type: 'done' } }],
    });
  });
});
