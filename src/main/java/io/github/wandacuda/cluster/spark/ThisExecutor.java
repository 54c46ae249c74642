package io.github.wandacuda.cluster.spark;

import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.cluster.TaskOutcome;
import java.io.Serializable;
import java.util.OptionalInt;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;

/** The executor that Spark has given a task to, with what it has given to the task. */
final class ThisExecutor implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final int NOT_SAID = 0;

  private final int threads;

  /**
   * Travels with a task.
   *
   * @param threads that each task has, where the cluster says
   */
  ThisExecutor(OptionalInt threads) {
    this.threads = threads.orElse(NOT_SAID);
  }

  /** Does a task. */
  <R extends Serializable> TaskOutcome<R> run(ClusterTask<R> task) {
    TaskContext context = TaskContext.get();
    return ExecutorProcess.THIS.run(task, name(), device(context), threads(), context);
  }

  private static String name() {
    return "executor %s at %s"
        .formatted(
            SparkEnv.get().executorId(), SparkEnv.get().blockManager().blockManagerId().host());
  }

  private static OptionalInt device(TaskContext context) {
    ResourceInformation gpus = context.resourcesJMap().get("gpu");
    return gpus == null || gpus.addresses().length == 0
        ? OptionalInt.empty()
        : OptionalInt.of(Integer.parseInt(gpus.addresses()[0]));
  }

  private OptionalInt threads() {
    return threads == NOT_SAID ? OptionalInt.empty() : OptionalInt.of(threads);
  }
}
