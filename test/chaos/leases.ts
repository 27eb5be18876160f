import { ManifestGrpcClient } from '../../src/client/grpc-client.ts';
import type { InstanceRecord } from '../../src/registry/records.ts';
import { call, registration } from '../process/rest.ts';
import { waitFor } from '../process/wait-for.ts';
import type { SimulatedRandom } from '../simulation/random.ts';

/** Short, so that every fault lasts for longer than a lease. */
const unhealthyAfterMs = 2_000;
const removeAfterMs = 4_000;
const heartbeatMs = 300;

/** The lease clock moves by ticks: a stamp may be behind by what one tick can credit at most. */
const toleranceMs = 300;

const attemptMs = 1_000;
const lookEveryMs = 100;

const serviceName = 'short-lease';
const ttl = { heartbeat_interval: 0.3, unhealthy_after: unhealthyAfterMs / 1_000, remove_after: removeAfterMs / 1_000 };

/** The newest renewal that is known to have been taken. */
export interface Renewal {
  /** When it was asked for: its lease cannot have begun earlier. */
  readonly beganMs: number;
  /** When its answer was there: whoever reads later must see it. */
  readonly atMs: number;
}

/**
 * Whether a reader may be told this. The lease clock never runs faster than time, so a lease that was renewed less than
 * its time ago cannot have run out, whatever happened meanwhile.
 * @param seen what was read; `absent` when it is not listed
 * @param renewal the newest one whose answer was there before the read began
 * @param readEndMs when the answer of the read was there
 * @param coldStartMs until when the whole cluster may have begun anew; no time when it never did
 * @returns what is unfair about it; `null` when nothing is
 */
export function unfairness(
  seen: InstanceRecord['status'] | 'absent',
  renewal: Renewal,
  readEndMs: number,
  coldStartMs: number,
): string | null {
  const ageMs = readEndMs - renewal.beganMs;
  const said = `was shown ${seen} ${Math.round(ageMs)} ms after a heartbeat began that was acknowledged`;
  switch (seen) {
    case 'up':
      return null;
    case 'unknown':
      return renewal.beganMs > coldStartMs ? said : null;
    case 'unhealthy':
      return ageMs < unhealthyAfterMs - toleranceMs ? said : null;
    case 'absent':
      return ageMs < removeAfterMs - toleranceMs ? said : null;
  }
}

/** A service with a short lease that reports in time, as far as it finds a member that answers. */
class Reporter {
  readonly id: string;
  readonly #beat: (id: string) => Promise<Answer>;
  readonly #register: (id: string) => Promise<Answer>;
  readonly #judge: (reporter: Reporter, seen: 'absent', renewal: Renewal | null) => void;
  renewal: Renewal | null = null;
  renewals = 0;
  #isRunning = true;
  #finished: Promise<void> = Promise.resolve();

  constructor(
    id: string,
    ways: { register(id: string): Promise<Answer>; beat(id: string): Promise<Answer> },
    judge: (reporter: Reporter, seen: 'absent', renewal: Renewal | null) => void,
  ) {
    this.id = id;
    this.#register = ways.register;
    this.#beat = ways.beat;
    this.#judge = judge;
  }

  start(): void {
    this.#finished = this.#run();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#finished;
  }

  async #run(): Promise<void> {
    let isRegistered = false;
    while (this.#isRunning) {
      const before = this.renewal;
      const beganMs = performance.now();
      const answer = await (isRegistered ? this.#beat(this.id) : this.#register(this.id));
      if (answer === 'taken') {
        isRegistered = true;
        this.renewals++;
        this.renewal = { beganMs, atMs: performance.now() };
      } else if (answer === 'gone') {
        isRegistered = false;
        this.#judge(this, 'absent', before);
        this.renewal = null;
      }
      await new Promise((resolve) => setTimeout(resolve, answer === 'none' ? 50 : heartbeatMs));
    }
  }
}

type Answer = 'taken' | 'gone' | 'none';

export interface LeaseCounts {
  /** Heartbeats and registrations that were acknowledged. */
  renewals: number;
  /** Reads of all instances with a short lease. */
  looks: number;
  /** Instances that were shown to have run out, and rightly so: no heartbeat had been taken for so long. */
  expiredFairly: number;
}

/** Services with short leases, and somebody who watches what the registry says of them. */
export class LeaseWatch {
  readonly #urls: readonly string[];
  readonly #random: SimulatedRandom;
  readonly #violation: (text: string) => void;
  readonly #client: ManifestGrpcClient;
  readonly #reporters: readonly Reporter[];
  readonly #counts = { looks: 0, expiredFairly: 0 };
  #coldStartMs = Number.NEGATIVE_INFINITY;
  #isRunning = true;
  #finished: Promise<void> = Promise.resolve();

