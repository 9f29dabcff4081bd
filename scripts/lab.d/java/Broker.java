import java.io.FileInputStream;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import org.apache.activemq.broker.SslBrokerService;

/** An ActiveMQ broker in memory. Arguments: address, PKCS #12 file, then further connectors as scheme:port, such as stomp:61613. */
public class Broker {
    public static void main(String[] arguments) throws Exception {
        String host = arguments[0];
        char[] password = "changeit".toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(new FileInputStream(arguments[1]), password);
        KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
        keys.init(store, password);

        SslBrokerService broker = new SslBrokerService();
        broker.setBrokerName("lab");
        broker.setPersistent(false);
        broker.setUseJmx(false);
        broker.setAdvisorySupport(true);
        broker.addConnector("tcp://" + host + ":61616");
        for (int i = 2; i < arguments.length; i++) {
            String[] parts = arguments[i].split(":");
            String at = "://" + host + ":" + parts[1];
            if (parts[0].equals("ssl")) {
                broker.addSslConnector("ssl" + at, keys.getKeyManagers(), null, null);
            } else {
                broker.addConnector(parts[0] + at);
            }
        }
        broker.start();
        broker.waitUntilStopped();
    }
}
