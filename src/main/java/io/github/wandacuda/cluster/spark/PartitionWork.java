package io.github.wandacuda.cluster.spark;

import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.cluster.TaskOutcome;
import java.io.Serializable;
import java.util.OptionalInt;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.resource.ResourceInformation;
import scala.collection.Iterator;
import scala.runtime.AbstractFunction1;

/** What an executor does with a partition: the one task in it. */
final class PartitionWork<R extends Serializable>
    extends AbstractFunction1<Iterator<ClusterTask<R>>, TaskOutcome<R>> implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final int NOT_SAID = 0;

  private final int threads;

  PartitionWork(OptionalInt threads) {
    this.threads = threads.orElse(NOT_SAID);
  }

  @Override
  public TaskOutcome<R> apply(Iterator<ClusterTask<R>> tasks) {
    ClusterTask<R> task = tasks.next();
    TaskContext context = TaskContext.get();
    return ExecutorProcess.THIS.run(task, executor(), device(context), threads(), context);
  }

  private static String executor() {
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
