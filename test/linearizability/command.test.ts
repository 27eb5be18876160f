import { describe, expect, test } from 'vitest';
import { judgeCommand } from './command.ts';
import { HistoryRecorder } from './recorder.ts';

function run(text: string, ...options: string[]) {
  let printed = '';
  let complained = '';
  const code = judgeCommand(['history.jsonl', ...options], {
    read: (path) => {
      if (path !== 'history.jsonl') throw new Error(`there is no ${path}`);
      return text;
    },
    print: (more) => {
      printed += more;
    },
    complain: (more) => {
      complained += more;
    },
  });
  return { code, printed, complained };
}

const lines = (...events: object[]) => events.map((event) => JSON.stringify(event)).join('\n');
const header = { type: 'history', model: 'register' };
const call = (op: object, process = 'a', time = 1) => ({ type: 'call', process, time, op });
const returned = (result: object, process = 'a', time = 2) => ({ type: 'return', process, time, result });
const write = call({ type: 'write', value: 1 });
const ok = returned({ type: 'ok' });
const readOf = (value: number | null) => [call({ type: 'read' }, 'b', 3), returned({ type: 'value', value }, 'b', 4)];

describe('the exit code', () => {
  test('is 0 for a history that has an order', () => {
    const { code, printed } = run(lines(header, write, ok, ...readOf(1)));
    expect(code).toBe(0);
    expect(printed).toBe('linearizable: 2 operations on 1 keys, 0 with an unknown outcome, 2 steps tried\n');
  });

  test('is 1 for one that has none, and the key and the operations are printed', () => {
    const { code, printed } = run(lines(header, write, ok, ...readOf(null)));
    expect(code).toBe(1);
    expect(printed).toContain(`key ''`);
    expect(printed).toMatch(/> b .*read → null/);
  });

  test('is 2 when the limits were too small', () => {
    const { code, printed } = run(lines(header, write, ok, ...readOf(1)), '--steps-max', '1', '--memo-max', '1');
    expect(printed).toContain('not-decided');
    expect(code).toBe(2);
  });

  test('is 0 for --help, which shows a history', () => {
    const { code, printed } = run('', '--help');
    expect(code).toBe(0);
    expect(printed).toContain('{"type":"history","model":"register"}');
  });
});

test('what the log says about a request without an answer counts', () => {
  const lost = { ...write, request: 'r1' };
  const history = lines(header, lost, { type: 'unknown', process: 'a', time: 2 }, ...readOf(1));
  expect(run(history).code).toBe(0);
  expect(run(history, '--present', 'r1').code).toBe(0);
  expect(run(history, '--missing', 'r1').code).toBe(1);
  const unseen = lines(header, lost, { type: 'unknown', process: 'a', time: 2 }, ...readOf(null));
  expect(run(unseen, '--present', 'r1').code).toBe(0);
  expect(run(unseen, '--present', 'r1', '--read-at', '2.5').code).toBe(1);
});

test('what may have happened by itself is read from the first line', () => {
  const seen = [
    call({ type: 'register', name: 'web', id: 'a', version: '1' }),
    returned({ type: 'registered', leaseId: 1, created: true }),
    call({ type: 'get', name: 'web', id: 'a' }, 'a', 3),
    returned({ type: 'absent' }, 'a', 4),
  ];
  expect(run(lines({ type: 'history', model: 'registry' }, ...seen)).code).toBe(0);
  expect(run(lines({ type: 'history', model: 'registry', options: { removal: false } }, ...seen)).code).toBe(1);
});

test('what a recorder writes can be read', () => {
  const recorder = new HistoryRecorder(() => 5);
  recorder.call('a', { type: 'append', key: 'k', item: 1 }, 'r').returned({ type: 'ok' });
  recorder.call('a', { type: 'get', key: 'k' }).failed();
  recorder.call('b', { type: 'append', key: 'k', item: 2 }).unknown();
  expect(run(recorder.toJsonLines('append-map')).printed).toMatch(/^linearizable: 2 operations on 1 keys, 1 with/);
});

describe('bad input is refused with 64 and the place of the mistake', () => {
  test.each([
    ['nothing', '', 'line 1: the history is empty'],
    ['no JSON', `${lines(header)}\n{"type":`, 'line 2: not JSON: '],
    ['an unknown kind of line', lines(header, { type: 'cal' }), 'line 2, field type: '],
    ['a missing time', lines(header, { type: 'call', process: 'a', op: {} }), 'line 2, field time: '],
    ['an unknown field', lines(header, { ...write, tim: 1 }), 'line 2: '],
    ['an unknown operation', lines(header, call({ type: 'swap' })), 'line 2, field op.type: '],
    ['a value of the wrong type', lines(header, call({ type: 'write', value: {} })), 'line 2, field op.value: '],
    [
      'a result of another operation',
      lines(header, write, returned({ type: 'value', value: 1 })),
      'line 3, field result.type: ',
    ],
    [
      'an empty line does not shift the numbers',
      `${lines(header)}\n\n${lines(returned({}))}`,
      'line 3, field process: a has',
    ],
    [
      'two operations at once',
      lines(header, write, write),
      'line 3, field process: a calls while its operation of line 2',
    ],
    ['times that go back', lines(header, write, returned({ type: 'ok' }, 'a', 0)), 'line 3, field time: 0 is before'],
    [
      'a request named twice',
      lines(header, { ...write, request: 'r' }, ok, { ...write, time: 3, request: 'r' }),
      'line 4, field request: ',
    ],
    ['an unknown model', lines({ type: 'history', model: 'queue' }), 'line 1, field model: '],
    ['no model', lines(write), 'Name the model'],
  ])('%s', (_name, text, complaint) => {
    const { code, complained, printed } = run(text);
    expect({ code, printed }).toEqual({ code: 64, printed: '' });
    expect(complained).toContain(complaint);
  });

  test.each([
    ['another model than the file says', ['--model', 'registry'], 'The file is a history of the model register'],
    ['a model that there is not', ['--model', 'queue'], '--model must be one of register, append-map, registry'],
    ['a limit that is no number', ['--memo-max', 'much'], '--memo-max must be a whole number'],
    ['a time that is no number', ['--read-at', 'noon'], '--read-at must be a number'],
    ['an option that there is not', ['--fast'], "Unknown option '--fast'"],
    ['two files', ['other.jsonl'], 'Name one file'],
  ])('%s', (_name, options, complaint) => {
    const { code, complained } = run(lines(header), ...options);
    expect(code).toBe(64);
    expect(complained).toContain(complaint);
  });

  test('a file that is not there', () => {
    let complained = '';
    const code = judgeCommand(['/nowhere/at-all'], {
      read: () => {
        throw new Error('ENOENT');
      },
      print: () => {},
      complain: (text) => {
        complained = text;
      },
    });
    expect({ code, complained }).toEqual({ code: 64, complained: '/nowhere/at-all cannot be read: ENOENT\n' });
  });
});
