import { Catalog, type StatusCounts } from './catalog.ts';
import { decodeCommand } from './commands.ts';
import type { ServiceNode } from './dependencies.ts';
import { type Deadline, deadline } from './leases.ts';
import { handOut } from './listed-service.ts';
import type {
  ApplyOutcome,
  Command,
  CommandResult,
  DeregisterCommand,
  ExpireCommand,
  ExpiryItem,
  HeartbeatsCommand,
  Instance,
  OpenTermCommand,
  RegisterCommand,
  RegistryEvent,
  RenewedLease,
  Tombstone,
} from './machine.ts';
import { defaultRegistryLimits, Graveyard, type RegistryLimits, RequestMemory } from './memories.ts';
import type { Selection } from './page.ts';
import type { Status } from './records.ts';
import { type Renewal, renewed } from './renewal.ts';
import type { InstanceFilter, InstanceKey } from './service.ts';
import { inOneGo, type Sliced } from './slices.ts';
import { hashOf, type RegistryCapture } from './snapshot.ts';
import { formatTimestamp } from './views.ts';

/** Parts of a snapshot taken over in one go. */
const sliceParts = 500;

/**
 * The replicated state machine. Applying reads no clock and draws no lot: the same entries give the same state, byte
 * for byte, on every member.
 */
export class RegistryState {
  readonly #limits: RegistryLimits;
  readonly #catalog = new Catalog();
  readonly #graveyard: Graveyard;
  readonly #requests: RequestMemory;
  #appliedIndex = 0;
  #term = 0;
  #revision = 0;
  #nextLeaseId = 1;
  #wallMs = 0;
  #leaseMs = 0;
  /** Of the entry that is being applied. */
  #events: RegistryEvent[] = [];

  constructor(limits: Partial<RegistryLimits> = {}) {
    this.#limits = { ...defaultRegistryLimits, ...limits };
    this.#graveyard = new Graveyard(this.#limits);
    this.#requests = new RequestMemory(this.#limits);
  }

