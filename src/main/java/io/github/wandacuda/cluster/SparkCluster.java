package io.github.wandacuda.cluster;

import io.github.wandacuda.cluster.KeptStates.ClusterStep.Stepped;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.apache.spark.SimpleFutureAction;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.TaskKilledException;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.resource.ResourceInformation;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.storage.StorageLevel;
import scala.Function1;
import scala.Tuple2;
import scala.collection.Iterator;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.BoxedUnit;

/**
 * A Spark application's executors as a cluster; this process is its driver. A job has a partition
 * for each task.
 */
final class SparkCluster implements Cluster {
  private static final long POLL_MILLIS = 200;

  /**
   * How long a cancelled job's tasks may take to end. They check often whether they are cancelled.
   */
  private static final long PATIENCE_MILLIS = 60_000;

  private final JavaSparkContext context;
  private final TasksAtWork atWork = new TasksAtWork();
  private final int cores;

  private SparkCluster(JavaSparkContext context, int cores) {
    this.context = context;
    this.cores = cores;
    context.sc().addSparkListener(atWork);
  }

  /**
   * Connects to the cluster that {@code spark-submit} names.
   *
   * @param besideHeap bytes that each executor needs beside its heap
   */
  static SparkCluster open(long besideHeap) {
    SparkConf conf = new SparkConf();
    if (!conf.contains(SparkSettings.MASTER)) {
      throw SparkClusterProvider.noSpark(null);
    }
    conf.setAppName("wanda-cuda");
    Map<String, String> settings = new HashMap<>();
    for (Tuple2<String, String> setting : conf.getAll()) {
      settings.put(setting._1(), setting._2());
    }
    int cores = new SparkSettings(settings).complete(besideHeap);
    settings.forEach(conf::set);
    try {
      JavaSparkContext context = new JavaSparkContext(conf);
      if (!conf.contains("spark.log.level")) {
        // This program shows progress itself. Set by a property, Spark would print that it was set.
        context.setLogLevel("WARN");
      }
      return new SparkCluster(context, cores);
    } catch (RuntimeException e) {
      throw new BackendUnavailableException(
          "spark: no cluster at " + conf.get(SparkSettings.MASTER) + ": " + line(e), e);
    }
  }

  private static String line(Throwable e) {
    return Printable.message(String.valueOf(e.getMessage()).lines().findFirst().orElse(""));
  }

  @Override
  public String name() {
    return "spark, " + context.master();
  }

  @Override
  public <R extends Serializable> void run(
      String what, List<? extends ClusterTask<R>> tasks, Consumer<R> done) {
    if (tasks.isEmpty()) {
      return;
    }
    JavaRDD<ClusterTask<R>> partitions = partitions(List.<ClusterTask<R>>copyOf(tasks));
    int threads = cores;
    Work<ClusterTask<R>, R> work = one -> ExecutorProcess.run(one.next(), threads);
    job(what, partitions.rdd(), tasks.size(), work, done);
  }

  @Override
  public <S extends Serializable> KeptStates<S> keep(List<S> states) {
    return new SparkStates<>(this, states);
  }

  <T extends Serializable> JavaRDD<T> partitions(List<T> values) {
    return context.parallelize(new ArrayList<>(values), values.size());
  }

  /** Runs a job, and passes each partition's result on as it comes, once, on the calling thread. */
  <T, R extends Serializable> void job(
      String what,
      RDD<T> partitions,
      int count,
      Function1<Iterator<T>, TaskOutcome<R>> work,
      Consumer<R> done) {
    context.setJobDescription(what);
    Job<R> job = new Job<>(partitions, count, work);
    try {
      for (int ended = 0; ended < count; ended++) {
        done.accept(job.next().orThrow());
      }
    } catch (InterruptedException e) {
      job.end(atWork);
      Thread.currentThread().interrupt();
      throw new CancelledException(e);
    } catch (RuntimeException | Error e) {
      job.end(atWork);
      throw e;
    }
  }

  /** A job whose results are taken one by one as they come. */
  private static final class Job<R extends Serializable> {
    private final BlockingQueue<TaskOutcome<R>> outcomes = new LinkedBlockingQueue<>();
    private final SimpleFutureAction<Void> action;

    <T> Job(RDD<T> partitions, int count, Function1<Iterator<T>, TaskOutcome<R>> work) {
      Seq<Object> all =
          CollectionConverters.asScala(
                  IntStream.range(0, count).<Object>mapToObj(index -> index).toList())
              .toSeq();
      action =
          partitions
              .context()
              .submitJob(
                  partitions,
                  work,
                  all,
                  (index, outcome) -> {
                    outcomes.add(outcome);
                    return BoxedUnit.UNIT;
                  },
                  () -> null);
    }

