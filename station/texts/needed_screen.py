"""Which lines the screen in a browser needs of a file of texts, and what is filled into each. Pure."""

from __future__ import annotations

from typing import Final

_PLAIN: Final = """
title next nothing_waits scan scan_hint scan_asked scan_unsure jig signed_on nobody stands_still
stands_since daemon_ended daemon_silent daemon_away no_order recorded sound_on sound_off theme_auto theme_light
theme_dark theme_contrast lang views written view_bench view_orders view_problem ask_unsure ask_done
supervisor who_asks name pin find_hub find no_orders orders_open orders_closed order_number progress
hubs without_result on_jigs imported closed_because state_passed state_already_current
state_rejected state_failed state_open state_never_seen reconciliation order_complete result
place_carton place_rework place_scrap place_quarantine place_party place_maker place_none
still_to_do put_elsewhere hub_chf hub_gpf what where_it_is in_no_place nameless stranger withdrawn
to_put_aside cartons carton pallets pallet state contents box_open box_closed box_held give_to_jig
take_from_jig trays_empty seen_empty close_order sign_differences reason party model by_whom earlier
view_shift span_shift span_day span_week hubs_an_hour first_pass utilisation results look_at_slots
no_results course from done_hubs waits wait hours share slowest slot next_hub use_work use_down
use_stopped use_out_of_use use_away use_no_order use_hands view_pack pack_badge pack_nobody
pack_supervisor pack_no_slot pack_where pack_which_order pack_nothing_chosen pack_done_reason
pack_left nothing_chosen packing_into code_done code_undo code_print code_supervisor
supervisor_called kind_taken kind_done kind_refused kind_person last_scans time answer
supervisor_decides decide_hub hub_label last_six goes_to carton_if_any stands_now wherever decide
hold_carton foreign_hub release_carton take_off_pallet view_shift_start view_hand_over view_health
view_upkeep view_catalogue view_people check_list no_check_list list_not_signed wanted_off
wanted_warn wanted_required list_by_scan is_over sign_list all_seen golden_checks golden_how
checked_today newest_check write_seconds retries suspect yes no golden_hubs enrolled as_it_was
not_ended no_golden enrol_golden reason_if_partys retire_golden as_it_is at_where who since_when
whole_bench whole_station sign_on sign_on_how sign_off open_slots word all_empty amiss nothing_amiss
broker interlocks no_interlocks lifted_by enable_slot reset_jig reset_how service serviced due_good
due_due due_overdue due_unknown record_service no_service insertions counted_by by_board by_visits
measure_failures measure_retries measure_reseats measure_slow look firmware permitted_from hardware
any_hardware bytes notes release_production release_withdrawn more resume_release people_how
pseudonym role badge role_technician role_supervisor wrong_pins lift_lock
no_badge nobody_here further import_order import_how order_file number_if_none file_gone revise_order
revise_how compare_order line_added line_withdrawn line_changed view_codes codes_how codes_buttons
codes_places codes_slots begin_carton begin_pallet print_page print_label print_label_how
"""
_FILLED: Final = {
    "order": "order done hubs",
    "order_not_all": "order done hubs not_done",
    "where": "jig slots",
    "as_of": "time",
    "done_of": "done hubs",
    "order_differs": "standing",
    "withdrawn_by": "revision",
    "jig_now": "jig order",
    "since": "time",
    "newest_fact": "time",
    "pack_place": "place",
    "pack_carton": "code",
    "pack_pallet": "code",
    "pack_carton_wanted": "pallet",
    "pack_undo_hub": "line",
    "new_carton": "order",
    "new_pallet": "order",
    "code_taken": "code",
    "shift_day": "day",
    "list_signed": "who",
    "good_until": "day",
    "next_item": "item",
    "station_version": "version",
    "slots_compared": "days",
    "marked_of": "marked seen",
    "stopped": "why",
    "wrong_times": "times latest",
    "order_taken": "order hubs",
    "order_taken_before": "order",
    "same_file": "order",
    "would_change": "order revision hubs",
    "order_amended": "order revision hubs",
    "carton_held": "carton",
}
SCREEN: Final = {**dict.fromkeys(_PLAIN.split(), ""), **_FILLED}
"""Of each line the names of what is filled in, apart by blanks."""
