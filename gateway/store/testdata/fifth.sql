CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
CREATE TABLE logs (
    origin   TEXT PRIMARY KEY,
    verifier TEXT NOT NULL
);
CREATE TABLE entries (
    origin TEXT   NOT NULL REFERENCES logs (origin),
    seq    BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    kind   TEXT   NOT NULL,
    actor  TEXT   NOT NULL,
    device TEXT   NOT NULL,
    visit  TEXT   NOT NULL,
    record TEXT   NOT NULL,
    hashes BYTEA  NOT NULL,
    PRIMARY KEY (origin, seq)
);
CREATE INDEX entries_actor ON entries (origin, actor, seq);
CREATE INDEX entries_device ON entries (origin, device, seq);
CREATE INDEX entries_visit ON entries (origin, visit, seq);
CREATE TABLE heads (
    origin TEXT   NOT NULL REFERENCES logs (origin),
    size   BIGINT NOT NULL,
    note   TEXT   NOT NULL,
    PRIMARY KEY (origin, size)
);
CREATE TABLE devices (
    fingerprint      TEXT PRIMARY KEY,
    public_key       TEXT    NOT NULL,
    name             TEXT    NOT NULL UNIQUE,
    labels           TEXT    NOT NULL,
    os               TEXT    NOT NULL,
    arch             TEXT    NOT NULL,
    version          TEXT    NOT NULL,
    capabilities     TEXT    NOT NULL,
    logins           TEXT    NOT NULL,
    address          TEXT    NOT NULL,
    enrolled_at      BIGINT  NOT NULL,
    enrolled_by      TEXT    NOT NULL,
    online           BOOLEAN NOT NULL,
    since            BIGINT  NOT NULL,
    why              TEXT    NOT NULL,
    quarantined_at   BIGINT  NOT NULL DEFAULT 0,
    quarantined_why  TEXT    NOT NULL DEFAULT ''
, class TEXT NOT NULL DEFAULT '');
CREATE TABLE tokens (
    hash       TEXT PRIMARY KEY,
    labels     TEXT   NOT NULL,
    name       TEXT   NOT NULL,
    made_by    TEXT   NOT NULL,
    made_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL DEFAULT 0,
    used_by    TEXT   REFERENCES devices (fingerprint)
);
CREATE TABLE visits (
    id                TEXT PRIMARY KEY,
    device            TEXT   NOT NULL,
    device_key        TEXT   NOT NULL REFERENCES devices (fingerprint),
    technician        TEXT   NOT NULL,
    technician_key    TEXT   NOT NULL,
    reason            TEXT   NOT NULL,
    ticket            TEXT   NOT NULL,
    capabilities      TEXT   NOT NULL,
    login             TEXT   NOT NULL,
    minutes           BIGINT NOT NULL,
    state             TEXT   NOT NULL,
    asked_at          BIGINT NOT NULL,
    answered_at       BIGINT NOT NULL DEFAULT 0,
    opened_at         BIGINT NOT NULL DEFAULT 0,
    until_at          BIGINT NOT NULL DEFAULT 0,
    ended_at          BIGINT NOT NULL DEFAULT 0,
    later_at          BIGINT NOT NULL DEFAULT 0,
    ended_by          TEXT   NOT NULL DEFAULT '',
    cause             TEXT   NOT NULL DEFAULT '',
    granted           TEXT   NOT NULL DEFAULT '[]',
    consent           BYTEA,
    consent_signature BYTEA,
    ending            BYTEA,
    ending_signature  BYTEA,
    folder            TEXT   NOT NULL DEFAULT '',
    head_seq          BIGINT NOT NULL DEFAULT 0,
    head              TEXT   NOT NULL DEFAULT '',
    note              TEXT   NOT NULL DEFAULT ''
);
CREATE INDEX visits_asked ON visits (asked_at);
CREATE INDEX visits_technician ON visits (technician, asked_at);
CREATE INDEX visits_device ON visits (device, asked_at);
CREATE INDEX visits_state ON visits (state, asked_at);
CREATE TABLE overrides (
    number         BIGINT PRIMARY KEY,
    exercise       BOOLEAN NOT NULL,
    device         TEXT    NOT NULL,
    device_key     TEXT    NOT NULL REFERENCES devices (fingerprint),
    technician     TEXT    NOT NULL,
    technician_key TEXT    NOT NULL,
    statement      BYTEA   NOT NULL,
    needed         BIGINT  NOT NULL,
    state          TEXT    NOT NULL,
    asked_at       BIGINT  NOT NULL,
    until_at       BIGINT  NOT NULL,
    decided_at     BIGINT  NOT NULL DEFAULT 0,
    decided_by     TEXT    NOT NULL DEFAULT '',
    cause          TEXT    NOT NULL DEFAULT '',
    used_at        BIGINT  NOT NULL DEFAULT 0,
    visit          TEXT    NOT NULL DEFAULT '',
    overdue_at     BIGINT  NOT NULL DEFAULT 0,
    reviewed_at    BIGINT  NOT NULL DEFAULT 0,
    reviewed_by    TEXT    NOT NULL DEFAULT '',
    verdict        TEXT    NOT NULL DEFAULT '',
    note           TEXT    NOT NULL DEFAULT ''
);
CREATE INDEX overrides_state ON overrides (state, number);
CREATE INDEX overrides_technician ON overrides (technician, device_key, state);
CREATE TABLE override_signatures (
    number    BIGINT NOT NULL REFERENCES overrides (number),
    place     BIGINT NOT NULL,
    signer    TEXT   NOT NULL,
    key       TEXT   NOT NULL,
    signature BYTEA  NOT NULL,
    signed_at BIGINT NOT NULL,
    PRIMARY KEY (number, place),
    UNIQUE (number, signer),
    UNIQUE (number, key)
);
CREATE TABLE rosters (
    version    BIGINT PRIMARY KEY,
    statement  BYTEA  NOT NULL,
    signatures TEXT   NOT NULL DEFAULT '[]',
    signers    TEXT   NOT NULL DEFAULT '[]',
    made_at    BIGINT NOT NULL,
    signed_at  BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE hooks (
    origin  TEXT   NOT NULL,
    seq     BIGINT NOT NULL,
    since   BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    tries   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (origin, seq)
);
CREATE INDEX hooks_next ON hooks (origin, next_at);
INSERT INTO goose_db_version VALUES (1, 0, 1, '2026-11-23 03:26:43 +0000 UTC');
INSERT INTO goose_db_version VALUES (2, 1, 1, '2026-11-23 03:26:43 +0000 UTC');
INSERT INTO goose_db_version VALUES (3, 3, 1, '2026-11-23 03:26:43 +0000 UTC');
INSERT INTO goose_db_version VALUES (4, 5, 1, '2026-11-23 03:26:43 +0000 UTC');
INSERT INTO logs VALUES ('gw.test/log', 'gw.test/log+62478919+AXF302WYIrqvFs4W8TzaqpM/naKsxF7nyZDjzcWn48VH');
INSERT INTO entries VALUES ('gw.test/log', 1, 1772625600123456, 'token.made', 'ada', '', '', '{"seq":1,"at":1772625600123456,"kind":"token.made","actor":"ada","address":"192.0.2.7:50022","success":true,"data":{"expires":"2026-03-04T13:00:00Z","name":"lab-1","token":"7f66892cb8574536"}}', X'7290263b1f25aa0abba1b1366ee8beb613c0ca28ccd681b443acc0fd1c1799dc');
INSERT INTO entries VALUES ('gw.test/log', 2, 1772625660123456, 'device.enrolled', 'device', 'lab-1', '', '{"seq":2,"at":1772625660123456,"kind":"device.enrolled","actor":"device","device":"lab-1","address":"192.0.2.7:50022","success":true,"data":{"key":"SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M","token":"7f66892cb8574536"}}', X'ddc668bd638efeaeecee4a9a9bfabf94ec9d6dbdbafa99d3c39eef7a8b857d28b71f80368b1379c664e9d4851b5465805ff5161773ce9a079fc74ff3d5d7067e');
INSERT INTO entries VALUES ('gw.test/log', 3, 1772625600123456, 'token.made', 'ada', '', '', '{"seq":3,"at":1772625600123456,"kind":"token.made","actor":"ada","address":"192.0.2.7:50022","success":true,"data":{"expires":"2026-03-04T13:00:00Z","name":"lab-2","token":"5391de926bd7f8af"}}', X'66bcc21a68343afeba6942675effed4e3d773689a36f793672e0b60b87038b43');
INSERT INTO entries VALUES ('gw.test/log', 4, 1772625660123456, 'device.enrolled', 'device', 'lab-2', '', '{"seq":4,"at":1772625660123456,"kind":"device.enrolled","actor":"device","device":"lab-2","address":"192.0.2.7:50022","success":true,"data":{"key":"SHA256:4+jTG76cc6rfx4vJn1HObI6M6GeUcVmxEOgC8G0qwII","token":"5391de926bd7f8af"}}', X'ef7dc6c484b384f329e717d0d106d543e024c00f7fd5fa7a9956fbd687814ed3862625a781bfd214fa636867c70e9ca3809da7c2aa1bc081d6c6c753b3469d0baa5a32975962915358c750eb0b5a2725b656fdab71984a550694e13aa7460b29');
INSERT INTO entries VALUES ('gw.test/log', 5, 1772625660123456, 'device.online', 'lab-1', 'lab-1', '', '{"seq":5,"at":1772625660123456,"kind":"device.online","actor":"lab-1","device":"lab-1","address":"192.0.2.7:50022","success":true,"data":{"key":"SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M"}}', X'24ec084aa0b89bba85208d9d07156f181e67767e7cd921e9fe4a0b1043297145');
INSERT INTO entries VALUES ('gw.test/log', 6, 1772625720123456, 'visit.requested', 'tom', 'lab-1', '20260304-120200-aaaaaaaa', '{"seq":6,"at":1772625720123456,"kind":"visit.requested","actor":"tom","device":"lab-1","visit":"20260304-120200-aaaaaaaa","address":"192.0.2.7:50022","success":true,"data":{"capabilities":"shell files.get","key":"SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M","minutes":"30","reason":"printer","technician_key":"SHA256:tom","ticket":"T-1"}}', X'5d41eecee0af0510d35b44740d6bf696eeb384b02f874182e13e1889795c54baa451f3a6d07867d27f8ef3da05128a51d7c7eed49bc1b2374272f8f6b9cf7d82');
INSERT INTO entries VALUES ('gw.test/log', 7, 1772625780123456, 'visit.answered', 'user', 'lab-1', '20260304-120200-aaaaaaaa', '{"seq":7,"at":1772625780123456,"kind":"visit.answered","actor":"user","device":"lab-1","visit":"20260304-120200-aaaaaaaa","address":"192.0.2.7:50022","success":true,"data":{"answer":"approved","consent":"11e8eebafd9a704fe24ef6fcc44050ff9b1d28c0a0a51473f88473b2980d3dd4","granted":"shell","until":"2026-03-04T12:30:00Z"}}', X'7f8d08560b59d415bf828899836c449bfcb553061363833cad28b73df3d9eb29');
INSERT INTO entries VALUES ('gw.test/log', 8, 1772625840123456, 'visit.opened', 'gateway', 'lab-1', '20260304-120200-aaaaaaaa', '{"seq":8,"at":1772625840123456,"kind":"visit.opened","actor":"gateway","device":"lab-1","visit":"20260304-120200-aaaaaaaa","address":"192.0.2.7:50022","success":true,"data":{"folder":"2026/03/04/20260304-120200-aaaaaaaa"}}', X'36554e4d429c86c402b9e7debae7babc3f2e85378ffcac9493856e1f8ca78f5f9c7111553d7fd67b57ed32ac0b2b637e0fb338a865db68ddd26311de0e23e7314d06e146bd1c7e2ed628b598ff042fbbc47ef2572e1efee0158112da37f5d218cdd87556d599a90c3415291b9a299780053797c33acd0535cde54e5e3221ea33');
INSERT INTO entries VALUES ('gw.test/log', 9, 1772625900123456, 'visit.ended', 'lab-1', 'lab-1', '20260304-120200-aaaaaaaa', '{"seq":9,"at":1772625900123456,"kind":"visit.ended","actor":"lab-1","device":"lab-1","visit":"20260304-120200-aaaaaaaa","address":"192.0.2.7:50022","success":true,"data":{"by":"user","cause":"Stop was pressed.","state":"ended"}}', X'699fd614baf812f22257e5e5540d4a0f0ad425382f766614b2385107ada95481');
INSERT INTO entries VALUES ('gw.test/log', 10, 1772625960123456, 'recording.sealed', 'gateway', 'lab-1', '20260304-120200-aaaaaaaa', '{"seq":10,"at":1772625960123456,"kind":"recording.sealed","actor":"gateway","device":"lab-1","visit":"20260304-120200-aaaaaaaa","address":"192.0.2.7:50022","success":true,"data":{"ending":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","head":"abababababababababababababababababababababababababababababababab","seq":"7"}}', X'1b392f4c2c5b1c9e5f48676bda2876fc7bd212ddb8de9b78a47e3d4162265c20dbeb4ea5b248d800261cd5cf42a1bbe3567240c477767876a2b90a8b11e6b1ec');
INSERT INTO entries VALUES ('gw.test/log', 11, 1772626020123456, 'visit.noted', 'tom', 'lab-1', '20260304-120200-aaaaaaaa', '{"seq":11,"at":1772626020123456,"kind":"visit.noted","actor":"tom","device":"lab-1","visit":"20260304-120200-aaaaaaaa","address":"192.0.2.7:50022","success":true,"data":{"note":"all is well"}}', X'b5bfdadb3283b984d5e76acd4b7f31df32d9f51e5ab52c2a56a7a6ed3422a31a');
INSERT INTO entries VALUES ('gw.test/log', 12, 1772625720123456, 'visit.requested', 'tom', 'lab-1', '20260304-120800-bbbbbbbb', '{"seq":12,"at":1772625720123456,"kind":"visit.requested","actor":"tom","device":"lab-1","visit":"20260304-120800-bbbbbbbb","address":"192.0.2.7:50022","success":true,"data":{"capabilities":"shell files.get","key":"SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M","minutes":"30","reason":"printer","technician_key":"SHA256:tom","ticket":"T-1"}}', X'c4fe20b3d4a7780b9c7a856cb23488e1d5640de5f43a11848aff89970bf75817544a84ee9d7cd71f8908adc39801925a888c7aba9be97fa2c76eefcb0d806a8cc2f1e45ae8d6cd7f1e27e34f16b6147a6900b4d9f7064b6058f6acb028869315');
INSERT INTO entries VALUES ('gw.test/log', 13, 1772625780123456, 'visit.answered', 'user', 'lab-1', '20260304-120800-bbbbbbbb', '{"seq":13,"at":1772625780123456,"kind":"visit.answered","actor":"user","device":"lab-1","visit":"20260304-120800-bbbbbbbb","address":"192.0.2.7:50022","success":true,"data":{"answer":"approved","consent":"11e8eebafd9a704fe24ef6fcc44050ff9b1d28c0a0a51473f88473b2980d3dd4","granted":"shell","until":"2026-03-04T12:30:00Z"}}', X'799549f348c5f94f7f6aeb0e1305a4b8260331678972f40c3d3eef3e5ab14c57');
INSERT INTO entries VALUES ('gw.test/log', 14, 1772625840123456, 'visit.opened', 'gateway', 'lab-1', '20260304-120800-bbbbbbbb', '{"seq":14,"at":1772625840123456,"kind":"visit.opened","actor":"gateway","device":"lab-1","visit":"20260304-120800-bbbbbbbb","address":"192.0.2.7:50022","success":true,"data":{"folder":"2026/03/04/20260304-120800-bbbbbbbb"}}', X'd9425e1334786f83b9ad6871c7cfedd0aeaa74ed3a0487e161a362e77bde799d6def313fe4b728b0db9a8ef351e58a92e72e26524db271e19bbb6a29ab038648');
INSERT INTO entries VALUES ('gw.test/log', 15, 1772626080123456, 'device.quarantined', 'gateway', 'lab-2', '', '{"seq":15,"at":1772626080123456,"kind":"device.quarantined","actor":"gateway","device":"lab-2","address":"192.0.2.7:50022","success":true,"data":{"key":"SHA256:4+jTG76cc6rfx4vJn1HObI6M6GeUcVmxEOgC8G0qwII","why":"two devices use one key"}}', X'9680ae3cb13940b992db7566c536b9258e0c402ce634def8fe1715aa8d0f32dd');
INSERT INTO entries VALUES ('gw.test/log', 16, 1772626140123456, 'override.requested', 'tom', 'lab-1', '', '{"seq":16,"at":1772626140123456,"kind":"override.requested","actor":"tom","device":"lab-1","address":"192.0.2.7:50022","success":true,"data":{"key":"SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M","needed":"1","override":"1","statement":"b111c6e1d318f203063e5c16bab43c108326af0aa2f7b65760c95547a43dbe52","technician":"tom","technician_key":"SHA256:tom","until":"2026-03-05T12:00:00Z"}}', X'f45133ba4b5e97584396b1d9e84797ffaf4d759d2d61de94449d975e6efda354a7d18a89a5a0432adf5678e799df3590171327db813071903ec238b595bf8dec01767afb15202ce7b1950bcb295e8a55932687a801bab7028e2be27bfba5585a3714f98e048c9ef076978fb7c47f0080272a77bde8d5c30459e0cb5a1beeb2ac04de2fbf0ed2640aea795842f207d3276fb2251d7aecfc82b9c133821d736a4c');
INSERT INTO entries VALUES ('gw.test/log', 17, 1772626200123456, 'override.signed', 'sue', 'lab-1', '', '{"seq":17,"at":1772626200123456,"kind":"override.signed","actor":"sue","device":"lab-1","address":"192.0.2.7:50022","success":true,"data":{"needed":"1","override":"1","signature":"1a2fc26dc7ea5a2a4748b7cb2b1ef193d96ab2c99f93092f69e63075b28d1278","signatures":"1","signer_key":"SHA256:sue","technician":"tom"}}', X'72932f9897b10369b583396fce123739b93d9897aaf40e7734a2ecfe031da6fd');
INSERT INTO entries VALUES ('gw.test/log', 18, 1772626200123456, 'override.approved', 'sue', 'lab-1', '', '{"seq":18,"at":1772626200123456,"kind":"override.approved","actor":"sue","device":"lab-1","address":"192.0.2.7:50022","success":true,"data":{"override":"1","technician":"tom","until":"2026-03-05T12:00:00Z"}}', X'a2bfdfcc08701aa3b09bb62dce9e68ea222c1ee3abfd2b2ab3704eec55175be99fab0f16bd48d34fde54d8e31a8864b206cefa1d7429165cd07c4d9933f1e7e7');
INSERT INTO heads VALUES ('gw.test/log', 1, 'gw.test/log
1
cpAmOx8lqgq7obE2bui+thPAyijM1oG0Q6zA/RwXmdw=

— gw.test/log YkeJGZhmqQp48FIKTT7NFQkc4aktlIvMOdCSoZs2tjdlu3ha0xjapZxpFsWOg6m/6H6UmY0IQkMfVXm1UpWWrEjVIQU=
');
INSERT INTO heads VALUES ('gw.test/log', 2, 'gw.test/log
2
tx+ANosTecZk6dSFG1RlgF/1FhdzzpoHn8dP89XXBn4=

— gw.test/log YkeJGe68lQLN/f13u5COoqweTfvNRZDvuI5FTBl47YlKbfeKM5jEcWC4lqFz4uw11Xq0DqhnuDii07bDVidOXMxgeAU=
');
INSERT INTO heads VALUES ('gw.test/log', 3, 'gw.test/log
3
Z1xjISQGl8ua13ENGXQhRKYZC1ZlgVuoD+ua6SH6Dhk=

— gw.test/log YkeJGU3liPriVDVYK/qgRh9tf+58Ggi5zAtzJdigk24vwAgzKL8S1H7GlngiObVx2SrIwXN5geu0VSuK8SbT3f3s5AE=
');
INSERT INTO heads VALUES ('gw.test/log', 4, 'gw.test/log
4
qloyl1likVNYx1DrC1onJbZW/atxmEpVBpThOqdGCyk=

— gw.test/log YkeJGRxlB/usMDwEBf5HwaKuAj3Baiwsb4dzAe+FoEC6WBQf3nUFI6IJt9jA11zxQbfND6W6pO/R8TNQ8CBj2oAMvwI=
');
INSERT INTO heads VALUES ('gw.test/log', 5, 'gw.test/log
5
vvbosJJHKX4nrKTDIn20zi+FKBik56X0p+J/vFCpFD0=

— gw.test/log YkeJGfoOYAe4JcxbzwBcOq0j6td5Cgy1O/sor/nDl8B44KDALfUFsXEHvsQsXhJT/b6Blv9Zre1FSH+Cu5gQ+mIK/Q4=
');
INSERT INTO heads VALUES ('gw.test/log', 6, 'gw.test/log
6
vaFo9WTzJpoOaxUfDsJZIg4v13YKVlJczo32ney1IYs=

— gw.test/log YkeJGQsn5pXIQxOAQ1BPJ95WM+Dq790zZABdXZpBkAJwLECJjSpO7ski0dk2+kjYtE/hfcACkJS69FGMLZDQxP2Shww=
');
INSERT INTO heads VALUES ('gw.test/log', 7, 'gw.test/log
7
YV+UbwVn2yQogxG/bsgupA14//bB4NJ9VTmHXabPUW4=

— gw.test/log YkeJGUITKTG2pjQd+Bpa8EZwY9mD+zWtFHCzizzvBDToR4HQn0XOBZsp7QERQICxmbX8Cpdo60n9qqNvIZn0jgRrPgU=
');
INSERT INTO heads VALUES ('gw.test/log', 8, 'gw.test/log
8
zdh1VtWZqQw0FSkbmimXgAU3l8M6zQU1zeVOXjIh6jM=

— gw.test/log YkeJGT0rNoze3IAwT4A3rTNzHBP2JnTTLJulhjIQN0UZ+GOvge5/wz9arL1TlNWd43e4wjya7n77DLKTXlTcWMhqUwQ=
');
INSERT INTO heads VALUES ('gw.test/log', 9, 'gw.test/log
9
ioGd/vAFPVON/zwAaTJRLKUQwhRJcQmdDiap50crOBA=

— gw.test/log YkeJGfEkCPTAta9ez8vojyWbxWxbMo3UQUfrOcwShgHSVDn1LQzCg/NtT/VbHKGcXbWtibIQ2q32GZ7/3GNca0SdTAc=
');
INSERT INTO heads VALUES ('gw.test/log', 10, 'gw.test/log
10
c3CXFfVqsQXM5wp66mpLg2eBL7IHqPF16jzVZKXtwto=

— gw.test/log YkeJGR+Modq9xu57fqpJAn9LxqR/5oofE3Znl/tjR908IZQEzIufphbgdgeTxcyg9a9BhVEXQyJYD+ZxJZHawvGeCgk=
');
INSERT INTO heads VALUES ('gw.test/log', 11, 'gw.test/log
11
F24kIfqTgjheozq3HpjzjSpgkd6O1LoOcUPF2BuBHPI=

— gw.test/log YkeJGcWC2ZtOzAM9WZGzf9h9R03r9mVV1lvIwsIOVAFDAVY75soyagIxJnYf0WTnS+3NCXR5ie7BDmbvg4TiEDxE5AQ=
');
INSERT INTO heads VALUES ('gw.test/log', 12, 'gw.test/log
12
4sMYU9yBc1Xd9fhEVAhm2aa0LrcALISnipBxHh8T+6w=

— gw.test/log YkeJGQrY45o1dR3WPKu2wc3KdpBUGyWoEXfJFYJ+vcriA/bWBqfbhkbqdwaW2H9b0CxPdF57g9gwT8Z1yEAh8E5waw4=
');
INSERT INTO heads VALUES ('gw.test/log', 13, 'gw.test/log
13
FgKjvaN3/6gLAOf5OT7Ld3sgX5adVERgMcmURLFFrjc=

— gw.test/log YkeJGZwz80jKOfQC6H6WRop1vvdT0pm57l1FLx3/x+x3z+FhhDo99I25Bhma2K1RNDFLklCfVcqYvUG2WwtKGeGEkgU=
');
INSERT INTO heads VALUES ('gw.test/log', 14, 'gw.test/log
14
lQkhVY40kNKBtkokxnn5PC+KH7tHVlE1eg7BoBL4gKU=

— gw.test/log YkeJGQ0JWC7KUhlium2RhTOYbxbDLmOvBU4FmsdiYTJDs1GrniRN5JkouDH5i0M+tWOrmo9Xqu3PXi1x6oPkzTiEHA4=
');
INSERT INTO heads VALUES ('gw.test/log', 15, 'gw.test/log
15
1g8RBB3zvGk3TU22fo2huPcnuoGv4X0d1bGKOg9t4gk=

— gw.test/log YkeJGawa1Ij3h/jhVWjHFiYpRszkEu7rM2dFWQjUK7trNnydgk2tZS6z3TuagIDxlyLyG7anJvrMv2eOX5BKVfn6VAo=
');
INSERT INTO heads VALUES ('gw.test/log', 16, 'gw.test/log
16
BN4vvw7SZArqeVhC8gfTJ2+yJR167PyCucEzgh1zakw=

— gw.test/log YkeJGXs/vBANbCd5PalOmA0n9ZbkykyHFJQjxtdBBWX9owe66r7NyOBnL0F5M47ymc9RLMRrQdtjbWdJw6d8JPSbpgQ=
');
INSERT INTO heads VALUES ('gw.test/log', 18, 'gw.test/log
18
fliAyl+CRJOCmvUqViidOMRDEgwOLf+Xl99hQN3rsXo=

— gw.test/log YkeJGaaRWH1bgnoPBc3sIrp7S7DOL01W4SwBKVkRSJ0iiuHKkla5TtXnzgVhrf//3vf26GDKWJneYQ92JCPJh/SHkgk=
');
INSERT INTO devices VALUES ('SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM7MFQfcHd1ylZUcKQiI8JWtuQRNG3PWlubfBl1oO9T8', 'lab-1', '{}', 'linux', 'amd64', 'v0', '["shell"]', '["user"]', '192.0.2.9:1', 1772625660123456, 'ada', 1, 1772625660123456, '', 0, '', '');
INSERT INTO devices VALUES ('SHA256:4+jTG76cc6rfx4vJn1HObI6M6GeUcVmxEOgC8G0qwII', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGt5xX5qCVI5KCwEgY6WES8/A6QAG6l6VkwjhSo/HqX8', 'lab-2', '{}', '', '', '', 'null', 'null', '', 1772625660123456, 'ada', 0, 1772625660123456, 'it has not called home yet', 1772626080123456, 'two devices use one key', '');
INSERT INTO tokens VALUES ('7f66892cb857453649ae46ff7624dd8607a11c73cdba054e05089776be60cfc6', 'null', 'lab-1', 'ada', 1772625600123456, 1772629200123456, 1772625660123456, 'SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M');
INSERT INTO tokens VALUES ('5391de926bd7f8af5089055d68eff3d9b7cd61db2004465a507d3fdacb7e9b71', 'null', 'lab-2', 'ada', 1772625600123456, 1772629200123456, 1772625660123456, 'SHA256:4+jTG76cc6rfx4vJn1HObI6M6GeUcVmxEOgC8G0qwII');
INSERT INTO visits VALUES ('20260304-120200-aaaaaaaa', 'lab-1', 'SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M', 'tom', 'SHA256:tom', 'printer', 'T-1', '["shell","files.get"]', 'user', 30, 'ended', 1772625720123456, 1772625780123456, 1772625840123456, 1772627400123456, 1772625900123456, 0, 'user', 'Stop was pressed.', '["shell"]', X'7b2263686f696365223a22617070726f7665227d', X'7369676e6174757265', X'7b7d', X'7369676e6174757265', '2026/03/04/20260304-120200-aaaaaaaa', 7, 'abababababababababababababababababababababababababababababababab', 'all is well');
INSERT INTO visits VALUES ('20260304-120800-bbbbbbbb', 'lab-1', 'SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M', 'tom', 'SHA256:tom', 'printer', 'T-1', '["shell","files.get"]', 'user', 30, 'open', 1772625720123456, 1772625780123456, 1772625840123456, 1772627400123456, 0, 0, '', '', '["shell"]', X'7b2263686f696365223a22617070726f7665227d', X'7369676e6174757265', NULL, NULL, '2026/03/04/20260304-120800-bbbbbbbb', 0, '', '');
INSERT INTO overrides VALUES (1, 0, 'lab-1', 'SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M', 'tom', 'SHA256:tom', X'73746174656d656e74', 1, 'approved', 1772626140123456, 1772712000123456, 1772626200123456, '', '', 0, '', 0, 0, '', '', '');
INSERT INTO override_signatures VALUES (1, 1, 'sue', 'SHA256:sue', X'7369676e6174757265', 1772626200123456);
