import { readFileSync } from 'node:fs';
import { nearestName } from './nearest-name.ts';
import { configVariable, type OptionSpec, optionTable, variableOf, variablesOfOthers } from './option-table.ts';

export interface OptionSources {
  /** By option name. */
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of a JSON file; the variable `MANIFEST_CONFIG` names it otherwise. */
  readonly configFile?: string | undefined;
}

/** What somebody gave, and the form in which they gave it, so that errors can speak of it in the same form. */
export type GivenOption =
  | { readonly form: 'flag' | 'variable' | 'default'; readonly text: string }
  | { readonly form: 'file'; readonly text: string; readonly file: string };

const specs: readonly OptionSpec[] = optionTable;
const specByName = new Map(specs.map((spec) => [spec.name, spec]));
const nameByVariable = new Map(specs.map((spec) => [variableOf(spec.name), spec.name]));

/** Flags win over variables, variables over the file. Problems are added to `problems`. */
export function gatherOptions(sources: OptionSources, problems: string[]): ReadonlyMap<string, GivenOption> {
  const given = new Map<string, GivenOption>();
  const file = sources.configFile ?? (sources.environment[configVariable] || undefined);
  if (file !== undefined) {
    const asGiven = sources.configFile === undefined ? `${configVariable}="${file}"` : `--config "${file}"`;
    for (const [name, option] of readConfigFile(file, asGiven, problems)) given.set(name, option);
  }
  for (const [name, option] of readVariables(sources.environment, problems)) given.set(name, option);
  for (const [name, text] of Object.entries(sources.flags)) {
    if (text !== undefined) given.set(name, { form: 'flag', text: text.trim() });
  }
  return given;
}

/** The option as its user wrote it: `--rest-port "85000"`, `MANIFEST_REST_PORT="85000"`, or as it is by default. */
export function asWritten(name: string, option: GivenOption | undefined): string {
  const spec = specByName.get(name);
  const text = option?.text ?? spec?.fallback ?? '';
  const value = spec?.secret ? '(secret)' : JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
  switch (option?.form) {
    case 'flag':
      return `--${name} ${value}`;
    case 'variable':
      return `${variableOf(name)}=${value}`;
    case 'file':
      return `"${name}": ${value} in ${option.file}`;
    default:
      return text === '' ? `--${name}` : `--${name} ${value} (the default)`;
  }
}

function* readConfigFile(file: string, asGiven: string, problems: string[]): Generator<[string, GivenOption]> {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    problems.push(
      error instanceof SyntaxError
        ? `${asGiven}: the file is not valid JSON (${reason})`
        : `${asGiven}: the file cannot be read (${reason})`,
    );
    return;
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    problems.push(`${asGiven}: the file must hold a JSON object, such as {"rest-port": 8500}`);
    return;
  }
  for (const [name, value] of Object.entries(content)) {
    if (!specByName.has(name)) {
      problems.push(`"${name}" in ${file}: there is no such option${suggestion(name, [...specByName.keys()])}`);
    } else if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      problems.push(`"${name}" in ${file}: must be a string, a number, true or false`);
    } else {
      yield [name, { form: 'file', text: String(value).trim(), file }];
    }
  }
}

/**
 * An empty variable counts as not given: a container's configuration cannot leave one out. Unknown ones are refused, as a
 * typing error in a name must not pass in silence.
 */
function* readVariables(
  environment: Readonly<Record<string, string | undefined>>,
  problems: string[],
): Generator<[string, GivenOption]> {
  for (const [variable, value = ''] of Object.entries(environment)) {
    if (!variable.startsWith('MANIFEST_') || isForOthers(variable, value)) continue;
    const name = nameByVariable.get(variable);
    if (name === undefined) {
      problems.push(`${variable}: there is no such option${suggestion(variable, [...nameByVariable.keys()])}`);
    } else if (value.trim() !== '') yield [name, { form: 'variable', text: value.trim() }];
  }
}

function isForOthers(variable: string, value: string): boolean {
  return variable === configVariable || variablesOfOthers.includes(variable) || isServiceLink(variable, value);
}

/**
 * Kubernetes and container links give every container variables about a service called "manifest" (or "manifest-…"),
 * such as `MANIFEST_SERVICE_HOST` and `MANIFEST_PORT=tcp://10.0.0.1:8500`. They are nobody's typing error.
 */
function isServiceLink(variable: string, value: string): boolean {
  if (nameByVariable.has(variable)) return false;
  return (
    /^MANIFEST_(\w+_)?SERVICE_(HOST|PORT(_\w+)?)$/.test(variable) ||
    /^MANIFEST_(\w+_)?PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(variable) ||
    (/^MANIFEST_(\w+_)?PORT$/.test(variable) && /^(tcp|udp|sctp):\/\//.test(value))
  );
}

function suggestion(name: string, candidates: readonly string[]): string {
  const nearest = nearestName(name, candidates);
  return nearest === null ? '; every option is listed by: chora-manifest serve --help' : `; did you mean ${nearest}?`;
}
