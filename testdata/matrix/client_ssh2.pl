use strict; use warnings; use Fcntl; use Net::SSH2;
my ($port, $user, $key, $file, $remote, $back) = @ARGV;
my $c = Net::SSH2->new();
$c->connect("127.0.0.1", $port) or die(($c->error)[2] . "\n");
$c->auth_publickey($user, "$key.pub", $key) or die(($c->error)[2] . "\n");
my $ch = $c->channel() or die(($c->error)[2] . "\n");
$ch->ext_data('ignore'); # standard error that nobody reads would never end
$ch->exec("echo there; exit 7");
my $text = ""; while (<$ch>) { $text .= $_ }
$ch->wait_closed;
die "$text, " . $ch->exit_status unless $text eq "there\n" && $ch->exit_status == 7;
my $f = $c->sftp() or die(($c->error)[2] . "\n");
open(my $in, "<:raw", $file) or die; local $/; my $data = <$in>;
my $to = $f->open($remote, O_WRONLY | O_CREAT | O_TRUNC, 0644) or die;
for (my $at = 0; $at < length $data;) { my $n = $to->write(substr($data, $at, 30000)); die "write" unless $n; $at += $n }
undef $to;
my $from = $f->open($remote) or die;
open(my $out, ">:raw", $back) or die;
while (my $n = $from->read(my $buf, 30000)) { print $out $buf }
close $out;
