import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { resolveFromLog } from './history.ts';
import { HistoryFileError, readHeader, readHistory } from './history-file.ts';
import { judge, type Verdict } from './judge.ts';
import { type ModelName, modelNames, withModel } from './models/all.ts';
import { anythingMayHappen } from './models/registry.ts';
import { defaultSearchLimits } from './search.ts';
import { describeJudgement } from './timeline.ts';

export const exitCodes: Readonly<Record<Verdict | 'bad-input', number>> = {
  linearizable: 0,
  'not-linearizable': 1,
  'not-decided': 2,
  'bad-input': 64,
};

const help = `Judges whether a recorded history is linearizable: whether all operations can be put into one
order that a single, correct object would allow, each between its call and its return.

  npm run judge -- FILE [options]        FILE may be - for standard input

  --model NAME          ${modelNames.join(', ')}; without it, the file's first line says so
  --present ID,ID       requests found in the system's log: they took effect
  --missing ID,ID       requests that are not in the log and can no longer get there: they did not
  --read-at MS          when the log was read (default: after the whole history); calls after that have
                        to see what was present
  --memo-max N          configurations remembered for a key (default ${defaultSearchLimits.memoMax})
  --steps-max N         steps tried for a key (default ${defaultSearchLimits.stepsMax})
  --help

Exit codes: 0 linearizable, 1 not linearizable, 2 not decided within the limits, 64 bad input.

A history is a file of JSON lines, in the order in which things happened. Times are milliseconds
for the reader of the timeline; they may not go back. A first line may name the model:

  {"type":"history","model":"register"}
  {"type":"call","process":"a","time":1,"op":{"type":"write","value":1},"request":"r1"}
  {"type":"call","process":"b","time":2,"op":{"type":"read"}}
  {"type":"return","process":"b","time":3,"result":{"type":"value","value":1}}
  {"type":"unknown","process":"a","time":4}

A process has one operation under way at a time. It ends with "return" and its result; with "unknown"
(or not at all) when no answer came, so that it may have happened, may still happen, or never; or with
"fail" when it certainly did not happen. "request" is optional: an id to look up in the system's log.

  model       op                                                   result
  register    {"type":"write","value":V}  (all with an optional    {"type":"ok"}
              {"type":"read"}              "key"; null at first)   {"type":"value","value":V}
              {"type":"compare-and-set","from":V,"to":V}           {"type":"ok"} or {"type":"other"}
  append-map  {"type":"put","key":K,"value":[V…]}  (empty lists    {"type":"ok"}
              {"type":"append","key":K,"item":V}    at first)      {"type":"ok"}
              {"type":"get","key":K}                               {"type":"value","value":[V…]}
  registry    {"type":"register","name":N,"id":I,"version":V}      {"type":"registered","leaseId":L,"created":B,"revision":R}
              {"type":"heartbeat","name":N,"id":I,"leaseId":L}     {"type":"ok"}, "not_found", "lease_mismatch", or
                                                                   {"type":"gone","cause":"deregistered" or "expired"}
              {"type":"deregister","name":N,"id":I,"leaseId":L}    {"type":"ok"}, "not_found", "lease_mismatch"
              {"type":"get","name":N,"id":I}                       {"type":"record","record":RECORD,"revision":R} or "absent"
              {"type":"list","name":N}                             {"type":"records","records":[RECORD…],"revision":R}
              RECORD is {"id":I,"version":V,"leaseId":L,"status":S,"revision":R}

In the registry's lines leaseId of a request, cause, status and revision may be left out; with revisions
more is found. The first line may rule out changes that nobody asked for, and so excuse less:
{"type":"history","model":"registry","options":{"removal":false,"unhealthy":false,"coldStart":false,"forgetting":false}}
`;

/** What the command is given, and where it writes. */
export interface CommandHost {
  readonly read: (path: string) => string;
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
}

export const realHost: CommandHost = {
  read: (path) => readFileSync(path === '-' ? 0 : path, 'utf8'),
  print: (text) => process.stdout.write(text),
  complain: (text) => process.stderr.write(text),
};

