use strict; use warnings; use Net::SSH2;
my ($port, $user, $key, $file, $remote, $back) = @ARGV;
my $c = Net::SSH2->new();
$c->connect("127.0.0.1", $port) or die(($c->error)[2] . "\n");
$c->auth_publickey($user, "$key.pub", $key) or die(($c->error)[2] . "\n");
my $ch = $c->channel() or die(($c->error)[2] . "\n");
$ch->exec("echo there; exit 7");
my $text = ""; while (<$ch>) { $text .= $_ }
$ch->wait_closed;
die "$text, " . $ch->exit_status unless $text eq "there\n" && $ch->exit_status == 7;
my $f = $c->sftp() or die(($c->error)[2] . "\n");
open(my $in, "<:raw", $file) or die; local $/; my $data = <$in>;
my $to = $f->open($remote, Net::SSH2::LIBSSH2_FXF_WRITE() | Net::SSH2::LIBSSH2_FXF_CREAT() | Net::SSH2::LIBSSH2_FXF_TRUNC(), 0644) or die;
for (my $at = 0; $at < length $data;) { my $n = $to->write(substr($data, $at, 30000)); die "write" unless $n; $at += $n }
undef $to;
my $from = $f->open($remote) or die;
open(my $out, ">:raw", $back) or die;
while (my $n = $from->read(my $buf, 30000)) { print $out $buf }
close $out;
