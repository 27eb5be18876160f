import type { WatchEvent } from '../../src/registry/records.ts';
import type { Consistency } from '../../src/registry/service.ts';
import type { ClientNetwork } from './calls.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { SimulatedRandom } from './random.ts';
import type { Scenario } from './scenario.ts';
import { Stream, streamErrors } from './streams.ts';
import { Watched, type WatchFilter } from './watched.ts';
import type { SimulatedWorld } from './world.ts';

/** One client that watches: at any member, from where it stood, for as long as the world lasts. */
interface Watcher {
  readonly filter: WatchFilter;
  readonly consistency: Consistency;
  readonly watched: Watched;
  /** Mean time that it takes for an event, when it is slow. */
  readonly takeMs: number;
  readonly window: number;
}

/** Clients that watch, and resume elsewhere whenever they are cut off. */
export class Watchers {
  readonly counts = { watches: 0, watchEvents: 0, compacted: 0, tooSlow: 0 };
  readonly #world: SimulatedWorld;
  readonly #cluster: SimulatedCluster;
  readonly #network: ClientNetwork;
  readonly #random: SimulatedRandom;
  readonly #scenario: Scenario;
  readonly #watchers: Watcher[] = [];
  readonly #streams = new Set<Stream<WatchEvent>>();
  #ended = false;

  constructor(
    world: SimulatedWorld,
    cluster: SimulatedCluster,
    network: ClientNetwork,
    random: SimulatedRandom,
    scenario: Scenario,
  ) {
    this.#world = world;
    this.#cluster = cluster;
    this.#network = network;
    this.#random = random;
    this.#scenario = scenario;
  }

  begin(): void {
    for (let number = 0; number < this.#scenario.watchers; number++) {
      const filter = this.#random.pick<WatchFilter>([
        {},
        {},
        { service: 'alpha' },
        { status: 'up' },
        { service: 'beta', status: 'unhealthy' },
        { environment: 'production' },
        { tags: ['red'] },
      ]);
      const watcher: Watcher = {
        filter,
        consistency: this.#random.chance(0.2) ? 'stale' : 'linearizable',
        watched: new Watched(this.#world, this.#cluster.journal, `watcher ${number}`, filter),
        takeMs: this.#random.chance(0.3) ? this.#scenario.thinkMs * 2 : 0,
        window: this.#random.pick([1, 4, 32]),
      };
      this.#watchers.push(watcher);
      void this.#watch(watcher);
    }
  }

  /** Whether each has heard of everything that concerns it. */
  get areLevel(): boolean {
    return this.#watchers.every(({ watched }) => watched.isLevel);
  }

  describe(): string {
    return this.#watchers.map(({ watched, filter }) => `${JSON.stringify(filter)} at ${watched.position}`).join('; ');
  }

  end(): void {
    this.#ended = true;
    for (const stream of this.#streams) stream.close();
  }

  async #watch(watcher: Watcher): Promise<void> {
    while (!this.#ended) {
      await this.#follow(watcher);
      await new Promise<void>((resolve) => this.#world.after(this.#random.around(50), resolve));
    }
  }

  async #follow({ watched, filter, consistency, takeMs, window }: Watcher): Promise<void> {
    const machine = this.#network.anyMachine();
    const { position: from } = watched;
    const initial = this.#random.chance(0.5);
    watched.begins({ initial, floor: consistency === 'stale' ? null : this.#cluster.journal.state.revision });
    this.counts.watches++;
    const stream = new Stream(
      this.#world,
      this.#random,
      machine,
      { window, takeMs: () => (takeMs === 0 || this.#network.isCalm ? 0 : this.#random.around(takeMs)) },
      (process) => this.#cluster.served(machine, process),
      (registry, signal) =>
        registry.watch({ ...filter, ...(from === null ? { initial } : { from }) }, { consistency, signal }),
      (event) => {
        this.counts.watchEvents++;
        if (event.type === 'compacted') this.counts.compacted++;
        this.#world.traceOften('revision' in event ? event.revision : 0, () => {
          return `watcher of ${JSON.stringify(filter)} at ${machine.id} hears ${event.type} ${'revision' in event ? event.revision : ''}`;
        });
        watched.hears(event, this.#cluster.pastKnownTo(machine));
      },
    );
    this.#streams.add(stream);
    // Connections do not last for ever.
    const cancelBreak = this.#world.after(this.#random.around(this.#scenario.watchForMs), () => {
      if (!this.#network.isCalm) stream.close();
    });
    const end = await stream.end;
    cancelBreak();
    this.#streams.delete(stream);
    if (end.type !== 'error') return;
    const { code, details } = end.error;
    if (details?.reason === 'too_slow') this.counts.tooSlow++;
    if (!streamErrors.has(code)) this.#world.violate('client-error', `a watch ends with ${code}`);
  }
}
