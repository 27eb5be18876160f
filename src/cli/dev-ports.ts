import { createServer } from 'node:net';
import type { PlannedMember } from './dev-plan.ts';
import { CommandError, exitCodes } from './exit-codes.ts';

/** Looked at before anything is started, so that no half of a cluster comes up. @throws CommandError naming every taken port */
export async function checkPorts(plan: readonly PlannedMember[]): Promise<void> {
  const ports = plan.flatMap(({ restPort, grpcPort, peerPort }) => [restPort, grpcPort, peerPort]);
  const problems = await Promise.all(ports.map(async (port) => ({ port, code: await tryToListen(port) })));
  const taken = problems.filter(({ code }) => code !== null);
  const [first] = taken;
  if (!first) return;
  const names = taken.map(({ port }) => port).join(', ');
  if (taken.every(({ code }) => code === 'EADDRINUSE')) {
    throw new CommandError(
      `${taken.length === 1 ? `port ${names} is` : `ports ${names} are`} in use`,
      exitCodes.failure,
      'does another cluster run already? End it, or choose other ports with --base-port',
    );
  }
  throw new CommandError(
    `cannot listen on ${names} (${first.code})`,
    exitCodes.failure,
    'choose other ports with --base-port',
  );
}

/** The error's code; `null` when the port is free. */
function tryToListen(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(null)));
  });
}
