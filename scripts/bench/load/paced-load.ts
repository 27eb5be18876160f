import { latencyOf } from '../percentiles.ts';
import { GrpcConnection } from './grpc-connection.ts';
import { framed, framedTemplates } from './grpc-frame.ts';
import type { PacedFlow, PacedPlan, PacedResult, WatchPlan } from './load.ts';
import { fill } from './template.ts';

/** How often the generator looks what is due. */
const tickMs = 1;
/** After the last request, answers are waited for this long. */
const drainMs = 10_000;
/** Watches begin one after the other, this far apart. */
const watchEveryMs = 5;

/**
 * Sends every request at its time and measures from then on, so that a server that is slow does not slow its load down.
 * @param measuring called when the warm-up is over
 */
export async function runPacedLoad(plan: PacedPlan, measuring: () => void): Promise<PacedResult> {
  let broken: (error: Error) => void = () => {};
  const failed = new Promise<never>((_, reject) => {
    broken = reject;
  });
  failed.catch(() => {});
  const watchers = plan.watches === null ? null : new Watchers(plan.watches, broken);
  const flows = plan.flows.map((flow) => new Flow(flow, plan.warmUpMs, broken));
  try {
    await Promise.race([failed, watchers?.begin()]);
    let cpuBefore = process.cpuUsage();
    const latenessesMs = await Promise.race([
      failed,
      pace(flows, plan, () => {
        cpuBefore = process.cpuUsage();
        measuring();
      }),
    ]);
    await Promise.race([failed, drain(flows)]);
    const cpu = process.cpuUsage(cpuBefore);
    return {
      flows: flows.map((flow) => flow.result()),
      watchMessages: watchers?.messages ?? 0,
      watchesLost: watchers?.lost ?? 0,
      lateMs: latencyOf(Float64Array.from(latenessesMs)),
      generatorCpuSeconds: (cpu.user + cpu.system) / 1e6,
    };
  } finally {
    for (const { close } of [...flows, ...(watchers ? [watchers] : [])]) close();
  }
}

function pace(flows: readonly Flow[], { warmUpMs, durationMs }: PacedPlan, measuring: () => void): Promise<number[]> {
  const latenessesMs: number[] = [];
  const startMs = performance.now();
  let isWarm = false;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const nowMs = performance.now();
      if (!isWarm && nowMs - startMs >= warmUpMs) {
        isWarm = true;
        latenessesMs.length = 0;
        measuring();
      }
      for (const flow of flows) flow.sendDue(startMs, nowMs, latenessesMs);
      if (nowMs - startMs < warmUpMs + durationMs) return;
      clearInterval(timer);
      resolve(latenessesMs);
    }, tickMs);
  });
}

