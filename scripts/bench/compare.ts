import type { LoadPlan, LoadResult, Request } from './load/load.ts';
import { median } from './percentiles.ts';
import { cpuSecondsOf } from './process-usage.ts';
import type { Column, Goal, Row, Stage } from './scenario.ts';
import type { System } from './systems/system.ts';

/** Which members are asked, each by an equal share. */
export type Via = 'leader' | 'follower' | 'all';

/** One of those that are compared: a system and what it is asked. */
export interface Contender {
  readonly system: System;
  /** As the table names it, such as `heartbeat, REST`. */
  readonly operation: string;
  readonly request: Request;
  /** Operations in one request; 1 unless it is a batch. */
  readonly operationsPerRequest?: number;
  /** The numbers of the next run's requests. */
  readonly numbers: () => LoadPlan['numbers'];
  /** Each operation grows the revision by one. */
  readonly growsRevision: boolean;
  /**
   * Looks at the state after a run that began at `startedAt`.
   * @param operations of the run that were acknowledged
   * @throws Error when the state does not show them
   */
  readonly check?: (startedAt: Date, operations: number) => Promise<void>;
}

export interface Case {
  readonly inFlight: number;
  readonly via: Via;
  readonly contenders: readonly Contender[];
  readonly goals: readonly WantedRatio[];
}

export interface WantedRatio {
  readonly text: string;
  /** Positions among the contenders. */
  readonly of: number;
  readonly to: number;
  readonly measure: 'throughput' | 'p50';
  /** At least this much better: more operations, or less time. */
  readonly ratio: number;
}

export const throughputColumns: readonly Column[] = [
  { key: 'operationsPerSecond', title: 'ops/s' },
  { key: 'ratio', title: 'ratio' },
  { key: 'p50Ms', title: 'p50', unit: 'ms' },
  { key: 'p99Ms', title: 'p99', unit: 'ms' },
  { key: 'p999Ms', title: 'p99.9', unit: 'ms' },
  { key: 'serverCpuMicros', title: 'servers’ CPU per op', unit: 'µs' },
  { key: 'generatorCpuMicros', title: 'generator’s CPU per op', unit: 'µs' },
  { key: 'generator', title: 'generator' },
];

/** Runs at whose ends a request of each place may be cut off: done, and not acknowledged. */
const cutOffRuns = 2;

/** Requests of the benchmark itself that the systems count: metrics, revisions, readiness. */
const ownRequests = 64;

/**
 * The first time that a contender is asked, its code has yet to be compiled: it is warmed up for this many times as long
 * with at least this many requests in flight, lest a case with one in flight be that of a process that has just begun.
 */
const firstWarmUp = { times: 4, inFlight: 64 };

type Round = Readonly<Record<string, number>>;

/**
 * Measures all contenders of each case in turn, several rounds, each time with the other systems stopped.
 * @throws Error when the systems' own counts do not agree with what the generators saw
 */
export async function compare(
  stage: Stage,
  cases: readonly Case[],
  roundCount = stage.settings.rounds,
): Promise<{ readonly rows: readonly Row[]; readonly goals: readonly Goal[] }> {
  const rows: Row[] = [];
  const goals: Goal[] = [];
  const warm = new Set<Contender>();
  for (const one of cases) {
    const rounds = one.contenders.map((): Round[] => []);
    const generators = one.contenders.map(() => '');
    for (let round = 0; round < roundCount; round++) {
      const order = [...one.contenders.entries()];
      // Forwards and backwards in turn, so that neither always follows the other.
      if (round % 2 === 1) order.reverse();
      for (const [i, contender] of order) {
        const { values, generator } = await measureUnderOneLeader(stage, one, contender, !warm.has(contender));
        warm.add(contender);
        rounds[i]?.push(values);
        generators[i] = generator;
        stage.say(`  ${nameOf(one)}, ${contender.operation}: ${describe(values)}`);
      }
    }
    const medians = rounds.map(mediansOf);
    const reference = one.contenders.findIndex(({ system }) => system.name === 'etcd');
    for (const [i, { system, operation }] of one.contenders.entries()) {
      const ratio =
        reference < 0 || i === reference
          ? null
          : (medians[i]?.operationsPerSecond ?? 0) / (medians[reference]?.operationsPerSecond ?? 0);
      rows.push({
        case: nameOf(one),
        system: system.name,
        operation,
        values: { ...medians[i], ratio, generator: generators[i] ?? '' },
        rounds: rounds[i] ?? [],
      });
    }
    goals.push(...one.goals.flatMap((wanted) => goalOf(wanted, one, medians)));
  }
  return { rows, goals };
}

function nameOf({ inFlight, via }: Case): string {
  const members = via === 'all' ? 'all members' : `the ${via}`;
  return `${inFlight} in flight, ${members}`;
}

function describe(values: Round): string {
  const { operationsPerSecond = 0, p50Ms = 0, p99Ms = 0, serverCpuMicros = 0 } = values;
  return `${operationsPerSecond.toFixed(0)}/s, p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms, ${serverCpuMicros.toFixed(0)} µs CPU an operation`;
}

/** A run in which an election fell says nothing about the operation: it is done again, so often at most. */
const mostAttempts = 3;

