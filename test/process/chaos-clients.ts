import { HistoryRecorder } from '../linearizability/recorder.ts';
import { RecordedCalls, type RegistryRecorder } from './chaos-history.ts';
import type { RestAnswer } from './rest.ts';

/** What a client knows of one of its instances: only an acknowledged operation makes it certain. */
type Knowledge =
  | { readonly state: 'listed'; readonly leaseId: number }
  | { readonly state: 'gone' }
  | { readonly state: 'unknown' };

const instancesPerClient = 12;

export interface ChaosCounts {
  acknowledgedWrites: number;
  acknowledgedHeartbeats: number;
  reads: number;
  unanswered: number;
}

/** What all clients together may hold the registry to: revisions are ordered in real time (linearizability). */
export class Witness {
  readonly counts: ChaosCounts = { acknowledgedWrites: 0, acknowledgedHeartbeats: 0, reads: 0, unanswered: 0 };
  readonly violations: string[] = [];
  /** All that all clients asked and were answered, for the judge. */
  readonly history: RegistryRecorder = new HistoryRecorder();
  /** Times, on the monotonic clock, at which a write that began at `beganMs` was acknowledged. */
  readonly acknowledged: { readonly beganMs: number; readonly atMs: number }[] = [];
  #greatestRevision = 0;

  get greatestRevision(): number {
    return this.#greatestRevision;
  }

  saw(revision: number): void {
    this.#greatestRevision = Math.max(this.#greatestRevision, revision);
  }

  wrote(beganMs: number): void {
    this.counts.acknowledgedWrites++;
    this.acknowledged.push({ beganMs, atMs: performance.now() });
  }

  violation(text: string): void {
    this.violations.push(text);
  }
}

/** One client, with instances of its own, that writes and reads through any member and checks each answer. */
export class ChaosClient {
  readonly name: string;
  readonly #urls: readonly string[];
  readonly #witness: Witness;
  readonly #calls: RecordedCalls;
  readonly #known = new Map<string, Knowledge>();
  #next = 0;
  #running = true;
  #finished: Promise<void> = Promise.resolve();

  constructor(name: string, urls: readonly string[], witness: Witness) {
    this.name = name;
    this.#urls = urls;
    this.#witness = witness;
    this.#calls = new RecordedCalls(witness.history, name);
    for (let i = 0; i < instancesPerClient; i++) this.#known.set(`${name}-${i}`, { state: 'gone' });
  }

  start(): void {
    this.#finished = this.#run();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#finished;
  }

  async #run(): Promise<void> {
    while (this.#running) {
      const step = this.#next++;
      const ids = [...this.#known.keys()];
      const id = ids[step % ids.length] ?? '';
      const url = this.#urls[(step + this.name.length) % this.#urls.length] ?? '';
      try {
        await this.#operate(url, id, step);
      } catch {
        // No answer: the connection was refused or broke, as the member was killed. What was under way is unknown.
        this.#witness.counts.unanswered++;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  async #operate(url: string, id: string, step: number): Promise<void> {
    const known = this.#known.get(id) ?? { state: 'unknown' };
    // A service author's habits: register, heartbeat often, look around, leave now and then.
    if (known.state !== 'listed') return this.#register(url, id, step);
    if (step % 7 === 0) return this.#deregister(url, id, known);
    if (step % 2 === 0) return this.#heartbeat(url, id, known);
    return this.#read(url, id, known);
  }

  async #register(url: string, id: string, step: number): Promise<void> {
    this.#known.set(id, { state: 'unknown' });
    const beganMs = performance.now();
    const answer = await this.#calls.register(url, this.name, id, `1.0.${step}`);
    if (answer.status !== 201 && answer.status !== 200) return this.#refused(answer);
    this.#known.set(id, { state: 'listed', leaseId: answer.body.lease_id });
    this.#witness.saw(answer.body.revision);
    this.#witness.wrote(beganMs);
  }

  async #deregister(url: string, id: string, known: Knowledge): Promise<void> {
    this.#known.set(id, { state: 'unknown' });
    const beganMs = performance.now();
    const answer = await this.#calls.deregister(url, this.name, id);
    if (answer.status === 404 && known.state === 'listed') {
      return this.#witness.violation(`${id}: an acknowledged registration was not found to deregister`);
    }
    if (answer.status !== 204) return this.#refused(answer);
    this.#known.set(id, { state: 'gone' });
    this.#witness.wrote(beganMs);
  }

  async #heartbeat(url: string, id: string, known: Knowledge): Promise<void> {
    const beganMs = performance.now();
    const answer = await this.#calls.heartbeat(url, this.name, id);
    if (answer.status === 204) {
      this.#witness.counts.acknowledgedHeartbeats++;
      this.#witness.wrote(beganMs);
    } else if (known.state === 'listed' && (answer.status === 404 || answer.status === 410)) {
      this.#witness.violation(`${id}: a heartbeat for an acknowledged registration got ${answer.status}`);
    } else this.#refused(answer);
  }

  async #read(url: string, id: string, known: Knowledge): Promise<void> {
    const atLeast = this.#witness.greatestRevision;
    const answer = await this.#calls.get(url, this.name, id);
    if (answer.status !== 200 && answer.status !== 404) return this.#refused(answer);
    this.#witness.counts.reads++;
    const revision = Number(answer.headers['x-manifest-index']);
    if (answer.status === 200 && !(revision >= atLeast)) {
      this.#witness.violation(`${id}: a read at ${url} showed revision ${revision} after ${atLeast} was seen`);
    }
    this.#witness.saw(revision || 0);
    this.#check(id, known, answer);
  }

  #check(id: string, known: Knowledge, answer: RestAnswer): void {
    if (known.state === 'listed') {
      if (answer.status !== 200) this.#witness.violation(`${id}: an acknowledged registration is not there`);
      else if (answer.body.lease_id !== known.leaseId) {
        this.#witness.violation(`${id}: lease ${answer.body.lease_id} where ${known.leaseId} was acknowledged`);
      }
    }
    if (known.state === 'gone' && answer.status === 200) {
      this.#witness.violation(`${id}: an acknowledged deregistration came back`);
    }
  }

  #refused(answer: RestAnswer): void {
    this.#witness.counts.unanswered++;
    if (answer.status !== 503 && answer.status !== 504) {
      this.#witness.violation(`${this.name}: unexpected answer ${answer.status} ${JSON.stringify(answer.body)}`);
    }
  }

  /** Everything acknowledged, looked up through one member. */
  async verify(url: string): Promise<void> {
    for (const [id, known] of this.#known) {
      this.#check(id, known, await this.#calls.get(url, this.name, id));
    }
  }
}
