#!/bin/bash
# Every library that docs/tools.md names, against a gateway and an unattended device
# of this machine: login with a key, a command's output and exit status, a file by
# SFTP both ways, compared byte for byte. Then 1 GB by scp and rsync, and a folder of
# 100,000 files. It installs nothing, and says what is missing.
#
#	make matrix-tools [SIZE=1000] [FILES=100000] [KEEP=1]
#
# NODE_PATH says where ssh2 of npm is, JSCH which jar, if not Debian's.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
size=${SIZE:-1000} files=${FILES:-100000}
dir=$(mktemp -d /tmp/accord-matrix.XXXXXX)
chmod 755 "$dir"
started=()
leave() {
	for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
	[ -n "${KEEP:-}" ] || rm -rf "$dir"
}
trap leave EXIT
fail() { echo "$*" >&2; exit 1; }
cd "$dir" || exit 1
(cd "$root" && CGO_ENABLED=0 go build -o "$dir/accord" . && go build -o "$dir/client-go" testdata/matrix/client.go) || fail "it does not build"

for kind in ed25519 ecdsa; do
	ssh-keygen -q -t $kind -N '' -f key-$kind
	ssh-keygen -q -t $kind -N '' -f pem-$kind
	ssh-keygen -q -p -m PEM -N '' -f pem-$kind >/dev/null
done
ssh-keygen -q -t ed25519 -N '' -f key-admin
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# config COMPAT PORT AGENTS writes the configuration.
config() {
	cat >config.toml <<END
[gateway]
listen = "127.0.0.1:$2"
agents = "127.0.0.1:$3"
state = "$dir/gateway"
organisation = "Matrix"
compat = $1
[agent]
state = "$dir/agent"
name = "laptop"
class = "unattended"
screen.server = "off"
[[agent.standing]]
name = "the matrix"
groups = ["all"]
capabilities = ["shell", "files.get", "files.put", "forward"]
[recordings]
dir = "$dir/recordings"
min_free_mib = 1
[policy]
reason_required = false
[[policy.group]]
name = "all"
members = ["alice"]
[[policy.rule]]
name = "all"
who = ["alice"]
capabilities = ["*"]
[[people]]
name = "alice"
keys = ["$(cat key-ed25519.pub)", "$(cat key-ecdsa.pub)", "$(cat pem-ed25519.pub)", "$(cat pem-ecdsa.pub)"]
roles = ["technician"]
[[people]]
name = "ada"
keys = ["$(cat key-admin.pub)"]
roles = ["admin"]
END
}
options=(-F /dev/null -o LogLevel=ERROR -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o IdentitiesOnly=yes)
admin() { ssh "${options[@]}" -i key-admin -p "$port" ada@127.0.0.1 "$@"; }

# await WHAT COMMAND… waits half a minute until the command succeeds.
await() {
	what=$1; shift
	for _ in $(seq 150); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
	fail "$what did not come to be; see $dir (KEEP=1)"
}

# house COMPAT starts gateway and agent.
house() {
	for pid in "${started[@]}"; do kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
	started=()
	rm -rf gateway agent recordings
	port=$(free_port) agents=$(free_port)
	config "$1" "$port" "$agents"
	./accord gateway --config config.toml >gateway.log 2>&1 & gateway=$!
	started+=("$gateway")
	await "the gateway" admin devices
	read -ra line < <(admin enroll 2>/dev/null)
	./accord join --config config.toml "${line[2]}" "${line[3]}" >/dev/null || fail "the device did not join"
	./accord agent --config config.toml >agent.log 2>&1 & agent=$!
	started+=("$agent")
	await "the device" grep -q '"connected"' agent.log
}

head -c 3000000 /dev/urandom >file
printf '%-34s %-18s %-9s %s\n' CLIENT VERSION VERDICT WHY
row() { printf '%-34s %-18s %-9s %s\n' "$1" "$2" "$3" "${4:-}"; }

