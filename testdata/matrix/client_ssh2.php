<?php
[, $port, $user, $key, $file, $remote, $back] = $argv;
function check($ok, $what) { if (!$ok) { fwrite(STDERR, "$what\n"); exit(1); } return $ok; }
$c = check(@ssh2_connect("127.0.0.1", (int)$port), "connect: " . (error_get_last()["message"] ?? ""));
check(@ssh2_auth_pubkey_file($c, $user, "$key.pub", $key), "login: " . (error_get_last()["message"] ?? ""));
$s = check(ssh2_exec($c, "echo there; exit 7"), "exec");
stream_set_blocking($s, true);
check(stream_get_contents($s) === "there\n", "output");
check((stream_get_meta_data($s)["exit_status"] ?? null) === 7, "exit status");
$f = check(ssh2_sftp($c), "sftp");
$path = "ssh2.sftp://" . intval($f) . $remote;
check(copy($file, $path), "put");
check(copy($path, $back), "get");
