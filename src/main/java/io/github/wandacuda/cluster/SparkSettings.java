package io.github.wandacuda.cluster;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The settings of Spark that the work needs: set where the user has said nothing, refused where
 * they don't go together. A task uses all threads and the device, so an executor has room for one.
 * They are what {@code spark-submit} has collected, to which others are added.
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

  /** Executors in the driver's process, or beside it on its machine. */
  private static final Pattern LOCAL = Pattern.compile("local\\[([1-9]\\d{0,4}|\\*)(?:\\s*,.*)?]");

  private static final Pattern LOCAL_CLUSTER =
      Pattern.compile("local-cluster\\[\\s*\\d+\\s*,\\s*([1-9]\\d{0,4})\\s*,.*]");

  /** Completes the settings, and returns the cores of a task, which are all of its executor's. */
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
      // An executor would take all of its machine, and nobody knows here how many cores that has.
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
