import type { Command } from 'commander';
import type { DependencyGraph } from '../../registry/dependencies.ts';
import type { CommandIo } from '../command-io.ts';
import { addConnectionOptions, type ConnectionFlags, connectionFrom } from '../connection-options.ts';
import { CommandError, exitCodes, exitCodesHelp } from '../exit-codes.ts';
import { partOf, renderDot, renderMermaid, renderTree } from '../graph-views.ts';
import { type OutputFormat, renderData } from '../output.ts';
import { ask } from '../registry-client.ts';

interface GraphFlags extends ConnectionFlags {
  readonly dependents?: boolean;
}

const formats: readonly OutputFormat[] = ['tree', 'dot', 'json', 'mermaid', 'yaml'];

export function addGraphCommand(program: Command, io: CommandIo): void {
  addConnectionOptions(program.command('graph'), formats)
    .argument('[NAME]', 'only this service and what it depends on, over others too')
    .summary('show who depends on whom, and what is missing')
    .description('Shows who depends on whom with the health of each, which services are missing, and every cycle.')
    .option('--dependents', 'the other way round: what depends on it, and breaks if it stops')
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest graph
  $ chora-manifest graph billing --dependents
  $ chora-manifest graph -o dot | dot -Tsvg > services.svg
  $ chora-manifest graph -o json | jq -r '.startup_order[] | join(" ")'
${exitCodesHelp}`,
    )
    .action((name: string | undefined, flags: GraphFlags) => showGraph(name ?? null, flags, io));
}

async function showGraph(name: string | null, flags: GraphFlags, io: CommandIo): Promise<void> {
  const question = { method: 'GET', path: '/v1/dependencies', repeatable: true } as const;
  const { body } = await ask(connectionFrom(flags), question);
  if (!isGraph(body)) {
    throw new CommandError('the answer holds no graph of services; is this the address of a registry?');
  }
  const direction = flags.dependents ? 'dependents' : 'dependencies';
  const graph = name === null ? body : partOf(body, name, direction);
  if (name !== null && graph.services.length === 0 && graph.missing.length === 0) {
    throw new CommandError(`no instance of service "${name}" is listed, and nothing depends on it`, exitCodes.notFound);
  }
  io.write(renderData(graph, flags.output) ?? render(graph, name, direction, flags.output, io.colour));
}

function render(
  graph: DependencyGraph,
  name: string | null,
  direction: 'dependencies' | 'dependents',
  format: OutputFormat,
  colour: boolean,
): string {
  if (format === 'dot') return renderDot(graph);
  if (format === 'mermaid') return renderMermaid(graph);
  return graph.services.length === 0 && name === null ? '' : renderTree(graph, name, direction, colour);
}

function isGraph(body: unknown): body is DependencyGraph {
  if (typeof body !== 'object' || body === null) return false;
  const { services, edges, missing, cycles, startup_order } = body as Partial<DependencyGraph>;
  return [services, edges, missing, cycles, startup_order].every((part) => Array.isArray(part));
}
