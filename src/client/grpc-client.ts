import { randomBytes } from 'node:crypto';
import type { MethodDefinition } from '@grpc/grpc-js';
import {
  fromHealthResponse,
  fromStatusResponse,
  type HealthResponse,
  type StatusRequest,
  type StatusResponse,
} from '../api/wire/cluster-messages.ts';
import {
  type DependenciesRequest,
  type DependenciesResponse,
  fromDependenciesResponse,
} from '../api/wire/dependency-messages.ts';
import {
  fromInstancesResponse,
  type GetServiceRequest,
  type HeartbeatsRequest,
  type HeartbeatsResponse,
  type InstancesResponse,
  type ListServicesRequest,
  type RegisterRequest,
  type TargetMessage,
  toGetServiceRequest,
  toListServicesRequest,
  toRegisterRequest,
} from '../api/wire/messages.ts';
import { clusterServiceName, methodOf, registryServiceName } from '../api/wire/protocol.ts';
import {
  fromWatchEvent,
  toWatchRequest,
  type WatchEventMessage,
  type WatchRequest,
} from '../api/wire/watch-messages.ts';
import type { DependencyGraph } from '../registry/dependencies.ts';
import { RegistryError } from '../registry/errors.ts';
import type {
  DeregistrationResult,
  HeartbeatResult,
  HeartbeatsResult,
  HeartbeatTarget,
  InstanceRecord,
  RegistrationResult,
  WatchEvent,
} from '../registry/records.ts';
import type {
  ClusterService,
  ClusterStatus,
  HealthReport,
  InstanceFilter,
  InstancePage,
  ListQuery,
  ReadAnswer,
  ReadOptions,
  RegistryService,
  StatusOptions,
  WatchOptions,
  WatchQuery,
} from '../registry/service.ts';
import {
  parseDeregistrationTarget,
  parseHeartbeatTarget,
  parseRegistrationBody,
  type RegistrationBody,
} from '../registry/validation.ts';
import { Caller, type CallRules, type ClientCallOptions } from './caller.ts';
import { findService, type Resolved, resolveServices, type WaitOptions, waitForServices } from './discovery.ts';
import { HeartbeatLine } from './heartbeat-line.ts';
import { type KeepOptions, KeptRegistration } from './kept-registration.ts';
import { Rotation } from './rotation.ts';
import { type FollowOptions, ServiceView, type Watchable } from './service-view.ts';
import { WatchPosition } from './watch-position.ts';

export interface GrpcClientOptions {
  /** gRPC addresses of the members, `host:port` each. Several, and a call goes on to the next when one does not answer. */
  readonly endpoints: readonly string[];
  /** Bearer token for writes, for calls that bring none of their own. */
  readonly authToken?: string | null | undefined;
  /** For a whole call, all its attempts included; 10 s when absent. */
  readonly timeoutMs?: number | undefined;
}

const method = {
  register: methodOf<RegisterRequest, RegistrationResult>(registryServiceName, 'Register'),
  heartbeat: methodOf<TargetMessage, HeartbeatResult>(registryServiceName, 'Heartbeat'),
  heartbeats: methodOf<HeartbeatsRequest, HeartbeatsResponse>(registryServiceName, 'Heartbeats'),
  heartbeatStream: methodOf<HeartbeatsRequest, HeartbeatsResponse>(registryServiceName, 'HeartbeatStream'),
  deregister: methodOf<TargetMessage, DeregistrationResult>(registryServiceName, 'Deregister'),
  getService: methodOf<GetServiceRequest, InstancesResponse>(registryServiceName, 'GetService'),
  listServices: methodOf<ListServicesRequest, InstancesResponse>(registryServiceName, 'ListServices'),
  dependencies: methodOf<DependenciesRequest, DependenciesResponse>(registryServiceName, 'GetDependencies'),
  watch: methodOf<WatchRequest, WatchEventMessage>(registryServiceName, 'Watch'),
  status: methodOf<StatusRequest, StatusResponse>(clusterServiceName, 'Status'),
  health: methodOf<object, HealthResponse>(clusterServiceName, 'Health'),
} as const;

const read: CallRules = { writes: false };

/** A member answers a held query a little late, so that many of them do not come back at once. */
const shareOfWait = 1.1;

const write: CallRules = { writes: true };

/**
 * The registry over gRPC, with the interface that a member offers from the inside. Every failure is a `RegistryError`, but
 * for a call that is ended by its `AbortSignal`: that fails with the signal's reason.
 *
 * A call that a member cannot answer goes on to the next member, in rounds with growing waits, until its time is over.
 * All of its calls are safe to repeat: a registration has its id before it leaves.
 */
export class ManifestGrpcClient implements RegistryService, ClusterService {
  readonly #caller: Caller;
  readonly #line: HeartbeatLine;
  readonly #rotation = new Rotation();
  readonly #kept = new Set<KeptRegistration>();

