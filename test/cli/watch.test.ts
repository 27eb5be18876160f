import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { type WatchedEvent, watchRegistry } from '../../src/cli/registry-watch.ts';
import { freePorts } from '../process/cluster.ts';
import { type Outcome, run, type Surroundings } from './command-line.ts';
import { type PreparedAnswer, recordOf, ScriptedMember, type SeenRequest } from './scripted-member.ts';

const members: ScriptedMember[] = [];

afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.stop()));
});

/** @param answers one for each request, the last one for all that follow */
async function member(...answers: readonly PreparedAnswer[]): Promise<ScriptedMember> {
  let next = 0;
  const started = await ScriptedMember.start(() => answers[Math.min(next++, answers.length - 1)] ?? {});
  members.push(started);
  return started;
}

function stream(text: string, then?: 'stay' | 'hang up'): PreparedAnswer {
  return { headers: { 'content-type': 'text/event-stream; charset=utf-8' }, body: text, ...(then ? { then } : {}) };
}

function change(event: string, revision: number, more: Readonly<Record<string, unknown>> = {}): string {
  return `id: ${revision}\nevent: ${event}\ndata: ${JSON.stringify(recordOf('a', `a-${revision}`, more))}\n\n`;
}

const mark = (event: string, revision: number) =>
  `id: ${revision}\nevent: ${event}\ndata: {"revision":${revision}}\n\n`;
const compacted = 'event: compacted\ndata: {"revision":50}\n\n';
const current = (id: string) => `event: current\ndata: ${JSON.stringify(recordOf('a', id))}\n\n`;

/** Runs `watch` until standard output has so many lines, then sends the signal of Ctrl+C. */
async function watchLines(args: readonly string[], lines: number, surroundings: Surroundings = {}): Promise<Outcome> {
  const signals = new EventEmitter();
  const onWrite = (out: string) => {
    if (out.split('\n').length > lines) signals.emit('SIGINT');
  };
  return run(['watch', ...args], { ...surroundings, signals, onWrite });
}

const lastEventIds = ({ requests }: ScriptedMember) =>
  requests.map(({ headers }: SeenRequest) => headers['last-event-id']);

describe('watch', () => {
  it('prints a plain line for each change where no terminal is, and ends well with Ctrl+C', async () => {
    const { url } = await member(
      stream(
        mark('progress', 6) +
          change('registered', 7) +
          change('updated', 8, { changed: ['version', 'metadata'] }) +
          change('expired', 9, { status: 'down', changed: ['status'] }),
        'stay',
      ),
    );
    expect(await watchLines(['--url', url], 3)).toEqual({
      code: 0,
      out: '7 registered a/a-7 up 1.0.0 -\n8 updated a/a-8 up 1.0.0 version,metadata\n9 expired a/a-9 down 1.0.0 status\n',
      err: '',
    });
  });

  it('prints an object a line as JSON', async () => {
    const { url } = await member(stream(current('a-1') + mark('synced', 6) + change('status', 7), 'stay'));
    const { out } = await watchLines(['-o', 'json', '--initial', '--url', url], 3);
    expect(
      out
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { event: 'current', record: recordOf('a', 'a-1') },
      { event: 'synced', revision: 6 },
      { event: 'status', revision: 7, record: recordOf('a', 'a-7') },
    ]);
  });

  it('shows a person the time, the change, and what is new', async () => {
    const { url } = await member(
      stream(change('registered', 7) + change('updated', 8, { changed: ['version'], version: '2.0.0' }), 'stay'),
    );
    const { out, err } = await watchLines(['--url', url], 2, { isTerminal: true });
    expect(err).toBe('Watching; Ctrl+C ends it.\n');
    expect(out.split('\n')).toEqual([
      expect.stringMatching(/^\d\d:\d\d:\d\d {2}registered {4}a\/a-7 {2}up {2}1\.0\.0 {2}REST=http:.*$/),
      expect.stringMatching(/^\d\d:\d\d:\d\d {2}updated {7}a\/a-8 {2}up {2}2\.0\.0 {2}changed: version$/),
      '',
    ]);
    const painted = await watchLines(['--url', url], 2, { isTerminal: true, colour: true });
    expect(painted.out).toContain('\u001b[32mregistered');
  });

  it('lets no record move the cursor of the terminal', async () => {
    const { url } = await member(
      stream(change('updated', 7, { version: '\u001b[2J', changed: ['\u001b[2J'], status: '\u001b[2J' }), 'stay'),
    );
    for (const isTerminal of [true, false]) {
      expect((await watchLines(['--url', url], 1, { isTerminal })).out).not.toContain('\u001b');
    }
  });

  it('hands on the conditions, the name and the beginning', async () => {
    const asked = await member(stream(change('status', 7), 'stay'));
    await watchLines(['billing', '--tag', 'a', '--metadata', 'zone=b', '--from', '6', '--url', asked.url], 1);
    expect(asked.last.url.pathname).toBe('/v1/watch');
    expect(Object.fromEntries(asked.last.url.searchParams)).toEqual({
      tag: 'a',
      'metadata.zone': 'b',
      service: 'billing',
    });
    expect(asked.last.headers['last-event-id']).toBe('6');
  });

  it('says to a person that the beginning asked for is in the future, and shows what there is', async () => {
    const { url } = await member(stream(compacted + current('a-1') + mark('synced', 50), 'stay'));
    const future = await watchLines(['--from', '900', '--url', url], 3, { isTerminal: true });
    expect(future.err).toContain('Revision 900 has not been reached: the registry is at 50.');
    expect(future.out).toContain('a/a-1');
    const past = await watchLines(['--from', '3', '--url', url], 3, { isTerminal: true });
    expect(past.err).not.toContain('reached');
    expect((await watchLines(['--from', '900', '--url', url], 3)).err).toBe('');
  });

  it.each<[number, PreparedAnswer]>([
    [2, { status: 400, body: { error: 'invalid_parameter', message: 'status must be "up".' } }],
    [4, { status: 503, body: { error: 'service_unavailable', message: 'No leader.' } }],
    [5, { status: 401, body: { error: 'unauthorized', message: 'No token.' } }],
    [1, { body: '<html>' }],
    [1, { body: {} }],
  ])('ends with %i when its beginning is answered by %j', async (code, answer) => {
    const { url } = await member(answer);
    expect(await run(['watch', '--url', url])).toMatchObject({ code, out: '' });
  });

  it('ends with 4 when no member is there at the beginning', async () => {
    const [port] = await freePorts(1);
    expect((await run(['watch', '--url', `http://127.0.0.1:${port}`])).code).toBe(4);
  });
});

