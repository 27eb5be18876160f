import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Command } from 'commander';
import { DevCluster } from '../dev-cluster.ts';
import { type PlannedMember, planCluster } from '../dev-plan.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { print } from '../output.ts';

const maxNodes = 7;

interface DevFlags {
  readonly nodes: string;
  readonly basePort: string;
  readonly data: string;
  readonly fresh?: boolean;
}

export function addDevCommand(program: Command): void {
  program
    .command('dev')
    .summary('run a whole cluster on this machine')
    .description('Runs a whole cluster on loopback, a process a member, and tells what happens in it.')
    .option('--nodes <COUNT>', 'how many members; odd, at most 7', '3')
    .option('--base-port <PORT>', 'REST port of the first member; the others follow in steps of ten', '8500')
    .option('--data <DIR>', 'where logs and data are kept', '.manifest/dev')
    .option('--fresh', 'forget the data of earlier runs first')
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest dev
  $ chora-manifest dev --nodes 5 --base-port 9500 --fresh

Kill any member with kill -9 and watch: the others go on, and it is started again.
Ctrl+C stops all of them; their data is kept.`,
    )
    .action(dev);
}

async function dev(flags: DevFlags): Promise<void> {
  const nodes = Number(flags.nodes);
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > maxNodes || nodes % 2 === 0) {
    throw new CommandError(`--nodes must be an odd number from 1 to ${maxNodes}, not ${flags.nodes}`, exitCodes.usage);
  }
  const basePort = Number(flags.basePort);
  if (!Number.isInteger(basePort) || basePort < 1 || basePort + 10 * nodes > 65_535) {
    throw new CommandError(
      `--base-port must be a port number that leaves room above it, not ${flags.basePort}`,
      exitCodes.usage,
    );
  }
  const plan = planCluster(nodes, basePort, flags.data);
  for (const member of plan) await checkPorts(member);
  if (flags.fresh) rmSync(flags.data, { recursive: true, force: true });
  mkdirSync(flags.data, { recursive: true });

  const cluster = new DevCluster(plan, print);
  const stop = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve());
  });
  print(`Starting ${nodes} members; data and logs in ${flags.data}`);
  cluster.start();
  await stop;
  print('Stopping …');
  await cluster.stop();
  print('Stopped. The data is kept; --fresh begins anew.');
}

/** Found before anything is started, so that no half of a cluster comes up. */
async function checkPorts(member: PlannedMember): Promise<void> {
  for (const port of [member.restPort, member.grpcPort, member.peerPort]) {
    await new Promise<void>((resolve, reject) => {
      const server = createServer();
      server.once('error', (error: NodeJS.ErrnoException) => {
        const reason = error.code === 'EADDRINUSE' ? 'is in use, perhaps by another cluster' : error.message;
        reject(new CommandError(`port ${port} ${reason}. End what uses it, or choose others with --base-port.`));
      });
      server.listen(port, '127.0.0.1', () => server.close(() => resolve()));
    });
  }
}
