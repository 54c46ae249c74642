package io.github.wandacuda.cluster;

import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Signals;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A Spark cluster of a master and two workers on the loopback interface, each a process. */
final class SparkProcesses implements AutoCloseable {
  private static final Path HOME = Path.of("target/spark").toAbsolutePath();
  static final Path PROGRAM = Path.of("target/wanda-cuda.jar").toAbsolutePath();
  private static final Pattern MASTER = Pattern.compile("Starting Spark master at (spark://\\S+)");
  private static final Duration PATIENCE = Duration.ofMinutes(4);

  /** What stands before Spark's own classes; its script reads it before there is a JVM. */
  static final String DRIVER_CLASSES = "spark.driver.extraClassPath=";

  private static final String ONE_THREAD = "-XX:+UseSerialGC";

  /**
   * The classes that a driver has loaded, with which all start sooner. Executors, which are killed
   * at the end, can't write any.
   */
  private static final String ARCHIVE =
      "-Xlog:disable -XX:SharedArchiveFile=" + HOME.resolve("classes.jsa");

  /** For those that run no kernel of ours: without the second compiler vectors take minutes. */
  private static final String QUICK = "-XX:TieredStopAtLevel=1";

  /** The number of the GPU that each worker has. */
  static final int GPU = 1;

  /** What {@code spark-class} gives to every JVM of Spark's, which we start without it. */
  private static final List<String> OPENED =
      List.of(
          """
          java.lang java.lang.invoke java.lang.reflect java.io java.net java.nio java.util
          java.util.concurrent java.util.concurrent.atomic jdk.internal.ref sun.nio.ch
          sun.nio.cs sun.util.calendar\
          """
              .split("\\s+"));

  /** What the cluster itself writes. */
  private final Path own = Files.createTempDirectory("spark");

  private final List<Process> processes = new ArrayList<>();
  private final String classPath;
  private final String master;
  private Path directory = own;

  /** Starts them. */
  SparkProcesses() throws Exception {
    classPath = asOfExecutors();
    start(
        "master",
        classPath,
        QUICK,
        "-Xmx256m",
        "org.apache.spark.deploy.master.Master",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--webui-port",
        "0");
    master = await("a master", () -> find("master", MASTER));
    Path gpus = gpus();
    for (String worker : List.of("worker1", "worker2")) {
      start(
          worker,
          classPath,
          QUICK,
          "-Xmx256m",
          "-Dspark.worker.resource.gpu.amount=1",
          "-Dspark.worker.resource.gpu.discoveryScript=" + gpus,
          "org.apache.spark.deploy.worker.Worker",
          "--host",
          "127.0.0.1",
          "--cores",
          "2",
          "--memory",
          "1g",
          "--webui-port",
          "0",
          master);
      await(worker, () -> find(worker, Pattern.compile("(Successfully registered with master)")));
    }
  }

  /** Returns Spark's classes as a worker names them, since an archive is for one class path. */
  private static String asOfExecutors() throws IOException {
    Path jars = HOME.resolve("jars");
    try (DirectoryStream<Path> first = Files.newDirectoryStream(jars, "slf4j-api-*.jar")) {
      return HOME.resolve("conf") + ":" + first.iterator().next() + ":" + jars + "/*";
    }
  }

  /** Writes the script that tells each worker of its GPU, which isn't the machine's first one. */
  private Path gpus() throws IOException {
    Path script = own.resolve("gpus.sh");
    Files.writeString(
        script, "#!/bin/sh\necho '{\"name\": \"gpu\", \"addresses\": [\"%d\"]}'\n".formatted(GPU));
    Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
    return script;
  }

  private String find(String log, Pattern pattern) throws IOException {
    Matcher found = pattern.matcher(Files.readString(own.resolve(log + ".log")));
    return found.find() ? found.group(1) : null;
  }

  /** Waits until there is something. */
  static <T> T await(String what, Callable<T> find) throws Exception {
    long end = System.nanoTime() + PATIENCE.toNanos();
    for (T found = find.call(); System.nanoTime() < end; found = find.call()) {
      if (found != null) {
        return found;
      }
      Thread.sleep(5);
    }
    throw new IllegalStateException("no " + what + " after " + PATIENCE);
  }