async function drain(flows: readonly Flow[]): Promise<void> {
  const untilMs = performance.now() + drainMs;
  while (flows.some(({ underWay }) => underWay > 0) && performance.now() < untilMs) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

class Flow {
  underWay = 0;
  readonly #flow: PacedFlow;
  readonly #connections: readonly GrpcConnection[];
  readonly #templates;
  /** When what was sent over each call was due, oldest first. */
  readonly #due = new Map<GrpcConnection, Map<number, number[]>>();
  readonly #streams: { readonly connection: GrpcConnection; id: number | null }[] = [];
  readonly #latenciesMs: number[] = [];
  readonly #warmUpMs: number;
  #countsFromMs = 0;
  #failures = 0;
  #sent = 0;

  constructor(flow: PacedFlow, warmUpMs: number, broken: (error: Error) => void) {
    this.#flow = flow;
    this.#warmUpMs = warmUpMs;
    const { targets, request } = flow;
    this.#templates = framedTemplates(request.messages);
    this.#connections = Array.from({ length: flow.connections }, (_, i) => {
      const target = targets[i % targets.length] ?? '';
      return new GrpcConnection(target, request.path, request.call, this.#answered, broken);
    });
    for (const connection of this.#connections) this.#due.set(connection, new Map());
    for (let i = 0; request.call === 'stream' && i < flow.streams; i++) {
      this.#streams.push({ connection: this.#connection(i), id: null });
    }
  }

  /** Sends what has become due. */
  sendDue(startMs: number, nowMs: number, latenessesMs: number[]): void {
    this.#countsFromMs = startMs + this.#warmUpMs;
    for (;;) {
      const dueMs = startMs + ((this.#sent + 1) * 1_000) / this.#flow.perSecond;
      if (dueMs > nowMs) return;
      latenessesMs.push(nowMs - dueMs);
      this.#send(dueMs);
    }
  }

  result(): PacedResult['flows'][number] {
    const { name } = this.#flow;
    if (this.#latenciesMs.length === 0)
      throw new Error(`Nothing of ${name} was answered rightly; ${this.#failures} failed, ${this.underWay} wait.`);
    return {
      name,
      operations: this.#latenciesMs.length,
      // What is not answered by now has failed as well.
      failures: this.#failures + this.underWay,
      latencyMs: latencyOf(Float64Array.from(this.#latenciesMs)),
    };
  }

  readonly close = (): void => {
    for (const connection of this.#connections) connection.close();
  };

  #connection(i: number): GrpcConnection {
    const connection = this.#connections[i % this.#connections.length];
    if (!connection) throw new RangeError(`${this.#flow.name} has no connections.`);
    return connection;
  }

  #send(dueMs: number): void {
    const { request, numbers } = this.#flow;
    const template = this.#templates[this.#sent % this.#templates.length];
    if (!template) throw new RangeError(`${this.#flow.name} has no messages.`);
    const body = Buffer.allocUnsafe(template.bytes.length);
    fill(template, numbers.first + (this.#sent % numbers.count), body);
    const stream = request.call === 'stream' ? this.#streams[this.#sent % this.#streams.length] : undefined;
    const connection = stream?.connection ?? this.#connection(this.#sent);
    this.#sent++;
    this.underWay++;
    let id = stream?.id ?? null;
    if (id !== null) connection.send(id, body);
    else {
      id = connection.open(body);
      if (stream) stream.id = id;
    }
    const calls = this.#due.get(connection);
    const waiting = calls?.get(id);
    if (waiting) waiting.push(dueMs);
    else calls?.set(id, [dueMs]);
  }

  readonly #answered = (connection: GrpcConnection, id: number, bytes: number): void => {
    const calls = this.#due.get(connection);
    const dueMs = calls?.get(id)?.shift();
    if (dueMs === undefined) return;
    if (this.#flow.request.call === 'unary') calls?.delete(id);
    this.underWay--;
    if (dueMs < this.#countsFromMs) return;
    const { least, most } = this.#flow.request.answerBytes;
    if (bytes >= least && bytes <= most) this.#latenciesMs.push(performance.now() - dueMs);
    else this.#failures++;
  };
}

class Watchers {
  messages = 0;
  lost = 0;
  readonly #connections: readonly GrpcConnection[];
  readonly #plan: WatchPlan;

  constructor(plan: WatchPlan, broken: (error: Error) => void) {
    this.#plan = plan;
    const heard = (_connection: GrpcConnection, _id: number, bytes: number) => {
      if (bytes < 0) this.lost++;
      else this.messages++;
    };
    this.#connections = Array.from({ length: plan.connections }, (_, i) => {
      const target = plan.targets[i % plan.targets.length] ?? '';
      return new GrpcConnection(target, plan.path, plan.call, heard, broken);
    });
  }

  async begin(): Promise<void> {
    for (const [i, message] of this.#plan.messages.entries()) {
      this.#connections[i % this.#connections.length]?.open(framed(Buffer.from(message, 'base64')));
      await new Promise((resolve) => setTimeout(resolve, watchEveryMs));
    }
  }

  readonly close = (): void => {
    for (const connection of this.#connections) connection.close();
  };
}