async function measureUnderOneLeader(
  stage: Stage,
  one: Case,
  contender: Contender,
  isFirst: boolean,
): ReturnType<typeof measure> {
  const { system, operation } = contender;
  for (let attempt = 1; ; attempt++) {
    await stage.onlyRuns(system);
    const term = await system.term();
    const measured = await measure(stage, one, contender, isFirst && attempt === 1).then(
      (found) => ({ found }),
      (error: Error) => ({ error }),
    );
    if ((await system.term()) === term || attempt === mostAttempts) {
      if ('error' in measured) throw measured.error;
      return measured.found;
    }
    stage.say(`  ${nameOf(one)}, ${operation}: there was an election; once more`);
  }
}

/** One run with one system: the others are stopped meanwhile. */
async function measure(
  stage: Stage,
  { inFlight, via }: Case,
  contender: Contender,
  isFirst: boolean,
): Promise<{ readonly values: Round; readonly generator: string }> {
  const { system, request, operationsPerRequest = 1 } = contender;
  const targets = await targetsOf(system, request.kind, via);
  const { warmUpMs, durationMs } = stage.settings;
  const load = (forMs: number, atOnce = inFlight) =>
    stage.load({ targets, request, inFlight: atOnce, durationMs: forMs, numbers: contender.numbers() });
  const handledBefore = await system.handled();
  const revisionBefore = await system.revision();
  const mostInFlight = isFirst ? Math.max(inFlight, firstWarmUp.inFlight) : inFlight;
  const compiling = isFirst ? await load(firstWarmUp.times * warmUpMs, mostInFlight) : null;
  const warmedUp = await load(warmUpMs);
  const startedAt = new Date();
  const cpuBefore = cpuSecondsOf(system.pids());
  const result = await load(durationMs);
  const cpu = cpuSecondsOf(system.pids()) - cpuBefore;
  const slack = cutOffRuns * inFlight + (compiling ? mostInFlight : 0);
  const requests = (compiling?.operations ?? 0) + warmedUp.operations + result.operations;
  if (request.kind === 'rest' || request.call === 'unary') {
    const handled = await system.handled();
    expectBetween(
      `requests that ${system.name} answered`,
      handled.ok - handledBefore.ok,
      requests,
      slack + ownRequests,
    );
    expectBetween(`requests that ${system.name} failed`, handled.failed - handledBefore.failed, 0, slack);
  }
  if (contender.growsRevision) {
    const grown = (await system.revision()) - revisionBefore;
    expectBetween(`revisions of ${system.name}`, grown, requests, slack);
  }
  await contender.check?.(startedAt, result.operations * operationsPerRequest);
  return { values: roundOf(result, cpu, operationsPerRequest), generator: result.generator };
}

function roundOf(result: LoadResult, serverCpuSeconds: number, operationsPerRequest: number): Round {
  const operations = result.operations * operationsPerRequest;
  return {
    operationsPerSecond: operations / result.seconds,
    p50Ms: result.latencyMs.p50,
    p99Ms: result.latencyMs.p99,
    p999Ms: result.latencyMs.p999,
    worstMs: result.latencyMs.worst,
    serverCpuMicros: (serverCpuSeconds * 1e6) / operations,
    generatorCpuMicros: (result.generatorCpuSeconds * 1e6) / operations,
    operations,
  };
}

/** The generators count what was acknowledged; a few requests that were cut off at the end may have been done besides. */
function expectBetween(what: string, counted: number, acknowledged: number, slack: number): void {
  if (counted >= acknowledged && counted <= acknowledged + slack) return;
  throw new Error(
    `The count of ${what} is ${counted}, and the generator's is ${acknowledged}: at most ${slack} more are explained by requests that were cut off. What was measured is not what was meant.`,
  );
}

async function targetsOf(system: System, kind: Request['kind'], via: Via): Promise<readonly string[]> {
  const all = kind === 'rest' ? system.restTargets : system.grpcTargets;
  if (via === 'all') return all;
  const leader = await system.leader();
  const position = via === 'leader' ? leader : (leader + 1) % all.length;
  const target = all[position];
  if (target === undefined) throw new Error(`${system.name} has no ${kind}.`);
  return [target];
}

function mediansOf(rounds: readonly Round[]): Round {
  const keys = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(keys.map((key) => [key, median(rounds.map((round) => round[key] ?? Number.NaN))]));
}

function goalOf(wanted: WantedRatio, one: Case, medians: readonly Round[]): Goal[] {
  const [own, other] = [medians[wanted.of], medians[wanted.to]];
  if (!own || !other) return [];
  const ratio =
    wanted.measure === 'throughput'
      ? (own.operationsPerSecond ?? 0) / (other.operationsPerSecond ?? 0)
      : (other.p50Ms ?? 0) / (own.p50Ms ?? 0);
  return [
    {
      text: `${wanted.text} (${nameOf(one)})`,
      wanted: wanted.measure === 'throughput' ? `at least ${wanted.ratio} times` : 'p50 no worse',
      measured:
        wanted.measure === 'throughput'
          ? `${ratio.toFixed(2)} times`
          : `${own.p50Ms?.toFixed(2)} ms against ${other.p50Ms?.toFixed(2)} ms`,
      met: ratio >= wanted.ratio,
    },
  ];
}
