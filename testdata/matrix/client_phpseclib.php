<?php
require "phpseclib3/autoload.php";
use phpseclib3\Net\SFTP; use phpseclib3\Crypt\PublicKeyLoader;
[, $port, $user, $key, $file, $remote, $back] = $argv;
function check($ok, $what) { if (!$ok) { fwrite(STDERR, "$what\n"); exit(1); } }
$c = new SFTP("127.0.0.1", (int)$port);
$c->enableQuietMode(); // or it mixes standard error into the output
check($c->login($user, PublicKeyLoader::load(file_get_contents($key))), "login");
check($c->exec("echo there; exit 7") === "there\n", "output");
check($c->getExitStatus() === 7, "exit status");
check($c->put($remote, $file, SFTP::SOURCE_LOCAL_FILE), "put");
check($c->get($remote, $back), "get");
