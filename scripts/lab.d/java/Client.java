import javax.jms.Connection;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.Queue;
import javax.jms.Session;
import javax.jms.TextMessage;
import org.apache.activemq.ActiveMQConnectionFactory;

/** A JMS client that sends to a queue and reads back. Arguments: URL of the broker, number of messages. */
public class Client {
    public static void main(String[] arguments) throws Exception {
        Connection connection = new ActiveMQConnectionFactory(arguments[0]).createConnection();
        connection.setClientID("lab-client");
        connection.start();
        Session session = connection.createSession(false, Session.AUTO_ACKNOWLEDGE);
        Queue queue = session.createQueue("BILLING");
        MessageConsumer consumer = session.createConsumer(queue);
        MessageProducer producer = session.createProducer(queue);
        for (int i = 0; i < Integer.parseInt(arguments[1]); i++) {
            TextMessage message = session.createTextMessage("call record " + i);
            message.setStringProperty("tenant", "lab");
            producer.send(message);
            consumer.receive(5000);
        }
        connection.close();
    }
}
