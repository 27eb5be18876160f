import { once } from 'node:events';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import { createRestGateway } from '../src/api/rest/gateway.ts';
import { cursorAfter } from '../src/registry/cursor.ts';
import type { ClusterService, RegistryService } from '../src/registry/service.ts';
import { fleetOf, readsOf } from './query-fleet.ts';

/**
 * Prints what each kind of query costs over a socket with 100,000 instances listed: how long its answer takes, and for
 * how long it holds the server's event loop at most. `npm run bench:queries -- [INSTANCES] [ROUNDS]`. Not a test: it
 * depends on the machine.
 */
const [instances = 100_000, rounds = 30] = process.argv.slice(2).map(Number);

const warmUps = 5;

/** How exactly the loop is looked at, in milliseconds; a loop that is free shows this much. */
const resolutionMs = 1;

const queries: Readonly<Record<string, string>> = {
  'first page': '/services',
  'page of 1000': '/services?limit=1000',
  'by offset, deep': `/services?offset=${Math.floor(instances * 0.9)}`,
  'by cursor, deep': `/services?cursor=${cursorAfter({ name: 'service-00800', id: 'x' })}`,
  'status that all have': '/services?status=up',
  'status that none has': '/services?status=unhealthy',
  'tag of all': '/services?tag=fleet',
  'tag of half': '/services?tag=even',
  'tag of few': '/services?tag=rack-7',
  'two tags': '/services?tag=even&tag=fleet',
  environment: '/services?environment=production',
  'environment, deep cursor': `/services?environment=production&cursor=${cursorAfter({ name: 'service-00800', id: 'x' })}`,
  'interface of all': '/services?interface=REST',
  'interface of a quarter': '/services?interface=gRPC',
  dependency: '/services?dependency=service-00007',
  'version range': '/services?version=^2.3',
  'version range of all': '/services?version=>=1',
  region: '/services?region=region-3',
  owner: '/services?owner=team-7',
  'metadata that is not indexed': '/services?metadata.shard=17',
  'metadata that nobody has': '/services?metadata.colour=red',
  'instance id': '/services?instance_id=hot-1',
  'name prefix': '/services?name=service-005',
  'many at once': '/services?environment=production&interface=REST&status=up&version=^2&region=region-1',
  'service of 100': '/services/service-00042/instances',
  'service of a tenth of all': '/services/hot/instances',
  'instance of a great service': '/services/hot?instance_id=hot-0',
  dependencies: '/dependencies',
  impact: '/services/service-00001/dependents?transitive=true',
};

/** Asks from a thread of its own, so that reading the answers does not hold the loop that is looked at. */
const asker = `
const { parentPort } = require('node:worker_threads');
const { Agent, get } = require('node:http');
const agent = new Agent({ keepAlive: true });
parentPort.on('message', (url) => {
  const startedMs = performance.now();
  get(url, { agent }, (response) => {
    let bytes = 0;
    response.on('data', (chunk) => { bytes += chunk.length; });
    response.on('end', () => parentPort.postMessage({ ms: performance.now() - startedMs, bytes, status: response.statusCode }));
  });
});
`;

interface Answered {
  readonly ms: number;
  readonly bytes: number;
  readonly status: number;
}

const registry = readsOf(fleetOf(instances)) as RegistryService;
const gateway = createRestGateway({
  registry,
  cluster: {} as ClusterService,
  authToken: null,
  passTokenOn: false,
  logger: pino({ level: 'silent' }),
});
const base = await gateway.listen({ host: '127.0.0.1', port: 0 });
const worker = new Worker(asker, { eval: true });
const loop = monitorEventLoopDelay({ resolution: resolutionMs });
loop.enable();

async function ask(path: string): Promise<Answered> {
  worker.postMessage(`${base}/v1${path}`);
  const [answered] = (await once(worker, 'message')) as [Answered];
  return answered;
}

function row(cells: readonly (string | number)[]): string {
  return cells.map((cell, i) => (i === 0 ? String(cell).padEnd(32) : String(cell).padStart(11))).join('');
}

console.log(`${instances} instances, ${rounds} rounds, in milliseconds`);
console.log(row(['query', 'median', 'worst', 'hold', 'bytes', 'status']));
for (const [what, path] of Object.entries(queries)) {
  for (let i = 0; i < warmUps; i++) await ask(path);
  loop.reset();
  const answers: Answered[] = [];
  for (let i = 0; i < rounds; i++) answers.push(await ask(path));
  const times = answers.map(({ ms }) => ms).sort((a, b) => a - b);
  const holdMs = Math.max(0, loop.max / 1e6 - resolutionMs);
  const figures = [times[rounds >> 1] ?? 0, times.at(-1) ?? 0, holdMs].map((ms) => ms.toFixed(1));
  console.log(row([what, ...figures, answers[0]?.bytes ?? 0, answers[0]?.status ?? 0]));
}
loop.disable();
await worker.terminate();
await gateway.close();
