import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { PerformanceObserver } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { createGrpcServer } from '../src/api/grpc/server.ts';
import { createRestGateway } from '../src/api/rest/gateway.ts';
import { cursorAfter } from '../src/registry/cursor.ts';
import { LoopWatch } from './loop-watch.ts';
import type { Answered, Asked, Question } from './query-asker.ts';
import { changing, hotId, hotService, loneMember, register, serviceName } from './query-fleet.ts';

const usage = `Asks every kind of query of one member that lists many instances, over sockets and through every face, and prints how
long its answer takes and for how long it holds the member's event loop at most.

  npm run bench:queries -- [--instances 100000] [--services 1000] [--batches 3] [--rounds 4] [--limit-ms 10]
                           [--only TEXT] [--assert]

A hold is the processor time of the longest turn of the loop in a batch of so many rounds, garbage collection included; of
the batches' holds, the median is printed. Beside it, the longest collection of garbage, in time by the clock. --assert: exit code 1 where a hold is longer than the limit. The machine decides; so it is no test.`;

const { values } = parseArgs({
  options: {
    instances: { type: 'string', default: '100000' },
    services: { type: 'string', default: '1000' },
    batches: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '4' },
    'limit-ms': { type: 'string', default: '10' },
    only: { type: 'string', default: '' },
    assert: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const number = (name: 'instances' | 'services' | 'batches' | 'rounds' | 'limit-ms'): number => {
  const given = Number(values[name]);
  if (Number.isSafeInteger(given) && given > 0) return given;
  console.error(`--${name} must be a whole number above 0. It was "${values[name]}".`);
  return process.exit(64);
};
const [instances, services, batches, rounds, limitMs] = [
  number('instances'),
  number('services'),
  number('batches'),
  number('rounds'),
  number('limit-ms'),
];

interface Row {
  readonly what: string;
  readonly question: Question;
  readonly times?: number;
  /** Done before each round, and not looked at. */
  readonly before?: (round: number) => Promise<unknown>;
}

const middle = cursorAfter({ name: serviceName(Math.floor(services * 0.8)), id: 'x' });
const rest = (what: string, path: string): Row => ({ what, question: { face: 'rest', path } });
const grpc = (what: string, method: string, request: object): Row => ({
  what,
  question: { face: 'grpc', method, request },
});
const all = { tags: [], metadata: {} };

const member = await loneMember();
const changeGraph = (shape: boolean) => (round: number) => member.registry.register(changing(round, shape));

const rows: readonly Row[] = [
  rest('first page', '/services'),
  rest('first page, stale', '/services?consistency=stale'),
  rest('page of 1000', '/services?limit=1000'),
  rest('page of 1000, few fields', '/services?limit=1000&fields=version,status'),
  rest('by offset, deep', `/services?offset=${Math.floor(instances * 0.9)}`),
  rest('by cursor, deep', `/services?cursor=${middle}`),
  rest('status that all have', '/services?status=up'),
  rest('status that none has', '/services?status=unhealthy'),
  rest('tag of all', '/services?tag=fleet'),
  rest('tag of half', '/services?tag=even'),
  rest('tag of half, by offset, deep', `/services?tag=even&offset=${Math.floor(instances * 0.45)}`),
  rest('tag of few', '/services?tag=rack-7'),
  rest('two tags', '/services?tag=even&tag=fleet'),
  rest('two tags, stale', '/services?tag=even&tag=fleet&consistency=stale'),
  rest('two tags, page of 1000', '/services?tag=even&tag=fleet&limit=1000'),
  rest('environment', '/services?environment=production'),
  rest('environment, deep cursor', `/services?environment=production&cursor=${middle}`),
  rest('interface of all', '/services?interface=REST'),
  rest('interface of a quarter', '/services?interface=gRPC'),
  rest('dependency', `/services?dependency=${serviceName(7)}`),
  rest('version range', '/services?version=^2.3'),
  rest('version range of all', '/services?version=>=1'),
  rest('region', '/services?region=region-3'),
  rest('owner', '/services?owner=team-7'),
  rest('metadata that is not indexed', '/services?metadata.shard=17'),
  rest('metadata that nobody has', '/services?metadata.colour=red'),
  rest('instance id', '/services?instance_id=hot-1'),
  rest('name prefix', '/services?name=service-005'),
  rest('name prefix and tag', '/services?name=service-00&tag=even'),
  rest('many at once', '/services?environment=production&interface=REST&status=up&version=^2&region=region-1'),
  { ...rest('metadata, 10 at a time', '/services?metadata.shard=17'), times: 10 },
  rest('service of 100', `/services/${serviceName(42)}/instances`),
  rest('service of a tenth of all', `/services/${hotService}/instances`),
  rest('the same, few fields', `/services/${hotService}/instances?fields=status`),
  rest('the same, by tag', `/services/${hotService}?tag=rack-3`),
  rest('instance of a great service', `/services/${hotService}?instance_id=${hotId}`),
  rest('dependencies', '/dependencies'),
  { ...rest('dependencies, new revision', '/dependencies'), before: changeGraph(false) },
  { ...rest('dependencies, new shape', '/dependencies'), before: changeGraph(true) },
  rest('impact', `/services/${serviceName(1)}/dependents?transitive=true`),
  rest('readiness', `/services/${serviceName(services - 1)}/dependencies?transitive=true`),
  rest('health (counts)', '/health'),
  rest("state's hash", '/cluster?hash=true'),
  rest('targets for Prometheus', '/sd/prometheus'),
  { what: 'watch, state of all', question: { face: 'sse', path: '/watch?initial=true' } },
  { what: 'watch, state by metadata', question: { face: 'sse', path: '/watch?initial=true&metadata.shard=17' } },
  { what: 'watch, state of a service', question: { face: 'sse', path: `/watch?initial=true&service=${hotService}` } },
  grpc('gRPC first page', 'ListServices', { filter: all }),
  grpc('gRPC page of 1000', 'ListServices', { filter: all, limit: 1_000 }),
  grpc('gRPC two tags', 'ListServices', { filter: { ...all, tags: ['even', 'fleet'] } }),
  grpc('gRPC service of 100', 'GetService', { name: serviceName(42), filter: all }),
  grpc('gRPC service of a tenth of all', 'GetService', { name: hotService, filter: all }),
  grpc('gRPC dependencies', 'GetDependencies', {}),
  { what: 'gRPC watch, state of all', question: { face: 'grpc-watch', request: { filter: all, initial: true } } },
];

function line(cells: readonly (string | number)[]): string {
  return cells.map((cell, i) => (i === 0 ? String(cell).padEnd(32) : String(cell).padStart(10))).join('');
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? 0;
}

async function ask(asker: ChildProcess, asked: Asked): Promise<Answered> {
  const answered = once(asker, 'message');
  asker.send(asked);
  return (await answered)[0] as Answered;
}

const faces = {
  registry: member.registry,
  cluster: member.cluster,
  authToken: null,
  passTokenOn: false,
  logger: pino({ level: 'silent' }),
};
const gateway = createRestGateway(faces);
const restUrl = await gateway.listen({ host: '127.0.0.1', port: 0 });
const server = createGrpcServer(faces);
const grpcPort = await server.listen('127.0.0.1:0');
const asker = fork(new URL('./query-asker.ts', import.meta.url), [restUrl, `127.0.0.1:${grpcPort}`]);
await once(asker, 'message');
await register(member, instances, services);

const watch = new LoopWatch();
let longestCollectionMs = 0;
new PerformanceObserver((list) => {
  longestCollectionMs = Math.max(longestCollectionMs, ...list.getEntries().map(({ duration }) => duration));
}).observe({ entryTypes: ['gc'] });
let held = 0;
let failed = 0;
console.log(`${instances} instances of ${services} services; times in milliseconds`);
console.log(line(['query', 'median', 'worst', 'hold', 'garbage', 'size', 'status', 'verdict']));
for (const { what, question, times: atOnce = 1, before } of rows) {
  if (!what.includes(values.only)) continue;
  const answers: Answered[] = [];
  const holds: number[] = [];
  const collections: number[] = [];
  // The first batch warms up.
  for (let batch = 0; batch <= batches; batch++) {
    let longestMs = 0;
    longestCollectionMs = 0;
    for (let round = 0; round < rounds; round++) {
      await before?.(batch * rounds + round);
      watch.start();
      const answered = await ask(asker, { question, times: atOnce });
      longestMs = Math.max(longestMs, watch.stop());
      if (batch > 0) answers.push(answered);
    }
    if (batch === 0) continue;
    holds.push(longestMs);
    collections.push(longestCollectionMs);
  }
  const holdMs = median(holds);
  const { size = 0, status = '' } = answers.at(-1) ?? {};
  const isAnswer = status === '200' || status === 'OK';
  if (!isAnswer) failed++;
  if (holdMs > limitMs) held++;
  const times = answers.map(({ ms }) => ms);
  const figures = [median(times), Math.max(...times), holdMs, median(collections)];
  const verdict = !isAnswer ? 'FAILS' : holdMs > limitMs ? 'HOLDS' : 'ok';
  console.log(line([what, ...figures.map((ms) => ms.toFixed(1)), size, status, verdict]));
}
console.log(
  held + failed === 0
    ? `No query holds the loop for more than ${limitMs} ms.`
    : `${held} kinds of query hold the loop for more than ${limitMs} ms; ${failed} were not answered.`,
);
asker.disconnect();
await Promise.all([gateway.close(), server.close()]);
await member.stop();
process.exit(values.assert && held + failed > 0 ? 1 : 0);
