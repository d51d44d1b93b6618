"""Which lines the screen in a browser needs of a file of texts, and what is filled into each. Pure."""

from __future__ import annotations

from typing import Final

_PLAIN: Final = """
title next nothing_waits scan scan_hint scan_asked scan_unsure jig signed_on nobody stands_still
stands_since daemon_ended daemon_away no_order recorded sound_on sound_off theme_auto theme_light
theme_dark theme_contrast lang views written view_bench view_orders view_problem ask_unsure ask_done
supervisor who_asks name pin find_hub find no_orders orders_open orders_closed order_number progress
hubs without_result on_jigs imported closed_because state_passed state_already_current
state_rejected state_failed state_open state_never_seen reconciliation order_complete result
place_carton place_rework place_scrap place_quarantine place_party place_maker place_none
still_to_do put_elsewhere hub_chf hub_gpf what where_it_is in_no_place nameless stranger withdrawn
to_put_aside cartons carton pallets pallet state contents box_open box_closed box_held give_to_jig
take_from_jig trays_empty seen_empty close_order sign_differences reason party model by_whom earlier
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
}
SCREEN: Final = {**dict.fromkeys(_PLAIN.split(), ""), **_FILLED}
"""Of each line the names of what is filled in, apart by blanks."""
