import { z } from 'zod';
import type { History, ProcessId } from './history.ts';
import type { Model } from './model.ts';
import { modelNames } from './models/all.ts';
import { type HistoryEvent, historyOf } from './recorder.ts';

/** The file's fault, with the line and, where there is one, the field. */
export class HistoryFileError extends Error {
  override readonly name = 'HistoryFileError';

  constructor(line: number, field: string | null, problem: string) {
    super(`line ${line}${field ? `, field ${field}` : ''}: ${problem}`);
  }
}

const changes = z.strictObject({
  removal: z.boolean().default(true),
  unhealthy: z.boolean().default(true),
  coldStart: z.boolean().default(true),
  forgetting: z.boolean().default(true),
});

const headerLine = z.strictObject({
  type: z.literal('history'),
  model: z.enum(modelNames),
  /** For the model `registry`: changes that may have happened by themselves. */
  options: changes.optional(),
});

const process = z.union([z.string(), z.int()]);
const time = z.number();

/** Operation and result are the model's; they are looked at in a second step. */
const eventLine = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('call'), process, time, op: z.unknown(), request: z.string().optional() }),
  z.strictObject({ type: z.literal('return'), process, time, result: z.unknown() }),
  z.strictObject({ type: z.literal('unknown'), process, time }),
  z.strictObject({ type: z.literal('fail'), process, time }),
]);

export type HistoryHeader = z.infer<typeof headerLine>;

/** The first line, if it says which model the history is of; `null` if it is an event already. @throws HistoryFileError */
export function readHeader(text: string): HistoryHeader | null {
  const [first] = linesOf(text);
  if (!first) throw new HistoryFileError(1, null, 'the history is empty');
  const json = parseJson(first);
  const isHeader = typeof json === 'object' && json !== null && 'type' in json && json.type === 'history';
  return isHeader ? parseShape(headerLine, json, first.number, '') : null;
}

/** @throws HistoryFileError that names the first line that cannot be right */
export function readHistory<State, Input, Output>(
  text: string,
  model: Model<State, Input, Output>,
): History<Input, Output> {
  const reader = new HistoryReader(model);
  const hasHeader = readHeader(text) !== null;
  for (const line of linesOf(text).slice(hasHeader ? 1 : 0)) reader.read(line);
  return historyOf(reader.events);
}

interface Line {
  readonly number: number;
  readonly text: string;
}

class HistoryReader<State, Input, Output> {
  readonly events: HistoryEvent<Input, Output>[] = [];
  readonly #model: Model<State, Input, Output>;
  readonly #open = new Map<ProcessId, { readonly input: Input; readonly line: number }>();
  readonly #requests = new Map<string, number>();
  #lastTime = Number.NEGATIVE_INFINITY;

  constructor(model: Model<State, Input, Output>) {
    this.#model = model;
  }

  read(line: Line): void {
    const event = parseShape(eventLine, parseJson(line), line.number, '');
    if (event.time < this.#lastTime) {
      const problem = `${event.time} is before the line above (${this.#lastTime}); lines stand in the order of their times`;
      throw new HistoryFileError(line.number, 'time', problem);
    }
    this.#lastTime = event.time;
    if (event.type === 'call') this.#readCall(event, line.number);
    else this.#readEnd(event, line.number);
  }

  #readCall(event: Extract<z.infer<typeof eventLine>, { type: 'call' }>, line: number): void {
    const { process, time, request } = event;
    const open = this.#open.get(process);
    if (open) {
      const problem = `${process} calls while its operation of line ${open.line} is under way; end that by return, fail or unknown`;
      throw new HistoryFileError(line, 'process', problem);
    }
    if (request !== undefined) {
      const earlier = this.#requests.get(request);
      if (earlier) throw new HistoryFileError(line, 'request', `${request} is the id of line ${earlier} already`);
      this.#requests.set(request, line);
    }
    const op = parseShape(this.#model.input, event.op, line, 'op');
    this.#open.set(process, { input: op, line });
    this.events.push({ type: 'call', process, time, op, ...(request === undefined ? {} : { request }) });
  }

  #readEnd(event: Exclude<z.infer<typeof eventLine>, { type: 'call' }>, line: number): void {
    const { process, time } = event;
    const open = this.#open.get(process);
    if (!open) throw new HistoryFileError(line, 'process', `${process} has no operation under way`);
    this.#open.delete(process);
    if (event.type !== 'return') {
      this.events.push({ type: event.type, process, time });
      return;
    }
    const result = parseShape(this.#model.output(open.input), event.result, line, 'result');
    this.events.push({ type: 'return', process, time, result });
  }
}

function linesOf(text: string): Line[] {
  return text
    .split('\n')
    .map((line, position) => ({ number: position + 1, text: line.trim() }))
    .filter((line) => line.text !== '');
}

function parseJson({ number, text }: Line): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HistoryFileError(number, null, `not JSON: ${error instanceof Error ? error.message : error}`);
  }
}

function parseShape<T>(schema: z.ZodType<T>, value: unknown, line: number, prefix: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = [...(prefix ? [prefix] : []), ...(issue?.path ?? [])].map(String).join('.');
  throw new HistoryFileError(line, path || null, issue?.message ?? 'not of the right shape');
}
