import { type Command, Option } from 'commander';
import type { CommandIo } from '../command-io.ts';
import { DevCluster } from '../dev-cluster.ts';
import { prepareData } from '../dev-data.ts';
import type { JournalLine } from '../dev-journal.ts';
import type { DevMember } from '../dev-member.ts';
import {
  environmentOfMembers,
  type PlannedMember,
  parseBasePort,
  parseMemberCount,
  planCluster,
  restUrlOf,
} from '../dev-plan.ts';
import { CommandError, exitCodes } from '../exit-codes.ts';
import { type Colour, paint, renderTable } from '../output.ts';
import { checkPorts } from '../ports.ts';
import { watchStopSignals } from '../stop-signals.ts';
import { version } from '../version.ts';
import { checkEnvironment } from './serve.ts';

interface DevFlags {
  readonly nodes: string;
  readonly basePort: string;
  readonly data: string;
  readonly fresh?: boolean;
}

const colours: Readonly<Record<JournalLine['kind'], Colour | null>> = { good: 'green', bad: 'red', plain: null };

/** What others call it, and no misspelling that the parser would recognize. */
const notNodes = new Option('--members <COUNT>').hideHelp().argParser((count) => {
  throw new CommandError(`how many members is said with --nodes ${count}`, exitCodes.usage);
});

export function addDevCommand(program: Command, io: CommandIo): void {
  program
    .command('dev')
    .summary('run a whole cluster on this machine')
    .description('Runs a whole cluster on loopback, a process for each member, and tells what happens in it.')
    .option('--nodes <COUNT>', 'how many members: 1, 3, 5 or 7', '3')
    .addOption(notNodes)
    .option('--base-port <PORT>', 'REST port of the first member; the others follow in steps of ten', '8500')
    .option('--data <DIR>', 'where data and logs are kept', '.manifest/dev')
    .option('--fresh', 'forget the data of earlier runs')
    .addHelpText(
      'after',
      `
Of each member, gRPC is two ports above REST and the other members reach it three above.
Kill a member with kill -9 and watch: the others go on, and it is started again.
Ctrl+C stops them all and keeps their data; twice, it ends them at once.

Examples:
  $ chora-manifest dev
  $ chora-manifest dev --nodes 5 --base-port 9500 --data /tmp/five --fresh
  $ MANIFEST_UNHEALTHY_AFTER=3 MANIFEST_HEARTBEAT_INTERVAL=1 chora-manifest dev`,
    )
    .action((flags: DevFlags) => dev(flags, io));
}

async function dev(flags: DevFlags, io: CommandIo): Promise<void> {
  const memberCount = parseMemberCount(flags.nodes);
  const plan = planCluster(memberCount, parseBasePort(flags.basePort, memberCount), flags.data);
  checkEnvironment(environmentOfMembers(process.env));
  const ports = plan.flatMap(({ restPort, grpcPort, peerPort }) => [restPort, grpcPort, peerPort]);
  const options = ports.map((port) => ({ port, option: '--base-port' }));
  await checkPorts(options, '127.0.0.1');
  prepareData(flags.data, plan, flags.fresh === true);

  const signals = watchStopSignals();
  const tell = ({ kind, text }: JournalLine) =>
    io.write(`${paint(timeOfDay(), 'dim', io.colour)}  ${paint(text, colours[kind], io.colour)}\n`);
  const cluster = new DevCluster(plan, tell, (leader) => io.write(renderFirstSteps(plan, leader.processId)));
  cluster.start();
  io.write(renderHeading(cluster.members, flags.data, io.colour));

  void signals.again.then(() => cluster.kill());
  await signals.first;
  tell({ kind: 'plain', text: 'stopping; Ctrl+C again ends it at once' });
  await cluster.stop();
  tell({ kind: 'plain', text: 'stopped; the data is kept, --fresh begins anew' });
}

function renderHeading(members: readonly DevMember[], data: string, colour: boolean): string {
  const columns = [
    { title: 'MEMBER', value: ({ plan }: DevMember) => plan.id },
    { title: 'REST', value: ({ plan }: DevMember) => restUrlOf(plan) },
    { title: 'GRPC', value: ({ plan }: DevMember) => `localhost:${plan.grpcPort}` },
    { title: 'PROCESS', value: ({ processId }: DevMember) => String(processId ?? '') },
    { title: 'LOG', value: ({ plan }: DevMember) => plan.logFile },
  ];
  const title = `Manifest ${version}: ${members.length} ${members.length === 1 ? 'member' : 'members'}, data in ${data}`;
  return `${paint(title, 'bold', colour)}\n\n${renderTable(columns, members, colour)}\n\n`;
}

export function renderFirstSteps(plan: readonly PlannedMember[], leaderProcessId: number | undefined): string {
  const [first] = plan;
  const url = first ? restUrlOf(first) : '';
  const at = first?.restPort === 8500 ? '' : ` --url ${url}`;
  const kill =
    plan.length > 1 && leaderProcessId !== undefined
      ? `  kill -9 ${leaderProcessId}      the leader: watch another member take over\n`
      : '';
  return `
Try in another terminal:
  curl -s ${url}/v1/services
  npx chora-manifest status${at}
  npx chora-manifest register hello --version 1.0.0 --interface REST=http://localhost:9000${at}
${kill}
Ctrl+C stops the cluster and keeps its data.

`;
}

function timeOfDay(): string {
  return new Date().toTimeString().slice(0, 8);
}
