import asyncio, sys, asyncssh
port, user, key, file, remote, back = sys.argv[1:]
async def main():
    async with asyncssh.connect("127.0.0.1", int(port), username=user, client_keys=[key], known_hosts=None) as c:
        r = await c.run("echo there; exit 7")
        assert (r.stdout, r.exit_status) == ("there\n", 7), r
        async with c.start_sftp_client() as f:
            await f.put(file, remote)
            await f.get(remote, back)
asyncio.run(main())