describe('a watch over several members', () => {
  it.each<[string, 'hang up' | undefined, string]>([
    ['ends its stream', undefined, ''],
    ['tells why it ends its stream', undefined, 'event: closed\ndata: {"error":"service_unavailable"}\n\n'],
    ['is torn off', 'hang up', ''],
    ['is torn off within an event', 'hang up', change('registered', 9).slice(0, -5)],
  ])('goes on after the last event at the next member, where one %s', async (_what, then, end) => {
    const first = await member(stream(mark('progress', 6) + change('registered', 7) + mark('progress', 8) + end, then));
    const second = await member(stream(change('registered', 9), 'stay'));
    const { code, out } = await watchLines(['--url', `${first.url},${second.url}`], 2);
    expect(code).toBe(0);
    expect(out).toBe('7 registered a/a-7 up 1.0.0 -\n9 registered a/a-9 up 1.0.0 -\n');
    expect([lastEventIds(first), lastEventIds(second)]).toEqual([[undefined], ['8']]);
  });

  it('goes past members that are not there or have no leader', async () => {
    const [port] = await freePorts(1);
    const cut = await member({ status: 503, body: { error: 'service_unavailable', message: 'No leader.' } });
    const whole = await member(stream(change('registered', 7), 'stay'));
    const { code, out } = await watchLines(['--url', `http://127.0.0.1:${port},${cut.url},${whole.url}`], 1);
    expect({ code, out }).toEqual({ code: 0, out: '7 registered a/a-7 up 1.0.0 -\n' });
  });

  it('comes back to a member that was away, however often, and says so once', async () => {
    const gone: PreparedAnswer = { hangUp: true };
    const only = await member(stream(change('registered', 7)), gone, gone, stream(change('registered', 8), 'stay'));
    const { code, out, err } = await watchLines(['--url', only.url], 2);
    expect({ code, out }).toEqual({
      code: 0,
      out: '7 registered a/a-7 up 1.0.0 -\n8 registered a/a-8 up 1.0.0 -\n',
    });
    expect(lastEventIds(only)).toEqual([undefined, '7', '7', '7']);
    expect(err.split('\n')).toEqual([
      expect.stringMatching(/^no member answers; the watch goes on as soon as one does: /),
      `watching again, at ${only.url}`,
      '',
    ]);
  });

  it('shows what there is once, though the member that told it first stopped half way', async () => {
    const first = await member(stream(current('a-1') + current('a-2'), 'hang up'));
    const second = await member(stream(current('a-2') + current('a-3') + mark('synced', 9), 'stay'));
    const { out } = await watchLines(['--initial', '--url', `${first.url},${second.url}`], 3);
    expect(out).toBe('- current a/a-2 up 1.0.0 -\n- current a/a-3 up 1.0.0 -\n9 synced - - - -\n');
    expect(second.last.url.search).toBe('?initial=true');
  });

  it('shows what there is after a gap in the history once, too, and does not skip it', async () => {
    const first = await member(stream(`${compacted}${current('a-1')}${mark('progress', 55)}`, 'hang up'));
    const second = await member(stream(`${compacted}${current('a-2')}${mark('synced', 60)}`, 'stay'));
    const { out } = await watchLines(['--from', '7', '--url', `${first.url},${second.url}`], 3);
    expect(out).toBe('50 compacted - - - -\n- current a/a-2 up 1.0.0 -\n60 synced - - - -\n');
    expect(lastEventIds(second)).toEqual(['7']);
  });

  it('leaves a member that has fallen silent', async () => {
    const silent = await member(stream(change('registered', 7), 'stay'));
    const second = await member(stream(change('registered', 8), 'stay'));
    const connection = { urls: [silent.url, second.url], token: null, timeoutMs: 5_000 };
    const end = new AbortController();
    const seen: WatchedEvent[] = [];
    const request = { conditions: new URLSearchParams(), from: null, initial: false, silenceMs: 200 };
    for await (const event of watchRegistry(connection, request, end.signal, () => {})) {
      seen.push(event);
      if (seen.length === 2) end.abort();
    }
    expect(seen.map((event) => 'revision' in event && event.revision)).toEqual([7, 8]);
  });
});