# try NAME VERSION NEEDED KEY COMMAND… runs a client, with the key of a kind.
try() {
	name=$1 version=$2 key=$3
	shift 3
	rm -f remote back
	if timeout 60 "$@" "$port" laptop "$key" "$dir/file" "$dir/remote" "$dir/back" >out 2>&1 && cmp -s file remote && cmp -s file back; then
		row "$name" "$version" works
	else
		row "$name" "$version" fails "$(grep -v '^\s*at \|^\s*$\|from /' out | tail -n1 | cut -c1-110)"
	fi
}
missing() { row "$1" - missing "$2"; }
debian() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null; }
has() { command -v "$1" >/dev/null; }

libraries() {
	try "Go x/crypto, pkg/sftp$1" "$(cd "$root" && go list -m -f '{{.Version}}' golang.org/x/crypto)" key-ed25519 ./client-go
	python=/usr/bin/python3
	for one in paramiko asyncssh; do
		if v=$($python -c "import $one; print($one.__version__)" 2>/dev/null); then
			try "Python $one$1" "$v" key-ed25519 $python "$here/client_$one.py"
		else missing "Python $one$1" "python3-$one"; fi
	done
	if ruby -e 'require "net/sftp"; require "ed25519"' 2>/dev/null; then
		try "Ruby net-ssh$1" "$(ruby -e 'require "net/ssh"; print Net::SSH::Version::STRING')" key-ed25519 ruby "$here/client.rb"
	else missing "Ruby net-ssh$1" "ruby-net-sftp, ruby-ed25519, ruby-bcrypt-pbkdf"; fi
	if perl -MNet::SSH2 -e1 2>/dev/null; then
		try "Perl Net::SSH2$1" "$(perl -MNet::SSH2 -e 'print "$Net::SSH2::VERSION, ", Net::SSH2->version')" key-ed25519 perl "$here/client_ssh2.pl"
	else missing "Perl Net::SSH2$1" libnet-ssh2-perl; fi
	if perl -MNet::OpenSSH -e1 2>/dev/null; then
		try "Perl Net::OpenSSH$1" "$(perl -MNet::OpenSSH -e 'print $Net::OpenSSH::VERSION')" key-ed25519 perl "$here/client_openssh.pl"
	else missing "Perl Net::OpenSSH$1" libnet-openssh-perl; fi
	if php -r 'exit(function_exists("ssh2_connect") ? 0 : 1);' 2>/dev/null; then
		try "PHP ssh2$1" "$(php -r 'echo phpversion("ssh2");')" key-ed25519 php "$here/client_ssh2.php"
	else missing "PHP ssh2$1" php-ssh2; fi
	if php -r 'require "phpseclib3/autoload.php";' 2>/dev/null; then
		try "PHP phpseclib$1" "$(debian php-phpseclib3)" key-ed25519 php "$here/client_phpseclib.php"
	else missing "PHP phpseclib$1" php-phpseclib3; fi
	if v=$(node -p 'require("ssh2/package.json").version' 2>/dev/null); then
		try "JavaScript ssh2$1" "$v" key-ed25519 node "$here/client.js"
	else missing "JavaScript ssh2$1" "npm install ssh2, and its folder in NODE_PATH"; fi
	jar=${JSCH:-/usr/share/java/jsch.jar}
	if has java && [ -e "$jar" ]; then
		kind=key-ed25519
		[ -n "${JSCH:-}" ] || kind=pem-ecdsa # the old one reads no other key
		try "Java JSch$1" "$(basename "$(readlink -f "$jar")" .jar)" $kind java -cp "$jar" "$here/Client.java"
	else missing "Java JSch$1" "java, libjsch-java, or JSCH=FILE"; fi
	if has dbclient; then
		dropbearconvert openssh dropbear pem-ecdsa key-dropbear >/dev/null 2>&1
		if [ "$(dbclient -y -y -i key-dropbear -p "$port" laptop@127.0.0.1 'echo there; exit 7' 2>out)" = there ]; then
			row "dbclient$1" "$(debian dropbear-bin)" works
		else row "dbclient$1" "$(debian dropbear-bin)" fails "$(tail -n1 out | cut -c1-110)"; fi
	else missing "dbclient$1" dropbear-bin; fi
	for one in "-o MACs=hmac-sha2-256 -o Ciphers=aes256-ctr" "-o KexAlgorithms=ecdh-sha2-nistp256" "-o KexAlgorithms=diffie-hellman-group14-sha256" "-o HostKeyAlgorithms=ssh-rsa"; do
		if [ "$(ssh -o LogLevel=INFO "${options[@]}" $one -i key-ed25519 -p "$port" laptop@127.0.0.1 'echo there' 2>out)" = there ]; then
			row "ssh ${one#-o }$1" "" works
		else row "ssh ${one#-o }$1" "" refused "$(grep -m1 -i negotiate out | tr -d '\r' | cut -c1-110)"; fi
	done
}

