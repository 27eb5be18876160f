import type { Command } from 'commander';
import type { ClusterStatus, MemberStatus } from '../../registry/service.ts';
import type { CommandIo } from '../command-io.ts';
import { addConnectionOptions, type ConnectionFlags, connectionFrom } from '../connection-options.ts';
import { CommandError, exitCodes, exitCodesHelp } from '../exit-codes.ts';
import { type Colour, type Column, paint, printable, renderData, renderDuration, renderTable } from '../output.ts';
import { ask } from '../registry-client.ts';

/** A member that does not answer has no say in its role, and its numbers are from when it last did. */
function stateOf({ role, reachable, voter }: MemberStatus): string {
  if (!reachable) return 'unreachable';
  return voter ? role : `${role} (learner)`;
}

function colourOf({ role, reachable }: MemberStatus): Colour | null {
  if (!reachable) return 'red';
  return role === 'leader' ? 'green' : null;
}

const columns: readonly Column<MemberStatus>[] = [
  { title: 'MEMBER', value: ({ id }) => id },
  { title: 'ROLE', value: stateOf, colour: colourOf },
  { title: 'TERM', value: ({ term }) => String(term) },
  { title: 'COMMIT', value: (member) => String(member.commit_index) },
  { title: 'APPLIED', value: (member) => String(member.applied_index) },
  { title: 'LAG', value: ({ lag }) => (lag === null ? '?' : String(lag)) },
  { title: 'UPTIME', value: (member) => (member.reachable ? renderDuration(member.uptime_seconds) : '?') },
  { title: 'VERSION', value: ({ version }) => version || '?' },
  { title: 'REST', value: (member) => member.rest_address || '?' },
];

export function renderStatus(status: ClusterStatus, colour: boolean): string {
  const leader =
    status.leader === null
      ? paint('no leader', 'red', colour)
      : `leader ${paint(printable(status.leader), 'green', colour)}`;
  const heading = `cluster ${printable(status.cluster_id)}: ${leader}, term ${status.term} (asked ${printable(status.node)})`;
  return `${heading}\n\n${renderTable(columns, status.members, colour)}\n`;
}

export function addStatusCommand(program: Command, io: CommandIo): void {
  addConnectionOptions(program.command('status'))
    .summary('show the members, who leads, and how far each has got')
    .description(
      'Shows the members of the cluster, who leads, and how far each has got. Ends with 4 when nobody leads.',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest status
  $ chora-manifest status --url http://localhost:8500,http://localhost:8510
  $ chora-manifest status -o json | jq -r .leader
${exitCodesHelp}`,
    )
    .action((flags: ConnectionFlags) => showStatus(flags, io));
}

async function showStatus(flags: ConnectionFlags, io: CommandIo): Promise<void> {
  const { body } = await ask(connectionFrom(flags), { method: 'GET', path: '/v1/cluster', repeatable: true });
  if (!isClusterStatus(body)) {
    throw new CommandError('the answer holds no status of a cluster; is this the address of a registry?');
  }
  io.write(renderData(body, flags.output) ?? renderStatus(body, io.colour));
  if (body.leader === null) throw new CommandError('the cluster has no leader', exitCodes.unavailable);
}

function isClusterStatus(body: unknown): body is ClusterStatus {
  return typeof body === 'object' && body !== null && Array.isArray((body as Partial<ClusterStatus>).members);
}
