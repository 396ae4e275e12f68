import sys, paramiko
port, user, key, file, remote, back = sys.argv[1:]
c = paramiko.SSHClient()
c.set_missing_host_key_policy(paramiko.AutoAddPolicy())
c.connect("127.0.0.1", port=int(port), username=user, key_filename=key, allow_agent=False, look_for_keys=False)
_, out, _ = c.exec_command("echo there; exit 7")
assert (out.read(), out.channel.recv_exit_status()) == (b"there\n", 7)
f = c.open_sftp()
f.put(file, remote)
f.get(remote, back)
c.close()
