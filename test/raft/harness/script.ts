import type { NodeId } from '../../../src/raft/types.ts';
import { Cluster } from './cluster.ts';
import { describeStatus, Trace } from './trace.ts';

/*
 * Scripts of messages with their expected trace. A script is text:
 *
 *   # A comment. Empty lines are kept as well.
 *   members a b c
 *   tick a 15
 *       a -> b  asks for a pre-vote in term 1, log ends at 0@0
 *
 * What is not indented is a step; what is indented under it is what happens by it. Steps:
 *
 *   members a b c            makes the cluster; must come first
 *   tick a 15                a's clock moves on; pass 15: everybody's, and the network delivers
 *   deliver a->b             what is in flight there now; deliver a->b 2: the first two; deliver all: until silence
 *   drop a->b                loses what is in flight there; cut a->b, heal a->b, heal all: from now on
 *   hold a                   a's writes stay under way; finish a: the one under way ends; release a: all do from now on
 *   propose a x y            read a 7        transfer a b        unreachable a b   disconnected a b
 *   snapshot a 2             a takes one and keeps two entries before it
 *   crash a, restart a       timeout a 3: the election timeouts that a draws from now on are 13 ticks
 *   elect a                  its timeout passes while the others' leases have ended, and everything is delivered
 *   status                   says where everybody stands
 *
 * `quietly STEP` does it without a trace.
 */

const indent = '    ';

/** The steps and comments of a script, each step followed by what really happened. */
export function runScript(script: string): string {
  const run = new ScriptRun();
  const output: string[] = [];
  for (const line of script.split('\n')) {
    if (line.startsWith(' ')) continue;
    output.push(line);
    if (line !== '' && !line.startsWith('#')) output.push(...run.step(line).map((happened) => indent + happened));
  }
  return output.join('\n');
}

class ScriptRun {
  readonly #trace = new Trace();
  #cluster: Cluster | null = null;

  step(line: string): readonly string[] {
    const words = line.split(' ');
    const isQuiet = words[0] === 'quietly';
    const [verb = '', ...rest] = isQuiet ? words.slice(1) : words;
    if (verb === 'members') {
      this.#cluster = new Cluster({ ids: rest, observer: this.#trace });
      return [];
    }
    const cluster = this.#cluster;
    if (cluster === null) throw new Error(`"${line}" comes before "members"`);
    if (verb === 'status') return [...cluster.members.keys()].map((id) => describeStatus(cluster, id));
    const step = steps.get(verb);
    if (step === undefined) throw new Error(`there is no step "${verb}"`);
    step(cluster, rest[0] ?? '', rest[1], rest.slice(1));
    const happened = this.#trace.take(cluster);
    return isQuiet ? [] : happened;
  }
}

/** `a->b` */
function way(word: string): readonly [NodeId, NodeId] {
  const [from, to] = word.split('->');
  if (from === undefined || to === undefined) throw new Error(`"${word}" is no way from one member to another`);
  return [from, to];
}

type Step = (cluster: Cluster, first: string, second: string | undefined, rest: readonly string[]) => void;

const count = (word: string | undefined) => (word === undefined ? undefined : Number(word));

const steps: ReadonlyMap<string, Step> = new Map<string, Step>([
  ['tick', (cluster, id, ticks) => cluster.tick(id, count(ticks))],
  ['pass', (cluster, ticks) => cluster.pass(Number(ticks))],
  [
    'deliver',
    (cluster, link, packets) => (link === 'all' ? cluster.settle() : cluster.deliver(...way(link), count(packets))),
  ],
  ['drop', (cluster, link) => cluster.drop(...way(link))],
  ['cut', (cluster, link) => cluster.cut(...way(link))],
  ['heal', (cluster, link) => (link === 'all' ? cluster.healAll() : cluster.heal(...way(link)))],
  [
    'hold',
    (cluster, id) => {
      cluster.member(id).writesAtOnce = false;
    },
  ],
  ['finish', (cluster, id) => cluster.member(id).completeWrite()],
  [
    'release',
    (cluster, id) => {
      const member = cluster.member(id);
      member.writesAtOnce = true;
      if (member.disk.underWay !== null) member.completeWrite();
    },
  ],
  [
    'propose',
    (cluster, id, _, commands) => {
      if (!cluster.propose(id, ...commands)) throw new Error(`${id} takes no proposal`);
    },
  ],
  ['read', (cluster, id, context) => cluster.read(id, Number(context))],
  ['transfer', (cluster, id, to) => cluster.transfer(id, to ?? '')],
  ['unreachable', (cluster, id, peer) => cluster.unreachable(id, peer ?? '')],
  ['disconnected', (cluster, id, peer) => cluster.disconnected(id, peer ?? '')],
  ['snapshot', (cluster, id, keepEntries) => cluster.takeSnapshot(id, count(keepEntries))],
  ['crash', (cluster, id) => cluster.crash(id)],
  ['restart', (cluster, id) => cluster.restart(id)],
  [
    'timeout',
    (cluster, id, extraTicks) => {
      cluster.extraElectionTicks.set(id, Number(extraTicks));
    },
  ],
  ['elect', (cluster, id) => cluster.elect(id)],
]);
