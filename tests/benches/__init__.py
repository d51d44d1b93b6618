"""What tests and proofs stand on: peers that really run, hubs and orders to spare, and ways to ask what came of them.

Every test session
    `coroutines` (tests that are), `leaks` (descriptors, threads, tasks), `time_limits`, `workers` (who runs what):
    plugins of pytest.
Programs beside the test
    `processes` (run and end them), `looking` (until something is so that nobody tells of), `descriptor_limits`,
    `brokers` (mosquitto), `certificates`, `soft_hsm`.
Hubs
    `sim_bench` (inside the test, serial), `usb_bench` (on USB/IP), `usb_strangers` (what is no hub), `rig_process`
    (a simulated rig for a driver), `smp_peer` on `pty_port` (a scripted one), `hub_samples` (what one says),
    `key_authority`, `simulated_device` and `serial_conformance` (for the conformance suite).
Boards
    `jig_bench` (for the driver), `boarded_jig` (a jig of the station with one), `board_slots`.
The station
    `station_bench` (a rig in a process of its own, its catalogue, keys and orders), `conducting` (visits without a
    daemon), `station_daemon` (with one), `station_config`, `desk_client` (asks it), `two_slots`, `usb_station`,
    `interference` (hands in the way), `sentences` (what is read of a view), `publisher_bench`.
Records
    `attempt_samples`, `journal_samples`, `report_journal`, `packing_model` (where hubs may go, by the facts alone).
Catalogues
    `signed_catalogues`, `signed_bench` (of the station's rig), `standing_releases`, `ota_files`, `cpl_samples`.
"""
