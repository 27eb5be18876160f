import type { Command } from 'commander';
import { collect, pairOf } from './flag-values.ts';

/** Conditions that are asked for under the name of their flag. */
const plainConditions = [
  'status',
  'environment',
  'region',
  'owner',
  'dependency',
  'interface',
  'version',
  'name',
] as const;

export interface FilterFlags extends Partial<Readonly<Record<(typeof plainConditions)[number], string>>> {
  readonly tag?: readonly string[];
  readonly metadata?: readonly string[];
  readonly instance?: string;
}

/** The registry's own conditions on instances, one flag for each. */
export function addFilterOptions(command: Command): Command {
  return addTraitOptions(
    command
      .option('--status <STATUS>', 'up, unhealthy, unknown, or down: no longer listed, which only a watch sees')
      .option('--name <PREFIX>', 'its service name begins with this')
      .option('--instance <ID>', 'has this id'),
  );
}

/** As `addFilterOptions`, without those that say which instances and in which health. */
export function addTraitOptions(command: Command): Command {
  return command
    .option('--tag <TAG>', 'has this tag; may be repeated, all must match', collect)
    .option('--version <RANGE>', 'has this version, or one in a range such as ^1.2')
    .option('--interface <TYPE>', 'offers this interface, such as gRPC')
    .option('--dependency <SERVICE>', 'depends on this service')
    .option('--environment <NAME>', 'development, staging or production')
    .option('--region <NAME>', 'is in this region')
    .option('--owner <NAME>', 'belongs to this owner')
    .option('--metadata <KEY=VALUE>', 'has this in its metadata; may be repeated, all must match', collect);
}

/** The conditions as parameters of a request. @throws CommandError */
export function conditionsFrom(flags: FilterFlags): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of plainConditions) {
    const value = flags[name];
    if (value !== undefined) query.append(name, value);
  }
  if (flags.instance !== undefined) query.append('instance_id', flags.instance);
  for (const tag of flags.tag ?? []) query.append('tag', tag);
  for (const pair of flags.metadata ?? []) {
    const [key, value] = pairOf(pair, '--metadata', 'KEY=VALUE, such as zone=b');
    query.append(`metadata.${key}`, value);
  }
  return query;
}
