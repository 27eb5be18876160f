import { RecordedCalls, type RegistryRecorder } from './chaos-history.ts';

const instances = ['rival-a', 'rival-b', 'rival-c'] as const;
const service = 'rivals';

/**
 * A client that shares its instances with others like it: they register over each other, renew and remove what others
 * registered, with and without its lease, and look at the other clients' services too. It knows nothing for certain and
 * checks nothing; only the judge of the whole history can.
 */
export class ChaosRival {
  readonly #name: string;
  readonly #calls: RecordedCalls;
  readonly #urls: readonly string[];
  /** Services of other clients, to be looked at. */
  readonly #neighbours: readonly string[];
  #leaseId: number | undefined;
  #running = true;
  #finished: Promise<void> = Promise.resolve();

  constructor(name: string, urls: readonly string[], neighbours: readonly string[], recorder: RegistryRecorder) {
    this.#name = name;
    this.#calls = new RecordedCalls(recorder, name);
    this.#urls = urls;
    this.#neighbours = neighbours;
  }

  start(): void {
    this.#finished = this.#run();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#finished;
  }

  async #run(): Promise<void> {
    for (let step = this.#name.length; this.#running; step++) {
      const url = anyOf(this.#urls);
      try {
        await this.#operate(url, anyOf(instances), step);
      } catch {
        // No answer: the history has it as an operation that may have happened.
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  async #operate(url: string, id: string, step: number): Promise<void> {
    const leaseId = Math.random() < 0.5 ? this.#leaseId : undefined;
    const lot = Math.random();
    if (lot < 0.2) {
      const answer = await this.#calls.register(url, service, id, `1.0.0-${this.#name}.${step}`);
      if (answer.status === 200 || answer.status === 201) this.#leaseId = answer.body.lease_id;
    } else if (lot < 0.4) await this.#calls.heartbeat(url, service, id, leaseId);
    else if (lot < 0.5) await this.#calls.deregister(url, service, id, leaseId);
    else if (lot < 0.7) await this.#calls.get(url, service, id);
    else if (lot < 0.85) await this.#calls.list(url, service);
    else await this.#calls.list(url, anyOf(this.#neighbours));
  }
}

function anyOf(choices: readonly string[]): string {
  return choices[Math.floor(Math.random() * choices.length)] ?? '';
}
