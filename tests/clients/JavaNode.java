// SPDX-License-Identifier: Apache-2.0

import com.ericsson.otp.erlang.OtpEpmd;
import com.ericsson.otp.erlang.OtpErlangObject;
import com.ericsson.otp.erlang.OtpErlangPid;
import com.ericsson.otp.erlang.OtpMbox;
import com.ericsson.otp.erlang.OtpNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;

/**
 * A Jinterface node that answers what is sent to its mailbox "echo".
 *
 * <p>Always true here: it says "published PORT" once it is registered, stays registered until
 * its standard input ends or says "close", and sends every pid that it receives back to that pid.
 */
public final class JavaNode {
    public static void main(String[] arguments) throws Exception {
        OtpNode node = new OtpNode(arguments[0]);
        OtpMbox echo = node.createMbox("echo");
        Thread server = new Thread(() -> serve(echo));
        server.setDaemon(true);
        server.start();
        System.out.println("published " + node.port());
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        String line;
        while ((line = input.readLine()) != null) {
            obey(node, line.split(" "));
        }
    }

    private static void obey(OtpNode node, String[] words) throws Exception {
        if (words[0].equals("ping")) {
            System.out.println("pinged " + node.ping(words[1], 10_000));
        } else if (words[0].equals("names")) {
            System.out.print(String.join("\n", OtpEpmd.lookupNames()) + "\nlisted\n");
        } else if (words[0].equals("close")) {
            node.close();
            System.out.println("closed");
        }
    }

    private static void serve(OtpMbox echo) {
        try {
            while (true) {
                OtpErlangObject message = echo.receive();
                echo.send((OtpErlangPid) message, message);
            }
        } catch (Exception error) {
            throw new IllegalStateException(error);
        }
    }
}
