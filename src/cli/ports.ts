import { createServer } from 'node:net';
import { CommandError, exitCodes } from './exit-codes.ts';

/** A port that a process is about to listen on, and the option that chooses it. */
export interface ListeningPort {
  readonly port: number;
  readonly option: string;
}

/**
 * Looked at before anything is started, so that nothing comes up by half, and all that is in the way is told at once.
 * @throws CommandError naming every port that cannot be listened on
 */
export async function checkPorts(ports: readonly ListeningPort[], host: string): Promise<void> {
  const looks = await Promise.all(ports.map(async (each) => ({ ...each, code: await tryToListen(each.port, host) })));
  const taken = looks.filter(({ code }) => code === 'EADDRINUSE');
  if (taken.length > 0) throw portsInUse(taken);
  const forbidden = looks.filter(({ code }) => code === 'EACCES');
  if (forbidden.length > 0) throw portsForbidden(forbidden);
  if (looks.some(({ code }) => code === 'EADDRNOTAVAIL')) throw noSuchAddress(host);
}

export function portsInUse(ports: readonly ListeningPort[]): CommandError {
  const isOne = ports.length === 1;
  return new CommandError(
    `${isOne ? 'port' : 'ports'} ${numbers(ports)} ${isOne ? 'is' : 'are'} in use`,
    exitCodes.failure,
    `end the process that uses ${isOne ? 'it, or choose another' : 'them, or choose others'} with ${options(ports)}`,
  );
}

export function portsForbidden(ports: readonly ListeningPort[]): CommandError {
  return new CommandError(
    `${ports.length === 1 ? 'port' : 'ports'} ${numbers(ports)} may not be used by this user`,
    exitCodes.failure,
    `choose above 1023 with ${options(ports)}`,
  );
}

export function noSuchAddress(host: string): CommandError {
  return new CommandError(
    `this machine has no address ${host}`,
    exitCodes.failure,
    'give one of its addresses with --host, or 0.0.0.0 for all',
  );
}

function numbers(ports: readonly ListeningPort[]): string {
  return ports.map(({ port }) => port).join(', ');
}

function options(ports: readonly ListeningPort[]): string {
  return [...new Set(ports.map(({ option }) => option))].join(', ');
}

/** The error's code; `null` when the port is free. */
function tryToListen(port: number, host: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
}
