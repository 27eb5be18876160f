import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ClusterStatus } from '../registry/service.ts';
import type { PlannedMember } from './dev-plan.ts';
import { renderTable } from './output.ts';
import { ask } from './registry-client.ts';

const program = fileURLToPath(new URL('./main.js', import.meta.url));
const lookEveryMs = 250;
const restartMs = 1_000;
/** A member that ends sooner than this is restarted ever more slowly. */
const stableMs = 10_000;
const maxRestartMs = 30_000;

interface RunningProcess {
  readonly member: PlannedMember;
  child: ChildProcess | null;
  startedMs: number;
  restartDelayMs: number;
}

/** Runs the members as processes of their own, starts again what dies, and tells of each change in the cluster. */
export class DevCluster {
  readonly #processes: RunningProcess[];
  readonly #tell: (line: string) => void;
  readonly #startedMs = performance.now();
  #stopping = false;
  #ready = false;
  #lastLeader: string | null = null;
  #leaderlessSinceMs: number | null = null;
  #looking: Promise<void> = Promise.resolve();

  constructor(plan: readonly PlannedMember[], tell: (line: string) => void) {
    this.#tell = tell;
    this.#processes = plan.map((member) => ({ member, child: null, startedMs: 0, restartDelayMs: restartMs }));
  }

  start(): void {
    for (const each of this.#processes) this.#spawn(each);
    this.#looking = this.#look();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#looking;
    await Promise.all(
      this.#processes.map(
        ({ child }) =>
          new Promise<void>((resolve) => {
            if (!child) return resolve();
            child.once('exit', () => resolve());
            child.kill('SIGTERM');
          }),
      ),
    );
  }

  #spawn(running: RunningProcess): void {
    const { member } = running;
    const log = openSync(member.logFile, 'a');
    // The channel is only there to break: a member ends by itself when this process does.
    const child = spawn(process.execPath, [program, ...member.serveArguments], {
      stdio: ['ignore', log, log, 'ipc'],
      env: withoutMemberOptions(process.env),
    });
    closeSync(log);
    running.child = child;
    running.startedMs = performance.now();
    child.once('exit', (code, signal) => this.#exited(running, code, signal));
  }

  #exited(running: RunningProcess, code: number | null, signal: string | null): void {
    running.child = null;
    if (this.#stopping) return;
    const wasStable = performance.now() - running.startedMs >= stableMs;
    running.restartDelayMs = wasStable ? restartMs : Math.min(maxRestartMs, running.restartDelayMs * 2);
    const how = signal ? `was ended by ${signal}` : `ended with code ${code}; its log: ${running.member.logFile}`;
    this.#tell(`${stamp()} ${running.member.id} ${how}; starting it again in ${running.restartDelayMs / 1_000} s`);
    setTimeout(() => {
      if (this.#stopping) return;
      this.#spawn(running);
      this.#tell(`${stamp()} ${running.member.id} is started again, process ${running.child?.pid}`);
    }, running.restartDelayMs);
  }

  async #look(): Promise<void> {
    while (!this.#stopping) {
      this.#notice(await this.#status());
      await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  }

  /** The view of a running member, of the one with the greatest term. */
  async #status(): Promise<ClusterStatus | null> {
    const views = await Promise.all(
      this.#processes.map(async ({ member, child }) => {
        if (!child) return null;
        const url = `http://127.0.0.1:${member.restPort}`;
        const answer = await ask({ url, timeout: '1' }, 'GET', '/v1/cluster').catch(() => null);
        return (answer?.body ?? null) as ClusterStatus | null;
      }),
    );
    const confirmed = views.filter((view) => view !== null && view.leader === view.node);
    return confirmed.reduce((best, view) => (best && view && best.term >= view.term ? best : view), null);
  }

  #notice(status: ClusterStatus | null): void {
    const leader = status?.leader ?? null;
    if (leader === this.#lastLeader) return;
    const nowMs = performance.now();
    if (leader === null) {
      this.#leaderlessSinceMs = nowMs;
      this.#tell(`${stamp()} no leader`);
    } else {
      const sinceMs = this.#leaderlessSinceMs;
      const gap =
        sinceMs === null ? '' : `, ${((nowMs - sinceMs) / 1_000).toFixed(1)} s after the last was seen to be gone`;
      if (this.#ready) this.#tell(`${stamp()} ${leader} leads in term ${status?.term}${gap}`);
      else this.#announce(leader, status?.term ?? 0);
      this.#ready = true;
      this.#leaderlessSinceMs = null;
    }
    this.#lastLeader = leader;
  }

  #announce(leader: string, term: number): void {
    const columns = [
      { title: 'MEMBER', value: ({ member }: RunningProcess) => member.id },
      { title: 'REST', value: ({ member }: RunningProcess) => `http://localhost:${member.restPort}` },
      { title: 'GRPC', value: ({ member }: RunningProcess) => `localhost:${member.grpcPort}` },
      { title: 'PROCESS', value: ({ child }: RunningProcess) => String(child?.pid ?? '') },
    ];
    const [first] = this.#processes;
    const url = `http://localhost:${first?.member.restPort}`;
    const seconds = ((performance.now() - this.#startedMs) / 1_000).toFixed(1);
    this.#tell(`
${renderTable(columns, this.#processes)}

cluster ready: ${leader} leads in term ${term} (${seconds} s)

Try in another terminal:
  curl ${url}/v1/services
  npx chora-manifest status --url ${url}
  kill -9 ${this.#processes.find(({ member }) => member.id === leader)?.child?.pid ?? 'PROCESS'}      # the leader, and watch
Ctrl+C stops the cluster.
`);
  }
}

function stamp(): string {
  return new Date().toISOString().slice(11, 19);
}

/** Options of one member in the environment must not reach all of them; a token and the like may. */
function withoutMemberOptions(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own =
    /^MANIFEST_(NODE_ID|CLUSTER_ID|PEERS|DATA_DIR|REST_PORT|GRPC_PORT|PEER_PORT|REST_ADDRESS|GRPC_ADDRESS|CONFIG)$/;
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !own.test(name)));
}
