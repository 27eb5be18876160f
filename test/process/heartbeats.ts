import { call, registration } from './rest.ts';

/** A service that registers one instance and heartbeats through any member that answers, as a good client does. */
export class HeartbeatingService {
  readonly name: string;
  readonly id: string;
  /** Answers that said the lease was gone: what must never happen to a service that kept its heartbeats up. */
  readonly losses: string[] = [];
  renewed = 0;
  readonly #urls: readonly string[];
  readonly #intervalMs: number;
  #running = true;
  #finished: Promise<void> = Promise.resolve();

  constructor(urls: readonly string[], name: string, id: string, intervalMs: number) {
    this.#urls = urls;
    this.name = name;
    this.id = id;
    this.#intervalMs = intervalMs;
  }

  async start(): Promise<void> {
    const answer = await call(this.#urls[0] ?? '', 'POST', '/v1/services', registration(this.name, this.id));
    if (answer.status !== 201) throw new Error(`Could not register ${this.id}: ${JSON.stringify(answer.body)}`);
    this.#finished = this.#run();
  }

  async stop(): Promise<void> {
    this.#running = false;
    await this.#finished;
  }

  async #run(): Promise<void> {
    while (this.#running) {
      await this.#beat();
      await new Promise((resolve) => setTimeout(resolve, this.#intervalMs));
    }
  }

  async #beat(): Promise<void> {
    const path = `/v1/services/${this.name}/${this.id}/heartbeat`;
    for (const url of this.#urls) {
      const answer = await call(url, 'PUT', path, undefined, { timeoutMs: this.#intervalMs }).catch(() => null);
      if (answer?.status === 204) {
        this.renewed++;
        return;
      }
      if (answer?.status === 404 || answer?.status === 410) this.losses.push(JSON.stringify(answer.body));
    }
  }
}
