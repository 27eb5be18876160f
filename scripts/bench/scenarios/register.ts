import { type Case, type Contender, compare, throughputColumns, type Via } from '../compare.ts';
import type { LoadPlan } from '../load/load.ts';
import { probed } from '../probe.ts';
import type { Measured, Scenario } from '../scenario.ts';
import { putEtcd, recordBytes, registerGrpc, registerRest } from '../workloads.ts';
import { startFleets } from './fleet.ts';

const known = 10_000;

function registrations(face: 'REST' | 'gRPC'): Scenario {
  return {
    name: `register-${face.toLowerCase()}`,
    title: `Registrations, ${face}`,
    quick: true,
    async run(stage): Promise<Measured> {
      const { manifest, etcd } = await startFleets(stage, stage.settings.quick ? 0 : known);
      const target = manifest.grpcTargets[0] ?? '';
      await stage.onlyRuns(manifest);
      const own = face === 'REST' ? registerRest : await probed(target, registerGrpc, { less: 12, more: 12 });
      if (etcd) await stage.onlyRuns(etcd);
      const put = etcd ? await probed(etcd.grpcTargets[0] ?? '', putEtcd, { less: 2, more: 8 }) : null;
      const contenders = (what: string, numbers: () => () => LoadPlan['numbers']): Contender[] => [
        {
          system: manifest,
          operation: `register ${what}, ${face}`,
          request: own,
          numbers: numbers(),
          growsRevision: true,
        },
        ...(etcd && put
          ? [{ system: etcd, operation: `put ${what}`, request: put, numbers: numbers(), growsRevision: true }]
          : []),
      ];
      // Another million in front for each run, so that no id comes twice.
      const fresh = contenders('new ids', () => {
        let next = 1_000_000;
        return () => {
          const first = next;
          next += 1_000_000;
          return { first, count: 1_000_000 };
        };
      });
      const again = contenders(`one of ${known} ids again`, () => () => ({ first: 0, count: known }));
      const caseOf = (inFlight: number, via: Via, who: Contender[], goals: Case['goals'] = []): Case => ({
        inFlight,
        via,
        contenders: who,
        goals,
      });
      const most = caseOf(256, 'all', fresh, [
        { text: `${face} registrations against puts`, of: 0, to: 1, measure: 'throughput', ratio: 1.5 },
      ]);
      const alone = caseOf(1, 'leader', fresh, [
        { text: `${face} registration against a put, alone`, of: 0, to: 1, measure: 'p50', ratio: 1 },
      ]);
      return {
        method: `Records of ${recordBytes} bytes as JSON; etcd puts the same JSON under a key. New ids: no id comes twice, and etcd's keys are new as well. Again: ${known} ids in turn, each a re-registration with a new lease, and etcd overwrites as many keys.`,
        columns: throughputColumns,
        ...(await compare(
          stage,
          stage.settings.quick
            ? [alone, most]
            : [alone, caseOf(64, 'all', fresh), most, caseOf(256, 'all', again), caseOf(256, 'leader', fresh)],
        )),
      };
    },
  };
}

export const registerRestScenario = registrations('REST');
export const registerGrpcScenario = registrations('gRPC');
