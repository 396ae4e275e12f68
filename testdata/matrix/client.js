const { Client } = require("ssh2"), fs = require("fs");
const [port, username, key, file, remote, back] = process.argv.slice(2);
const no = e => { if (e) { console.error(e.message || e); process.exit(1); } };
const c = new Client();
c.on("error", no).on("ready", () => c.exec("echo there; exit 7", (e, s) => {
  no(e);
  let text = "";
  s.on("data", d => text += d).on("close", status => {
    if (text !== "there\n" || status !== 7) no(text + status);
    c.sftp((e, f) => { no(e); f.fastPut(file, remote, e => { no(e); f.fastGet(remote, back, e => { no(e); c.end(); }); }); });
  });
})).connect({ host: "127.0.0.1", port: +port, username, privateKey: fs.readFileSync(key) });
