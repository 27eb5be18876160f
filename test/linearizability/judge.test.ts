import { describe, expect, test } from 'vitest';
import { drawFrom, generateHistory } from './generate.ts';
import { registerInputs } from './inputs.ts';
import { judge } from './judge.ts';
import { type RegisterInput, type RegisterOutput, registerModel } from './models/register.ts';
import { createRegister } from './objects.ts';
import { HistoryRecorder } from './recorder.ts';
import { historyFrom } from './script.ts';
import { describeJudgement } from './timeline.ts';

const write = (value: number) => ({ type: 'write', value }) as const;
const read = { type: 'read' } as const;
const ok = { type: 'ok' } as const;
const value = (value: number | null) => ({ type: 'value', value }) as const;

describe('limits of the search', () => {
  const draw = drawFrom(7);
  const nextInput = registerInputs(draw, ['k']);
  const history = generateHistory({
    draw,
    processes: 8,
    operations: 200,
    lost: 0.1,
    nextInput,
    apply: createRegister(),
  });

  test('within them there is a verdict', () => {
    expect(judge(history, registerModel).verdict).toBe('linearizable');
  });

  test.each([{ memoMax: 50 }, { stepsMax: 50 }])('past them (%o) the answer is that it is not decided', (limits) => {
    expect(judge(history, registerModel, limits)).toMatchObject({
      verdict: 'not-decided',
      undecidedKeys: ['k'],
      violations: [],
    });
  });

  test('a key that is certainly wrong outweighs one that is not decided', () => {
    const wrong = historyFrom<RegisterInput, RegisterOutput>([['z', { ...read, key: 'wrong' }, value(1)]]);
    const both = judge([...wrong, ...history], registerModel, { memoMax: 50 });
    expect(both).toMatchObject({ verdict: 'not-linearizable', undecidedKeys: ['k'] });
  });
});

describe('what is said of a history that is wrong', () => {
  const noise = Array.from({ length: 40 }, (_, i) => ['n', write(100 + i), ok] as const);
  const history = historyFrom<RegisterInput, RegisterOutput>([
    ...noise,
    ['a', write(1), ok],
    ['c', write(2)],
    ['a', read, value(2)],
    ['b', read, value(1)],
    ['c', ok],
    ['a', read, value(2)],
  ]);
  const judgement = judge(history, registerModel);
  const [violation] = judgement.violations;

  test('the smallest prefix that has no order ends with the answer that broke it', () => {
    expect(violation?.culprit).toMatchObject({ process: 'b', input: read, output: value(1) });
  });

  test('only the operations whose answers contradict each other are shown', () => {
    expect(violation?.involved.map(({ process, input }) => `${process} ${input.type}`)).toEqual([
      'a write',
      'a read',
      'b read',
    ]);
  });

  test('the timeline is drawn', () => {
    expect(
      describeJudgement(judgement, registerModel)
        .split('\n')
        .map((line) => line.trimEnd()),
    ).toEqual([
      'not-linearizable: 45 operations on 1 keys, 0 with an unknown outcome, 45 steps tried',
      '',
      `key '': no order is left once b has the answer to "read"`,
      '  it could have been: 2',
      '    a |-----|                            write 1 → ok  (80.0–81.0 ms)',
      '    a             |------|               read → 2  (83.0–84.0 ms)',
      '  > b                          |-----|   read → 1  (85.0–86.0 ms)',
      '',
    ]);
  });
});

describe('the recorder', () => {
  test('keeps what failed for certain out of the history, and what is still open in it', () => {
    const recorder = new HistoryRecorder<RegisterInput, RegisterOutput>(() => 0);
    recorder.call('a', write(1)).failed();
    recorder.call('a', write(2)).unknown();
    recorder.call('a', write(3), 'request-3');
    expect(recorder.history()).toMatchObject([
      { input: write(2), output: null, returnedAt: Number.POSITIVE_INFINITY, request: null },
      { input: write(3), output: null, returnedAt: Number.POSITIVE_INFINITY, request: 'request-3' },
    ]);
  });

  test('refuses a second operation of a process that has one under way, and a second end', () => {
    const recorder = new HistoryRecorder<RegisterInput, RegisterOutput>();
    const call = recorder.call('a', read);
    expect(() => recorder.call('a', read)).toThrow('Process a calls while its last operation is under way.');
    call.returned(value(null));
    expect(() => call.unknown()).toThrow('An operation of process a ended twice.');
  });
});
