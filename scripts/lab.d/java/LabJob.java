import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** A small job with a class of its own, so that the task manager must fetch the jar from the blob server. */
public class LabJob {
    public static void main(String[] arguments) throws Exception {
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        environment.fromSequence(1, 10).filter(number -> number % 2 == 0).print();
        environment.execute("lab");
    }
}
