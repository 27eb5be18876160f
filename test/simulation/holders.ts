import type { InstanceRecord } from '../../src/registry/records.ts';
import type { Hold, ReadAnswer, RegistryService } from '../../src/registry/service.ts';
import type { ClientNetwork } from './calls.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { Ledger } from './ledger.ts';
import type { SimulatedRandom } from './random.ts';
import type { Scenario } from './scenario.ts';
import { Stream, streamErrors } from './streams.ts';
import { concerns, isForgotten, type KnownPast } from './watched.ts';
import type { SimulatedWorld } from './world.ts';

/** One client that asks for the same again and again, and is answered when it has changed. */
interface Holder {
  /** `null`: all of them. */
  readonly service: string | null;
  /** The revision of its last answer. */
  position: number;
}

interface HeldAnswer {
  readonly answer: ReadAnswer<readonly InstanceRecord[]>;
  readonly heldForMs: number;
}

/** Longer than any world lasts: then only a change can wake a client. */
const forEverMs = 1e7;

/** Clients with held queries. An answer comes when something that it shows has changed, or the wait is over, and not before. */
export class Holders {
  readonly counts = { holds: 0, woken: 0, quiet: 0 };
  readonly #world: SimulatedWorld;
  readonly #cluster: SimulatedCluster;
  readonly #network: ClientNetwork;
  readonly #ledger: Ledger;
  readonly #random: SimulatedRandom;
  readonly #scenario: Scenario;
  readonly #holders: Holder[] = [];
  readonly #streams = new Set<Stream<HeldAnswer>>();
  #ended = false;

  constructor(
    world: SimulatedWorld,
    cluster: SimulatedCluster,
    network: ClientNetwork,
    ledger: Ledger,
    random: SimulatedRandom,
    scenario: Scenario,
  ) {
    this.#world = world;
    this.#cluster = cluster;
    this.#network = network;
    this.#ledger = ledger;
    this.#random = random;
    this.#scenario = scenario;
  }

  begin(): void {
    for (let number = 0; number < this.#scenario.holders; number++) {
      const holder = { service: this.#random.pick([null, 'alpha', 'beta']), position: 0 };
      this.#holders.push(holder);
      void this.#ask(holder);
    }
  }

  /** Whether each was answered after the last change that concerns it. */
  get areLevel(): boolean {
    return this.#holders.every((holder) => this.#nextAfter(holder) === null);
  }

  describe(): string {
    return this.#holders.map(({ service, position }) => `${service ?? 'all'} at ${position}`).join('; ');
  }

  end(): void {
    this.#ended = true;
    for (const stream of this.#streams) stream.close();
  }

  async #ask(holder: Holder): Promise<void> {
    while (!this.#ended) {
      await this.#hold(holder);
      await new Promise<void>((resolve) => this.#world.after(this.#random.around(20), resolve));
    }
  }

  async #hold(holder: Holder): Promise<void> {
    const machine = this.#network.anyMachine();
    const { floor } = this.#ledger;
    const waitMs = this.#network.isCalm ? forEverMs : Math.ceil(this.#random.around(this.#scenario.thinkMs * 10));
    const { position: after } = holder;
    this.counts.holds++;
    const stream = new Stream<HeldAnswer>(
      this.#world,
      this.#random,
      machine,
      { window: 1, takeMs: () => 0 },
      (process) => this.#cluster.served(machine, process),
      (registry, signal) => this.#held(registry, holder.service, { after, waitMs, signal }),
      ({ answer, heldForMs }) => {
        const outcome = { type: 'answer', value: answer, answeredAtMs: this.#world.nowMs } as const;
        this.#ledger.read(holder.service, floor, outcome, false);
        this.#checkReason(holder, answer.revision, heldForMs, waitMs, this.#cluster.pastKnownTo(machine));
        holder.position = answer.revision;
      },
    );
    this.#streams.add(stream);
    const cancelBreak = this.#world.after(this.#random.around(this.#scenario.watchForMs), () => {
      if (!this.#network.isCalm) stream.close();
    });
    const end = await stream.end;
    cancelBreak();
    this.#streams.delete(stream);
    if (end.type === 'error' && !streamErrors.has(end.error.code)) {
      this.#world.violate('client-error', `a held read ends with ${end.error.code}`);
    }
  }

  /** At the member. */
  async *#held(registry: RegistryService, service: string | null, hold: Hold): AsyncGenerator<HeldAnswer> {
    const beganMs = this.#world.nowMs;
    const answer = await this.#read(registry, service, hold);
    yield { answer, heldForMs: this.#world.nowMs - beganMs };
  }

  async #read(
    registry: RegistryService,
    service: string | null,
    hold: Hold,
  ): Promise<ReadAnswer<readonly InstanceRecord[]>> {
    if (service !== null) return registry.getInstances(service, {}, { hold });
    const answer = await registry.list({ limit: 1_000 }, { hold });
    return { ...answer, value: answer.value.instances };
  }

  #checkReason(holder: Holder, revision: number, heldForMs: number, waitMs: number, past: KnownPast): void {
    const { position } = holder;
    const change = this.#nextAfter(holder);
    const isWoken = change !== null && change.revision <= revision;
    if (isWoken) this.counts.woken++;
    else this.counts.quiet++;
    const waited = heldForMs * this.#scenario.maxRate >= waitMs;
    // A member that does not know the past answers at once, rather than keep back what may be a change.
    if (isWoken || waited || isForgotten(position, revision, past)) return;
    this.#world.violate(
      'hold',
      `a read of ${holder.service ?? 'all'}, held after ${position} for ${waitMs} ms, is answered after ${heldForMs.toFixed(1)} ms with revision ${revision}; nothing that it shows has changed`,
    );
  }

  #nextAfter({ service, position }: Holder) {
    const filter = service === null ? {} : { service };
    return this.#cluster.journal.nextEvent(position, (event) => concerns(event, filter));
  }
}
