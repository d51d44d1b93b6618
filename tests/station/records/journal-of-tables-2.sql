PRAGMA application_id = 1380338254;
PRAGMA user_version = 2;
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
    boots        INTEGER                -- the hub's boot counter at the end
);
INSERT INTO "attempts" VALUES(6,1767323045123456,'WO-1','jig-1',1,'88-73-84-00-00-00-00-00','88-73-84-00-00-00-00-01','88-73-84-00-00-00-00-01','GPF',1,NULL,NULL,NULL,0,1767323045123456,'passed','check',NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(8,1767323045123456,'WO-1','jig-1',1,'88-73-84-00-00-00-00-02','88-73-84-00-00-00-00-03','88-73-84-00-00-00-00-03','GPF',1,NULL,NULL,NULL,0,1767323045123456,'failed','flash','file_transfer_failure','retry_other_slot',NULL);
INSERT INTO "attempts" VALUES(10,1767323045123456,'WO-1','jig-1',1,'88-73-84-00-00-00-00-04','88-73-84-00-00-00-00-05',NULL,NULL,1,NULL,'{"chf":"88-73-84-00-00-00-00-04","gpf":"88-73-84-00-00-00-00-05","manufacturer":"11A2","model":"0A0B0C0D","hardware_version":"1.2","variant":"DBCH","firmware":"00010001","locked":true,"boots":3}','[{"version": "0002012F", "image_sha256": "abababababababababababababababababababababababababababababababab", "image_hash": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"}]',0,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE events (
    sequence     INTEGER PRIMARY KEY,
    utc          INTEGER NOT NULL,  -- microseconds since 1970
    monotonic_ns INTEGER NOT NULL,  -- boot clock
    body         TEXT    NOT NULL,  -- canonical JSON
    hash         BLOB    NOT NULL
);
INSERT INTO "events" VALUES(1,1767323045123456,42000000001,'{"journal":"f59528df-156b-486d-ab15-4612cadd2bc8","kind":"journal_created","site":"leeds","station":"bench-1"}',X'142F57A5576DA5AFAE90F9B558A64AD733F5815A4A69D88C40842865B23B1421');
INSERT INTO "events" VALUES(2,1767323045123456,42000000001,'{"boot_id":"b","kind":"station_started","station_version":"1.0"}',X'BBFB99F47E5D4E76E7D99AAF8E21BA2424988E167BD2C2A2BF2F25E0177B1B13');
INSERT INTO "events" VALUES(3,1767323045123456,42000000001,'{"hubs":4,"kind":"order_imported","order":"WO-1","sha256":"0000000000000000000000000000000000000000000000000000000000000000","source":"WO-1.csv"}',X'7D8C62C4C13A344A438C478E289A1037D5A0EBC6974D98AD5557B4B5DC707318');
INSERT INTO "events" VALUES(4,1767323045123456,42000000001,'{"kind":"order_lines_added","lines":[{"chf":"88-73-84-00-00-00-00-00","gpf":"88-73-84-00-00-00-00-01","inventory_status":"Pending","manufacturer":"11A2","model":"0A0B0C0D","owner":"Example Energy","recorded_firmware":"00010001","region":"Central","variant":"DBCH"},{"chf":"88-73-84-00-00-00-00-02","gpf":"88-73-84-00-00-00-00-03","inventory_status":"Pending","manufacturer":"11A2","model":"0A0B0C0D","owner":"Example Energy","recorded_firmware":"00010001","region":"Central","variant":"DBCH"},{"chf":"88-73-84-00-00-00-00-04","gpf":"88-73-84-00-00-00-00-05","inventory_status":"Pending","manufacturer":"11A2","model":"0A0B0C0D","owner":"Example Energy","recorded_firmware":"00010001","region":"Central","variant":"DBCH"},{"chf":"88-73-84-00-00-00-00-06","gpf":"88-73-84-00-00-00-00-07","inventory_status":"Pending","manufacturer":"11A2","model":"0A0B0C0D","owner":"Example Energy","recorded_firmware":"00010001","region":"Central","variant":"DBCH"}],"order":"WO-1"}',X'AA9A8323DD50EA33B57A66E22219F905321F9D76044BCBD1A25110F0CE5E3834');
INSERT INTO "events" VALUES(5,1767323045123456,42000000001,'{"jig":"jig-1","kind":"order_assigned","order":"WO-1"}',X'302D4A716F447DB6BA22102D8FF5B1F8ECC1FBD2D8AD944BAB0A2119FF50F094');
INSERT INTO "events" VALUES(6,1767323045123456,42000000001,'{"hub":{"boots":3,"chf":"88-73-84-00-00-00-00-00","firmware":"00010001","gpf":"88-73-84-00-00-00-00-01","hardware_version":"1.2","locked":true,"manufacturer":"11A2","model":"0A0B0C0D","variant":"DBCH"},"kind":"attempt_opened","number":1,"operator":null,"order":"WO-1","place":{"jig":"jig-1","slot":1},"scanned_id":null,"scanned_role":null}',X'DC49A058D89345300147754F4745DC94B44101643F2BB766327999F4974F41B4');
INSERT INTO "events" VALUES(7,1767323045123456,42000000001,'{"attempt":6,"boots":null,"chf":"88-73-84-00-00-00-00-00","code":null,"disposition":null,"finished":"2026-01-02T03:14:05.500000Z","firmware_before":"00010001","firmware_read_back":"0002012F","firmware_recorded":"00010001","firmware_target":"0002012F","gpf":"88-73-84-00-00-00-00-01","hardware_version":"1.2","image_sha256":"abababababababababababababababababababababababababababababababab","kind":"attempt_closed","manufacturer":"11A2","message":"jig-1 slot 1: passed, take the hub out","model":"0A0B0C0D","number":1,"operator":"op-1","order":"WO-1","outcome":"passed","place":{"jig":"jig-1","slot":1},"scanned_id":"88-73-84-00-00-00-00-01","scanned_role":"GPF","seconds":{"flash":35.5,"unlock":0.25},"stage":"check","started":"2026-01-02T03:04:05Z","station_version":"1.0","utc_synchronised":null}',X'A29AD82DCED366C7468E162921BF552FBA2E4376B48EB0604F5419A5E7DFCEA8');
INSERT INTO "events" VALUES(8,1767323045123456,42000000001,'{"hub":{"boots":3,"chf":"88-73-84-00-00-00-00-02","firmware":"00010001","gpf":"88-73-84-00-00-00-00-03","hardware_version":"1.2","locked":true,"manufacturer":"11A2","model":"0A0B0C0D","variant":"DBCH"},"kind":"attempt_opened","number":1,"operator":null,"order":"WO-1","place":{"jig":"jig-1","slot":1},"scanned_id":null,"scanned_role":null}',X'27DBD8CD01D30732D89771A08E9BB6A93511FF33458AB278BF6BF18041399CAC');
INSERT INTO "events" VALUES(9,1767323045123456,42000000001,'{"attempt":8,"boots":null,"chf":"88-73-84-00-00-00-00-02","code":"file_transfer_failure","disposition":"retry_other_slot","finished":"2026-01-02T03:14:05.500000Z","firmware_before":"00010001","firmware_read_back":"00010001","firmware_recorded":"00010001","firmware_target":"0002012F","gpf":"88-73-84-00-00-00-00-03","hardware_version":"1.2","image_sha256":"abababababababababababababababababababababababababababababababab","kind":"attempt_closed","manufacturer":"11A2","message":"jig-1 slot 1: passed, take the hub out","model":"0A0B0C0D","number":1,"operator":"op-1","order":"WO-1","outcome":"failed","place":{"jig":"jig-1","slot":1},"scanned_id":"88-73-84-00-00-00-00-03","scanned_role":"GPF","seconds":{"flash":35.5,"unlock":0.25},"stage":"flash","started":"2026-01-02T03:04:05Z","station_version":"1.0","utc_synchronised":null}',X'2EC055ECF00B869B149274F7E71772C525D01C3EEAE70447801BD3656A1DF719');
INSERT INTO "events" VALUES(10,1767323045123456,42000000001,'{"hub":{"boots":3,"chf":"88-73-84-00-00-00-00-04","firmware":"00010001","gpf":"88-73-84-00-00-00-00-05","hardware_version":"1.2","locked":true,"manufacturer":"11A2","model":"0A0B0C0D","variant":"DBCH"},"kind":"attempt_opened","number":1,"operator":null,"order":"WO-1","place":{"jig":"jig-1","slot":1},"scanned_id":null,"scanned_role":null}',X'1844884D382D517CF5B2C1329605003474CD11D1A7E6EA44ECCE805429354A8C');
INSERT INTO "events" VALUES(11,1767323045123456,42000000001,'{"attempt":10,"kind":"attempt_planned","steps":[{"image_hash":"cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd","image_sha256":"abababababababababababababababababababababababababababababababab","version":"0002012F"}]}',X'8BC6920F936A8DBA6B01563C2F50D7499829AEA739D6DACD3A5999210B89DFB2');
INSERT INTO "events" VALUES(12,1767323045123456,42000000001,'{"attempt":10,"kind":"stage_started","stage":"unlock","step":0,"try_number":1}',X'DE3D5DB05C992550CADDC84817806A989B90EA1AF3FD447838FC964EF4501029');
INSERT INTO "events" VALUES(13,1767323045123456,42000000001,'{"attempt":10,"chf":"88-73-84-00-00-00-00-04","kind":"unlock_answer_refused"}',X'F7109C44F93DD5BCE8DD6B371793A50B2495FEB39CBAFD405E99E848FDA8D727');
INSERT INTO "events" VALUES(14,1767323045123456,42000000001,'{"kind":"results_acknowledged","station_sequences":[1]}',X'28E62369CDF5D85A0880611F2F1D5839D410569B5C6B4001E2089A1222DEFFC1');
CREATE TABLE hubs (
    chf           TEXT    PRIMARY KEY,
    wrong_answers INTEGER NOT NULL      -- to unlock challenges, since the last that was right
);
INSERT INTO "hubs" VALUES('88-73-84-00-00-00-00-04',1);
CREATE TABLE jig_orders (
    jig        TEXT PRIMARY KEY,
    work_order TEXT NOT NULL REFERENCES orders
);
INSERT INTO "jig_orders" VALUES('jig-1','WO-1');
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
INSERT INTO "order_lines" VALUES('WO-1','88-73-84-00-00-00-00-06','88-73-84-00-00-00-00-07','{"chf":"88-73-84-00-00-00-00-06","gpf":"88-73-84-00-00-00-00-07","manufacturer":"11A2","model":"0A0B0C0D","region":"Central","variant":"DBCH","recorded_firmware":"00010001","inventory_status":"Pending","owner":"Example Energy"}',NULL);
CREATE TABLE orders (
    work_order TEXT    PRIMARY KEY,
    imported   INTEGER NOT NULL,
    source     TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    hubs       INTEGER NOT NULL,
    closed     TEXT                     -- the reason, once closed
);
INSERT INTO "orders" VALUES('WO-1',1767323045123456,'WO-1.csv','0000000000000000000000000000000000000000000000000000000000000000',4,NULL);
CREATE TABLE results (
    station_sequence INTEGER PRIMARY KEY,
    sequence         INTEGER NOT NULL UNIQUE,
    hub              TEXT,              -- results of one hub leave in order
    acknowledged     INTEGER NOT NULL DEFAULT 0
);
INSERT INTO "results" VALUES(1,7,'88-73-84-00-00-00-00-00',1);
INSERT INTO "results" VALUES(2,9,'88-73-84-00-00-00-00-02',0);
CREATE TABLE segments (
    name          TEXT    PRIMARY KEY,  -- file name of a finished segment
    last_sequence INTEGER NOT NULL,
    last_hash     BLOB    NOT NULL
);
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
INSERT INTO "stages" VALUES(10,0,'unlock',1,0,0.0,12);
CREATE TABLE station (
    journal TEXT PRIMARY KEY,
    site    TEXT NOT NULL,
    station TEXT NOT NULL
);
INSERT INTO "station" VALUES('f59528df-156b-486d-ab15-4612cadd2bc8','leeds','bench-1');
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
CREATE INDEX events_of_attempt ON events (json_extract(body, '$.attempt'))
    WHERE json_extract(body, '$.attempt') IS NOT NULL;
CREATE INDEX order_lines_by_outcome ON order_lines (work_order, outcome);
CREATE INDEX order_lines_by_chf ON order_lines (chf);
CREATE INDEX order_lines_by_gpf ON order_lines (gpf);
CREATE INDEX attempts_open ON attempts (attempt) WHERE closed IS NULL;
CREATE INDEX attempts_by_chf ON attempts (chf, work_order);
CREATE INDEX attempts_by_gpf ON attempts (gpf);
CREATE INDEX attempts_by_scan ON attempts (scanned_id);
CREATE INDEX results_waiting ON results (station_sequence) WHERE acknowledged = 0;
COMMIT;
