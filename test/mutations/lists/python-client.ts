import type { Mutation } from '../mutation.ts';

export const pythonClientMutations: readonly Mutation[] = [
  {
    trap: 34,
    title: 'Each try of a call has an id of its own',
    file: 'clients/python/src/chora_manifest_client/transport.py',
    search: '            "X-Request-Id": request_id,',
    replacement: '            "X-Request-Id": uuid.uuid4().hex,',
    caughtBy: [
      {
        test: 'clients/python/tests/test_failover.py',
        named: 'test_an_answer_that_may_get_better_is_asked_for_again_under_the_same_id',
      },
    ],
  },
  {
    trap: 35,
    title: 'A heartbeat that is answered after the stop registers the instance again',
    file: 'clients/python/src/chora_manifest_client/heart.py',
    search:
      '            if self._is_over():\n                return Beat(is_last=True)\n            self._registration = self._leases.register(',
    replacement: '            self._registration = self._leases.register(',
    caughtBy: [{ test: 'clients/python/tests/test_heart.py' }],
  },
  {
    trap: 35,
    title: 'A heartbeat takes the instance back from whoever registered it last',
    file: 'clients/python/src/chora_manifest_client/heart.py',
    search: 'if registration is not None and registration.maybe_doubled:',
    replacement: 'if registration is not None:',
    caughtBy: [
      {
        test: 'clients/python/tests/test_heartbeats.py',
        named: 'test_leaves_the_instance_to_whoever_registered_it_last',
      },
    ],
  },
  {
    trap: 36,
    title: 'An empty answer that nothing confirms takes the place of a full one',
    file: 'clients/python/src/chora_manifest_client/answers.py',
    search: 'if known is not None and known.records and not answer.records and not _confirms(answer, known):',
    replacement: 'if known is None and not _confirms(answer, answer):',
    caughtBy: [
      {
        test: 'clients/python/tests/test_cached_registry.py',
        named: 'test_an_empty_answer_that_nothing_confirms_does_not_replace_a_full_one',
      },
    ],
  },
  {
    trap: 36,
    title: 'An empty answer of an older revision counts as confirmed',
    file: 'clients/python/src/chora_manifest_client/answers.py',
    search: 'return known.revision is None or empty.revision >= known.revision',
    replacement: 'return True',
    caughtBy: [
      {
        test: 'clients/python/tests/test_cached_registry.py',
        named: 'test_an_empty_answer_that_nothing_confirms_does_not_replace_a_full_one',
      },
    ],
  },
  {
    trap: 36,
    title: 'A watch of a registry that lost its data takes the place of what was known before',
    file: 'clients/python/src/chora_manifest_client/answers.py',
    search:
      '            if known.revision is not None and (answer.revision is None or answer.revision < known.revision):\n                return False\n',
    replacement: '',
    caughtBy: [
      {
        test: 'clients/python/tests/test_watched_answers.py',
        named: 'test_a_registry_that_lost_its_data_is_believed_once_it_lists_somebody',
      },
      {
        test: 'clients/python/tests/test_watched_answers.py',
        named: 'test_reads_do_not_go_back_when_a_watch_is_behind_what_was_asked',
      },
    ],
  },
  {
    trap: 36,
    title: 'A node that fell silent is taken to tell that nothing changes',
    file: 'clients/python/src/chora_manifest_client/mirror.py',
    search: 'return self._watch.is_connected and self._monotonic() - self._watch.heard_at < LEVEL_SECONDS',
    replacement: 'return self._watch.is_connected',
    caughtBy: [
      {
        test: 'clients/python/tests/test_watched_answers.py',
        named: 'test_a_node_that_falls_silent_is_not_believed_for_longer_than_the_lifetime',
      },
    ],
  },
  {
    trap: 37,
    title: 'A Python watch tells again what it was told before',
    file: 'clients/python/src/chora_manifest_client/watch_events.py',
    search: '            if told is not None and revision <= told:\n                return []\n',
    replacement: '',
    caughtBy: [
      {
        test: 'clients/python/tests/test_watch.py',
        named: 'test_goes_on_after_the_last_event_however_a_stream_ends',
      },
    ],
  },
  {
    trap: 37,
    title: 'A Python watch tells a state by halves',
    file: 'clients/python/src/chora_manifest_client/watch_events.py',
    search: '            self._state.append(WatchEvent("current", _record(data)))\n            return []',
    replacement: '            return [WatchEvent("current", _record(data))]',
    caughtBy: [
      {
        test: 'clients/python/tests/test_watch.py',
        named: 'test_a_state_is_told_whole_and_begins_anew_where_it_was_cut_short',
      },
    ],
  },
];
