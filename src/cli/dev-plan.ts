import { join } from 'node:path';
import { CommandError, exitCodes } from './exit-codes.ts';

export interface PlannedMember {
  readonly id: string;
  readonly restPort: number;
  readonly grpcPort: number;
  readonly peerPort: number;
  readonly dataDirectory: string;
  readonly logFile: string;
  /** Arguments of `chora-manifest serve`. */
  readonly serveArguments: readonly string[];
}

export const maxMembers = 7;

/** From one member's REST port to the next's; gRPC is two above it and peers are three above. */
const portStep = 10;
const grpcAbove = 2;
const peersAbove = 3;

const highestPort = 65_535;

export const restUrlOf = ({ restPort }: PlannedMember) => `http://localhost:${restPort}`;

/** @throws CommandError when `text` is not a number of members that can lose one without a tie */
export function parseMemberCount(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= maxMembers && count % 2 === 1) return count;
  throw new CommandError(`--nodes must be 1, 3, 5 or 7, not "${text}"`, exitCodes.usage);
}

/** @throws CommandError when not all ports above it are there */
export function parseBasePort(text: string, memberCount: number): number {
  const basePort = Number(text);
  const highestBase = highestPort - portStep * (memberCount - 1) - peersAbove;
  if (/^\d+$/.test(text) && basePort >= 1 && basePort <= highestBase) return basePort;
  throw new CommandError(
    `--base-port must be a port from 1 to ${highestBase}, so that all ${memberCount} members find ports above it, not "${text}"`,
    exitCodes.usage,
  );
}

/** Members `node-1`, `node-2`, … on loopback, with everything that each needs to be started. */
export function planCluster(memberCount: number, basePort: number, dataDirectory: string): readonly PlannedMember[] {
  const members = Array.from({ length: memberCount }, (_, i) => ({
    id: `node-${i + 1}`,
    restPort: basePort + portStep * i,
  }));
  const peers = members.map(({ id, restPort }) => `${id}=127.0.0.1:${restPort + peersAbove}`).join(',');
  return members.map(({ id, restPort }) => {
    const [grpcPort, peerPort] = [restPort + grpcAbove, restPort + peersAbove];
    const directory = join(dataDirectory, id);
    return {
      id,
      restPort,
      grpcPort,
      peerPort,
      dataDirectory: directory,
      logFile: `${directory}.log`,
      serveArguments: [
        ...['--node-id', id, '--cluster-id', 'dev', '--peers', peers, '--host', '127.0.0.1', '--data-dir', directory],
        ...['--rest-port', String(restPort), '--grpc-port', String(grpcPort), '--peer-port', String(peerPort)],
        ...['--rest-address', `http://localhost:${restPort}`, '--grpc-address', `localhost:${grpcPort}`],
      ],
    };
  });
}

const ownVariables: ReadonlySet<string> = new Set(
  ['NODE_ID', 'CLUSTER_ID', 'PEERS', 'HOST', 'DATA_DIR', 'STORAGE', 'REST_PORT', 'GRPC_PORT', 'PEER_PORT']
    .concat(['REST_ADDRESS', 'GRPC_ADDRESS', 'CONFIG'])
    .map((name) => `MANIFEST_${name}`),
);

/** What is meant for one member must not reach all of them; lease times, a token and the like may. */
export function environmentOfMembers(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !ownVariables.has(name)));
}

const firstRestartMs = 1_000;
const lastRestartMs = 30_000;

/** A member that ran for this long was well; one that ends sooner is started again ever more slowly. */
const soundRunMs = 10_000;

/** How long to wait before a member that ended is started again. @param previousMs the wait before that, `null` for none */
export function restartDelayMs(previousMs: number | null, ranMs: number): number {
  if (previousMs === null || ranMs >= soundRunMs) return firstRestartMs;
  return Math.min(lastRestartMs, previousMs * 2);
}
