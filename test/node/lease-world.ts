import { LeaseKeeper } from '../../src/node/lease-keeper.ts';
import type { RaftStatus } from '../../src/raft/types.ts';
import { encodeCommand, stampCommand } from '../../src/registry/commands.ts';
import type { Command, Stamp } from '../../src/registry/machine.ts';
import type { Metadata, Ttl } from '../../src/registry/records.ts';
import { RegistryState } from '../../src/registry/registry-state.ts';
import { registration } from '../registry/machine-driver.ts';

export const tickMs = 100;
export const maxContactAgeTicks = 3;

const membership = { voters: ['a', 'b', 'c'], votersOutgoing: [], learners: [], learnersNext: [] };

/**
 * One log, its state, and the lease keeper of whoever leads, on a clock that a test moves by hand. Proposals are stamped
 * as a member stamps them; the log takes them at once and applies them when it `commits`.
 */
export class LeaseWorld {
  readonly state = new RegistryState();
  /** Commands of the leader, in the order of the log. */
  readonly proposed: Command[] = [];
  keeper: LeaseKeeper;
  /** What the leader's core shows, as far as the lease keeper looks at it. */
  raft: RaftStatus = {
    id: 'a',
    term: 0,
    role: 'leader',
    leaderId: 'a',
    votedFor: 'a',
    commitIndex: 0,
    lastIndex: 0,
    stableIndex: 0,
    appliedIndex: 0,
    logStart: { index: 0, term: 0 },
    snapshotIndex: 0,
    membership,
    termOpened: true,
    quorumContactAgeTicks: 0,
    leaderContactAgeTicks: 0,
    vouches: true,
    transferTarget: null,
    progress: [],
  };
  /** False: the disk hangs, or the followers are gone; entries wait in the log. */
  commits = true;
  /** False: the leader's proposals are refused. */
  takesProposals = true;
  wallMs = 1_700_000_000_000;
  #log: Uint8Array[] = [];

  constructor() {
    this.keeper = this.#newKeeper();
    this.lead();
  }

  #newKeeper(): LeaseKeeper {
    return new LeaseKeeper((command) => {
      if (!this.takesProposals) return;
      this.proposed.push(command);
      this.append(command);
    }, maxContactAgeTicks);
  }

  /** Another member is elected: it has the log and nothing else of its predecessor. Its first tick begins its reign. */
  lead(coldStart = false): void {
    this.keeper = this.#newKeeper();
    this.raft = { ...this.raft, term: this.raft.term + 1 };
    this.append({ type: 'open-term', term: this.raft.term, coldStart });
    this.tick(0);
  }

  /** Puts a command into the log, stamped by the leader. */
  append(command: Command): void {
    const stamp: Stamp = { wallMs: this.wallMs, leaseMs: this.keeper.stampMs(this.state) };
    this.#log.push(stampCommand(encodeCommand('', command), stamp));
    this.raft = { ...this.raft, lastIndex: this.state.appliedIndex + this.#log.length };
    this.commit();
  }

  /** Applies what waits, where the log commits. */
  commit(): void {
    if (!this.commits) return;
    for (const data of this.#log.splice(0)) {
      for (const { type, instance } of this.state.apply(this.state.appliedIndex + 1, data).events) {
        if (type === 'registered' || type === 'updated') this.keeper.registered(instance);
      }
    }
  }

  tick(elapsedMs: number): void {
    this.keeper.tick(elapsedMs, this.raft, this.state);
  }

  /** Time goes by, in ticks as a member takes them; after each, `during` may do something. */
  pass(durationMs: number, during: () => void = () => {}): void {
    for (let passedMs = 0; passedMs < durationMs; passedMs += tickMs) {
      this.wallMs += tickMs;
      this.tick(tickMs);
      during();
    }
  }

  register(id: string, ttl: Partial<Ttl> = {}, metadata: Metadata = {}): number {
    const whole = registration('svc', id, metadata);
    const command = { ...whole, ttl: { ...whole.ttl, ...ttl } };
    this.append({ type: 'register', registration: command, validateDependencies: false });
    return this.state.find('svc', id)?.leaseId ?? 0;
  }

  heartbeat(...leaseIds: readonly number[]): void {
    this.append({ type: 'heartbeats', leaseIds });
  }

  /** `gone` for what is not listed. */
  statusOf(id: string): string {
    return this.state.find('svc', id)?.status ?? 'gone';
  }

  /** How much lease time goes by until the instance has another status. */
  untilChange(id: string, limitMs = 200_000): { readonly to: string; readonly afterMs: number } {
    const before = this.statusOf(id);
    for (let afterMs = tickMs; afterMs <= limitMs; afterMs += tickMs) {
      this.pass(tickMs);
      if (this.statusOf(id) !== before) return { to: this.statusOf(id), afterMs };
    }
    throw new Error(`${id} stayed ${before} for ${limitMs} ms.`);
  }

  get expiries(): number {
    return this.proposed.filter((command) => command.type === 'expire').length;
  }
}
