/** As V8 writes it, the parts that are used here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  /** Node that was on top at each sample. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

export interface Share {
  readonly what: string;
  /** Of the time in which the process did something, from 0 to 1. */
  readonly share: number;
}

/** Nothing was done, or by the profiler itself, which starts in `dispatch`: these do not count. */
const notWork = new Set(['(idle)', '(root)', 'dispatch']);

/** Where the time of all profiles went, most first: by function and by part of the program. */
export function sharesOf(profiles: readonly CpuProfile[]): { readonly functions: Share[]; readonly parts: Share[] } {
  const functions = new Map<string, number>();
  const parts = new Map<string, number>();
  let busy = 0;
  for (const { nodes, samples, timeDeltas } of profiles) {
    const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
    for (const [i, id] of samples.entries()) {
      const frame = frames.get(id);
      const micros = timeDeltas[i] ?? 0;
      if (!frame || (frame.url === '' && notWork.has(frame.functionName))) continue;
      busy += micros;
      const part = partOf(frame.url, frame.functionName);
      add(parts, part, micros);
      add(functions, `${frame.functionName || '(anonymous)'} ${fileOf(frame.url)}:${frame.lineNumber + 1}`, micros);
    }
  }
  return { functions: shares(functions, busy), parts: shares(parts, busy) };
}

function add(totals: Map<string, number>, key: string, value: number): void {
  totals.set(key, (totals.get(key) ?? 0) + value);
}

function shares(totals: ReadonlyMap<string, number>, all: number): Share[] {
  return [...totals].map(([what, value]) => ({ what, share: value / all })).sort((a, b) => b.share - a.share);
}

/** A package, a folder of this project, a part of Node, or what V8 names in parentheses. */
function partOf(url: string, functionName: string): string {
  const library = [...url.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].at(-1)?.[1];
  if (library) return library;
  const own = /\/dist\/([^/]+)\//.exec(url)?.[1];
  if (own) return `this project: ${own}`;
  if (url.startsWith('node:')) return url.replace('node:internal/', 'node:').split('/')[0] ?? url;
  return functionName.startsWith('(') ? functionName : 'native';
}

function fileOf(url: string): string {
  return url.replace(/^.*\/(node_modules|dist)\//, '');
}
