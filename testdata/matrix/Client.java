import com.jcraft.jsch.*;
import java.io.*;

class Client {
    public static void main(String[] a) throws Exception {
        JSch j = new JSch();
        j.addIdentity(a[2]);
        Session s = j.getSession(a[1], "127.0.0.1", Integer.parseInt(a[0]));
        s.setConfig("StrictHostKeyChecking", "no");
        s.connect(20000);
        ChannelExec e = (ChannelExec) s.openChannel("exec");
        e.setCommand("echo there; exit 7");
        InputStream in = e.getInputStream();
        e.connect();
        String text = new String(in.readAllBytes());
        while (!e.isClosed()) Thread.sleep(10);
        if (!text.equals("there\n") || e.getExitStatus() != 7) throw new Exception(text + e.getExitStatus());
        ChannelSftp f = (ChannelSftp) s.openChannel("sftp");
        f.connect();
        f.put(a[3], a[4]);
        f.get(a[4], a[5]);
        s.disconnect();
    }
}
