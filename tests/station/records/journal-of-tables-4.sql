PRAGMA application_id = 1380338254;
PRAGMA user_version = 4;
PRAGMA journal_mode = WAL;
BEGIN TRANSACTION;
CREATE TABLE attempts (
    attempt      INTEGER PRIMARY KEY,   -- sequence of its AttemptOpened
    opened       INTEGER NOT NULL,
    work_order   TEXT,
    jig          TEXT    NOT NULL,
    slot         INTEGER NOT NULL,
    chf          TEXT,
    gpf          TEXT,
    scanned_id   TEXT,
    scanned_role TEXT,
    number       INTEGER NOT NULL,
    operator     TEXT,
    hub          TEXT,                  -- HubFacts as JSON while open
    plan         TEXT,                  -- array of StepTarget as JSON while open
    lost         INTEGER NOT NULL DEFAULT 0,
    closed       INTEGER,
    outcome      TEXT,
    stage        TEXT,
    code         TEXT,
    disposition  TEXT,
    boots        INTEGER,               -- the hub's boot counter at the end
    interrupted  TEXT,                  -- why the bench ended work on it, while open
    unsettled    TEXT,                  -- what could not be put right about the hub
    read_back    TEXT                   -- the version that it said last; none of attempts before vocabulary 3
);
INSERT INTO "attempts" VALUES(6,1767323045123456,'WO-1','jig-1',1,'88-73-84-00-00-00-00-00','88-73-84-00-00-00-00-01','88-73-84-00-00-00-00-01','GPF',1,NULL,NULL,NULL,0,1767323045123456,'passed','check',NULL,NULL,NULL,NULL,NULL,'0002012F');
INSERT INTO "attempts" VALUES(8,1767323045123456,'WO-1','jig-1',1,'88-73-84-00-00-00-00-02','88-73-84-00-00-00-00-03','88-73-84-00-00-00-00-03','GPF',1,NULL,NULL,NULL,0,1767323045123456,'failed','flash','file_transfer_failure','retry_other_slot',NULL,NULL,NULL,'00010001');
INSERT INTO "attempts" VALUES(20,1767323045123456,'WO-1','jig-1',1,'88-73-84-00-00-00-00-04','88-73-84-00-00-00-00-05',NULL,NULL,1,NULL,'{"chf":"88-73-84-00-00-00-00-04","gpf":"88-73-84-00-00-00-00-05","manufacturer":"11A2","model":"0A0B0C0D","hardware_version":"1.2","variant":"DBCH","firmware":"00010001","locked":true,"boots":3}','[]',0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE cartons (
    number     INTEGER PRIMARY KEY,
    work_order TEXT    NOT NULL,
    sequence   INTEGER NOT NULL,        -- of the row that opened it
    opened     INTEGER NOT NULL,
    capacity   INTEGER NOT NULL,
    hubs       INTEGER NOT NULL DEFAULT 0,
    contents   TEXT,                    -- Contents as JSON, while there are any
    closed     INTEGER,
    reason     TEXT,                    -- why it was closed short
    held       TEXT,                    -- why nobody may use it
    pallet     INTEGER
);
INSERT INTO "cartons" VALUES(1,'WO-1',10,1767323045123456,2,1,'{"owner":"Example Energy","manufacturer":"11A2","model":"0A0B0C0D","variant":"DBCH","firmware":"0002012F"}',NULL,NULL,NULL,NULL);
CREATE TABLE check_lists (              -- the newest
    sequence INTEGER PRIMARY KEY,
    utc      INTEGER NOT NULL,
    body     TEXT    NOT NULL           -- CheckListSigned as JSON
);
CREATE TABLE command_answers (          -- the newest, for commands that are sent again
    sequence INTEGER PRIMARY KEY,       -- of the answer
    key      TEXT    NOT NULL UNIQUE,
    command  TEXT    NOT NULL,
    sha256   TEXT    NOT NULL,          -- of the command
    answer   TEXT    NOT NULL           -- as JSON
);
CREATE TABLE events (
    sequence     INTEGER PRIMARY KEY,
    utc          INTEGER NOT NULL,  -- microseconds since 1970
    monotonic_ns INTEGER NOT NULL,  -- boot clock
    body         TEXT    NOT NULL,  -- canonical JSON
    hash         BLOB    NOT NULL
);
INSERT INTO "events" VALUES(1,1767323045123456,42000000001,'{"journal":"aa4b14fc-4d0b-4ae6-b4e7-d276ca973870","kind":"journal_created","site":"leeds","station":"bench-1","vocabulary":3}',X'B2201F53DA95155DF2CB4CCBD45856EF41FADFF151BFEE59680E6834CD5E7E44');
INSERT INTO "events" VALUES(2,1767323045123456,42000000001,'{"boot_id":"b","kind":"station_started","station_version":"1.0"}',X'1F4973DD1DABDBBB8D9D79E58F7F129D797C2F900698C51DB1F512DC4900D2C0');
INSERT INTO "events" VALUES(3,1767323045123456,42000000001,'{"hubs":3,"kind":"order_imported","order":"WO-1","sha256":"0000000000000000000000000000000000000000000000000000000000000000","source":"WO-1.csv"}',X'1AB2AF1EA9181E73056318BE5CE6ED966E2E9F582D4A1CA5B5EF83EE590B2949');
INSERT INTO "events" VALUES(4,1767323045123456,42000000001,'{"kind":"order_lines_added","lines":[{"chf":"88-73-84-00-00-00-00-00","gpf":"88-73-84-00-00-00-00-01","inventory_status":"Pending","manufacturer":"11A2","model":"0A0B0C0D","owner":"Example Energy","recorded_firmware":"00010001","region":"Central","variant":"DBCH"},{"chf":"88-73-84-00-00-00-00-02","gpf":"88-73-84-00-00-00-00-03","inventory_status":"Pending","manufacturer":"11A2","model":"0A0B0C0D","owner":"Example Energy","recorded_firmware":"00010001","region":"Central","variant":"DBCH"},{"chf":"88-73-84-00-00-00-00-04","gpf":"88-73-84-00-00-00-00-05","inventory_status":"Pending","manufacturer":"11A2","model":"0A0B0C0D","owner":"Example Energy","recorded_firmware":"00010001","region":"Central","variant":"DBCH"}],"order":"WO-1"}',X'9C64AF7853231E82D7D7034F19278055638663A157C3BFBB62B36F1F1C86CE2B');
INSERT INTO "events" VALUES(5,1767323045123456,42000000001,'{"jig":"jig-1","kind":"order_assigned","order":"WO-1"}',X'6D34CAD378B8B52B23E8A87FAC347B5F54D1AC57CF798784C4E9369639899237');
INSERT INTO "events" VALUES(6,1767323045123456,42000000001,'{"hub":{"boots":3,"chf":"88-73-84-00-00-00-00-00","firmware":"00010001","gpf":"88-73-84-00-00-00-00-01","hardware_version":"1.2","locked":true,"manufacturer":"11A2","model":"0A0B0C0D","variant":"DBCH"},"kind":"attempt_opened","number":1,"operator":null,"order":"WO-1","place":{"jig":"jig-1","slot":1},"scanned_id":null,"scanned_role":null}',X'2EB9B2D7BACC0673D45FAC8F7D5E00B77DA41F269443A21257122D81A390E04C');
INSERT INTO "events" VALUES(7,1767323045123456,42000000001,'{"attempt":6,"boots":null,"chf":"88-73-84-00-00-00-00-00","code":null,"disposition":null,"finished":"2026-01-02T03:14:05.500000Z","firmware_before":"00010001","firmware_read_back":"0002012F","firmware_recorded":"00010001","firmware_target":"0002012F","gpf":"88-73-84-00-00-00-00-01","hardware_version":"1.2","image_sha256":"abababababababababababababababababababababababababababababababab","kind":"attempt_closed","manufacturer":"11A2","message":"jig-1 slot 1: passed, take the hub out","model":"0A0B0C0D","number":1,"operator":"op-1","order":"WO-1","outcome":"passed","place":{"jig":"jig-1","slot":1},"scanned_id":"88-73-84-00-00-00-00-01","scanned_role":"GPF","seconds":{"flash":35.5,"unlock":0.25},"stage":"check","started":"2026-01-02T03:04:05Z","station_version":"1.0","utc_synchronised":null}',X'3B7E8D3BD1A2A1FDAEA66AA53E854D103821A086AE5940A361880A3B7EB2123B');
INSERT INTO "events" VALUES(8,1767323045123456,42000000001,'{"hub":{"boots":3,"chf":"88-73-84-00-00-00-00-02","firmware":"00010001","gpf":"88-73-84-00-00-00-00-03","hardware_version":"1.2","locked":true,"manufacturer":"11A2","model":"0A0B0C0D","variant":"DBCH"},"kind":"attempt_opened","number":1,"operator":null,"order":"WO-1","place":{"jig":"jig-1","slot":1},"scanned_id":null,"scanned_role":null}',X'07E584BAC7E25DAECF91E261854CC6D1A82DE23AD8547601818D8B0918331E5A');
INSERT INTO "events" VALUES(9,1767323045123456,42000000001,'{"attempt":8,"boots":null,"chf":"88-73-84-00-00-00-00-02","code":"file_transfer_failure","disposition":"retry_other_slot","finished":"2026-01-02T03:14:05.500000Z","firmware_before":"00010001","firmware_read_back":"00010001","firmware_recorded":"00010001","firmware_target":"0002012F","gpf":"88-73-84-00-00-00-00-03","hardware_version":"1.2","image_sha256":"abababababababababababababababababababababababababababababababab","kind":"attempt_closed","manufacturer":"11A2","message":"jig-1 slot 1: passed, take the hub out","model":"0A0B0C0D","number":1,"operator":"op-1","order":"WO-1","outcome":"failed","place":{"jig":"jig-1","slot":1},"scanned_id":"88-73-84-00-00-00-00-03","scanned_role":"GPF","seconds":{"flash":35.5,"unlock":0.25},"stage":"flash","started":"2026-01-02T03:04:05Z","station_version":"1.0","utc_synchronised":null}',X'3D9D1F90C90F2468D6DDD6A971BA8F37429E483F43AF42E1B8C683874AA99C4E');
INSERT INTO "events" VALUES(10,1767323045123456,42000000001,'{"actor":{"pseudonym":"op-7","role":"supervisor","where":"terminal"},"capacity":2,"carton":1,"kind":"carton_opened","order":"WO-1"}',X'6EC4FA834179AF9A788E35E388B1996FBE637CB85FA50183E81343B61CAEF622');
INSERT INTO "events" VALUES(11,1767323045123456,42000000001,'{"actor":{"pseudonym":"op-7","role":"supervisor","where":"terminal"},"carton":1,"contents":{"firmware":"0002012F","manufacturer":"11A2","model":"0A0B0C0D","owner":"Example Energy","variant":"DBCH"},"gpf":"88-73-84-00-00-00-00-01","hub":"88-73-84-00-00-00-00-00","kind":"hub_placed","order":"WO-1","place":"carton","reason":null,"scanned_id":"88-73-84-00-00-00-00-01","taken_from":null,"taken_from_carton":null}',X'57F8C840138362D13E6D3C8BDB6B318E597FB7284C20D66C2CB766BB50A7F250');
INSERT INTO "events" VALUES(12,1767323045123456,42000000001,'{"kind":"pin_refused","pseudonym":"op-a","where":"screen"}',X'5F2BECD3F0018DAB1B694454BF3804AD64AA6631E890579273CBE175EE7369AF');
INSERT INTO "events" VALUES(13,1767323045123456,42000000001,'{"kind":"pin_refused","pseudonym":"op-a","where":"screen"}',X'FEA2FF75F48D82A949E2F4BA40CD702113AACB0CE204AD8F863B6FB978A1CA1E');
INSERT INTO "events" VALUES(14,1767323045123456,42000000001,'{"kind":"pin_refused","pseudonym":"op-b","where":"screen"}',X'D8F5C05B4C6B350409289930CE95319AA833960A46464E2218019CB93BB71DD0');
INSERT INTO "events" VALUES(15,1767323045123456,42000000001,'{"kind":"pin_refused","pseudonym":"op-b","where":"screen"}',X'A8ED38736A30343B078279946AAAEF5B219C71FC3CC7016E3DE4EF670EF8204A');
INSERT INTO "events" VALUES(16,1767323045123456,42000000001,'{"kind":"pin_refused","pseudonym":"op-c","where":"screen"}',X'7B798F99732DDED77D1C07363AD157E84F35FCFD2FB34389955D444466B37EEA');
INSERT INTO "events" VALUES(17,1767323045123456,42000000001,'{"kind":"pin_refused","pseudonym":"op-c","where":"screen"}',X'17885D45E0B9FE53D3D5864F6DC696DE10C22C53AFCE584FBD22D3636A1D1365');
INSERT INTO "events" VALUES(18,1767323045123456,42000000001,'{"kind":"pin_accepted","pseudonym":"op-b"}',X'4E053FDDBF8B9C2BF7713258DCDC6933322AF1BA7E69C1E40F0D25B182ECE9D2');
INSERT INTO "events" VALUES(19,1767323045123456,42000000001,'{"actor":{"pseudonym":"op-7","role":"supervisor","where":"terminal"},"kind":"pin_lock_lifted","pseudonym":"op-c"}',X'106C9EC6DB7E4E9DE3AACE34D9D09F0E66141DD9583D46E152373CCC7A6979D0');
INSERT INTO "events" VALUES(20,1767323045123456,42000000001,'{"hub":{"boots":3,"chf":"88-73-84-00-00-00-00-04","firmware":"00010001","gpf":"88-73-84-00-00-00-00-05","hardware_version":"1.2","locked":true,"manufacturer":"11A2","model":"0A0B0C0D","variant":"DBCH"},"kind":"attempt_opened","number":1,"operator":null,"order":"WO-1","place":{"jig":"jig-1","slot":1},"scanned_id":null,"scanned_role":null}',X'3249E47369AD2A80E8C19623338D216A1013C93500408E632A2BFD77712B59F4');
CREATE TABLE golden_checks (            -- the newest of each slot
    sequence INTEGER PRIMARY KEY,       -- of its end
    jig      TEXT    NOT NULL,
    slot     INTEGER NOT NULL,
    utc      INTEGER NOT NULL,
    passed   INTEGER NOT NULL,
    body     TEXT    NOT NULL           -- GoldenCheckEnded as JSON
);
CREATE TABLE golden_doubts (            -- hubs that are not known to be as they were; also retired ones, which may be enrolled again
    chf     TEXT    PRIMARY KEY,
    unended INTEGER NOT NULL            -- start of the check since which
);
CREATE TABLE golden_hubs (
    chf      TEXT    PRIMARY KEY,
    gpf      TEXT    NOT NULL UNIQUE,
    enrolled INTEGER NOT NULL
);
CREATE TABLE hub_places (               -- where hubs were put, and until when
    sequence   INTEGER PRIMARY KEY,     -- of the row that says so
    placed     INTEGER NOT NULL,
    hub        TEXT    NOT NULL,        -- CHF id, or what its label says where nobody knows that
    gpf        TEXT,
    work_order TEXT,
    place      TEXT    NOT NULL,
    carton     INTEGER,
    reason     TEXT,
    actor      TEXT,
    left_at    INTEGER,                 -- none while it is there
    left_for   TEXT
);
INSERT INTO "hub_places" VALUES(11,1767323045123456,'88-73-84-00-00-00-00-00','88-73-84-00-00-00-00-01','WO-1','carton',1,NULL,'op-7',NULL,NULL);
CREATE TABLE hubs (
    chf           TEXT    PRIMARY KEY,
    wrong_answers INTEGER NOT NULL      -- to unlock challenges, since the last that was right; or perhaps: see above
);
CREATE TABLE identities (
    first_sequence INTEGER PRIMARY KEY, -- of the rows that are known by it
    journal        TEXT NOT NULL
);
INSERT INTO "identities" VALUES(1,'aa4b14fc-4d0b-4ae6-b4e7-d276ca973870');
CREATE TABLE jig_orders (
    jig        TEXT PRIMARY KEY,
    work_order TEXT NOT NULL REFERENCES orders
);
INSERT INTO "jig_orders" VALUES('jig-1','WO-1');
CREATE TABLE order_counts (             -- lines of the order by the outcome that counts
    work_order TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    hubs       INTEGER NOT NULL,
    PRIMARY KEY (work_order, outcome)
) WITHOUT ROWID;
INSERT INTO "order_counts" VALUES('WO-1','failed',1);
INSERT INTO "order_counts" VALUES('WO-1','passed',1);
CREATE TABLE order_lines (
    work_order TEXT NOT NULL REFERENCES orders,
    chf        TEXT NOT NULL,
    gpf        TEXT NOT NULL,
    line       TEXT NOT NULL,           -- OrderLine as JSON
    outcome    TEXT,                    -- of the attempt that counts for the order
    PRIMARY KEY (work_order, chf),
    UNIQUE (work_order, gpf)
) WITHOUT ROWID;
INSERT INTO "order_lines" VALUES('WO-1','88-73-84-00-00-00-00-00','88-73-84-00-00-00-00-01','{"chf":"88-73-84-00-00-00-00-00","gpf":"88-73-84-00-00-00-00-01","manufacturer":"11A2","model":"0A0B0C0D","region":"Central","variant":"DBCH","recorded_firmware":"00010001","inventory_status":"Pending","owner":"Example Energy"}','passed');
INSERT INTO "order_lines" VALUES('WO-1','88-73-84-00-00-00-00-02','88-73-84-00-00-00-00-03','{"chf":"88-73-84-00-00-00-00-02","gpf":"88-73-84-00-00-00-00-03","manufacturer":"11A2","model":"0A0B0C0D","region":"Central","variant":"DBCH","recorded_firmware":"00010001","inventory_status":"Pending","owner":"Example Energy"}','failed');
INSERT INTO "order_lines" VALUES('WO-1','88-73-84-00-00-00-00-04','88-73-84-00-00-00-00-05','{"chf":"88-73-84-00-00-00-00-04","gpf":"88-73-84-00-00-00-00-05","manufacturer":"11A2","model":"0A0B0C0D","region":"Central","variant":"DBCH","recorded_firmware":"00010001","inventory_status":"Pending","owner":"Example Energy"}',NULL);
CREATE TABLE order_revisions (          -- of orders that were amended, the first included
    work_order TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    sha256     TEXT    NOT NULL,
    hubs       INTEGER NOT NULL,
    since      INTEGER NOT NULL,
    PRIMARY KEY (work_order, revision)
) WITHOUT ROWID;
CREATE TABLE orders (
    work_order TEXT    PRIMARY KEY,
    imported   INTEGER NOT NULL,
    source     TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    hubs       INTEGER NOT NULL,
    closed     TEXT                     -- the reason, once closed
);
INSERT INTO "orders" VALUES('WO-1',1767323045123456,'WO-1.csv','0000000000000000000000000000000000000000000000000000000000000000',3,NULL);
CREATE TABLE outbox (
    sequence     INTEGER PRIMARY KEY,   -- of the row that is told
    kind         TEXT    NOT NULL,      -- of the message
    version      INTEGER NOT NULL,
    number       INTEGER NOT NULL,      -- station_sequence: each kind counts its own
    ordering_key TEXT,                  -- messages of one key leave in order
    acknowledged INTEGER NOT NULL DEFAULT 0,
    about        TEXT,                  -- as JSON, what is told and does not stand in that row
    UNIQUE (kind, number)
);
INSERT INTO "outbox" VALUES(4,'order',1,1,'order WO-1',0,NULL);
INSERT INTO "outbox" VALUES(5,'order',1,2,'order WO-1',0,NULL);
INSERT INTO "outbox" VALUES(7,'result',1,1,'88-73-84-00-00-00-00-00',0,NULL);
INSERT INTO "outbox" VALUES(9,'result',1,2,'88-73-84-00-00-00-00-02',0,NULL);
INSERT INTO "outbox" VALUES(10,'packing',1,1,'packing',0,'{"what": "carton_opened", "hub": null, "recalled": [], "reason": null, "actor": "op-7", "cartons": [{"carton": "CTN00000013", "work_order": "WO-1", "state": "open", "hubs": 0, "capacity": 2, "holds": null, "pallet": null, "sscc": null}], "pallets": []}');
INSERT INTO "outbox" VALUES(11,'packing',1,2,'packing',0,'{"what": "hub_placed", "hub": {"hub": "88-73-84-00-00-00-00-00", "gpf": "88-73-84-00-00-00-00-01", "place": "carton", "carton": "CTN00000013", "work_order": "WO-1"}, "recalled": [], "reason": null, "actor": "op-7", "cartons": [{"carton": "CTN00000013", "work_order": "WO-1", "state": "open", "hubs": 1, "capacity": 2, "holds": {"owner": "Example Energy", "manufacturer": "11A2", "model": "0A0B0C0D", "han_variant": "DBCH", "firmware": "0002012F"}, "pallet": null, "sscc": null}], "pallets": []}');
CREATE TABLE package_labels (           -- of cartons and pallets
    asked      INTEGER PRIMARY KEY,     -- sequence of its PackageLabelAsked
    package    TEXT    NOT NULL,
    number     INTEGER NOT NULL,
    work_order TEXT    NOT NULL,
    sscc       TEXT,
    again      INTEGER NOT NULL,        -- there was one before
    begun      INTEGER NOT NULL,        -- how often it was sent
    printed    INTEGER
);
CREATE TABLE pallets (
    number     INTEGER PRIMARY KEY,
    work_order TEXT    NOT NULL,
    sequence   INTEGER NOT NULL,
    opened     INTEGER NOT NULL,
    capacity   INTEGER NOT NULL,
    cartons    INTEGER NOT NULL DEFAULT 0,
    closed     INTEGER,
    reason     TEXT
);
CREATE TABLE recalled_cartons (         -- of orders that are over too
    carton INTEGER PRIMARY KEY
);
CREATE TABLE release_results (          -- passed or failed, since the release was resumed
    manufacturer TEXT    NOT NULL,
    model        TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    sequence     INTEGER NOT NULL,      -- of the result
    hub          TEXT    NOT NULL,      -- CHF id
    outcome      TEXT    NOT NULL,
    code         TEXT,
    PRIMARY KEY (manufacturer, model, version, sequence)
) WITHOUT ROWID;
INSERT INTO "release_results" VALUES('11A2','0A0B0C0D','0002012F',7,'88-73-84-00-00-00-00-00','passed',NULL);
INSERT INTO "release_results" VALUES('11A2','0A0B0C0D','0002012F',9,'88-73-84-00-00-00-00-02','failed','file_transfer_failure');
CREATE TABLE result_versions (          -- which one results are told in
    first_sequence INTEGER PRIMARY KEY, -- of the rows that are
    version        INTEGER NOT NULL
);
CREATE TABLE segments (
    name          TEXT    PRIMARY KEY,  -- file name of a finished segment
    last_sequence INTEGER NOT NULL,
    last_hash     BLOB    NOT NULL
);
CREATE TABLE sent_again (               -- messages of finished segments that wait for the broker once more
    kind   TEXT    NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (kind, number)
) WITHOUT ROWID;
CREATE TABLE signed_on (
    jig       TEXT    PRIMARY KEY,      -- empty for the bench
    pseudonym TEXT    NOT NULL,
    since     INTEGER NOT NULL
);
CREATE TABLE slot_failures (            -- since the slot's last pass or enabling
    jig      TEXT    NOT NULL,
    slot     INTEGER NOT NULL,
    sequence INTEGER NOT NULL,          -- of the result
    hub      TEXT,                      -- CHF id or label; once, with its newest failure
    code     TEXT,
    PRIMARY KEY (jig, slot, sequence)
) WITHOUT ROWID;
INSERT INTO "slot_failures" VALUES('jig-1',1,9,'88-73-84-00-00-00-00-02','file_transfer_failure');
CREATE TABLE slots_out_of_use (
    jig   TEXT    NOT NULL,
    slot  INTEGER NOT NULL,
    why   TEXT    NOT NULL,             -- Statement as JSON
    since INTEGER NOT NULL,
    PRIMARY KEY (jig, slot)
) WITHOUT ROWID;
CREATE TABLE stages (                   -- of open attempts only
    attempt  INTEGER NOT NULL REFERENCES attempts,
    step     INTEGER NOT NULL,
    stage    TEXT    NOT NULL,
    running  INTEGER NOT NULL,          -- started and not ended
    failures INTEGER NOT NULL,          -- tries that ended with a code
    seconds  REAL    NOT NULL,          -- over all ended tries
    latest   INTEGER NOT NULL,          -- sequence of the last event
    PRIMARY KEY (attempt, step, stage)
) WITHOUT ROWID;
CREATE TABLE station (
    journal    TEXT PRIMARY KEY,        -- the identity of its newest rows
    site       TEXT NOT NULL,
    station    TEXT NOT NULL,
    vocabulary INTEGER NOT NULL DEFAULT 1  -- the newest of its rows
);
INSERT INTO "station" VALUES('aa4b14fc-4d0b-4ae6-b4e7-d276ca973870','leeds','bench-1',3);
CREATE TABLE stopped_jigs (
    jig     TEXT    PRIMARY KEY,
    stopped INTEGER NOT NULL
);
CREATE TABLE stopped_releases (
    manufacturer TEXT NOT NULL,
    model        TEXT NOT NULL,
    version      TEXT NOT NULL,
    why          TEXT NOT NULL,
    PRIMARY KEY (manufacturer, model, version)
) WITHOUT ROWID;
CREATE TABLE waiting_labels (           -- scanned, and their hubs not yet seen
    jig          TEXT    NOT NULL,
    slot         INTEGER NOT NULL,
    scanned_id   TEXT    NOT NULL,
    scanned_role TEXT,
    PRIMARY KEY (jig, slot)
) WITHOUT ROWID;
CREATE TABLE withdrawn_lines (          -- that a revision took out of an order
    work_order TEXT    NOT NULL,
    chf        TEXT    NOT NULL,
    gpf        TEXT    NOT NULL,
    line       TEXT    NOT NULL,        -- OrderLine as JSON
    outcome    TEXT,                    -- of the attempt that counts
    revision   INTEGER NOT NULL,        -- the one that withdrew it
    PRIMARY KEY (work_order, chf)
) WITHOUT ROWID;
CREATE TABLE wrong_pins (               -- since the last that was right
    pseudonym TEXT    PRIMARY KEY,
    wrong     INTEGER NOT NULL,
    latest    INTEGER NOT NULL
);
INSERT INTO "wrong_pins" VALUES('op-a',2,1767323045123456);
CREATE INDEX events_of_attempt ON events (json_extract(body, '$.attempt'))
    WHERE json_extract(body, '$.attempt') IS NOT NULL;
CREATE INDEX order_lines_by_outcome ON order_lines (work_order, outcome);
CREATE INDEX order_lines_by_chf ON order_lines (chf);
CREATE INDEX order_lines_by_gpf ON order_lines (gpf);
CREATE INDEX attempts_open ON attempts (attempt) WHERE closed IS NULL;
CREATE INDEX attempts_by_chf ON attempts (chf, work_order);
CREATE INDEX attempts_by_gpf ON attempts (gpf);
CREATE INDEX attempts_by_scan ON attempts (scanned_id);
CREATE INDEX outbox_waiting ON outbox (kind, number) WHERE acknowledged = 0;
CREATE INDEX cartons_by_order ON cartons (work_order);
CREATE INDEX cartons_by_pallet ON cartons (pallet) WHERE pallet IS NOT NULL;
CREATE INDEX pallets_by_order ON pallets (work_order);
CREATE UNIQUE INDEX hub_places_now ON hub_places (hub, coalesce(work_order, '')) WHERE left_at IS NULL;
CREATE INDEX hub_places_by_hub ON hub_places (hub);
CREATE INDEX hub_places_by_gpf ON hub_places (gpf);
CREATE INDEX hub_places_by_order ON hub_places (work_order, place) WHERE left_at IS NULL;
CREATE INDEX hub_places_by_carton ON hub_places (carton) WHERE left_at IS NULL AND carton IS NOT NULL;
CREATE INDEX golden_checks_of_slot ON golden_checks (jig, slot);
CREATE INDEX package_labels_of ON package_labels (package, number);
CREATE INDEX package_labels_by_sscc ON package_labels (sscc);
CREATE INDEX package_labels_waiting ON package_labels (asked) WHERE printed IS NULL;
COMMIT;
