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
);
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
INSERT INTO goose_db_version VALUES (1, 0, 1, '2026-11-23 03:26:33 +0000 UTC');
INSERT INTO goose_db_version VALUES (2, 1, 1, '2026-11-23 03:26:33 +0000 UTC');
INSERT INTO logs VALUES ('gw.test/log', 'gw.test/log+36a3a7e8+Ae3rUQTE0HQ/mN/MVRYLF4ojEwTWAxKJ9YZ1dX15ghcE');
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
INSERT INTO heads VALUES ('gw.test/log', 1, 'gw.test/log
1
cpAmOx8lqgq7obE2bui+thPAyijM1oG0Q6zA/RwXmdw=

— gw.test/log NqOn6HwVcD4uRjRV0RGwO6LRnNVmVddC92XeU7VkmpTqCj9rVJ9co+2Vej4CVQXCI93iX5eQW4yfdBUw4zSjTZM+ngg=
');
INSERT INTO heads VALUES ('gw.test/log', 2, 'gw.test/log
2
tx+ANosTecZk6dSFG1RlgF/1FhdzzpoHn8dP89XXBn4=

— gw.test/log NqOn6M+hwNs6OS9E4xuYxh27o/QYyn5lmqVLKFTjex1aIo/jNEGEOtBcq75OH1qGS8eBUb1jTlKh41R7QRsoFzL/AQo=
');
INSERT INTO heads VALUES ('gw.test/log', 3, 'gw.test/log
3
Z1xjISQGl8ua13ENGXQhRKYZC1ZlgVuoD+ua6SH6Dhk=

— gw.test/log NqOn6FJTE5bFeRXvqlYIOY0ftlL5tr2/j03EPVgNqxrW235N1Wm7x0S7tH7qrtp9haUw3l0EFUrjCObHqygiwUMljAc=
');
INSERT INTO heads VALUES ('gw.test/log', 4, 'gw.test/log
4
qloyl1likVNYx1DrC1onJbZW/atxmEpVBpThOqdGCyk=

— gw.test/log NqOn6FDXjHyS+fsVbUqDQl6EALmO3rUcsy96iqMJxln6VLSKlBm3279i0PMCT+zI8iac3EDYZ3jM99yEL1bPOMnKcQE=
');
INSERT INTO heads VALUES ('gw.test/log', 5, 'gw.test/log
5
vvbosJJHKX4nrKTDIn20zi+FKBik56X0p+J/vFCpFD0=

— gw.test/log NqOn6NMcGPwE9A1SlZG2eiRmuuRy0ERZZVHV5cM/s0NpbqtK4zb4GXkWru0iLH8M6jAfz4NyPPGLV/sKtzEz3MsGrAI=
');
INSERT INTO heads VALUES ('gw.test/log', 6, 'gw.test/log
6
vaFo9WTzJpoOaxUfDsJZIg4v13YKVlJczo32ney1IYs=

— gw.test/log NqOn6OaEL+14OTKTxHv89SIlDhEFB7hXhp7+XCBTODyhrDDxMn0bmDwgWgf6BkHZ88PauQMjvD0K/aJAAI/s7j1SFAc=
');
INSERT INTO heads VALUES ('gw.test/log', 7, 'gw.test/log
7
YV+UbwVn2yQogxG/bsgupA14//bB4NJ9VTmHXabPUW4=

— gw.test/log NqOn6CabggTEZkdDv1T6qU8fDT2+Ki3TxUTMWLxZy+4FGJA2Z+vW+1J2DVLovKl5Y7EZrBFCCp6ysvZ3vbtUcbajmQI=
');
INSERT INTO heads VALUES ('gw.test/log', 8, 'gw.test/log
8
zdh1VtWZqQw0FSkbmimXgAU3l8M6zQU1zeVOXjIh6jM=

— gw.test/log NqOn6HQTxqDkj/kMs0VUbWMJQvVThgnKG1uLh1GwAqiVMwG03TJVX9/Q57Pzl+HGXPWb/QV2I8EfKt2MHDf/Q0Z0HQw=
');
INSERT INTO heads VALUES ('gw.test/log', 9, 'gw.test/log
9
ioGd/vAFPVON/zwAaTJRLKUQwhRJcQmdDiap50crOBA=

— gw.test/log NqOn6I9lZFiMcDwAlLaWM5v4MYQxYddE19m1GV4Jw6hOYxQNMHifJgNUDL4f4IE225t3fw4IXVwdlf0r4OuiRz2vKAA=
');
INSERT INTO heads VALUES ('gw.test/log', 10, 'gw.test/log
10
c3CXFfVqsQXM5wp66mpLg2eBL7IHqPF16jzVZKXtwto=

— gw.test/log NqOn6BM+/mVKZ+CW1ZmXYeX3O/yPH0mw+lZUClgA4E/otzEwIOoZ7TazgFYE402WUJzQvMLu3kLHfyuqy+qIUUjvjQs=
');
INSERT INTO heads VALUES ('gw.test/log', 11, 'gw.test/log
11
F24kIfqTgjheozq3HpjzjSpgkd6O1LoOcUPF2BuBHPI=

— gw.test/log NqOn6NtYGAP4Na0sj6ImPASEiW1raRU7BJphxZxtJxATszmkOJen77Jw0UYy0d87kxFUWqn/Jf2UaOQPmSfy802CDQ4=
');
INSERT INTO heads VALUES ('gw.test/log', 12, 'gw.test/log
12
4sMYU9yBc1Xd9fhEVAhm2aa0LrcALISnipBxHh8T+6w=

— gw.test/log NqOn6H3t3WOseBCkHniKa2BgLn5byhN/7+G89cw+dp+XSle0E2Lu+Mo2dWdI0W3Sq3gadGzYssW1yWDi0PXv84NdIAM=
');
INSERT INTO heads VALUES ('gw.test/log', 13, 'gw.test/log
13
FgKjvaN3/6gLAOf5OT7Ld3sgX5adVERgMcmURLFFrjc=

— gw.test/log NqOn6NpBaePfZtPbRb3tJUMu2dc3YthltUQ0Qi/yRfx0r5q+rxHLwrxduZaEE+0676uzKhw3LYZdkArbDjWJ9+VEeA8=
');
INSERT INTO heads VALUES ('gw.test/log', 14, 'gw.test/log
14
lQkhVY40kNKBtkokxnn5PC+KH7tHVlE1eg7BoBL4gKU=

— gw.test/log NqOn6Au2KeqJItlQnDy3tVnap3yNFa6tKsgFIKJTdSHgVHVp0zz1afYyd4AGsyFV0QpkSzDZbv6ey+t5vTNHG0NWug0=
');
INSERT INTO heads VALUES ('gw.test/log', 15, 'gw.test/log
15
1g8RBB3zvGk3TU22fo2huPcnuoGv4X0d1bGKOg9t4gk=

— gw.test/log NqOn6HPqnr1B+IIniF+k6h9YhthNh8c+TeeCvxo5ItPcETzMozu4lt3WPrOBAFn/hlNWhGWA2B3MrljA3QzUKTPssgg=
');
INSERT INTO devices VALUES ('SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM7MFQfcHd1ylZUcKQiI8JWtuQRNG3PWlubfBl1oO9T8', 'lab-1', '{}', 'linux', 'amd64', 'v0', '["shell"]', '["user"]', '192.0.2.9:1', 1772625660123456, 'ada', 1, 1772625660123456, '', 0, '');
INSERT INTO devices VALUES ('SHA256:4+jTG76cc6rfx4vJn1HObI6M6GeUcVmxEOgC8G0qwII', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGt5xX5qCVI5KCwEgY6WES8/A6QAG6l6VkwjhSo/HqX8', 'lab-2', '{}', '', '', '', 'null', 'null', '', 1772625660123456, 'ada', 0, 1772625660123456, 'it has not called home yet', 1772626080123456, 'two devices use one key');
INSERT INTO tokens VALUES ('7f66892cb857453649ae46ff7624dd8607a11c73cdba054e05089776be60cfc6', 'null', 'lab-1', 'ada', 1772625600123456, 1772629200123456, 1772625660123456, 'SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M');
INSERT INTO tokens VALUES ('5391de926bd7f8af5089055d68eff3d9b7cd61db2004465a507d3fdacb7e9b71', 'null', 'lab-2', 'ada', 1772625600123456, 1772629200123456, 1772625660123456, 'SHA256:4+jTG76cc6rfx4vJn1HObI6M6GeUcVmxEOgC8G0qwII');
INSERT INTO visits VALUES ('20260304-120200-aaaaaaaa', 'lab-1', 'SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M', 'tom', 'SHA256:tom', 'printer', 'T-1', '["shell","files.get"]', 'user', 30, 'ended', 1772625720123456, 1772625780123456, 1772625840123456, 1772627400123456, 1772625900123456, 0, 'user', 'Stop was pressed.', '["shell"]', X'7b2263686f696365223a22617070726f7665227d', X'7369676e6174757265', X'7b7d', X'7369676e6174757265', '2026/03/04/20260304-120200-aaaaaaaa', 7, 'abababababababababababababababababababababababababababababababab', 'all is well');
INSERT INTO visits VALUES ('20260304-120800-bbbbbbbb', 'lab-1', 'SHA256:+7Mp32er4lydoNiApNjjbYQK0PA6q+yZEYhxADwBN3M', 'tom', 'SHA256:tom', 'printer', 'T-1', '["shell","files.get"]', 'user', 30, 'open', 1772625720123456, 1772625780123456, 1772625840123456, 1772627400123456, 0, 0, '', '', '["shell"]', X'7b2263686f696365223a22617070726f7665227d', X'7369676e6174757265', NULL, NULL, '2026/03/04/20260304-120800-bbbbbbbb', 0, '', '');