# memory says what a process has in memory now, and had at most, in MiB.
memory() { awk '/VmRSS|VmHWM/ { printf "%s %d MiB ", $1, $2 / 1024 }' "/proc/$1/status"; }
timed() { # NAME FILE COMMAND…
	name=$1 result=$2
	shift 2
	begin=$(date +%s%N)
	if "$@" >out 2>&1 && [ "$(sha256sum <"$result")" = "$sum" ]; then
		row "$name" "$size MB" works "$(awk -v n=$(($(date +%s%N) - begin)) -v m="$size" 'BEGIN { printf "%.1f s, %.0f MB/s", n / 1e9, m / (n / 1e9) }'); gateway $(memory "$gateway"); agent $(memory "$agent")"
	else row "$name" "$size MB" fails "$(tail -n1 out)"; fi
	rm -f "$result"
}
large() {
	head -c "${size}000000" /dev/urandom >large
	sum=$(sha256sum <large)
	row "before" "" "" "gateway $(memory "$gateway"); agent $(memory "$agent")"
	connect=("${options[@]}" -i "$dir/key-ed25519")
	timed "scp to the device" there scp "${connect[@]}" -P "$port" large "laptop@127.0.0.1:$dir/there"
	timed "scp from the device" here scp "${connect[@]}" -P "$port" "laptop@127.0.0.1:$dir/large" here
	timed "scp -O to the device" there scp -O "${connect[@]}" -P "$port" large "laptop@127.0.0.1:$dir/there"
	timed "rsync to the device" there rsync -e "ssh ${connect[*]} -p $port" large "laptop@127.0.0.1:$dir/there"
	timed "rsync from the device" here rsync -e "ssh ${connect[*]} -p $port" "laptop@127.0.0.1:$dir/large" here
	rm large
	mkdir many
	(cd many && seq "$files" | xargs touch)
	begin=$(date +%s%N)
	found=$(echo "ls -1 $dir/many" | sftp "${connect[@]}" -P "$port" -b - laptop@127.0.0.1 2>out | grep -c "$dir/many/[0-9]")
	row "sftp ls" "$files files" "$([ "$found" = "$files" ] && echo works || echo fails)" "$found names, $(((($(date +%s%N) - begin)) / 1000000)) ms; gateway $(memory "$gateway"); agent $(memory "$agent")"
	begin=$(date +%s%N)
	rsync -a -e "ssh ${connect[*]} -p $port" many/ "laptop@127.0.0.1:$dir/many-there/" >out 2>&1
	found=$(ls many-there | wc -l)
	row "rsync -a to the device" "$files files" "$([ "$found" = "$files" ] && echo works || echo fails)" "$found files, $(((($(date +%s%N) - begin)) / 1000000)) ms; gateway $(memory "$gateway"); agent $(memory "$agent")"
	rm -rf many many-there
}

house false
libraries ""
large
house true
libraries " (compat)"
