import { afterEach, describe, expect, it } from 'vitest';
import { startGrpc } from '../api/faces.ts';
import { freePorts } from '../process/cluster.ts';
import { run } from './command-line.ts';
import { type PreparedAnswer, recordOf, ScriptedMember } from './scripted-member.ts';

const members: ScriptedMember[] = [];

afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.stop()));
});

async function member(answer: PreparedAnswer): Promise<ScriptedMember> {
  const started = await ScriptedMember.start(() => answer);
  members.push(started);
  return started;
}

async function closedPort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

const found = { body: [recordOf('a', 'a-1')] };
const noLeader = { status: 503, body: { error: 'service_unavailable', message: 'No leader.' } };
const unknownOutcome = { status: 504, body: { error: 'outcome_unknown', message: 'It may have happened.' } };

describe('a command with several members to ask', () => {
  it('asks the next where one is not there', async () => {
    const there = await member(found);
    const { code, out } = await run(['list', '--url', `http://127.0.0.1:${await closedPort()}, ${there.url}`]);
    expect(code).toBe(0);
    expect(out).toContain('a-1');
  });

  it('asks the next where one has no leader', async () => {
    const [cut, whole] = [await member(noLeader), await member(found)];
    expect((await run(['list', '--url', `${cut.url},${whole.url}`])).code).toBe(0);
  });

  it('asks nobody else when the registry has said no', async () => {
    const [first, second] = [await member({ status: 404, body: { message: 'None.' } }), await member(found)];
    expect((await run(['get', 'x', '--url', `${first.url},${second.url}`])).code).toBe(3);
    expect(second.requests).toEqual([]);
  });

  it('asks the next for a read that went unanswered', async () => {
    const [silent, whole] = [await member({ hold: true }), await member(found)];
    expect((await run(['list', '--timeout', '0.2', '--url', `${silent.url},${whole.url}`])).code).toBe(0);
  });

  it.each<[string, PreparedAnswer]>([
    ['hung up', { hangUp: true }],
    ['did not know the outcome', unknownOutcome],
  ])('repeats no deregistration that may have happened, where one %s', async (_how, answer) => {
    const [first, second] = [await member(answer), await member({ status: 204 })];
    const { code, err } = await run(['deregister', 'a', 'a-1', '--url', `${first.url},${second.url}`]);
    expect(code).toBe(4);
    expect(err).toContain('hint: it may have been carried out');
    expect(second.requests).toEqual([]);
  });

  it('names what is wrong with each when none can answer', async () => {
    const [port, cut] = [await closedPort(), await member(noLeader)];
    const { code, err } = await run(['list', '--url', `http://127.0.0.1:${port},${cut.url}`]);
    expect(code).toBe(4);
    expect(err).toContain(`no registry answers at http://127.0.0.1:${port} (ECONNREFUSED)`);
    expect(err).toContain('No leader. [service_unavailable]');
  });
});

describe('the exit code', () => {
  it.each([
    [400, 2],
    [401, 5],
    [403, 5],
    [404, 3],
    [409, 1],
    [410, 3],
    [413, 2],
    [422, 2],
    [429, 4],
    [500, 1],
    [503, 4],
    [504, 4],
  ])('of an answer with status %i is %i', async (status, code) => {
    const { url } = await member({ status, body: { error: 'some_code', message: 'Some words.' } });
    const outcome = await run(['list', '--url', url]);
    expect(outcome.code).toBe(code);
    expect(outcome.out).toBe('');
    expect(outcome.err).toMatch(/^error: Some words\. \[some_code\]\n/);
  });

  it('is 4 where nothing listens, with a hint how to start a registry', async () => {
    const { code, err } = await run(['list', '--url', `http://127.0.0.1:${await closedPort()}`]);
    expect(code).toBe(4);
    expect(err).toMatch(/\nhint: is it running\? "chora-manifest dev"/);
  });

  it('is 4 where no answer comes in time, and the message says the time', async () => {
    const { url } = await member({ hold: true });
    const { code, err } = await run(['list', '--timeout', '0.2', '--url', url]);
    expect(code).toBe(4);
    // Nothing can have been carried out: it was a question.
    expect(err).toBe(`error: ${url} did not answer within 0.2 s\n`);
  });

  it.each<[string, PreparedAnswer]>([
    ['says what is not JSON', { body: '<html>' }],
    ['sends elsewhere', { status: 302, headers: { location: 'http://elsewhere' }, body: {} }],
    ['says JSON of another kind', { body: { pets: 2 } }],
    ['says a list of something else', { body: [1, 2] }],
  ])('is 1 where something answers that is no registry: it %s', async (_what, answer) => {
    const { url } = await member(answer);
    for (const command of ['list', 'status']) {
      const { code, out, err } = await run([command, '--url', url]);
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toContain('registry');
      expect(err).not.toContain('    at ');
    }
  });

  it.each([['list'], ['watch'], ['register', 'a', '--version', '1.0.0', '--interface', 'CLI=a']])(
    'is 1 at the gRPC port, which %s names',
    async (...command) => {
      const grpc = await startGrpc();
      const { code, out, err } = await run([...command, '--url', `http://${grpc.address}`]);
      await grpc.close();
      expect({ code, out }).toEqual({ code: 1, out: '' });
      expect(err).toBe(
        `error: what answers at http://${grpc.address} does not speak HTTP/1.1\n` +
          'hint: is it the gRPC port? Give the REST port with --url: 8500 where gRPC has 8502\n',
      );
    },
  );

  it.each<[string, PreparedAnswer]>([
    ['a page', { body: '<html>' }],
    ['a redirection', { status: 302, headers: { location: 'http://elsewhere' }, body: {} }],
  ])('is 1 for a deregistration that was answered by %s: nothing was deregistered', async (_what, answer) => {
    const { url } = await member(answer);
    const { code, out, err } = await run(['deregister', 'a', 'a-1', '--url', url]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('is not a registry');
  });

  it.each([
    ['--url', 'localhost:8500', '--url (or MANIFEST_URL) must be like http://localhost:8500, not "localhost:8500"'],
    ['--url', 'ftp://host', 'not "ftp://host"'],
    ['--url', ' , ', 'not ""'],
    ['--timeout', 'long', '--timeout must be a time such as 10s'],
    ['--timeout', '0', '--timeout must be a time such as 10s'],
  ])('is 2 for %s "%s"', async (flag, value, message) => {
    const { code, err } = await run(['list', flag, value]);
    expect(code).toBe(2);
    expect(err).toContain(message);
  });

  it('of a refused token comes with a hint where to give one', async () => {
    const { url } = await member({ status: 401, body: { error: 'unauthorized', message: 'No token.' } });
    expect((await run(['deregister', 'a', 'b', '--url', url])).err).toContain(
      'hint: give the token with MANIFEST_AUTH_TOKEN',
    );
  });
});