  /** Rebuilds a state from what a snapshot held, in slices. */
  static *restoring(capture: RegistryCapture, limits: Partial<RegistryLimits> = {}): Sliced<RegistryState> {
    const state = new RegistryState(limits);
    const { header } = capture;
    state.#appliedIndex = header.appliedIndex;
    state.#term = header.term;
    state.#revision = header.revision;
    state.#nextLeaseId = header.nextLeaseId;
    state.#wallMs = header.wallMs;
    state.#leaseMs = header.leaseMs;
    yield* takingEach(capture.instances, (instance) => state.#catalog.add(instance));
    yield* takingEach(capture.tombstones, (tombstone) => state.#graveyard.bury(tombstone));
    yield* takingEach(capture.requests, (request) => state.#requests.remember(request));
    yield* state.tidying();
    return state;
  }

  /** As `restoring`, in one go. */
  static restore(capture: RegistryCapture, limits: Partial<RegistryLimits> = {}): RegistryState {
    return inOneGo(RegistryState.restoring(capture, limits));
  }

  /** Index of the last entry that this state includes. */
  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Greatest term that was opened by an applied entry. */
  get term(): number {
    return this.#term;
  }

  /** Grows with every change that a reader can see. */
  get revision(): number {
    return this.#revision;
  }

  /** Greatest wall clock stamp, milliseconds since the Unix epoch. */
  get wallMs(): number {
    return this.#wallMs;
  }

  /** Greatest lease clock stamp, milliseconds of serving time. */
  get leaseMs(): number {
    return this.#leaseMs;
  }

  find(name: string, id: string): Instance | undefined {
    return this.#catalog.find(name, id);
  }

  findLease(leaseId: number): Instance | undefined {
    return this.#catalog.byLease(leaseId);
  }

  /** The lease that an instance has; `null` when it is not listed. Cheaper than `find`, and asked for each heartbeat. */
  leaseIdOf(name: string, id: string): number | null {
    return this.#catalog.entry(name, id)?.instance.leaseId ?? null;
  }

  /** What happens to an instance next if no heartbeat comes, as far as the state knows; `null` when it is not listed. */
  deadlineOf(leaseId: number): Deadline | null {
    const entry = this.#catalog.entryOfLease(leaseId);
    return entry ? deadline(entry.instance) : null;
  }

  tombstone(name: string, id: string): Tombstone | undefined {
    return this.#graveyard.find(name, id);
  }

  /** Instances of one service, healthy ones first, then by id. */
  instancesOf(name: string): readonly Instance[] {
    return this.#catalog.instancesOf(name);
  }

  /** A page of all instances that match, by name and id, and how many match in all. */
  query(filter: InstanceFilter, limit: number, offset: number, after?: InstanceKey): Selection {
    return this.#catalog.select(filter, limit, offset, after);
  }

  /** To be done before `querying`, lest its first step is a long one. Changes nothing that anybody sees. */
  tidying(): Sliced<void> {
    return this.#catalog.tidying();
  }

  /** Whether every index knows what it should; a search that finds one that does not takes longer. */
  get isComplete(): boolean {
    return this.#catalog.isComplete;
  }

  /** Makes it so, in slices. Changes nothing that anybody sees. */
  completing(): Sliced<void> {
    return this.#catalog.completing();
  }

  /** As `instancesOf`, in slices: finds what is listed at its first step. */
  queryingOf(name: string, filter: InstanceFilter): Sliced<readonly Instance[]> {
    return this.#catalog.selectingOf(name, filter);
  }

  /** As `query`, in slices: finds what is listed at its first step. */
  querying(filter: InstanceFilter, limit: number, offset: number, after?: InstanceKey): Sliced<Selection> {
    return this.#catalog.selecting(filter, limit, offset, after);
  }

  /** What each service is as a whole, by name. */
  services(): readonly ServiceNode[] {
    return this.#catalog.nodes();
  }

  counts(): StatusCounts {
    return this.#catalog.counts();
  }

  /** Every listed instance, by ascending lease id. */
  instances(): Iterable<Instance> {
    return this.#catalog.all();
  }

  /** References to all that a snapshot holds, taken at once; what was handed out never changes, so nothing is copied. */
  capture(): RegistryCapture {
    return {
      header: {
        appliedIndex: this.#appliedIndex,
        term: this.#term,
        revision: this.#revision,
        nextLeaseId: this.#nextLeaseId,
        wallMs: this.#wallMs,
        leaseMs: this.#leaseMs,
      },
      instances: this.#catalog.everybody(),
      tombstones: this.#graveyard.all(),
      requests: this.#requests.all(),
    };
  }

  /** SHA-256, hexadecimal, of the state's encoding: equal on all members at equal indexes. */
  hash(): string {
    return hashOf(this.capture());
  }

  /** Moves past an entry that carries no command. */
  skip(index: number): void {
    this.#advance(index);
  }

  /**
   * Applies a committed command.
   * @throws Error when the entry is not the next one, or its bytes are no command: a bug or damage, never a client's fault
   */
  apply(index: number, data: Uint8Array): ApplyOutcome {
    this.#advance(index);
    const { requestId, stamp, command } = decodeCommand(data);
    this.#wallMs = Math.max(this.#wallMs, stamp.wallMs);
    this.#leaseMs = Math.max(this.#leaseMs, stamp.leaseMs);
    this.#graveyard.forget(this.#leaseMs);
    this.#requests.forget(this.#leaseMs);

    const remembered = requestId === null ? undefined : this.#requests.find(requestId);
    if (remembered) return { requestId, result: remembered, events: [] };

    this.#events = [];
    const result = this.#execute(command);
    // Renewing a lease twice is the same as renewing it once, so the many heartbeats need no memory.
    if (requestId !== null && command.type !== 'heartbeats') {
      this.#requests.remember({ requestId, atLeaseMs: this.#leaseMs, result });
    }
    return { requestId, result, events: this.#events };
  }

  #advance(index: number): void {
    if (index !== this.#appliedIndex + 1) {
      throw new Error(`Entry ${index} was to be applied after entry ${this.#appliedIndex}.`);
    }
    this.#appliedIndex = index;
  }

  #execute(command: Command): CommandResult {
    switch (command.type) {
      case 'register':
        return this.#register(command);
      case 'heartbeats':
        return this.#heartbeats(command);
      case 'deregister':
        return this.#deregister(command);
      case 'expire':
        return this.#expire(command);
      case 'open-term':
        return this.#openTerm(command);
      case 'advance-clock':
        return { type: 'done' };
    }
  }

  #register({ registration, validateDependencies }: RegisterCommand): CommandResult {
    const { name, id, metadata, ttl } = registration;
    if (validateDependencies) {
      const missing = (metadata.dependencies ?? []).filter(
        (dependency) => dependency !== name && !this.#catalog.has(dependency),
      );
      if (missing.length > 0) return missingDependencies(missing);
    }
    const before = this.#catalog.find(name, id);
    if (before) this.#catalog.remove(before);
    const instance: Instance = {
      registration,
      leaseId: this.#nextLeaseId++,
      status: 'up',
      registeredAtMs: before?.registeredAtMs ?? this.#wallMs,
      lastHeartbeatMs: this.#wallMs,
      leaseRenewedAtMs: this.#leaseMs,
      lastHeartbeatIndex: this.#appliedIndex,
      revision: ++this.#revision,
    };
    this.#catalog.add(instance);
    this.#graveyard.clear(name, id);
    this.#events.push({
      type: before ? 'updated' : 'registered',
      revision: this.#revision,
      instance,
      previous: before ?? null,
    });
    return {
      type: 'registered',
      result: {
        id,
        name,
        version: registration.version,
        status: instance.status,
        registered_at: formatTimestamp(instance.registeredAtMs),
        lease_id: instance.leaseId,
        heartbeat_interval: ttl.heartbeat_interval,
        heartbeat_timeout: ttl.unhealthy_after,
        revision: instance.revision,
        created: before === undefined,
      },
    };
  }

  #heartbeats({ leaseIds }: HeartbeatsCommand): CommandResult {
    const renewal = this.#renewal(this.#wallMs);
    let lease: RenewedLease | null = null;
    const leases = leaseIds.map((leaseId) => {
      const entry = this.#catalog.entryOfLease(leaseId);
      if (!entry) return null;
      const { status, registration } = entry.instance;
      if (status === 'up') this.#catalog.renew(entry, renewal);
      else this.#renewAs('up', handOut(entry), renewal);
      const { ttl } = registration;
      // Most have the same times, as one object: so one answer does for many.
      if (lease?.ttl !== ttl) lease = { status: 'up', lastHeartbeatMs: this.#wallMs, ttl };
      return lease;
    });
    return { type: 'heartbeats', leases };
  }

  #deregister({ name, id, leaseId }: DeregisterCommand): CommandResult {
    const instance = this.#catalog.find(name, id);
    if (!instance) {
      return {
        type: 'refused',
        code: 'service_not_found',
        message: `No instance '${id}' of service '${name}' is registered.`,
      };
    }
    if (leaseId !== null && leaseId !== instance.leaseId) {
      return {
        type: 'refused',
        code: 'lease_mismatch',
        message: `Instance '${id}' of service '${name}' was registered again and has another lease now. Leave it to the process that registered it last.`,
        field: 'lease_id',
        details: { current_lease_id: instance.leaseId },
      };
    }
    this.#remove(instance, 'deregistered');
    return { type: 'deregistered', deregisteredAtMs: this.#wallMs };
  }

  #expire({ term, items }: ExpireCommand): CommandResult {
    // Judged by a leader that has lost its term since: what it knew may be old (trap 28).
    if (term === this.#term) for (const item of items) this.#expireOne(item);
    return { type: 'done' };
  }

  #expireOne({ leaseId, judgedBy, to }: ExpiryItem): void {
    const instance = this.#catalog.byLease(leaseId);
    // A heartbeat that was applied after the judgement overtook it.
    if (instance?.lastHeartbeatIndex !== judgedBy) return;
    if (to === 'removed') this.#remove(instance, 'expired');
    else if (instance.status === 'up') {
      this.#announceStatus(instance, { ...instance, status: 'unhealthy', revision: ++this.#revision });
    }
  }

  #openTerm({ term, coldStart }: OpenTermCommand): CommandResult {
    this.#term = Math.max(this.#term, term);
    if (!coldStart) return { type: 'done' };
    for (const before of this.#catalog.everybody()) {
      const renewal = this.#renewal(before.lastHeartbeatMs);
      if (before.status === 'unknown') this.#catalog.replace(before, renewed(before, renewal));
      else this.#renewAs('unknown', before, renewal);
    }
    return { type: 'done' };
  }

  /** A lease begins anew. */
  #renewal(lastHeartbeatMs: number): Renewal {
    return { lastHeartbeatMs, leaseRenewedAtMs: this.#leaseMs, lastHeartbeatIndex: this.#appliedIndex };
  }

  /** A change of status is a change that readers see, and has a revision of its own. */
  #renewAs(status: Status, before: Instance, renewal: Renewal): void {
    this.#announceStatus(before, renewed(before, renewal, status, ++this.#revision));
  }

  #announceStatus(previous: Instance, instance: Instance): void {
    this.#catalog.replace(previous, instance);
    this.#events.push({ type: 'status', revision: instance.revision, instance, previous });
  }

  #remove(instance: Instance, cause: Tombstone['cause']): void {
    const { name, id } = instance.registration;
    this.#catalog.remove(instance);
    this.#graveyard.bury({
      name,
      id,
      leaseId: instance.leaseId,
      cause,
      atWallMs: this.#wallMs,
      atLeaseMs: this.#leaseMs,
    });
    this.#events.push({ type: cause, revision: ++this.#revision, instance, previous: instance });
  }
}

function missingDependencies(missing: readonly string[]): CommandResult {
  return {
    type: 'refused',
    code: 'dependency_not_found',
    message: `These dependencies are not registered: ${missing.join(', ')}. Start them first, or register without declaring them.`,
    field: 'metadata.dependencies',
    details: { missing_dependencies: missing },
  };
}

function* takingEach<T>(items: readonly T[], take: (item: T) => void): Sliced<void> {
  let taken = 0;
  for (const item of items) {
    take(item);
    if (++taken % sliceParts === 0) yield;
  }
}
