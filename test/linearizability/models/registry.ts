import type { History, Operation } from '../history.ts';
import type { Model, OrderedNumber } from '../model.ts';
import {
  type RegistryInput,
  type RegistryOutput,
  registryInput,
  registryOutput,
  type SeenRecord,
} from './registry-operations.ts';

/** Changes that no client asks for. What could not have happened in a history is worth saying: less is then excused. */
export interface SpontaneousChanges {
  /** An instance runs out of its lease and is removed. */
  readonly removal: boolean;
  /** An instance that is up turns unhealthy. */
  readonly unhealthy: boolean;
  /** A cold start turns instances `unknown`. */
  readonly coldStart: boolean;
  /** Tombstones age, so that a heartbeat for an instance that was removed gets `not_found` instead of `gone`. */
  readonly forgetting: boolean;
}

export const anythingMayHappen: SpontaneousChanges = {
  removal: true,
  unhealthy: true,
  coldStart: true,
  forgetting: true,
};

type Status = 'up' | 'unhealthy' | 'unknown';
type Cause = 'deregistered' | 'expired';

interface Listed {
  readonly type: 'listed';
  readonly version: string;
  /** `null`: registered by an operation without an answer, and not read since. */
  readonly leaseId: number | null;
  /** The last that is certain; it may have changed by itself since. */
  readonly status: Status;
}

interface Absent {
  readonly type: 'absent';
  /** How a tombstone remembers it; `null` without one. */
  readonly tombstone: Cause | null;
}

/**
 * What is known of the numbers. Coarse on purpose: were each change without an answer counted, every subset of such
 * operations would lead to a state of its own, and the search would have to visit all of them.
 */
interface Numbers {
  /** Greatest lease id known to have been given to the instance, or 0. A lease that nobody knows yet is greater. */
  readonly lastLease: number;
  /** Greatest revision known to be reached, or 0. */
  readonly lastRevision: number;
  /** Something has changed since `lastRevision`, so that the revision is greater. */
  readonly moved: boolean;
}

/** One instance. */
export type InstanceState = (Listed | Absent) & Numbers;

type RegistryModel = Model<InstanceState, RegistryInput, RegistryOutput>;

const isWrite = ({ type }: RegistryInput) => type === 'register' || type === 'deregister' || type === 'heartbeat';

/**
 * The registry, one instance at a time.
 *
 * Removal, ageing of tombstones and changes of status need no client. They are always possible (where allowed at all), so
 * it is enough to let one happen when an answer shows that it did: `listed` means "listed, unless it has been removed
 * since". No order is lost by that, because such a change can wait until somebody sees it.
 *
 * A list is split into one read for each instance of the service that the history knows of. Each must fit among that
 * instance's operations. That the parts were read at one moment is held by the revision, where answers carry it: every
 * part shows the list's revision, and within each key operations are ordered by revision. So a list that mixes an old
 * registration with a newer one is found. What is missed: a list that is torn between two deregistrations or removals, all
 * concurrent with it, because a deregistration's answer names no revision.
 */
export function registryModel(allowed: Partial<SpontaneousChanges> = {}): RegistryModel {
  const may: SpontaneousChanges = { ...anythingMayHappen, ...allowed };
  return {
    name: 'registry',
    input: registryInput,
    output: registryOutput,
    partition: partitionByInstance,
    initial: () => ({ type: 'absent', tombstone: null, lastLease: 0, lastRevision: 0, moved: false }),
    step: (state, input, output) => step(may, state, input, output),
    encode: (state) => {
      const numbers = `${state.lastLease} ${state.lastRevision} ${state.moved ? '+' : '='}`;
      return state.type === 'listed'
        ? `${numbers} ${state.leaseId ?? '?'} ${state.status} ${state.version}`
        : `${numbers} ${state.tombstone ?? ''}`;
    },
    isRead: (input) => !isWrite(input),
    describeInput,
    describeOutput,
    describeState,
    orderedNumbers,
  };
}

const keyOf = (name: string, id: string) => `${name}/${id}`;

function partitionByInstance(
  history: History<RegistryInput, RegistryOutput>,
): ReadonlyMap<string, History<RegistryInput, RegistryOutput>> {
  const idsOf = idsByService(history);
  const parts = new Map<string, Operation<RegistryInput, RegistryOutput>[]>();
  const add = (name: string, id: string, operation: Operation<RegistryInput, RegistryOutput>) => {
    const key = keyOf(name, id);
    const part = parts.get(key);
    if (part) part.push(operation);
    else parts.set(key, [operation]);
  };
  for (const operation of history) {
    const { input, output } = operation;
    if (input.type !== 'list') add(input.name, input.id, operation);
    else if (output?.type === 'records') {
      for (const id of idsOf.get(input.name) ?? []) add(input.name, id, readOfOne(operation, input.name, id, output));
    }
  }
  return parts;
}

