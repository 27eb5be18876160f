import { lookup } from 'node:dns/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GrpcTransport } from '../../src/transport/grpc-transport.ts';
import { freePorts } from '../process/cluster.ts';
import { Recorder } from './recorder.ts';
import { TcpServer } from './tcp.ts';
import { identityOf } from './world.ts';

vi.mock('node:dns/promises', async (original) => ({
  ...(await original<typeof import('node:dns/promises')>()),
  lookup: vi.fn(),
}));

/** Lets the name `member.test` have these addresses. */
function resolveTo(...addresses: readonly string[]): void {
  const found = addresses.map((address) => ({ address, family: 4 }));
  vi.mocked(lookup).mockResolvedValue(found as never);
}

// The whole of 127.0.0.0/8 is loopback on Linux only; 192.0.2.1 is for documentation (RFC 5737), no machine has it.
describe.runIf(process.platform === 'linux')('an address to listen on', () => {
  let port: number;
  let transport: GrpcTransport;
  let others: TcpServer[];
  beforeEach(async () => {
    port = (await freePorts(1))[0] ?? 0;
    transport = new GrpcTransport({ listenAddress: `member.test:${port}`, peers: new Map() });
    others = [];
  });
  afterEach(async () => {
    await transport.close();
    await Promise.all(others.map((other) => other.close()));
  });

  const start = () => transport.start(identityOf('a'), new Recorder());
  const occupy = async (host: string) => others.push(await TcpServer.listen(() => {}, port, host));

  it('whose name has two addresses is listened on at both', async () => {
    resolveTo('127.0.0.1', '127.0.0.2');
    await start();
    await expect(occupy('127.0.0.1')).rejects.toThrow('EADDRINUSE');
    await expect(occupy('127.0.0.2')).rejects.toThrow('EADDRINUSE');
  });

  it.each(['127.0.0.1', '127.0.0.2'])(
    'of which another process holds %s is refused by name, and left alone',
    async (held) => {
      resolveTo('127.0.0.1', '127.0.0.2');
      await occupy(held);
      await expect(start()).rejects.toThrow(
        new RegExp(`^Cannot listen for peers on member.test:${port}: .*EADDRINUSE`),
      );
      await occupy(held === '127.0.0.1' ? '127.0.0.2' : '127.0.0.1');
    },
  );

  it('may have a second one that this machine does not have', async () => {
    resolveTo('192.0.2.1', '127.0.0.1');
    await start();
    await expect(occupy('127.0.0.1')).rejects.toThrow('EADDRINUSE');
  });

  it('is refused where this machine has none of it', async () => {
    resolveTo('192.0.2.1');
    await expect(start()).rejects.toThrow(/Cannot listen for peers on member.test:\d+: .*EADDRNOTAVAIL/);
  });

  it('is refused where nobody knows its name', async () => {
    vi.mocked(lookup).mockRejectedValue(new Error('getaddrinfo ENOTFOUND member.test'));
    await expect(start()).rejects.toThrow(/Cannot listen for peers on member.test:\d+: getaddrinfo ENOTFOUND/);
  });
});
