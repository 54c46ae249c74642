package io.github.wandacuda.cluster;

import io.github.wandacuda.error.CancelledException;
import java.io.Serializable;
import java.util.OptionalInt;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskKilledException;
import org.apache.spark.resource.ResourceInformation;

/**
 * An executor's JVM. Its tasks work on a thread of this class, one after the other, since Spark
 * interrupts its own threads and an interrupt closes the files that they use.
 */
final class ExecutorProcess {
  /** A JVM has one, and Spark gives its tasks nothing in which they could leave anything. */
  static final ExecutorProcess THIS = new ExecutorProcess();

  private static final long POLL_MILLIS = 100;

  private final KeptOpen kept = new KeptOpen();
  private final ExecutorService work =
      Executors.newSingleThreadExecutor(
          Thread.ofPlatform().daemon().name("wanda-cuda-task").factory());

  private ExecutorProcess() {}

  /** Does a task, and waits for its end even if Spark doesn't want it any more. */
  <R extends Serializable> TaskOutcome<R> run(
      ClusterTask<R> task,
      String name,
      OptionalInt device,
      OptionalInt threads,
      TaskContext context) {
    Node node = new Node(name, device, threads, kept);
    Future<TaskOutcome<R>> outcome = work.submit(() -> TaskOutcome.of(task, node));
    while (true) {
      try {
        TaskOutcome<R> ended = outcome.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
        if (node.cancelled) {
          throw new TaskKilledException("cancelled");
        }
        return ended;
      } catch (InterruptedException | TimeoutException e) {
        node.cancelled |= e instanceof InterruptedException || context.isInterrupted();
      } catch (ExecutionException e) {
        throw new IllegalStateException(e.getCause());
      }
    }
  }

  /** The executor as a task sees it. */
  private static final class Node implements ClusterNode {
    private final String name;
    private final OptionalInt device;
    private final OptionalInt threads;
    private final KeptOpen kept;
    private volatile boolean cancelled;

    Node(String name, OptionalInt device, OptionalInt threads, KeptOpen kept) {
      this.name = name;
      this.device = device;
      this.threads = threads;
      this.kept = kept;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public OptionalInt device() {
      return device;
    }

    @Override
    public OptionalInt threads() {
      return threads;
    }

    @Override
    public void throwIfCancelled() {
      if (cancelled) {
        throw new CancelledException();
      }
    }

    @Override
    public <T extends AutoCloseable> T kept(Serializable key, Supplier<T> open) {
      return kept.get(key, open);
    }
  }

  /** The executor that Spark has given a task to, with what it has given to the task. */
  record ThisExecutor(int threads) implements Serializable {
    <R extends Serializable> TaskOutcome<R> run(ClusterTask<R> task) {
      TaskContext context = TaskContext.get();
      OptionalInt device = device(context);
      return ExecutorProcess.THIS.run(task, name(device), device, OptionalInt.of(threads), context);
    }

    private static String name(OptionalInt device) {
      String name =
          "executor %s at %s"
              .formatted(
                  SparkEnv.get().executorId(),
                  SparkEnv.get().blockManager().blockManagerId().host());
      return device.isPresent() ? "%s, GPU %d".formatted(name, device.getAsInt()) : name;
    }

    private static OptionalInt device(TaskContext context) {
      ResourceInformation gpus = context.resourcesJMap().get("gpu");
      return gpus == null || gpus.addresses().length == 0
          ? OptionalInt.empty()
          : OptionalInt.of(Integer.parseInt(gpus.addresses()[0]));
    }
  }
}