    TaskOutcome<R> next() throws InterruptedException {
      while (true) {
        boolean ended = action.isCompleted();
        TaskOutcome<R> outcome = outcomes.poll(ended ? 0 : POLL_MILLIS, TimeUnit.MILLISECONDS);
        if (outcome != null) {
          return outcome;
        }
        if (ended && action.value().get().isFailure()) {
          throw new IllegalStateException(
              line(action.value().get().failed().get()), action.value().get().failed().get());
        }
      }
    }

    /** Cancels what is left of the job, and waits until no task is running. */
    void end(TasksAtWork atWork) {
      boolean interrupted = Thread.interrupted();
      action.cancel();
      atWork.awaitNone(PATIENCE_MILLIS);
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public void close() {
    context.close();
  }

  /** What an executor does with a partition, which has a single element. */
  private interface Work<T, R extends Serializable>
      extends Function1<Iterator<T>, TaskOutcome<R>>, Serializable {}

  /**
   * Counts the tasks that are running in executors. Spark reports a cancelled job as ended before
   * its tasks have ended; what they were about to write would then appear after the run's output
   * was removed.
   */
  private static final class TasksAtWork extends SparkListener {
    private int count;

    @Override
    public synchronized void onTaskStart(SparkListenerTaskStart start) {
      count++;
    }

    @Override
    public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
      count--;
      notifyAll();
    }

    /** Waits until no task is running, but no longer than so many milliseconds. */
    synchronized void awaitNone(long millis) {
      long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
      try {
        while (count > 0 && System.nanoTime() < end) {
          TimeUnit.NANOSECONDS.timedWait(this, end - System.nanoTime());
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /**
   * States in the block managers of Spark's executors, a partition for each. Only those of the last
   * step are kept. What is lost with an executor is computed again, from the first states on or
   * from those that were saved last, if Spark has a directory for that.
   */
  private static final class SparkStates<S extends Serializable> implements KeptStates<S> {
    /** States are saved each time after so many steps. */
    private static final int STEPS = 8;

    private final SparkCluster cluster;
    private int steps;

    /** Failures of steps are values, so that Spark doesn't try again. */
    private JavaRDD<TaskOutcome<Stepped<S, Serializable>>> latest;

    SparkStates(SparkCluster cluster, List<S> states) {
      this.cluster = cluster;
      latest =
          cluster.partitions(
              states.stream()
                  .map(state -> new TaskOutcome<>(new Stepped<>(state, (Serializable) null), null))
                  .toList());
    }

    @Override
    @SuppressWarnings("unchecked") // The step that has made a state results in this type.
    public <R extends Serializable> void step(
        String what, ClusterStep<S, R> step, Consumer<R> done) {
      JavaRDD<TaskOutcome<Stepped<S, Serializable>>> before = latest;
      int threads = cluster.cores;
      ClusterStep<S, Serializable> some = (ClusterStep<S, Serializable>) step;
      latest =
          before.map(
              last ->
                  last.failure() == null
                      ? ExecutorProcess.run(node -> some.run(last.result().state(), node), threads)
                      : last);
      latest.persist(StorageLevel.MEMORY_AND_DISK());
      boolean saved = ++steps % STEPS == 0 && cluster.context.getCheckpointDir().isPresent();
      if (saved) {
        latest.checkpoint();
      }
      // A state's result travels back, and not the state.
      Work<TaskOutcome<Stepped<S, Serializable>>, R> result =
          one -> {
            TaskOutcome<Stepped<S, Serializable>> stepped = one.next();
            return stepped.failure() == null
                ? new TaskOutcome<>((R) stepped.result().result(), null)
                : new TaskOutcome<>(null, stepped.failure());
          };
      cluster.job(what, latest.rdd(), latest.getNumPartitions(), result, done);
      if (saved) {
        // Spark saves after a job that it runs as a whole, which ours isn't.
        long unused = latest.count();
      }
      before.unpersist(false);
    }

    @Override
    public void close() {
      latest.unpersist(false);
    }
  }

  /**
   * An executor's JVM. Its tasks work on a thread of this class, one after the other, since Spark
   * interrupts its own threads and an interrupt closes the files that they use.
   */
  private static final class ExecutorProcess {
    /**
     * The only one of a JVM. A constant, since Spark gives its tasks no object that lasts from task
     * to task.
     */
    static final ExecutorProcess THIS = new ExecutorProcess();

    private static final long POLL_MILLIS = 100;

    private final KeptOpen kept = new KeptOpen();
    private final ExecutorService work =
        Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("wanda-cuda-task").factory());

    private ExecutorProcess() {}

    /**
     * Runs a task in this executor with the device that Spark has assigned to it. Waits for its end
     * even if Spark has cancelled it.
     */
    static <R extends Serializable> TaskOutcome<R> run(ClusterTask<R> task, int threads) {
      TaskContext context = TaskContext.get();
      OptionalInt device = device(context);
      AtomicBoolean cancelled = new AtomicBoolean();
      ClusterNode node =
          new ClusterNode(name(device), device, OptionalInt.of(threads), THIS.kept, cancelled::get);
      Future<TaskOutcome<R>> outcome = THIS.work.submit(() -> TaskOutcome.of(task, node));
      while (true) {
        try {
          TaskOutcome<R> ended = outcome.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
          if (cancelled.get()) {
            throw new TaskKilledException("cancelled");
          }
          return ended;
        } catch (InterruptedException | TimeoutException e) {
          if (e instanceof InterruptedException || context.isInterrupted()) {
            cancelled.set(true);
          }
        } catch (ExecutionException e) {
          throw new IllegalStateException(e.getCause());
        }
      }
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

  /**
   * The settings of Spark that the work needs. Those that the user hasn't set are added to what
   * {@code spark-submit} has collected; those that don't go together are refused. A task uses all
   * threads and the device, so an executor runs one at a time.
   */
  record SparkSettings(Map<String, String> given) {
    static final String MASTER = "spark.master";
    static final String EXECUTOR_CORES = "spark.executor.cores";
    static final String TASK_CPUS = "spark.task.cpus";
    static final String EXECUTOR_GPUS = "spark.executor.resource.gpu.amount";
    static final String TASK_GPUS = "spark.task.resource.gpu.amount";

    static final String OVERHEAD = "spark.executor.memoryOverhead";
    static final String OVERHEAD_FACTOR = "spark.executor.memoryOverheadFactor";

    /** Bytes of all results of a job at most, or 0 for any number. */
    static final String RESULTS = "spark.driver.maxResultSize";

    private static final long MIB = 1 << 20;

    /** What Spark itself asks for at least. */
    private static final long LEAST_MIB = 384;

    private static final String ONE = "1";
    private static final String SOME = "16";
    private static final String CORES = "or how many cores each executor is to have";
    private static final Pattern COUNT = Pattern.compile("[1-9]\\d{0,4}");

    /** Masters whose executors are in the driver's process, or beside it on its machine. */
    private static final Pattern LOCAL =
        Pattern.compile("local\\[([1-9]\\d{0,4}|\\*)(?:\\s*,.*)?]");

    private static final Pattern LOCAL_CLUSTER =
        Pattern.compile("local-cluster\\[\\s*\\d+\\s*,\\s*([1-9]\\d{0,4})\\s*,.*]");

    /**
     * Completes the settings.
     *
     * @param besideHeap bytes that each executor needs beside its heap
     * @return the cores of a task, which are all of its executor's
     * @throws UsageException if the user's settings don't go together with the work
     */
    int complete(long besideHeap) {
      String cores = executorCores();
      require(TASK_CPUS, cores, "as many as an executor has cores, since it does a task at a time");
      if (given.containsKey(EXECUTOR_GPUS)) {
        require(EXECUTOR_GPUS, ONE, "a device for each executor, which runs on one");
        require(TASK_GPUS, ONE, "the device of its executor");
      } else if (given.containsKey(TASK_GPUS)) {
        throw refused(EXECUTOR_GPUS, ONE, "a device for each executor, which runs on one", "none");
      }
      // Results are taken as they come, and no job gathers them.
      given.putIfAbsent(RESULTS, "0");
      if (!given.containsKey(OVERHEAD) && !given.containsKey(OVERHEAD_FACTOR)) {
        given.put(OVERHEAD, Math.max(Math.ceilDiv(besideHeap, MIB), LEAST_MIB) + "m");
      }
      return Integer.parseInt(cores);
    }

    private String executorCores() {
      String master = given.get(MASTER);
      Matcher local = LOCAL.matcher(master);
      Matcher localCluster = LOCAL_CLUSTER.matcher(master);
      if (local.matches()) {
        return local.group(1).equals("*")
            ? String.valueOf(Runtime.getRuntime().availableProcessors())
            : local.group(1);
      }
      if (localCluster.matches()) {
        return localCluster.group(1);
      }
      if (given.containsKey(EXECUTOR_CORES)) {
        String cores = given.get(EXECUTOR_CORES).strip();
        if (!COUNT.matcher(cores).matches()) {
          throw refused(EXECUTOR_CORES, SOME, CORES, "'%s'".formatted(Printable.of(cores)));
        }
        return cores;
      }
      if (master.startsWith("spark:")) {
        // An executor would take all cores of its machine, whose number isn't known here.
        throw refused(EXECUTOR_CORES, SOME, CORES, "none");
      }
      return ONE;
    }

    private void require(String name, String value, String why) {
      String found = given.computeIfAbsent(name, missing -> value).strip();
      if (!found.equals(value)) {
        throw refused(name, value, why, "'%s'".formatted(Printable.of(found)));
      }
    }

    private static UsageException refused(String name, String value, String why, String found) {
      return ErrorDetails.of(name)
          .hint("spark-submit takes it as conf %s=%s".formatted(name, value))
          .refused("%s, %s".formatted(value, why), found);
    }
  }
}