  /** Takes the folder for the logs of runs and for the states that they save. */
  void writeTo(Path folder) {
    directory = folder;
  }

  /**
   * Runs the program as {@code spark-submit} does.
   *
   * @param name of its log
   * @param executors how many, each with a core
   */
  Process submit(String name, int executors, Object... arguments) throws IOException {
    return submit(name, executors, List.of(), arguments);
  }

  /**
   * Runs the program as {@code spark-submit} does.
   *
   * @param name of its log
   * @param executors how many, each with a core
   * @param more settings of Spark
   */
  Process submit(String name, int executors, List<String> more, Object... arguments)
      throws IOException {
    String before =
        more.stream()
            .filter(setting -> setting.startsWith(DRIVER_CLASSES))
            .map(setting -> setting.substring(DRIVER_CLASSES.length()) + ":")
            .findFirst()
            .orElse("");
    List<String> words = new ArrayList<>(List.of(QUICK, "-Xmx512m"));
    if (before.isEmpty()) {
      words.add("-XX:+AutoCreateSharedArchive");
    }
    words.add("org.apache.spark.deploy.SparkSubmit");
    words.addAll(List.of("--master", master));
    for (String setting :
        List.of(
            "spark.cores.max=" + executors,
            "spark.executor.cores=1",
            "spark.executor.memory=512m",
            "spark.executor.defaultJavaOptions=" + ONE_THREAD + " " + ARCHIVE,
            "spark.driver.host=127.0.0.1",
            "spark.driver.bindAddress=127.0.0.1",
            "spark.checkpoint.dir=" + directory.resolve("saved"),
            "spark.ui.enabled=false")) {
      words.addAll(List.of("--conf", setting));
    }
    more.forEach(setting -> words.addAll(List.of("--conf", setting)));
    words.add(PROGRAM.toString());
    Arrays.stream(arguments).map(Object::toString).forEach(words::add);
    return start(name, before + classPath, words.toArray(String[]::new));
  }

  private Process start(String name, String classPath, String... words) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add(ONE_THREAD);
    command.addAll(List.of(ARCHIVE.split(" ")));
    command.add("--add-modules=jdk.incubator.vector");
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("--sun-misc-unsafe-memory-access=allow");
    OPENED.forEach(opened -> command.add("--add-opens=java.base/" + opened + "=ALL-UNNAMED"));
    command.addAll(List.of("-cp", classPath));
    command.addAll(List.of(words));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectOutput(directory.resolve(name + ".out").toFile())
            .redirectError(directory.resolve(name + ".log").toFile());
    Map<String, String> environment = builder.environment();
    environment.put("JAVA_HOME", System.getProperty("java.home"));
    environment.put("LC_ALL", "C.UTF-8");
    environment.put("SPARK_HOME", HOME.toString());
    environment.put("SPARK_LOCAL_IP", "127.0.0.1");
    environment.put("SPARK_LOCAL_DIRS", own.resolve("local").toString());
    environment.put("SPARK_WORKER_DIR", own.resolve("work").toString());
    environment.put("SPARK_SCALA_VERSION", "2.13");
    Process process = Signals.start(builder);
    processes.add(process);
    return process;
  }

  /** Returns the executors that the workers have started. */
  List<ProcessHandle> executors() {
    return processes.subList(1, 3).stream()
        .flatMap(worker -> worker.toHandle().descendants())
        .filter(
            process ->
                Stream.of(process.info().arguments().orElse(new String[0]))
                    .anyMatch(word -> word.endsWith("CoarseGrainedExecutorBackend")))
        .toList();
  }

  /** Returns what a process wrote to stderr. */
  String log(String name) throws IOException {
    return Files.readString(directory.resolve(name + ".log"));
  }

  /** Returns what a process wrote to stdout. */
  String out(String name) throws IOException {
    return Files.readString(directory.resolve(name + ".out"));
  }

  /** Ends them all, those that were started last first. */
  @Override
  public void close() throws IOException, InterruptedException {
    for (Process process : processes.reversed()) {
      List<ProcessHandle> below = process.descendants().toList();
      process.destroy();
      if (!process.waitFor(Duration.ofSeconds(10))) {
        process.destroyForcibly();
      }
      below.forEach(ProcessHandle::destroyForcibly);
    }
    Directories.remove(own);
  }
}
