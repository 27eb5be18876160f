import { EventEmitter } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { gatewayOptionsFrom } from '../../src/cli/commands/gateway.ts';
import { memberOptionsFrom } from '../../src/cli/commands/serve.ts';
import { CommandError } from '../../src/cli/exit-codes.ts';
import { serveGateway } from '../../src/cli/serve-gateway.ts';
import { explainStartFailure } from '../../src/cli/start-failure.ts';
import { watchStopSignals, within } from '../../src/cli/stop-signals.ts';
import { createLogger } from '../../src/config/logger.ts';
import { StorageDamagedError, StorageLockedError } from '../../src/storage/storage.ts';
import { freePorts } from '../process/cluster.ts';
import { run } from './command-line.ts';

describe('serve', () => {
  it('takes its flags, and beside them its variables', () => {
    const flags = { nodeId: 'node-2', electionTimeoutMs: '900', validateDependencies: true };
    expect(memberOptionsFrom(flags, { MANIFEST_REST_PORT: '9500' })).toMatchObject({
      nodeId: 'node-2',
      electionTimeoutMs: 900,
      validateDependencies: true,
      restPort: 9500,
    });
  });

  it('ends with 2 and every mistake when its options cannot be used, before it opens anything', async () => {
    const { code, out, err } = await run(['serve', '--rest-port', '0', '--node-id', 'a b', '--exit-with-parent']);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^error: these options cannot be used:\n {2}--node-id "a b": .*\n {2}--rest-port "0": .*\n$/);
  });
});

describe('a start that failed', () => {
  const ports = [
    { port: 8500, option: '--rest-port' },
    { port: 8503, option: '--peer-port' },
  ];
  const explain = (error: unknown) => explainStartFailure(error, ports, '10.9.9.9');

  it('names the port that is in use, and the option that chooses another', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const taken = await new Promise((resolve) => createServer().once('error', resolve).listen(port, '127.0.0.1'));
    await new Promise((resolve) => server.close(resolve));
    expect(explainStartFailure(taken, [{ port, option: '--rest-port' }], '127.0.0.1')).toMatchObject({
      message: `port ${port} is in use`,
      hint: expect.stringContaining('--rest-port'),
    });
  });

  it('finds the port in the words of a library that only says it there', () => {
    expect(explain(new Error('Failed to bind 127.0.0.1:8503: EADDRINUSE'))).toMatchObject({
      message: 'port 8503 is in use',
      hint: expect.stringContaining('--peer-port'),
    });
  });

  it.each<[string, unknown, string]>([
    [
      'a port for administrators',
      Object.assign(new Error('listen EACCES'), { code: 'EACCES', port: 8500 }),
      'above 1023',
    ],
    ['an address of another machine', Object.assign(new Error('listen'), { code: 'EADDRNOTAVAIL' }), '--host'],
    ['data that is in use', new StorageLockedError('The data is locked.'), '--data-dir'],
    ['data that is damaged', new StorageDamagedError('Entry 7 does not match.'), 'takes no part with damaged data'],
  ])('because of %s says what to do', (_what, error, hint) => {
    const explained = explain(error);
    expect(explained).toBeInstanceOf(CommandError);
    expect(explained.exitCode).toBe(1);
    expect(explained.hint).toContain(hint);
  });

  it('for any other reason gives the reason', () => {
    expect(explain(new Error('This data belongs to another member.'))).toMatchObject({
      message: 'This data belongs to another member.',
      hint: null,
    });
  });
});

describe('signals to stop', () => {
  function watched() {
    const source = new EventEmitter();
    const clock = { nowMs: 0 };
    const seen: string[] = [];
    const { first, again } = watchStopSignals(source, () => clock.nowMs);
    void first.then((signal) => seen.push(`first ${signal}`));
    void again.then((signal) => seen.push(`again ${signal}`));
    const send = async (signal: string, atMs: number) => {
      clock.nowMs = atMs;
      source.emit(signal);
      await Promise.resolve();
    };
    return { seen, send };
  }

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('include %s', async (signal) => {
    const { seen, send } = watched();
    await send(signal, 5);
    expect(seen).toEqual([`first ${signal}`]);
  });

  it('are one wish when npm passes on the Ctrl+C that the terminal has sent already', async () => {
    const { seen, send } = watched();
    await send('SIGINT', 1_000);
    await send('SIGINT', 1_030);
    expect(seen).toEqual(['first SIGINT']);
  });

  it('are a second wish when somebody grows impatient', async () => {
    const { seen, send } = watched();
    await send('SIGTERM', 1_000);
    await send('SIGINT', 1_500);
    expect(seen).toEqual(['first SIGTERM', 'again SIGINT']);
  });
});

describe('waiting with a limit', () => {
  it('gives what the work gives when it is in time', async () => {
    expect(await within(Promise.resolve('done'), 60_000, 'late')).toBe('done');
    await expect(within(Promise.reject(new Error('failed')), 60_000, 'late')).rejects.toThrow('failed');
  });

  it('does not wait for work without end', async () => {
    expect(await within(new Promise(() => {}), 1, 'late')).toBe('late');
  });
});

describe('gateway', () => {
  const standard = { host: '127.0.0.1', port: '8500', logLevel: 'info' };

  it('takes the addresses of the members', () => {
    expect(gatewayOptionsFrom({ ...standard, endpoints: 'a:8502, [::1]:8502,' })).toMatchObject({
      endpoints: ['a:8502', '[::1]:8502'],
      port: 8500,
    });
  });

  it('names everything that is wrong with its flags at once', async () => {
    const { code, err } = await run([
      'gateway',
      '--endpoints',
      'nowhere',
      '--port',
      'x',
      '--host',
      'h:1',
      '--log-level',
      'loud',
    ]);
    expect(code).toBe(2);
    for (const flag of [
      '--endpoints: "nowhere" must be HOST:PORT',
      '--port "x"',
      '--host "h:1"',
      '--log-level "loud"',
    ]) {
      expect(err).toContain(flag);
    }
  });

  it('needs to know a member, from the flag or the variable', async () => {
    expect((await run(['gateway'])).err).toContain('--endpoints (or MANIFEST_ENDPOINTS): name at least one member');
    const { err } = await run(['gateway', '--port', 'x'], { environment: { MANIFEST_ENDPOINTS: 'a:1' } });
    expect(err).not.toContain('endpoints');
  });

  it('serves REST until it is stopped, though no member is there', async () => {
    const [port = 0] = await freePorts(1);
    const gateway = await serveGateway({ endpoints: ['127.0.0.1:1'], host: '127.0.0.1', port }, createLogger('silent'));
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
    await gateway.stop();
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
  });
});
