import type { Command, ExpiryItem, Stamp } from '../../src/registry/machine.ts';
import type { Metadata, Registration } from '../../src/registry/records.ts';
import type { RegistryState } from '../../src/registry/registry-state.ts';
import { SeededRandom } from '../transport/random-messages.ts';
import { entry } from './machine-driver.ts';

const names = ['billing', 'orders', 'users', 'billing-archive', '0'] as const;
const ids = ['1', '2', '10', 'a', 'B', 'b-1'] as const;

/** More than any sequence here gives. */
const mostLeases = 2_000;

/**
 * Commands as a cluster's log may hold them: repeated request ids, stamps that go back, expiries that were overtaken,
 * terms that are over, leases that are gone.
 */
export class RandomLog {
  readonly random: SeededRandom;
  readonly #recentRequests: string[] = ['first'];
  #wallMs = 1_700_000_000_000;
  #leaseMs = 0;
  #term = 1;
  #requests = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed);
  }

  /** Bytes of the next entry. @param state what the proposing leader knows, so that expiries name real leases */
  next(state: RegistryState): Uint8Array {
    const command = this.#command(state);
    const isLeaders = command.type === 'expire' || command.type === 'open-term' || command.type === 'advance-clock';
    return entry(isLeaders ? '' : this.#requestId(), command, this.#stamp());
  }

  #requestId(): string {
    if (this.random.integer(8) === 0) {
      return this.#recentRequests[this.random.integer(this.#recentRequests.length)] ?? '';
    }
    const requestId = `request-${this.#requests++}`;
    this.#recentRequests.push(requestId);
    if (this.#recentRequests.length > 20) this.#recentRequests.shift();
    return requestId;
  }

  #stamp(): Stamp {
    this.#wallMs += this.random.integer(600) - 100;
    this.#leaseMs = Math.max(0, this.#leaseMs + this.random.integer(600) - 100);
    return { wallMs: this.#wallMs, leaseMs: this.#leaseMs };
  }

  #command(state: RegistryState): Command {
    const { random } = this;
    const dice = random.integer(100);
    if (dice < 30) {
      return { type: 'register', registration: this.registration(), validateDependencies: random.integer(4) === 0 };
    }
    if (dice < 65) return { type: 'heartbeats', leaseIds: this.#someLeases(state) };
    if (dice < 80) {
      const leaseId = random.boolean() ? null : 1 + random.integer(200);
      return { type: 'deregister', name: random.oneOf(names), id: random.oneOf(ids), leaseId };
    }
    if (dice < 94) {
      const term = random.integer(10) === 0 ? this.#term - 1 : this.#term;
      return { type: 'expire', term, items: this.#someLeases(state).map((leaseId) => this.#judged(state, leaseId)) };
    }
    if (dice < 97) return { type: 'open-term', term: ++this.#term, coldStart: random.integer(3) === 0 };
    return { type: 'advance-clock' };
  }

  #someLeases(state: RegistryState): number[] {
    // By looking only: what the state has handed out, it treats with more care.
    const listed = Array.from({ length: mostLeases }, (_, i) => i + 1).filter((id) => state.deadlineOf(id) !== null);
    const gone = Array.from({ length: this.random.integer(3) }, () => 1 + this.random.integer(300));
    const some = [...listed, ...gone].filter(() => this.random.integer(3) === 0);
    return [...new Set(some)].sort((a, b) => a - b);
  }

  #judged(state: RegistryState, leaseId: number): ExpiryItem {
    const lastHeartbeatIndex = state.deadlineOf(leaseId)?.judgedBy ?? 0;
    const judgedBy = this.random.integer(4) === 0 ? Math.max(0, lastHeartbeatIndex - 1) : lastHeartbeatIndex;
    return { leaseId, judgedBy, to: this.random.boolean() ? 'unhealthy' : 'removed' };
  }

  registration(): Registration {
    const { random } = this;
    return {
      name: random.oneOf(names),
      id: random.oneOf(ids),
      version: random.oneOf(['1.0.0', '2.1.0-rc.1+build.5']),
      interfaces: random.oneOf<Record<string, string>>([
        { CLI: 'x' },
        { 10: 'ten', 9: 'nine', REST: 'http://h:1' },
        { gRPC: 'h:1', MCP: 'ü' },
      ]),
      metadata: this.#metadata(),
      ttl: {
        heartbeat_interval: 1 + random.integer(3),
        unhealthy_after: 4 + random.integer(1_000) / 7,
        remove_after: 200,
      },
    };
  }

  #metadata(): Metadata {
    const { random } = this;
    const some = <T>(choices: readonly T[]) => choices.filter(() => random.boolean());
    return {
      ...(random.boolean() ? { tags: some(['core', 'edge', 'x']) } : {}),
      ...(random.boolean() ? { dependencies: some(names) } : {}),
      ...(random.boolean() ? { environment: random.oneOf(['development', 'staging', 'production'] as const) } : {}),
      ...(random.boolean()
        ? { deep: { 2: [random.integer(9) / 3, null, 'Grüße 你好 \u0000'], 1: {} }, constructor: 1 }
        : {}),
    };
  }
}