function idsByService(history: History<RegistryInput, RegistryOutput>): ReadonlyMap<string, ReadonlySet<string>> {
  const ids = new Map<string, Set<string>>();
  for (const { input, output } of history) {
    const known = ids.get(input.name) ?? new Set();
    ids.set(input.name, known);
    if (input.type !== 'list') known.add(input.id);
    else if (output?.type === 'records') for (const { id } of output.records) known.add(id);
  }
  return ids;
}

function readOfOne(
  list: Operation<RegistryInput, RegistryOutput>,
  name: string,
  id: string,
  { records, revision }: Extract<RegistryOutput, { type: 'records' }>,
): Operation<RegistryInput, RegistryOutput> {
  const record = records.find((candidate) => candidate.id === id);
  return {
    ...list,
    input: { type: 'get', name, id },
    output: record ? { type: 'record', record, revision } : { type: 'absent', revision },
  };
}

function step(
  may: SpontaneousChanges,
  state: InstanceState,
  input: RegistryInput,
  output: RegistryOutput | null,
): readonly InstanceState[] {
  switch (input.type) {
    case 'register':
      return register(may, state, input.version, output);
    case 'heartbeat':
      return heartbeat(may, state, input.leaseId, output);
    case 'deregister':
      return deregister(may, state, input.leaseId, output);
    case 'get':
      return get(may, state, output);
    case 'list':
      throw new Error('A list is judged as reads of its instances; partition the history first.');
  }
}

function register(
  may: SpontaneousChanges,
  state: InstanceState,
  version: string,
  output: RegistryOutput | null,
): readonly InstanceState[] {
  if (output === null) {
    return [{ type: 'listed', version, leaseId: null, status: 'up', ...moved(state) }];
  }
  if (output.type !== 'registered') return [];
  const { leaseId, created, revision } = output;
  if (leaseId <= state.lastLease) return [];
  const before = created ? absentStates(may, state) : state.type === 'listed' ? [state] : [];
  return before.flatMap((state) => {
    const registered: InstanceState = {
      type: 'listed',
      version,
      leaseId,
      status: 'up',
      ...moved(state),
      lastLease: leaseId,
    };
    return atRevision(registered, revision);
  });
}

function heartbeat(
  may: SpontaneousChanges,
  state: InstanceState,
  leaseId: number | undefined,
  output: RegistryOutput | null,
): readonly InstanceState[] {
  if (output === null) {
    // Without effect unless it renewed a lease that had a status to mend.
    const renewed = withLease(state, leaseId);
    return renewed && renewed.status !== 'up' ? [up(renewed), state] : [state];
  }
  switch (output.type) {
    case 'ok': {
      const renewed = withLease(state, leaseId);
      return renewed ? [up(renewed)] : [];
    }
    case 'gone':
      return absentStates(may, state).filter(
        ({ tombstone }) => tombstone !== null && (output.cause === undefined || tombstone === output.cause),
      );
    case 'not_found':
      return absentStates(may, state).flatMap((absent): InstanceState[] => {
        if (absent.tombstone === null) return [absent];
        return may.forgetting ? [{ ...absent, tombstone: null }] : [];
      });
    case 'lease_mismatch':
      return withOtherLease(state, leaseId);
    default:
      return [];
  }
}

function deregister(
  may: SpontaneousChanges,
  state: InstanceState,
  leaseId: number | undefined,
  output: RegistryOutput | null,
): readonly InstanceState[] {
  if (output === null) {
    const held = withLease(state, leaseId);
    if (!held) return [state];
    // It may have come too late, or named another lease than the one that nobody knows.
    return [buried(held, 'deregistered'), ...absentStates(may, state), ...withOtherLease(state, leaseId)];
  }
  switch (output.type) {
    case 'ok': {
      const held = withLease(state, leaseId);
      return held ? [buried(held, 'deregistered')] : [];
    }
    case 'not_found':
      return absentStates(may, state);
    case 'lease_mismatch':
      return withOtherLease(state, leaseId);
    default:
      return [];
  }
}

