// SPDX-License-Identifier: Apache-2.0

import com.ericsson.otp.erlang.OtpErlangObject;
import com.ericsson.otp.erlang.OtpErlangPid;
import com.ericsson.otp.erlang.OtpMbox;
import com.ericsson.otp.erlang.OtpNode;

/**
 * A Jinterface node that answers what is sent to its mailbox "echo".
 *
 * <p>Always true here: it says "published PORT" once it is registered, stays registered until
 * its standard input ends, and sends every pid that it receives back to that pid.
 */
public final class JavaNode {
    public static void main(String[] arguments) throws Exception {
        OtpNode node = new OtpNode(arguments[0]);
        OtpMbox echo = node.createMbox("echo");
        Thread server = new Thread(() -> serve(echo));
        server.setDaemon(true);
        server.start();
        System.out.println("published " + node.port());
        if (arguments.length > 1) {
            System.out.println("pinged " + node.ping(arguments[1], 10_000));
        }
        while (System.in.read() >= 0) {
            continue;
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