  /** Connects with the first call. @throws RegistryError `invalid_parameter` for an address that is none */
  constructor(options: GrpcClientOptions) {
    this.#caller = new Caller(options.endpoints, options.authToken ?? null, options.timeoutMs);
    this.#line = new HeartbeatLine(this.#caller, method.heartbeatStream);
  }

  async register(input: unknown, options: ClientCallOptions = {}): Promise<RegistrationResult> {
    return this.#register(withId(parseRegistrationBody(input)), options, write);
  }

  async #register(
    body: RegistrationBody,
    options: ClientCallOptions,
    rules: CallRules<RegistrationResult>,
  ): Promise<RegistrationResult> {
    const result = await this.#call(method.register, toRegisterRequest(body), options, rules);
    return {
      id: result.id,
      name: result.name,
      version: result.version,
      status: result.status,
      registered_at: result.registered_at,
      lease_id: result.lease_id,
      heartbeat_interval: result.heartbeat_interval,
      heartbeat_timeout: result.heartbeat_timeout,
      revision: result.revision,
      created: result.created,
    };
  }

  /**
   * Registers an instance and keeps it registered: heartbeats over one stream for all instances of this client, and a new
   * registration where the registry no longer knows it. Ends with `stop`, with `options.signal`, or at the end of the
   * block of an `await using`; each of them deregisters.
   * @throws RegistryError for a registration that is refused; nothing is thrown afterwards
   */
  async keepRegistered(registration: RegistrationBody, options: KeepOptions = {}): Promise<KeptRegistration> {
    const keeping = {
      timeoutMs: this.#caller.timeoutMs,
      closing: this.#caller.closing,
      register: (body: RegistrationBody, callOptions: ClientCallOptions, mayHappenTwice: () => void) =>
        this.#register(parseRegistrationBody(body), callOptions, { writes: true, mayHappenTwice }),
      renew: (target: HeartbeatTarget, timeoutMs: number) => this.#line.renew(target, timeoutMs),
      deregister: (target: HeartbeatTarget) => this.#deregister(target, {}),
      ended: (kept: KeptRegistration) => {
        this.#kept.delete(kept);
        if (this.#kept.size === 0) this.#line.rest();
      },
    };
    const kept = await KeptRegistration.begin(keeping, withId(parseRegistrationBody(registration)), options);
    if (kept.state === 'kept') this.#kept.add(kept);
    return kept;
  }

  async heartbeat(target: unknown, options: ClientCallOptions = {}): Promise<HeartbeatResult> {
    const result = await this.#call(method.heartbeat, parseHeartbeatTarget(target), options, write);
    const { status, last_heartbeat, ttl_remaining } = result;
    return { status, last_heartbeat, lease_renewed: true, ttl_remaining };
  }

  async heartbeats(targets: readonly unknown[], options: ClientCallOptions = {}): Promise<HeartbeatsResult> {
    const instances = targets.map(parseBatchMember);
    const { renewed, failed } = await this.#call(method.heartbeats, { instances }, options, write);
    return {
      renewed,
      failed: failed.map(({ name, id, error, message }) => ({ name, id, error, message })),
    };
  }

  /** Ends the heartbeats, too, where this client keeps the instance registered. */
  async deregister(input: unknown, options: ClientCallOptions = {}): Promise<DeregistrationResult> {
    const target = parseDeregistrationTarget(input);
    for (const kept of this.#kept) if (kept.name === target.name && kept.id === target.id) kept.letGo();
    return this.#deregister(target, options);
  }

  async #deregister(target: HeartbeatTarget, options: ClientCallOptions): Promise<DeregistrationResult> {
    const rules: CallRules<DeregistrationResult> = {
      writes: true,
      doneAlready: (error) => deregisteredBefore(error, target),
    };
    const { message, deregistered_at } = await this.#call(method.deregister, target, options, rules);
    return { message, deregistered_at };
  }

  async getInstances(
    name: string,
    filter: InstanceFilter,
    options: ReadOptions & ClientCallOptions = {},
  ): Promise<ReadAnswer<readonly InstanceRecord[]>> {
    const request = toGetServiceRequest(name, filter, options);
    const answer = fromInstancesResponse(await this.#read(method.getService, request, options));
    return { ...answer, value: answer.value.instances };
  }

  async list(query: ListQuery, options: ReadOptions & ClientCallOptions = {}): Promise<ReadAnswer<InstancePage>> {
    const request = toListServicesRequest(query, options);
    return fromInstancesResponse(await this.#read(method.listServices, request, options));
  }

  async dependencies(options: ReadOptions & ClientCallOptions = {}): Promise<ReadAnswer<DependencyGraph>> {
    const request = options.consistency === undefined ? {} : { consistency: options.consistency };
    return fromDependenciesResponse(await this.#call(method.dependencies, request, options, read));
  }

  /**
   * As a member's, and it goes on at another member when one is lost: nothing is missed and nothing told twice. It ends
   * with an error when no member could serve it for `timeoutMs`.
   */
  watch(query: WatchQuery, options: WatchOptions = {}): AsyncGenerator<WatchEvent, void> {
    return this.#watch(query, options);
  }

  async *#watch(query: WatchQuery, options: WatchOptions, onBreak?: () => void): AsyncGenerator<WatchEvent, void> {
    const position = new WatchPosition(query);
    let isFirstOfStream = true;
    const requestNow = () => {
      isFirstOfStream = true;
      return toWatchRequest(position.query, options);
    };
    for await (const message of this.#caller.stream(method.watch, requestNow, options, onBreak)) {
      const events = position.take(fromWatchEvent(message), isFirstOfStream);
      isFirstOfStream = false;
      yield* events;
    }
  }

  /**
   * The instances that match, in memory and kept up to date by a watch: reading them costs no request.
   * @throws RegistryError `invalid_parameter` for an option. What the registry refuses, the view's reads tell.
   */
  follow(filter: InstanceFilter = {}, options: FollowOptions = {}): ServiceView {
    const watchable: Watchable = {
      closing: this.#caller.closing,
      watch: (query, watchOptions, onBreak) => this.#watch(query, watchOptions, onBreak),
    };
    return new ServiceView(watchable, filter, options);
  }

  /**
   * One instance of a service: one that is up, in turn; where none is, the best of the others, which its `status` tells.
   * @throws RegistryError `service_not_found` where none is listed
   */
  getService(name: string, options: ReadOptions & ClientCallOptions = {}): Promise<InstanceRecord> {
    return findService(this, this.#rotation, name, options);
  }

  /**
   * An instance that is up for each of the services, asked for at once.
   * @throws DependenciesNotReadyError that names every one that is missing or not up
   */
  resolve<Name extends string>(
    names: readonly Name[],
    options: ReadOptions & ClientCallOptions = {},
  ): Promise<Resolved<Name>> {
    return resolveServices(this, this.#rotation, names, options);
  }

  /**
   * As `resolve`, as soon as all of the services are up. It waits for the registry, too.
   * @throws DependenciesNotReadyError when the time is over
   * @throws the reason of `options.signal`, once that is aborted
   */
  waitFor<Name extends string>(names: readonly Name[], options: WaitOptions = {}): Promise<Resolved<Name>> {
    return waitForServices(this, this.#rotation, names, options);
  }

  async status(options: StatusOptions & ClientCallOptions = {}): Promise<ClusterStatus> {
    const request = options.stateHash === undefined ? {} : { state_hash: options.stateHash };
    return fromStatusResponse(await this.#call(method.status, request, options, read));
  }

  async health(options: ClientCallOptions = {}): Promise<HealthReport> {
    return fromHealthResponse(await this.#call(method.health, {}, options, read));
  }

  /** Ends the connections; calls under way fail. What is kept registered is not deregistered: `stop` that before. */
  close(): void {
    for (const kept of this.#kept) kept.letGo();
    this.#caller.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #read<Request, Response>(
    definition: MethodDefinition<Request, Response>,
    request: Request,
    options: ReadOptions & ClientCallOptions,
  ): Promise<Response> {
    const { hold } = options;
    if (!hold) return this.#call(definition, request, options, read);
    const signal = options.signal ?? hold.signal;
    try {
      return await this.#call(
        definition,
        request,
        { ...options, signal },
        { writes: false, heldMs: hold.waitMs * shareOfWait },
      );
    } catch (error) {
      if (!hold.signal?.aborted) throw error;
      throw new RegistryError('service_unavailable', 'The wait for a change was ended. Ask again.', {
        retryAfterSeconds: 1,
      });
    }
  }

  #call<Request, Response>(
    definition: MethodDefinition<Request, Response>,
    request: Request,
    options: ClientCallOptions,
    rules: CallRules<Response>,
  ): Promise<Response> {
    return this.#caller.call(definition, request, options, rules);
  }
}

/** An id that is made before the call leaves makes its repetition harmless. */
function withId(body: RegistrationBody): RegistrationBody & { readonly id: string } {
  return { ...body, id: body.id ?? `${body.name}-${randomBytes(4).toString('hex')}` };
}

function parseBatchMember(target: unknown, position: number): TargetMessage {
  try {
    return parseHeartbeatTarget(target);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const { code, message, field, value } = error;
    throw new RegistryError(code, message, { field: `instances[${position}]${field ? `.${field}` : ''}`, value });
  }
}

/** An instance that an earlier attempt of the same call may have deregistered is deregistered now, as was asked. */
function deregisteredBefore(
  { code, details }: RegistryError,
  { name, id }: { readonly name: string; readonly id: string },
): DeregistrationResult | null {
  if (code !== 'service_not_found') return null;
  const told = details?.deregistered_at;
  return {
    message: `Instance '${id}' of service '${name}' is deregistered.`,
    deregistered_at: typeof told === 'string' ? told : new Date().toISOString(),
  };
}