function get(may: SpontaneousChanges, state: InstanceState, output: RegistryOutput | null): readonly InstanceState[] {
  if (output === null) return [state];
  if (output.type === 'absent') {
    return absentStates(may, state).flatMap((absent) => atRevision(absent, output.revision));
  }
  if (output.type !== 'record') return [];
  const { record, revision } = output;
  const listed = withLease(state, record.leaseId);
  if (!listed || listed.version !== record.version || !mayShow(may, listed.status, record.status)) return [];
  if (record.revision !== undefined && revision !== undefined && record.revision > revision) return [];
  const status = record.status ?? listed.status;
  const seen = status === listed.status ? listed : { ...listed, status, ...moved(listed) };
  return atRevision(seen, revision ?? record.revision);
}

/** Whether a record whose status was last known to be `from` may show `to` with no heartbeat between. */
function mayShow(may: SpontaneousChanges, from: Status, to: SeenRecord['status']): boolean {
  if (to === undefined || to === from) return true;
  if (to === 'unknown') return may.coldStart;
  return to === 'unhealthy' && from === 'up' && may.unhealthy;
}

/** An answer that shows this revision; a read of an earlier one than is known to be reached does not fit. */
function atRevision(state: InstanceState, revision: number | undefined): readonly InstanceState[] {
  if (revision === undefined) return [state];
  if (state.moved ? revision <= state.lastRevision : revision < state.lastRevision) return [];
  return [{ ...state, lastRevision: revision, moved: false }];
}

/** The ways in which the instance may be absent now. */
function absentStates(may: SpontaneousChanges, state: InstanceState): readonly (InstanceState & Absent)[] {
  if (state.type === 'absent') return [state];
  return may.removal ? [buried(state, 'expired')] : [];
}

function buried(state: InstanceState & Listed, tombstone: Cause): InstanceState & Absent {
  return { type: 'absent', tombstone, ...moved(state) };
}

/** The state, if its lease can be this one; without a lease id, any fits. */
function withLease(state: InstanceState, leaseId: number | undefined): (InstanceState & Listed) | null {
  if (state.type !== 'listed') return null;
  if (leaseId === undefined || leaseId === state.leaseId) return state;
  if (state.leaseId !== null || leaseId <= state.lastLease) return null;
  return { ...state, leaseId, lastLease: leaseId };
}

/** The state, if its lease can be another one than this. */
function withOtherLease(state: InstanceState, leaseId: number | undefined): readonly InstanceState[] {
  return state.type === 'listed' && leaseId !== undefined && state.leaseId !== leaseId ? [state] : [];
}

function up(state: InstanceState & Listed): InstanceState {
  return state.status === 'up' ? state : { ...state, status: 'up', ...moved(state) };
}

function moved({ lastLease, lastRevision }: Numbers): Numbers {
  return { lastLease, lastRevision, moved: true };
}

function orderedNumbers(input: RegistryInput, output: RegistryOutput): readonly OrderedNumber[] {
  if (output.type === 'registered') {
    const lease: OrderedNumber = { name: 'lease id', value: output.leaseId, isNew: true };
    return output.revision === undefined ? [lease] : [lease, { name: 'revision', value: output.revision, isNew: true }];
  }
  if (output.type !== 'record' && output.type !== 'absent' && output.type !== 'records') return [];
  return input.type !== 'heartbeat' && output.revision !== undefined
    ? [{ name: 'revision', value: output.revision, isNew: false }]
    : [];
}

function describeInput(input: RegistryInput): string {
  if (input.type === 'list') return `list ${input.name}`;
  const target = `${input.type} ${keyOf(input.name, input.id)}`;
  if (input.type === 'register') return `${target} version ${input.version}`;
  return input.type !== 'get' && input.leaseId !== undefined ? `${target} lease ${input.leaseId}` : target;
}

function describeOutput(output: RegistryOutput): string {
  switch (output.type) {
    case 'registered':
      return `${output.created ? 'created' : 'replaced'}, lease ${output.leaseId}${at(output.revision)}`;
    case 'gone':
      return output.cause ? `gone (${output.cause})` : 'gone';
    case 'record':
      return `${describeRecord(output.record)}${at(output.revision)}`;
    case 'absent':
      return `absent${at(output.revision)}`;
    case 'records':
      return `[${output.records.map((record) => `${record.id}: ${describeRecord(record)}`).join('; ')}]${at(output.revision)}`;
    default:
      return output.type.replace('_', ' ');
  }
}

function describeRecord({ version, leaseId, status }: SeenRecord): string {
  return `version ${version} lease ${leaseId}${status ? ` ${status}` : ''}`;
}

function describeState(state: InstanceState): string {
  if (state.type === 'absent') return state.tombstone ? `absent (${state.tombstone})` : 'absent';
  return `version ${state.version}, lease ${state.leaseId ?? 'not known'}, ${state.status}`;
}

function at(revision: number | undefined): string {
  return revision === undefined ? '' : ` at revision ${revision}`;
}
