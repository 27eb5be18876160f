import { createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { CommandError } from '../../src/cli/exit-codes.ts';
import { checkPorts } from '../../src/cli/ports.ts';

const servers: Server[] = [];
const release = () => Promise.all(servers.splice(0).map((each) => new Promise((resolve) => each.close(resolve))));
afterEach(release);

async function take(): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

const look = (host: string, ...ports: readonly number[]) =>
  checkPorts(
    ports.map((port, i) => ({ port, option: i === 0 ? '--first' : '--other' })),
    host,
  );

describe('the ports of a process that is about to begin', () => {
  it('are all looked at, and every taken one is named', async () => {
    const [one, other, free] = [await take(), await take(), await take()];
    await new Promise((resolve) => servers.pop()?.close(resolve));
    const failure = await look('127.0.0.1', one, free, other).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CommandError);
    expect(failure).toMatchObject({
      message: `ports ${one}, ${other} are in use`,
      hint: 'end the process that uses them, or choose others with --first, --other',
    });
    await expect(look('127.0.0.1', free, other)).rejects.toThrow(`port ${other} is in use`);
  });

  it('are free again after they were looked at', async () => {
    const ports = [await take(), await take(), await take()];
    await release();
    await look('127.0.0.1', ...ports);
    await look('127.0.0.1', ...ports);
  });

  it('are not there at an address of another machine', async () => {
    await expect(look('192.0.2.1', await take())).rejects.toMatchObject({
      message: 'this machine has no address 192.0.2.1',
      hint: expect.stringContaining('--host'),
    });
  });
});
