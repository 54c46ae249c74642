package io.github.wandacuda.faults;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.PretendCudaBuild;
import io.github.wandacuda.testing.Started;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Tier;
import io.github.wandacuda.testing.Words;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The power fails at each fsync, rename and truncation of a run and at each write of one from
 * statistics (without {@code -Dtests.each} at some of them) and at some of the other writes ({@code
 * -Dpower.cut.writes}): what was not forced to the device is lost, and the same run, started again,
 * ends with the same bytes.
 */
class PowerCutFaults {
  private static final int AT_A_TIME = 2;
  private static final int WRITES = Integer.getInteger("power.cut.writes", 8);
  private static final int LAST_CALLS = 5;

  /** Of the calls that order what is on the device. */
  private static final int EACH_NTH = Tier.isEach() ? 1 : 3;

  @TempDir Path directory;

  private Path model;
  private Path untouched;
  private Path statistics;
  private Path samples;

  @BeforeEach
  void write() throws IOException {
    PowerCut.build();
    GeneratedLlama llama = new GeneratedLlama(2, 32, 64, 50);
    model = llama.write(directory.resolve("model"));
    Files.createDirectories(model.resolve("sub"));
    Files.writeString(model.resolve("sub/side.txt"), "side");
    untouched = TestData.copy(model, directory.resolve("untouched"));
    statistics = llama.writeStatistics(directory.resolve("statistics.safetensors"));
    samples = llama.writeSamples(directory.resolve("samples.json"), 2, 8);
  }

  /** A run, all of whose files are in one folder. */
  enum Kind {
    STATISTICS,
    SAMPLES,
    IN_PLACE_BY_MAGNITUDE,
    IN_PLACE_BY_STATISTICS;

    boolean inPlace() {
      return this == IN_PLACE_BY_MAGNITUDE || this == IN_PLACE_BY_STATISTICS;
    }
  }

  /** Makes the folder as it is before a run. */
  private Path prepare(Kind kind, String name) throws IOException {
    Path folder = Files.createDirectory(directory.resolve(name));
    if (kind.inPlace()) {
      TestData.copy(model, folder.resolve("model"));
    }
    return folder;
  }

  private Object[] words(Kind kind, Path folder) {
    List<Object> words =
        Words.of(
            "prune --backend cpu --threads 1 --quiet --report %s", folder.resolve("report.json"));
    words.addAll(
        switch (kind) {
          case STATISTICS, IN_PLACE_BY_STATISTICS -> List.of("--statistics", statistics);
          case SAMPLES -> List.of("--calibration", samples, "--checkpoint-every", "0");
          case IN_PLACE_BY_MAGNITUDE ->
              List.of("--method", "magnitude", "--include", "q_proj|down_proj");
        });
    words.addAll(
        kind.inPlace()
            ? List.of("--in-place", "--yes", "--model", folder.resolve("model"))
            : List.of("--model", model, "--output", folder.resolve("out"), "--resume"));
    return words.toArray();
  }