  constructor(
    urls: readonly string[],
    grpcAddresses: readonly string[],
    random: SimulatedRandom,
    violation: (text: string) => void,
  ) {
    this.#urls = urls;
    this.#random = random;
    this.#violation = violation;
    this.#client = new ManifestGrpcClient({ endpoints: grpcAddresses, timeoutMs: 2 * attemptMs });
    this.#reporters = Array.from(
      { length: 6 },
      (_, i) =>
        new Reporter(`short-${i}`, i % 2 === 0 ? this.#restWays(i) : this.#grpcWays(), (reporter, seen, renewal) =>
          this.#look(reporter, seen, renewal),
        ),
    );
  }

  get counts(): LeaseCounts {
    return { ...this.#counts, renewals: this.#reporters.reduce((sum, { renewals }) => sum + renewals, 0) };
  }

  start(): void {
    for (const reporter of this.#reporters) reporter.start();
    this.#finished = this.#run();
  }

  /** From now on the whole cluster may begin anew: anybody may be unknown. */
  coldStartMayBegin(): void {
    this.#coldStartMs = Number.POSITIVE_INFINITY;
  }

  /** It may have done so up to now: whoever has not reported since may be unknown. */
  coldStartIsOver(): void {
    this.#coldStartMs = performance.now();
  }

  /** Ends the reports, and waits until every lease has run out: expiry is to work as well as fairness. */
  async stop(timeoutMs: number): Promise<void> {
    await Promise.all(this.#reporters.map((reporter) => reporter.stop()));
    this.#isRunning = false;
    await this.#finished;
    this.#client.close();
    await waitFor(async () => ((await this.#read(this.#urls[0] ?? ''))?.length === 0 ? true : undefined), {
      timeoutMs,
      what: 'the instances that do not report any more to be removed',
    });
  }

  async #run(): Promise<void> {
    while (this.#isRunning) {
      const before = new Map(this.#reporters.map((reporter) => [reporter, reporter.renewal]));
      const records = await this.#read(this.#random.pick(this.#urls));
      for (const [reporter, renewal] of records ? before : []) {
        this.#look(reporter, records?.find(({ id }) => id === reporter.id)?.status ?? 'absent', renewal);
      }
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  }

  #look({ id }: Reporter, seen: InstanceRecord['status'] | 'absent', renewal: Renewal | null): void {
    if (renewal === null) return;
    const problem = unfairness(seen, renewal, performance.now(), this.#coldStartMs);
    if (problem) this.#violation(`${id} ${problem}`);
    else if (seen === 'unhealthy' || seen === 'absent') this.#counts.expiredFairly++;
  }

  async #read(url: string): Promise<InstanceRecord[] | null> {
    const path = `/v1/services/${serviceName}/instances`;
    const answer = await call(url, 'GET', path, undefined, { timeoutMs: attemptMs }).catch(() => null);
    if (answer?.status !== 200) return null;
    this.#counts.looks++;
    return answer.body;
  }

  /** Members in turn, one at each attempt. */
  #restWays(first: number) {
    let turn = first;
    const ask = async (method: 'POST' | 'PUT', path: string, body?: unknown): Promise<Answer> => {
      const url = this.#urls[turn++ % this.#urls.length] ?? '';
      const answer = await call(url, method, path, body, { timeoutMs: attemptMs }).catch(() => null);
      if (answer && answer.status < 300) return 'taken';
      return answer?.status === 404 || answer?.status === 410 ? 'gone' : 'none';
    };
    return {
      register: (id: string) => ask('POST', '/v1/services', registration(serviceName, id, { ttl })),
      beat: (id: string) => ask('PUT', `/v1/services/${serviceName}/${id}/heartbeat`),
    };
  }

  /** The client finds its way among the members by itself. */
  #grpcWays() {
    const answerOf = async (asked: Promise<unknown>): Promise<Answer> => {
      try {
        await asked;
        return 'taken';
      } catch (error) {
        const { code } = error as { code?: string };
        return code === 'service_gone' || code === 'service_not_found' ? 'gone' : 'none';
      }
    };
    return {
      register: (id: string) => answerOf(this.#client.register(registration(serviceName, id, { ttl }))),
      beat: (id: string) => answerOf(this.#client.heartbeat({ name: serviceName, id })),
    };
  }
}
