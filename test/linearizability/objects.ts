import { encodeCommand, stampCommand } from '../../src/registry/commands.ts';
import type { Command, CommandResult, Instance } from '../../src/registry/machine.ts';
import { RegistryState } from '../../src/registry/registry-state.ts';
import type { Draw } from './generate.ts';
import type { AppendMapInput, AppendMapOutput } from './models/append-map.ts';
import type { RegisterInput, RegisterOutput, RegisterValue } from './models/register.ts';
import type { RegistryInput, RegistryOutput, SeenRecord } from './models/registry-operations.ts';

/** Sequential objects that the generator's processes use. They know nothing of the models. */

export function createRegister(): (input: RegisterInput) => RegisterOutput {
  const values = new Map<string, RegisterValue>();
  return (input) => {
    const key = input.key ?? '';
    const value = values.get(key) ?? null;
    if (input.type === 'read') return { type: 'value', value };
    if (input.type === 'write') values.set(key, input.value);
    else if (value === input.from) values.set(key, input.to);
    else return { type: 'other' };
    return { type: 'ok' };
  };
}

export function createAppendMap(): (input: AppendMapInput) => AppendMapOutput {
  const lists = new Map<string, (string | number)[]>();
  return (input) => {
    const list = lists.get(input.key) ?? [];
    if (input.type === 'get') return { type: 'value', value: [...list] };
    lists.set(input.key, input.type === 'put' ? [...input.value] : [...list, input.item]);
    return { type: 'ok' };
  };
}

/** The production state machine, asked as a member asks it. */
export class RegistryObject {
  readonly #state = new RegistryState({ tombstoneMs: 5_000 });
  #index = 0;
  #leaseMs = 1;

  constructor() {
    this.#run({ type: 'open-term', term: 1, coldStart: false });
  }

  apply(input: RegistryInput): RegistryOutput {
    switch (input.type) {
      case 'register':
        return this.#register(input);
      case 'heartbeat':
        return this.#heartbeat(input.name, input.id, input.leaseId);
      case 'deregister':
        return this.#deregister(input.name, input.id, input.leaseId);
      case 'get': {
        const instance = this.#state.find(input.name, input.id);
        const { revision } = this.#state;
        return instance ? { type: 'record', record: recordOf(instance), revision } : { type: 'absent', revision };
      }
      case 'list':
        return {
          type: 'records',
          records: this.#state.instancesOf(input.name).map(recordOf),
          revision: this.#state.revision,
        };
    }
  }

  /** A change that no client asks for: an expiry, a cold start, time that passes. */
  meddle(draw: Draw): void {
    this.#leaseMs += Math.floor(draw() * 400);
    const listed = [...this.#state.instances()];
    if (draw() < 0.05) {
      this.#run({ type: 'open-term', term: this.#state.term + 1, coldStart: true });
      return;
    }
    const victim = listed[Math.floor(draw() * listed.length)];
    if (!victim || draw() < 0.3) return;
    const { leaseId, lastHeartbeatIndex: judgedBy } = victim;
    const to = draw() < 0.5 ? 'unhealthy' : 'removed';
    this.#run({ type: 'expire', term: this.#state.term, items: [{ leaseId, judgedBy, to }] });
  }

  #run(command: Command): CommandResult {
    this.#index++;
    const bytes = stampCommand(encodeCommand('', command), { wallMs: this.#index, leaseMs: this.#leaseMs });
    return this.#state.apply(this.#index, bytes).result;
  }

  #register({ name, id, version }: Extract<RegistryInput, { type: 'register' }>): RegistryOutput {
    const ttl = { heartbeat_interval: 10, unhealthy_after: 30, remove_after: 60 };
    const registration = { name, id, version, interfaces: {}, metadata: {}, ttl };
    const result = this.#run({ type: 'register', registration, validateDependencies: false });
    if (result.type !== 'registered') throw new Error(`A registration ended as ${result.type}.`);
    const { lease_id: leaseId, created, revision } = result.result;
    return { type: 'registered', leaseId, created, revision };
  }

  #heartbeat(name: string, id: string, leaseId: number | undefined): RegistryOutput {
    const instance = this.#state.find(name, id);
    if (!instance) {
      const tombstone = this.#state.tombstone(name, id);
      return tombstone ? { type: 'gone', cause: tombstone.cause } : { type: 'not_found' };
    }
    if (leaseId !== undefined && leaseId !== instance.leaseId) return { type: 'lease_mismatch' };
    this.#run({ type: 'heartbeats', leaseIds: [instance.leaseId] });
    return { type: 'ok' };
  }

  #deregister(name: string, id: string, leaseId: number | undefined): RegistryOutput {
    const result = this.#run({ type: 'deregister', name, id, leaseId: leaseId ?? null });
    if (result.type === 'deregistered') return { type: 'ok' };
    if (result.type !== 'refused') throw new Error(`A deregistration ended as ${result.type}.`);
    return { type: result.code === 'lease_mismatch' ? 'lease_mismatch' : 'not_found' };
  }
}

function recordOf({ registration, leaseId, status, revision }: Instance): SeenRecord {
  return { id: registration.id, version: registration.version, leaseId, status, revision };
}
