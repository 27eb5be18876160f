import type { Command } from 'commander';
import type { ClusterStatus, MemberStatus } from '../../registry/service.ts';
import { exitCodesHelp } from '../exit-codes.ts';
import { type OutputFormat, print, printJson, renderDuration, renderTable } from '../output.ts';
import { ask, type ConnectionOptions } from '../registry-client.ts';
import { addConnectionOptions } from './services.ts';

const columns = [
  { title: 'MEMBER', value: (member: MemberStatus) => member.id },
  { title: 'ROLE', value: (member: MemberStatus) => member.role },
  { title: 'TERM', value: (member: MemberStatus) => String(member.term) },
  { title: 'COMMIT', value: (member: MemberStatus) => String(member.commit_index) },
  { title: 'APPLIED', value: (member: MemberStatus) => String(member.applied_index) },
  { title: 'LAG', value: (member: MemberStatus) => (member.lag === null ? '?' : String(member.lag)) },
  { title: 'UPTIME', value: (member: MemberStatus) => renderDuration(member.uptime_seconds) },
  { title: 'VERSION', value: (member: MemberStatus) => member.version },
  { title: 'REST', value: (member: MemberStatus) => member.rest_address },
];

export function renderStatus(status: ClusterStatus): string {
  const leader = status.leader === null ? 'no leader' : `leader ${status.leader}`;
  const heading = `cluster ${status.cluster_id}: ${leader}, term ${status.term}, as ${status.node} sees it`;
  return `${heading}\n\n${renderTable(columns, status.members)}`;
}

export function addStatusCommand(program: Command): void {
  addConnectionOptions(program.command('status'))
    .summary('show the members, the leader and how far each has got')
    .addHelpText(
      'after',
      `
Examples:
  $ chora-manifest status
  $ chora-manifest status --url http://localhost:8510 -o json | jq -r .leader
${exitCodesHelp}`,
    )
    .action(async (flags: ConnectionOptions & { output: OutputFormat }) => {
      const { body } = await ask(flags, 'GET', '/v1/cluster');
      if (flags.output === 'json') printJson(body);
      else print(renderStatus(body as ClusterStatus));
    });
}