/** @returns the exit code */
export function judgeCommand(argv: readonly string[], host: CommandHost = realHost): number {
  try {
    const options = parse(argv);
    if (options === 'help') {
      host.print(help);
      return 0;
    }
    return judgeFile(options, host);
  } catch (error) {
    if (!(error instanceof BadInput) && !(error instanceof HistoryFileError)) throw error;
    host.complain(`${error.message}\n`);
    return exitCodes['bad-input'];
  }
}

/** What the caller has to put right. */
class BadInput extends Error {
  override readonly name = 'BadInput';
}

interface Options {
  readonly path: string;
  readonly model: ModelName | null;
  readonly present: ReadonlySet<string>;
  readonly missing: ReadonlySet<string>;
  readonly readAtMs: number;
  readonly memoMax: number;
  readonly stepsMax: number;
}

function judgeFile(
  { path, model: named, present, missing, readAtMs, memoMax, stepsMax }: Options,
  host: CommandHost,
): number {
  const text = readText(path, host);
  const header = readHeader(text);
  if (named && header && named !== header.model) {
    throw new BadInput(`The file is a history of the model ${header.model}, not ${named}.`);
  }
  const name = named ?? header?.model;
  if (!name) {
    throw new BadInput(
      `Name the model, with --model or in a first line: {"type":"history","model":"${modelNames[0]}"}`,
    );
  }
  return withModel(name, header?.options ?? anythingMayHappen, (model) => {
    const history = resolveFromLog(readHistory(text, model), { present, missing, readAtMs });
    const judgement = judge(history, model, { memoMax, stepsMax });
    host.print(describeJudgement(judgement, model));
    return exitCodes[judgement.verdict];
  });
}

function readText(path: string, host: CommandHost): string {
  try {
    return host.read(path);
  } catch (error) {
    throw new BadInput(`${path} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

function parse(argv: readonly string[]): Options | 'help' {
  const { values, positionals } = parseArguments(argv);
  if (values.help) return 'help';
  const [path, ...others] = positionals;
  if (path === undefined || others.length > 0) throw new BadInput('Name one file. See --help.');
  return {
    path,
    model: parseModel(values.model),
    present: parseIds(values.present),
    missing: parseIds(values.missing),
    readAtMs: parseTime('read-at', values['read-at']),
    memoMax: parseLimit('memo-max', values['memo-max'], defaultSearchLimits.memoMax),
    stepsMax: parseLimit('steps-max', values['steps-max'], defaultSearchLimits.stepsMax),
  };
}

function parseArguments(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        model: { type: 'string' },
        present: { type: 'string' },
        missing: { type: 'string' },
        'read-at': { type: 'string' },
        'memo-max': { type: 'string' },
        'steps-max': { type: 'string' },
        help: { type: 'boolean' },
      },
    });
  } catch (error) {
    throw new BadInput(`${error instanceof Error ? error.message : error}. See --help.`);
  }
}

function parseModel(value: string | undefined): ModelName | null {
  if (value === undefined) return null;
  const found = modelNames.find((name) => name === value);
  if (!found) throw new BadInput(`--model must be one of ${modelNames.join(', ')}, not ${value}.`);
  return found;
}

function parseIds(value: string | undefined): ReadonlySet<string> {
  return new Set(value?.split(',').filter((id) => id !== ''));
}

function parseLimit(name: string, value: string | undefined, standard: number): number {
  if (value === undefined) return standard;
  const limit = Number(value);
  if (!Number.isSafeInteger(limit) || limit < 1)
    throw new BadInput(`--${name} must be a whole number from 1, not ${value}.`);
  return limit;
}

function parseTime(name: string, value: string | undefined): number {
  if (value === undefined) return Number.POSITIVE_INFINITY;
  const timeMs = Number(value);
  if (value.trim() === '' || !Number.isFinite(timeMs)) throw new BadInput(`--${name} must be a number, not ${value}.`);
  return timeMs;
}
