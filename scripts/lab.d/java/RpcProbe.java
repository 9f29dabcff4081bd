import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.rpc.RpcService;
import org.apache.flink.runtime.rpc.RpcSystem;
import org.apache.flink.runtime.rpc.RpcUtils;
import org.apache.flink.runtime.taskexecutor.TaskExecutorGateway;

/** Opens Flink's RPC to a task manager, as a job manager does that lost its connection. Arguments: own address, the task manager's. */
public class RpcProbe {
    public static void main(String[] arguments) throws Exception {
        Configuration configuration = new Configuration();
        RpcSystem system = RpcSystem.load(configuration);
        RpcService service =
                RpcUtils.createRemoteRpcService(system, configuration, arguments[0], "0", arguments[0], java.util.Optional.empty());
        String path = "pekko.tcp://flink@" + arguments[1] + ":6122/user/rpc/taskmanager_0";
        System.out.println(service.connect(path, TaskExecutorGateway.class).get().getAddress());
        System.exit(0);
    }
}
