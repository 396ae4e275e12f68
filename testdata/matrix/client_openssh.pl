use strict; use warnings; use Net::OpenSSH;
my ($port, $user, $key, $file, $remote, $back) = @ARGV;
my $c = Net::OpenSSH->new("127.0.0.1", port => $port, user => $user, key_path => $key, master_opts => [-F => "/dev/null", -o => "StrictHostKeyChecking=no", -o => "UserKnownHostsFile=/dev/null", -o => "IdentitiesOnly=yes", -o => "LogLevel=ERROR", -o => "SetEnv=ACCORD_REASON=$ENV{ACCORD_REASON}"]);
die $c->error . "\n" if $c->error;
my $text = $c->capture("echo there; exit 7");
die "$text, $?" unless $text eq "there\n" && $? >> 8 == 7;
$c->scp_put($file, $remote) or die $c->error . "\n";
$c->scp_get($remote, $back) or die $c->error . "\n";
