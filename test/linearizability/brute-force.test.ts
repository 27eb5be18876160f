import { expect, test } from 'vitest';
import { isLinearizableByForce } from './brute-force.ts';
import { type Draw, drawFrom, pick } from './generate.ts';
import type { History } from './history.ts';
import type { Model } from './model.ts';
import { type AppendMapInput, type AppendMapOutput, appendMapModel } from './models/append-map.ts';
import { type RegisterInput, type RegisterOutput, registerModel } from './models/register.ts';
import { type InstanceState, registryModel } from './models/registry.ts';
import type { RegistryInput, RegistryOutput } from './models/registry-operations.ts';
import { HistoryRecorder, type PendingCall } from './recorder.ts';
import { defaultSearchLimits, search } from './search.ts';

/**
 * Small histories with answers at random, so that about as many are wrong as right. The search has to agree with the
 * plain definition on every single one.
 */

test('the search agrees with trying every order: registers', () => {
  compare(registerModel, 1_500, (draw) => {
    const value = () => pick(draw, [null, 1, 2]);
    return pick<() => [RegisterInput, RegisterOutput]>(draw, [
      () => [{ type: 'write', value: value() }, { type: 'ok' }],
      () => [{ type: 'read' }, { type: 'value', value: value() }],
      () => [{ type: 'compare-and-set', from: value(), to: value() }, { type: draw() < 0.5 ? 'ok' : 'other' }],
    ])();
  });
});

test('the search agrees with trying every order: maps with append', () => {
  compare(appendMapModel, 1_500, (draw) => {
    const list = () => pick<number[]>(draw, [[], [1], [2], [1, 2], [2, 1], [1, 1]]);
    return pick<() => [AppendMapInput, AppendMapOutput]>(draw, [
      () => [{ type: 'append', key: 'k', item: draw() < 0.5 ? 1 : 2 }, { type: 'ok' }],
      () => [
        { type: 'get', key: 'k' },
        { type: 'value', value: list() },
      ],
      () => [{ type: 'put', key: 'k', value: list() }, { type: 'ok' }],
    ])();
  });
});

test.each([
  { removal: true, unhealthy: true, coldStart: true, forgetting: true },
  { removal: false, unhealthy: false, coldStart: false, forgetting: false },
])('the search agrees with trying every order: the registry with %o', (changes) => {
  compare(registryModel(changes), 1_500, registryStep);
});

/**
 * The model lets a change that nobody asked for wait until an answer shows it. Here each such change is a step of its own, at
 * any time: between a model in which nothing happens by itself and everything that may.
 */
test('the registry may put its own changes off until they are seen', () => {
  const strict = registryModel({ removal: false, unhealthy: false, coldStart: false, forgetting: false });
  const eager: typeof strict = {
    ...strict,
    step: (state, input, output) => changesByThemselves(state).flatMap((before) => strict.step(before, input, output)),
  };
  const lazy = registryModel();
  compare(lazy, 1_500, registryStep, eager);
});

/** All states that can follow without a client, the state itself included. */
function changesByThemselves(state: InstanceState): InstanceState[] {
  const { lastLease, lastRevision } = state;
  const moved = { lastLease, lastRevision, moved: true };
  if (state.type === 'absent') return [state, { ...state, tombstone: null }];
  const statuses: InstanceState[] = [state];
  if (state.status === 'up') statuses.push({ ...state, ...moved, status: 'unhealthy' });
  if (state.status !== 'unknown') statuses.push({ ...state, ...moved, status: 'unknown' });
  return [
    ...statuses,
    { type: 'absent', tombstone: 'expired', ...moved },
    { type: 'absent', tombstone: null, ...moved },
  ];
}

function registryStep(draw: Draw): [RegistryInput, RegistryOutput] {
  const target = { name: 'web', id: 'a' };
  const small = () => 1 + Math.floor(draw() * 3);
  const lease = () => (draw() < 0.4 ? { leaseId: small() } : {});
  const revision = () => (draw() < 0.5 ? { revision: small() } : {});
  const version = () => pick(draw, ['1', '2']);
  return pick<() => [RegistryInput, RegistryOutput]>(draw, [
    () => [
      { type: 'register', ...target, version: version() },
      { type: 'registered', leaseId: small(), created: draw() < 0.7, ...revision() },
    ],
    () => [
      { type: 'heartbeat', ...target, ...lease() },
      pick<RegistryOutput>(draw, [
        { type: 'ok' },
        { type: 'not_found' },
        { type: 'lease_mismatch' },
        { type: 'gone' },
        { type: 'gone', cause: 'expired' },
        { type: 'gone', cause: 'deregistered' },
      ]),
    ],
    () => [
      { type: 'deregister', ...target, ...lease() },
      pick<RegistryOutput>(draw, [{ type: 'ok' }, { type: 'ok' }, { type: 'not_found' }, { type: 'lease_mismatch' }]),
    ],
    () => [
      { type: 'get', ...target },
      { type: 'absent', ...revision() },
    ],
    () => [
      { type: 'get', ...target },
      {
        type: 'record',
        record: { id: 'a', version: version(), leaseId: small(), status: pick(draw, ['up', 'unhealthy', 'unknown']) },
        ...revision(),
      },
    ],
  ])();
}

function compare<State, Input, Output>(
  model: Model<State, Input, Output>,
  histories: number,
  nextStep: (draw: Draw) => [Input, Output],
  specification: Model<State, Input, Output> = model,
): void {
  let right = 0;
  for (let seed = 1; seed <= histories; seed++) {
    const draw = drawFrom(seed);
    const history = smallHistory(draw, nextStep);
    const expected = isLinearizableByForce(history, specification, 'k') ? 'linearizable' : 'not-linearizable';
    const { verdict } = search(history, model, 'k', defaultSearchLimits);
    expect({ seed, verdict }).toEqual({ seed, verdict: expected });
    if (expected === 'linearizable') right++;
  }
  // Were nearly all wrong or nearly all right, agreement would mean little.
  expect(right).toBeGreaterThan(histories * 0.05);
  expect(right).toBeLessThan(histories * 0.95);
}

/** Two to seven operations of three processes; one in five has no answer. */
function smallHistory<Input, Output>(draw: Draw, nextStep: (draw: Draw) => [Input, Output]): History<Input, Output> {
  const recorder = new HistoryRecorder<Input, Output>(() => 0);
  const open = new Map<number, { readonly call: PendingCall<Output>; readonly output: Output }>();
  let left = 2 + Math.floor(draw() * 6);
  while (left > 0 || open.size > 0) {
    const process = Math.floor(draw() * 3);
    const pending = open.get(process);
    if (pending) {
      if (draw() < 0.2) pending.call.unknown();
      else pending.call.returned(pending.output);
      open.delete(process);
    } else if (left > 0) {
      left--;
      const [input, output] = nextStep(draw);
      open.set(process, { call: recorder.call(process, input), output });
    }
  }
  return recorder.history();
}
