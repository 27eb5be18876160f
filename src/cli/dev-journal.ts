import type { ClusterStatus } from '../registry/service.ts';

/** What a member said when it was asked how it is. */
export type Observation =
  | { readonly type: 'answer'; readonly status: ClusterStatus; readonly serves: boolean }
  | { readonly type: 'silence' };

export interface JournalLine {
  readonly kind: 'good' | 'bad' | 'plain';
  readonly text: string;
}

interface MemberView {
  state: 'starting' | 'serving' | 'silent' | 'ended';
  /** The term in which it says it leads and answers reads; `null` when it does not. */
  leadsInTerm: number | null;
  answeredMs: number;
}

/** Shorter silences happen on a busy machine and are not worth a line. */
const worthTellingMs = 2_000;

/** Turns what is seen of a cluster into lines, one for each thing that changed. Reads no clock: times are handed in. */
export class DevJournal {
  readonly #members: ReadonlyMap<string, MemberView>;
  readonly #startedMs: number;
  #leader: string | null = null;
  #leaderlessSinceMs: number;
  #ready = false;

  constructor(memberIds: readonly string[], nowMs: number) {
    this.#startedMs = nowMs;
    this.#leaderlessSinceMs = nowMs;
    this.#members = new Map(
      memberIds.map((id): [string, MemberView] => [id, { state: 'starting', leadsInTerm: null, answeredMs: nowMs }]),
    );
  }

  /** `null` before the first and between two leaders. */
  get leader(): string | null {
    return this.#leader;
  }

  /** A leader has served since the start. */
  get ready(): boolean {
    return this.#ready;
  }

  observed(id: string, observation: Observation, nowMs: number): readonly JournalLine[] {
    const member = this.#member(id);
    if (member.state === 'ended') return [];
    const lines = observation.type === 'answer' ? answered(id, member, observation, nowMs) : silent(id, member, nowMs);
    return [...lines, ...this.#judgeLeader(nowMs)];
  }

  /** Its process is gone. */
  ended(id: string, how: string, nowMs: number): readonly JournalLine[] {
    Object.assign(this.#member(id), { state: 'ended', leadsInTerm: null });
    return [{ kind: 'bad', text: `${id} ${how}` }, ...this.#judgeLeader(nowMs)];
  }

  startedAgain(id: string, processId: number | undefined): readonly JournalLine[] {
    this.#member(id).state = 'starting';
    return [{ kind: 'plain', text: `${id} is started again, process ${processId ?? 'unknown'}` }];
  }

  /** Of those who say they lead, the one in the greatest term: an older one has not heard of its end yet. */
  #judgeLeader(nowMs: number): readonly JournalLine[] {
    let leader: string | null = null;
    let term = -1;
    for (const [id, { leadsInTerm }] of this.#members) {
      if (leadsInTerm !== null && leadsInTerm > term) [leader, term] = [id, leadsInTerm];
    }
    if (leader === this.#leader) return [];
    const [before, wasReady] = [this.#leader, this.#ready];
    this.#leader = leader;
    if (leader === null) {
      this.#leaderlessSinceMs = nowMs;
      return [{ kind: 'bad', text: 'no leader' }];
    }
    this.#ready = true;
    if (!wasReady)
      return [{ kind: 'good', text: `cluster ready: leader ${leader} (${inSeconds(nowMs - this.#startedMs)})` }];
    const gap = before === null ? ` (${inSeconds(nowMs - this.#leaderlessSinceMs)} without one)` : '';
    return [{ kind: 'good', text: `${leader} leads in term ${term}${gap}` }];
  }

  #member(id: string): MemberView {
    const member = this.#members.get(id);
    if (!member) throw new RangeError(`There is no member ${id}.`);
    return member;
  }
}

function answered(
  id: string,
  member: MemberView,
  { status, serves }: Extract<Observation, { type: 'answer' }>,
  nowMs: number,
): readonly JournalLine[] {
  const before = member.state;
  member.state = 'serving';
  member.answeredMs = nowMs;
  member.leadsInTerm = serves && status.leader === id ? status.term : null;
  return before === 'silent' ? [{ kind: 'good', text: `${id} answers again` }] : [];
}

function silent(id: string, member: MemberView, nowMs: number): readonly JournalLine[] {
  if (member.state !== 'serving') return [];
  if (nowMs - member.answeredMs < worthTellingMs) return [];
  member.state = 'silent';
  member.leadsInTerm = null;
  return [{ kind: 'bad', text: `${id} does not answer, though its process is there` }];
}

function inSeconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`;
}
