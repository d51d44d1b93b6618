"""Mutants of the promises in docs/security.md: each is broken once, and a test that its row names has to mind."""

from __future__ import annotations

from mutant import Mutant

_TAKING_UP = "tests/station/attempt/test_taking_up.py"
_ATTACKS = "tests/firmware_catalog/test_catalogue_attacks.py"
_STORE = "tests/firmware_catalog/test_trust_store.py"
_IN_PRODUCTION = "tests/station/cli/test_flash_in_production.py"
_WIRING = "tests/station/test_trust_wiring.py"
_BROKER = "tests/security/test_broker_access.py"
_TLS = "tests/station/publishing/test_publisher_tls.py"
_VERIFY = "tests/station/records/test_verify.py"
_COPIES = "tests/station/records/test_copies.py"
_GAPS = "tests/station/bench/test_gaps.py"
_COUNTED = "tests/station/unlocking/test_counted_answers.py"
_RELOAD = "tests/station/catalogue/test_catalogue_reload.py"
_PAGES = "tests/inventory/test_pages.py"

PROMISE_MUTANTS = (
    Mutant(
        "a hub that no order lists is begun with",
        "station/attempt/authorise.py",
        '        return Rejected(Code.NOT_ON_ORDER, f"{hub.ids} is not on order {question.order}")\n',
        "        return None\n",
        ("tests/station/attempt/test_conduct.py::test_a_rejected_hub_is_never_unlocked_and_never_written",),
    ),
    Mutant(
        "a hub that is not Pending is begun with",
        "station/attempt/authorise.py",
        "    if isinstance(line, OrderLine) and line.inventory_status != DeviceStatus.PENDING:",
        "    if line.inventory_status not in set(DeviceStatus):",
        ("tests/station/attempt/test_conduct.py::test_a_rejected_hub_is_never_unlocked_and_never_written",),
    ),
    Mutant(
        "another hub is not told from the one that is meant",
        "drivers/hub.py",
        '        raise AnotherHub(what, action=action, state_known=state_known, advice="find the first hub")',
        "        del what, action, state_known",
        (
            "tests/station/attempt/test_which_hub.py::test_a_hub_exchanged_before_any_call_is_never_said_to_have_passed_for_the_other",
        ),
    ),
    Mutant(
        "an order that was closed meanwhile still permits",
        "station/attempt/permission.py",
        "        if order is not None and not self._is_worked_on(records, order):\n            order = None\n",
        "",
        (
            "tests/station/attempt/test_permission.py::test_an_order_has_to_be_open_and_the_jig_to_work_on_it_unless_the_hub_was_begun_elsewhere",
        ),
    ),
    Mutant(
        "what a release's owner says meanwhile is not asked",
        "station/attempt/permission.py",
        "        if vetoed is not None:",
        "        if vetoed is None and vetoed:",
        (f"{_TAKING_UP}::test_what_changes_while_the_answer_is_signed_keeps_it_from_being_given",),
    ),
    Mutant(
        "a hub that runs newer firmware is taken back",
        "station/attempt/permission.py",
        "        if hub.firmware > target:",
        "        if hub.firmware == target and hub.firmware > target:",
        (f"{_TAKING_UP}::test_a_hub_that_was_brought_further_elsewhere_is_not_taken_back",),
    ),
    Mutant(
        "what could not be settled is not said",
        "station/attempt/settling.py",
        '    return " and ".join(lacking) or None',
        "    return None",
        (
            f"{_TAKING_UP}::test_what_cannot_be_settled_is_said_and_kept_apart",
            f"{_TAKING_UP}::test_a_hub_whose_image_is_gone_is_settled_before_its_attempt_ends",
        ),
    ),
    Mutant(
        "answers that were given by hand are not added",
        "station/unlocking/counted_answers.py",
        "        return own + sum(",
        "        return own + 0 * sum(",
        (f"{_COUNTED}::test_answers_are_added_up_over_the_daemon_and_what_is_flashed_by_hand",),
    ),
    Mutant(
        "a station that stood still has not noticed",
        "station/bench/loop_watch.py",
        "            self._gaps += 1\n",
        "",
        (f"{_GAPS}::test_a_hub_that_still_sits_there_is_shown_again_and_is_no_new_visit",),
    ),
    Mutant(
        "an order closes over a hub in work",
        "station/records/conditions.py",
        "    if at_work := [place for attempt, place in still if attempt in live]:",
        "    if at_work := [place for attempt, place in still if attempt in live - set(ended)]:",
        (
            "tests/station/orders/test_desk.py::test_no_order_closes_over_a_hub_in_work_whatever_the_slots_say",
            "tests/station/orders/test_desk.py::test_a_hub_that_comes_while_its_order_is_closed_is_in_work_or_finds_it_closed",
        ),
    ),
    Mutant(
        "an emergency stop is forgotten over a restart",
        "station/daemon/assembly.py",
        "                stopped=stopped.get(jig.name),",
        "                stopped=None and stopped.get(jig.name),",
        (
            "tests/station/bench/test_latches.py::test_a_stop_outlives_the_station_and_nothing_begins_before_a_person_resets_the_jig",
        ),
    ),
    Mutant(
        "an image goes by one signature of whomever",
        "firmware_catalog/mcuboot_signature.py",
        "            except InvalidSignature:\n                continue\n",
        "            except InvalidSignature:\n                return\n",
        (
            "tests/firmware_catalog/test_mcuboot_signature.py::test_no_changed_byte_passes_for_the_makers_image",
        ),
    ),
    Mutant(
        "a file of another hash is taken for the release's",
        "firmware_catalog/checks.py",
        "    if sha256 != release.image.sha256:",
        "    if len(sha256) != len(release.image.sha256):",
        (f"{_ATTACKS}::test_arbitrary_software_is_refused",),
    ),
    Mutant(
        "a maker signs for another",
        "firmware_catalog/trust/listing.py",
        "        if release.model.manufacturer != manufacturer.name:",
        "        if not release.model.manufacturer:",
        (f"{_ATTACKS}::test_one_maker_cannot_sign_for_another",),
    ),
    Mutant(
        "what was accepted before is not held against what comes",
        "firmware_catalog/trust/checking.py",
        "            for path, content in accepted.items():",
        "            for path, content in {}.items():",
        (f"{_ATTACKS}::test_rolling_back_is_refused",),
    ),
    Mutant(
        "what was lost counts as a fresh start",
        "firmware_catalog/trust/store.py",
        "        if name == number or not number.isdecimal() or not (self.folder / name).is_dir():\n            raise self._damaged(current)\n",
        "        if name == number or not number.isdecimal() or not (self.folder / name).is_dir():\n            return 0\n",
        (f"{_STORE}::test_what_was_lost_is_no_fresh_start",),
    ),
    Mutant(
        "a clock that was set back is not looked at",
        "firmware_catalog/trust/store.py",
        "        if self.at is not None and now < self.at - _CLOCK_TOLERANCE:",
        "        if self.at is not None and now > self.at > now + _CLOCK_TOLERANCE:",
        (f"{_ATTACKS}::test_a_clock_that_went_back_is_noticed",),
    ),
    Mutant(
        "a configuration is taken over before its catalogue is accepted",
        "station/catalogue/keeping.py",
        "        async with self._renewing:\n            with suppress(CatalogError):  # the source",
        "        self._chosen = chosen\n        async with self._renewing:\n            with suppress(CatalogError):  # the source",
        (f"{_RELOAD}::test_a_refused_reload_changes_nothing_on_disk_or_in_memory",),
    ),
    Mutant(
        "by hand a release is given that was withdrawn meanwhile",
        "station/by_hand/release.py",
        '            return Rejected(Code.RELEASE_WITHDRAWN, f"no release of {hub.model} stands for this image")\n',
        "            return None\n",
        (f"{_IN_PRODUCTION}::test_a_release_that_is_withdrawn_while_it_is_flashed_is_not_activated",),
    ),
    Mutant(
        "a withdrawn release is given on",
        "station/attempt/release_gate.py",
        "        return None if all(step.image_sha256 in released for step in steps) else Code.RELEASE_WITHDRAWN",
        "        return None if released is not None else Code.RELEASE_WITHDRAWN",
        (f"{_WIRING}::test_a_release_withdrawn_while_a_hub_has_it_stops_that_hub_and_the_next",),
    ),
    Mutant(
        "the Central Products List is read and not held against anything",
        "station/catalogue/keeping.py",
        "            chosen.source.hold_against(listed)\n",
        "",
        (f"{_WIRING}::test_an_entry_that_is_active_no_more_stops_a_hub_before_its_activation",),
    ),
    Mutant(
        "a Central Products List that cannot be read hinders nobody",
        "station/catalogue/keeping.py",
        "        return self._products_fault or why_unusable(self._in_use().source)",
        "        return why_unusable(self._in_use().source)",
        (f"{_RELOAD}::test_a_list_that_cannot_be_read_goes_on_vetoing_and_no_hub_is_begun_with",),
    ),
    Mutant(
        "an unlock key in a file is used in production",
        "station/unlocking/authority.py",
        "    elif settings.key_file is not None:\n        if production:",
        "    elif settings.key_file is not None:\n        if production is None:",
        (f"{_WIRING}::test_what_is_not_for_production_is_refused_before_anything_is_touched",),
    ),
    Mutant(
        "a plain folder is a catalogue in production",
        "station/catalogue/sources.py",
        "        if production:",
        "        if production is None:",
        (f"{_WIRING}::test_what_is_not_for_production_is_refused_before_anything_is_touched",),
    ),
    Mutant(
        "a PIN that was refused is tried again",
        "station/unlocking/pin.py",
        "            if self._is_noted(pin):",
        "            if self._is_noted(pin) and not pin:",
        (f"{_WIRING}::test_a_refused_pin_is_tried_once_over_hubs_slots_and_restarts",),
    ),
    Mutant(
        "a token is given twice",
        "station/unlocking/tokens.py",
        "        except FileExistsError:\n            return False\n",
        "        except FileExistsError:\n            return True\n",
        (
            "tests/station/unlocking/test_unlock_tokens.py::test_each_token_is_given_once_and_for_its_hub_only",
        ),
    ),
    Mutant(
        "a hub that failed is left where it is",
        "station/attempt/settling.py",
        "    if is_settled(state):\n        return not hub.locked\n",
        "    if is_settled(state) or hub is not None:\n        return False\n",
        (
            "tests/station/attempt/test_sequence.py::test_a_hub_that_fails_keeps_its_old_firmware_confirmed_and_locked",
        ),
    ),
    Mutant(
        "a journal is for others to read",
        "station/records/lock.py",
        "    try:\n        folder.mkdir(mode=0o750,",
        "    try:\n        folder.mkdir(mode=0o755,",
        (
            "tests/station/test_secrets.py::test_no_key_and_no_password_in_anything_the_daemon_wrote_and_no_file_for_others",
        ),
    ),
    Mutant(
        "a secret that others may read is used",
        "firmware_catalog/secret_files.py",
        "    if mode & _OTHERS & ~(_GROUP_MAY_READ if handed_over else 0):",
        "    if mode & _OTHERS & ~(_GROUP_MAY_READ if handed_over else 0) == _OTHERS:",
        (
            "tests/station/publishing/test_publisher.py::test_a_password_that_others_can_read_is_not_used",
            "tests/firmware_catalog/test_secret_files.py::test_what_is_refused_says_what_to_run",
        ),
    ),
    Mutant(
        "the TLS key is read without a look at who else may",
        "station/publishing/broker.py",
        "                read_secret(settings.key_file, _MAX_SECRET_SIZE)\n",
        "",
        (f"{_TLS}::test_a_private_key_that_others_can_read_is_not_used",),
    ),
    Mutant(
        "a traceback shows local variables",
        "station/log.py",
        "        plain = structlog.dev.plain_traceback\n",
        "        plain = structlog.dev.RichTracebackFormatter(show_locals=True)\n",
        ("tests/station/test_log.py::test_a_traceback_shows_no_values",),
    ),
    Mutant(
        "a station may write below every station's topic",
        "deploy/mosquitto/reflash.acl",
        "topic write reflash/v1/site-1/bench-2/#\n",
        "topic write reflash/v1/site-1/+/#\n",
        (f"{_BROKER}::test_nobody_publishes_as_another_station",),
    ),
    Mutant(
        "a consumer may publish",
        "deploy/mosquitto/reflash.acl",
        "topic read reflash/v1/#\n",
        "topic readwrite reflash/v1/#\n",
        (f"{_BROKER}::test_nobody_publishes_as_another_station",),
    ),
    Mutant(
        "a station may read every station's results",
        "deploy/mosquitto/reflash.acl",
        "topic read reflash/v1/site-1/bench-2/jig/+/slot/+/result\n",
        "topic read reflash/v1/site-1/+/jig/+/slot/+/result\n",
        (f"{_BROKER}::test_only_consumers_hear_a_stations_results",),
    ),
    Mutant(
        "the broker asks nobody for a certificate",
        "deploy/mosquitto/reflash-tls.conf",
        "require_certificate true\n",
        "require_certificate false\n",
        (f"{_BROKER}::test_nobody_connects_without_a_certificate_of_the_sites_authority",),
    ),
    Mutant(
        "a client chooses its client id",
        "deploy/mosquitto/reflash-tls.conf",
        "use_username_as_clientid true\n",
        "use_username_as_clientid false\n",
        (f"{_BROKER}::test_no_client_takes_anothers_session_over_by_its_client_id",),
    ),
    Mutant(
        "the broker's name is not compared with its certificate",
        "station/publishing/broker.py",
        "            tls.minimum_version = ssl.TLSVersion.TLSv1_2\n",
        "            tls.minimum_version = ssl.TLSVersion.TLSv1_2\n            tls.check_hostname = False\n",
        (f"{_TLS}::test_a_broker_with_anothers_name_is_not_trusted",),
    ),
    Mutant(
        "any authority is good enough for a broker",
        "station/publishing/broker.py",
        "            tls.minimum_version = ssl.TLSVersion.TLSv1_2\n",
        "            tls.check_hostname = False\n            tls.verify_mode = ssl.CERT_NONE\n",
        (
            f"{_TLS}::test_a_broker_of_another_authority_is_not_trusted",
            f"{_TLS}::test_a_broker_whose_certificate_has_expired_is_not_trusted",
        ),
    ),
    Mutant(
        "why the broker refuses a station's certificate is not heard",
        "station/publishing/broker.py",
        "            self.context.alert = error\n",
        "",
        (f"{_TLS}::test_a_station_whose_certificate_is_refused_says_why_and_loses_nothing",),
    ),
    Mutant(
        "what a row's hash covers leaves out the row",
        "station/records/chain.py",
        "        if previous != digest:",
        "        if len(previous) != len(digest):",
        (f"{_VERIFY}::test_every_byte_of_the_bodies_counts",),
    ),
    Mutant(
        "a restored journal keeps its name",
        "station/records/copies.py",
        "JournalRestored(journal=uuid4(),",
        "JournalRestored(journal=former,",
        (f"{_COPIES}::test_a_restored_journal_keeps_the_old_ids_and_gives_new_ones",),
    ),
    Mutant(
        "a commit whose sync failed is left in the log",
        "station/records/ledger.py",
        "            if may_have_been_kept(error):\n",
        "            if may_have_been_kept(error) is None:\n",
        (
            "tests/station/records/test_sync_failure.py::test_a_fact_that_could_not_be_synced_is_not_there_after_a_restart",
        ),
    ),
    Mutant(
        "a journal from elsewhere may bring triggers",
        "station/records/segments.py",
        "WHERE type IN ('trigger', 'view')",
        "WHERE type IN ('view')",
        (f"{_VERIFY}::test_a_journal_from_elsewhere_brings_no_statements_of_its_own",),
    ),
    Mutant(
        "a journal from elsewhere may bring views",
        "station/records/segments.py",
        "WHERE type IN ('trigger', 'view')",
        "WHERE type IN ('trigger')",
        (f"{_VERIFY}::test_a_journal_from_elsewhere_brings_no_statements_of_its_own",),
    ),
    Mutant(
        "the service keeps its capabilities",
        "deploy/systemd/reflash.service",
        "CapabilityBoundingSet=\n",
        "",
        ("tests/deploy/test_service_unit.py::test_it_may_do_little_besides_its_work",),
    ),
    Mutant(
        "the control socket is everybody's",
        "station/control/server.py",
        "*, mode: int = 0o600",
        "*, mode: int = 0o666",
        ("tests/station/test_control.py::test_what_is_no_request_is_answered_and_the_next_one_too",),
    ),
    Mutant(
        "a name comes into the journal",
        "station/people/pseudonyms.py",
        "    if not is_pseudonym(pseudonym):\n",
        "    if not pseudonym:\n",
        ("tests/station/cli/test_flash_command.py::test_a_name_does_not_come_into_the_journal",),
    ),
    Mutant(
        "in production nobody has to be known",
        "station/people/pseudonyms.py",
        '    if settings is None or settings.mode != "production":\n',
        "    if settings is None or settings.mode is not None:\n",
        ("tests/station/people/test_pseudonyms.py::test_in_production_the_operator_is_somebody",),
    ),
    Mutant(
        "who was to be forgotten is still known",
        "station/people/operators.py",
        "file, {known: person for known, person in file.people.items() if known != pseudonym}",
        "file, file.people",
        ("tests/station/people/test_operators.py::test_a_person_has_one_pseudonym_until_erased",),
    ),
    Mutant(
        "a supervisor's badge gives a supervisor's rights",
        "station/people/identification.py",
        "pseudonym, PersonRole.TECHNICIAN, StandsAsThen",
        "pseudonym, person.role, StandsAsThen",
        ("tests/station/desk/test_people_at_the_desk.py::test_nobody_is_a_supervisor_by_saying_so",),
    ),
    Mutant(
        "who has no PIN is told so at once",
        "station/domain/pin.py",
        "    if kept is None:\n        hash_of_pin(pin, bytes(SALT_BYTES))\n",
        "    if kept is None:\n        raise ProofUnfit\n",
        (
            "tests/station/people/test_identification.py::test_whoever_guesses_is_not_told_whom_there_is_nor_by_how_long_it_takes",
        ),
    ),
    Mutant(
        "wrong PINs count wherever they were tried",
        "station/records/facts/people.py",
        "    return _ELSEWHERE if known is None else place",
        "    return _THE_BENCH",
        (
            "tests/station/people/test_identification.py::test_guesses_from_elsewhere_keep_nobody_out_where_their_pin_was_right_before",
        ),
    ),
    Mutant(
        "PINs that are tried side by side count as one",
        "station/people/identification.py",
        "        self._proving = asyncio.Lock()",
        "        self._proving = asyncio.Semaphore(100)",
        (
            "tests/station/people/test_identification.py::test_wrong_pins_lock_for_a_time_that_grows_and_outlives_a_restart",
        ),
    ),
    Mutant(
        "a result names who has gone meanwhile",
        "station/attempt/conduct.py",
        "                replace(opened, operator=worker.pseudonym),\n",
        "                opened,\n",
        (
            "tests/station/attempt/test_workers.py::test_a_hub_taken_over_is_the_result_of_whoever_took_it_over",
        ),
    ),
    Mutant(
        "whoever names themselves is not asked whether they are still there",
        "station/attempt/conduct.py",
        "await self._journal.append(worker.expectation, *due, event)",
        "await self._journal.append(*due, event)",
        (
            "tests/station/attempt/test_workers.py::test_whoever_signs_on_or_off_in_that_very_moment_is_named_in_opening_and_result",
        ),
    ),
    Mutant(
        "a PIN is kept as it was typed",
        "station/people/operators.py",
        "kept = None if pin is None else hash_of_pin(pin, secrets.token_bytes(SALT_BYTES))",
        "kept = pin",
        (
            "tests/station/people/test_operators.py::test_badge_and_pin_are_kept_as_hashes_found_again_and_erased_with_the_person",
        ),
    ),
    Mutant(
        "a result leaves that nobody has delivered",
        "station/publishing/session.py",
        "                if returns.back:\n                    await self._journal.append(*acknowledged(returns.back))\n",
        "                if messages:\n                    await self._journal.append(*acknowledged(one.number for one in messages))\n",
        (
            "tests/station/publishing/test_publisher_access.py::test_no_result_leaves_to_a_broker_that_drops_what_it_acknowledges",
        ),
    ),
    Mutant(
        "bytes that are no text are not expected in an order's file",
        "station/orders/csv_import.py",
        "    except UnicodeDecodeError as error:\n",
        "    except UnicodeEncodeError as error:\n",
        ("tests/fuzz/test_hostile_bytes.py::test_hostile_bytes_meet_the_readers_own_errors_alone",),
    ),
    Mutant(
        "whoever comes to a socket is served",
        "station/control/server.py",
        "        if len(self._tasks) < self._most:\n",
        "        if self._most:\n",
        ("tests/station/test_control.py::test_one_too_many_is_told_so_and_is_served_once_there_is_room",),
    ),
    Mutant(
        "whoever reaches the screen is somebody",
        "station/screen/access.py",
        '            if self._sign_on and who.bearing is None and not _is_open(scope["path"]):\n',
        '            if self._sign_on and who.by is not None and not _is_open(scope["path"]):\n',
        (
            "tests/station/screen/test_screen_access.py::test_nobody_is_let_in_who_has_not_signed_on_or_not_any_more",
        ),
    ),
    Mutant(
        "the screen is served to the network without TLS",
        "station/web/certificate.py",
        '        if not is_loopback:\n            raise ConfigError(f"at {host}',
        '        if without_login:\n            raise ConfigError(f"at {host}',
        (
            "tests/station/screen/test_screen_access.py::test_what_would_let_others_in_unseen_or_unasked_is_not_begun",
            f"{_PAGES}::test_beyond_this_computer_nothing_is_served_without_tls",
        ),
    ),
    Mutant(
        "guesses cost nothing",
        "station/web/throttle.py",
        "        return max(owed - (FREE_GUESSES * share - 1) * SECONDS_A_GUESS / share, 0.0)\n",
        "        return max(owed - SECONDS_A_GUESS * 1e9, 0.0)\n",
        (
            "tests/station/screen/test_screen_access.py::test_after_a_few_wrong_guesses_there_is_one_a_minute_from_each_place",
        ),
    ),
    Mutant(
        "a session that has ended meanwhile is not asked about again",
        "station/people/bearers.py",
        "        if now != self.holder:\n",
        "        if now is self.digest:\n",
        (
            "tests/station/people/test_identification.py::test_a_session_or_token_that_ends_meanwhile_does_nothing_that_is_not_recorded_yet",
        ),
    ),
    Mutant(
        "whoever connects to the screen may say nothing for ever",
        "station/web/connection.py",
        "            self.transport.abort()\n            return\n",
        "            pass\n",
        (
            "tests/station/screen/test_screen_access.py::test_who_does_not_say_what_they_want_or_does_not_read_is_let_go",
        ),
    ),
    Mutant(
        "a support bundle has logs as they are",
        "station/support/bundle.py",
        "clean = [(name, withholding.text(text)) for name, text in members]",
        "clean = [(name, text if 'log' in name else withholding.text(text)) for name, text in members]",
        ("tests/station/cli/test_support_bundle.py::test_nothing_that_is_planted_is_in_it",),
    ),
    Mutant(
        "backups are counted, and nothing more is asked",
        "station/backups/making.py",
        "        if not _stands_in(made",
        "        if keep < 0 and not _stands_in(made",
        (
            "tests/station/backups/test_backups.py::test_the_newest_stay_and_an_older_one_goes_only_when_the_newest_holds_all_of_it",
        ),
    ),
    Mutant(
        "any station's backup is brought in",
        "station/records/copies.py",
        "    if found != (whose.site, whose.station):\n",
        "    if found is None:\n",
        (
            "tests/station/backups/test_backups.py::test_nothing_is_restored_over_a_daemon_over_a_journal_or_to_another_station",
        ),
    ),
    Mutant(
        "a certificate is a certificate",
        "station/publishing/broker.py",
        '    if named and f"{whose.site}/{whose.station}" not in named:\n',
        "    if named and not whose.site:\n",
        (
            "tests/station/cli/test_pki.py::test_a_station_takes_its_new_certificate_without_a_restart_and_no_other_stations",
        ),
    ),
    Mutant(
        "the names of a renewed certificate are nobody's business",
        "station/web/renewal.py",
        "    if missing := [name for name in served.names if name not in renewed.names]:\n",
        "    if missing := [name for name in served.names if not name]:\n",
        (
            "tests/station/screen/test_stopping.py::test_a_renewed_certificate_is_taken_while_a_page_stays_open_and_one_for_another_name_is_not",
        ),
    ),
    Mutant(
        "who reaches the inventory's pages may look",
        "inventory/pages/access.py",
        '        if person is None and scope["path"] not in',
        '        if person is None and scope["path"] in',
        (f"{_PAGES}::test_nobody_looks_or_acts_who_has_not_shown_who_they_are_or_not_any_more",),
    ),
    Mutant(
        "who may look at the inventory may act",
        "inventory/pages/asked.py",
        "            if not person.may_act:\n",
        "            if not person.name:\n",
        (f"{_PAGES}::test_nobody_looks_or_acts_who_has_not_shown_who_they_are_or_not_any_more",),
    ),
    Mutant(
        "an act is done whatever somebody else did since",
        "inventory/pages/act.py",
        "    act.seen(connection).require(act.expected)\n",
        "    act.seen(connection)\n",
        (f"{_PAGES}::test_an_order_from_its_request_to_its_charge_each_act_in_somebodys_name",),
    ),
    Mutant(
        "a wrong PIN counts for nothing",
        "inventory/pages/people.py",
        "wrong=before.wrong + 1, latest",
        "wrong=before.wrong, latest",
        (f"{_PAGES}::test_pins_are_not_guessed_and_two_who_decide_at_once_do_it_once",),
    ),
)
