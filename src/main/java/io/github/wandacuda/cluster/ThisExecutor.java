package io.github.wandacuda.cluster;

import java.io.Serializable;
import java.util.OptionalInt;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;

/** The executor that Spark has given a task to, with what it has given to the task. */
final class ThisExecutor implements Serializable {
  private static final long serialVersionUID = 1L;

  private final int threads;

  /**
   * Travels with a task.
   *
   * @param threads that each task has
   */
  ThisExecutor(int threads) {
    this.threads = threads;
  }

  /** Does a task. */
  <R extends Serializable> TaskOutcome<R> run(ClusterTask<R> task) {
    TaskContext context = TaskContext.get();
    OptionalInt device = device(context);
    return ExecutorProcess.THIS.run(task, name(device), device, OptionalInt.of(threads), context);
  }

  private static String name(OptionalInt device) {
    String name =
        "executor %s at %s"
            .formatted(
                SparkEnv.get().executorId(), SparkEnv.get().blockManager().blockManagerId().host());
    return device.isPresent() ? "%s, GPU %d".formatted(name, device.getAsInt()) : name;
  }

  private static OptionalInt device(TaskContext context) {
    ResourceInformation gpus = context.resourcesJMap().get("gpu");
    return gpus == null || gpus.addresses().length == 0
        ? OptionalInt.empty()
        : OptionalInt.of(Integer.parseInt(gpus.addresses()[0]));
  }
}