  static List<Kind> kinds() {
    return Tier.picked(2, List.of(Kind.values()));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void theSameBytesComeOutAfterAnyCut(Kind kind) throws Exception {
    Path expected = prepare(kind, "expected");
    List<String> calls = PowerCut.calls(expected, directory.resolve("log"), words(kind, expected));
    dropTimes(expected);
    boolean each = Tier.isEach() && kind == Kind.STATISTICS;
    List<Integer> points = points(calls, each ? calls.size() : WRITES);
    long cuts = 0;
    try (ExecutorService workers = Executors.newFixedThreadPool(AT_A_TIME)) {
      List<Future<Boolean>> trials = new ArrayList<>();
      for (int point : points) {
        trials.add(workers.submit(() -> cutAndGoOn(kind, expected, point)));
      }
      for (Future<Boolean> trial : trials) {
        cuts += trial.get() ? 1 : 0;
      }
    }
    Directories.assertSame(untouched, model);
    FaultCounts.add(cuts, "power cuts survived, what was not forced to the device lost");
    assertThat(cuts).isGreaterThan(points.size() / 2);
  }

  /** The calls that order what is on the device, and as many of the writes between them. */
  private static List<Integer> points(List<String> calls, int most) {
    List<Integer> orders = new ArrayList<>();
    List<Integer> writes = new ArrayList<>();
    for (int call = 0; call < calls.size(); call++) {
      (calls.get(call).startsWith("write ") ? writes : orders).add(call + 1);
    }
    List<Integer> points = new ArrayList<>();
    for (int order = 0; order < orders.size(); order += EACH_NTH) {
      points.add(orders.get(order));
    }
    int some = Math.min(most, writes.size());
    for (int write = 0; write < some; write++) {
      points.add(writes.get((int) ((long) write * writes.size() / some)));
    }
    return points;
  }

  private boolean cutAndGoOn(Kind kind, Path expected, int point) throws Exception {
    Path folder = prepare(kind, "at-" + point);
    boolean cut = PowerCut.cut(folder, point, words(kind, folder));
    Ended again = PowerCut.run(words(kind, folder));
    assertThat(again.exitCode()).as("after call %d: %s", point, again.said()).isZero();
    dropTimes(folder);
    Directories.assertSame(expected, folder);
    Directories.remove(folder);
    return cut;
  }

  /** Takes out of the report what differs between equal runs: when and where they were. */
  private static void dropTimes(Path folder) throws IOException {
    Path report = folder.resolve("report.json");
    ObjectNode numbers = (ObjectNode) TestData.json(report);
    numbers.remove(List.of("model", "output", "ended", "command", "inputs"));
    numbers.remove(
        List.of("seconds", "seconds_by_phase", "peak_rss_bytes", "peak_anonymous_bytes"));
    Files.writeString(report, numbers.toString());
  }

  /** Where a run's journal becomes its record, no second run may take it for a run that ended. */
  @ParameterizedTest
  @EnumSource(names = {"STATISTICS", "IN_PLACE_BY_STATISTICS"})
  void noSecondRunStartsWhileTheFirstTakesItsLastSteps(Kind kind) throws Exception {
    Path expected = prepare(kind, "expected");
    int calls = PowerCut.calls(expected, directory.resolve("log"), words(kind, expected)).size();
    dropTimes(expected);
    int refused = 0;
    for (int call = calls - LAST_CALLS + 1; call <= calls; call++) {
      Path folder = prepare(kind, "at-" + call);
      Object[] words = words(kind, folder);
      Started stopped = PowerCut.stopped(folder, call, words);
      assertThat(stopped.isAlive()).isTrue();
      Ended second = PowerCut.run(words);
      int exitCode = second.exitCode();
      boolean ended =
          Files.exists(folder.resolve(kind.inPlace() ? "model" : "out").resolve("wanda-cuda.json"));
      assertThat(exitCode).as(second.said()).isEqualTo(ended && exitCode == 0 ? 0 : 2);
      refused += exitCode == 2 ? 1 : 0;
      stopped.signal("CONT");
      stopped.end().succeeds();
      stopped.close();
      dropTimes(folder);
      Directories.assertSame(expected, folder);
    }
    FaultCounts.add(refused, "second runs kept out");
    assertThat(refused).isGreaterThanOrEqualTo(LAST_CALLS - 1);
  }

  /** The program with {@code src/test/power-cut} preloaded, which says what that does. */
  private static final class PowerCut {
    private static final Path SOURCE = Path.of("src", "test", "power-cut", "power_cut.cpp");
    private static final Path LIBRARY = Path.of("target", "power-cut", "libpower-cut.so");

    /** The program's classes as a run has loaded them, with which the next ones start sooner. */
    private static final Path CLASSES = Path.of("target", "power-cut", "classes.jsa");

    private PowerCut() {}

    /** Builds the library; skips the test, with the reason, where that can't be done. */
    static void build() throws IOException {
      assumeTrue(
          System.getProperty("os.name").equals("Linux"), "skipped: preloading is Linux's here");
      assumeTrue(PretendCudaBuild.isThere("g++"), "skipped: the library is built with g++");
      Files.createDirectories(LIBRARY.getParent());
      Command.of(Words.of("g++ -std=c++17 -O1 -fPIC -shared -o %s %s -ldl", LIBRARY, SOURCE))
          .run()
          .succeeds();
    }

    /** Returns the program without its launcher and without what is compiled at length. */
    private static Command program(Object... words) {
      return Command.java(
          "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC --enable-native-access=ALL-UNNAMED -cp"
              .split(" "),
          Command.JAR,
          "io.github.wandacuda.cli.Main",
          words);
    }

    private static Command fast(Object... words) {
      return program(words).withOptions("-XX:SharedArchiveFile=" + CLASSES);
    }

    /**
     * Runs the program undisturbed and returns the calls that could have been its last, by kind.
     */
    static List<String> calls(Path under, Path log, Object... words) throws IOException {
      preloaded(program(words).withOptions("-XX:ArchiveClassesAtExit=" + CLASSES), under, 0)
          .with(Map.of("POWER_CUT_LOG", log.toAbsolutePath().toString()))
          .run()
          .succeeds();
      return Files.readAllLines(log);
    }

    private static Command preloaded(Command program, Path under, int at) throws IOException {
      return program.with(
          Map.of(
              "LD_PRELOAD", LIBRARY.toAbsolutePath().toString(),
              "POWER_CUT_UNDER", under.toRealPath().toString(),
              "POWER_CUT_AT", Integer.toString(at)));
    }

    /** Runs the program until the power fails; returns whether it did. */
    static boolean cut(Path under, int at, Object... words) throws IOException {
      return preloaded(fast(words), under, at).run().exitCode() != 0;
    }

    /** Starts the program, which stops at a call. */
    static Started stopped(Path under, int at, Object... words)
        throws IOException, InterruptedException {
      Started process =
          preloaded(fast(words), under, at).with(Map.of("POWER_CUT_HOW", "stop")).start();
      Path status = Path.of("/proc", Long.toString(process.pid()), "stat");
      process.await(() -> isStopped(status));
      return process;
    }

    private static boolean isStopped(Path status) {
      try {
        return Files.readString(status).contains(") T ");
      } catch (IOException ended) {
        return true;
      }
    }

    /** Runs the program undisturbed. */
    static Ended run(Object... words) {
      return fast(words).run();
    }
  }
}
