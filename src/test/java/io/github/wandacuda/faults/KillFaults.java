package io.github.wandacuda.faults;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Directories;
import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.GeneratedLlama;
import io.github.wandacuda.testing.Started;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Tier;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs are killed at random moments and go on until they are done. */
class KillFaults {
  private static final Duration TIME = Duration.ofSeconds(Tier.isEach() ? 16 : 4);

  /** Of a method beyond Wanda and magnitude, whose steps between two writes are longer. */
  private static final Duration METHOD_TIME = Duration.ofSeconds(Tier.isEach() ? 5 : 1);

  /** Runs of each kind are killed until it is so many times. */
  private static final int LEAST_KILLS = Integer.getInteger("faults.kills", 1);

  /** After so many kills in a row a run may end, so that its result can be compared. */
  private static final int MOST_IN_A_ROW = Tier.isEach() ? 5 : 3;

  private static final int FEW_IN_A_ROW = 3;

  private static final long LEAST_MILLIS = 300;

  /** What a JVM says that is told to end before it can run anything, with an exit code of 1. */
  private static final String UNSTARTED = "Error occurred during initialization of VM";

  @TempDir Path directory;

  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);
  private Case run;
  private long kills;
  private long stops;

  private void write() throws IOException {
    run = new Case(directory, new GeneratedLlama(6, 256, 512, 1000), 4, 64);
  }

  static List<String> kinds() {
    return Tier.picked(2, List.of("statistics", "magnitude", "packed", "samples"));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void aRunThatIsKilledGoesOnToTheSameBytes(String kind) throws Exception {
    write();
    killAndCompare(kind, TIME, MOST_IN_A_ROW);
  }

  static List<String> methods() {
    return Tier.picked(1, List.of("sparsegpt", "swaps-reconstruct", "alps", "ria", "atp"));
  }

  static List<String> structures() {
    return Tier.picked(1, List.of("experts", "blocks", "channels", "heads", "auto", "recipe"));
  }

  @ParameterizedTest
  @MethodSource("methods")
  void soDoOtherMethods(String method) throws Exception {
    run = new Case(directory, new GeneratedLlama(4, 128, 256, 500), 4, 64);
    killAndCompare(method, METHOD_TIME, FEW_IN_A_ROW);
  }

  @ParameterizedTest
  @MethodSource("structures")
  void soDoThoseThatRemoveParts(String structure) throws Exception {
    Path mixture = TestData.STRUCTURED.resolve("tiny-moe");
    run =
        structure.equals("experts")
            ? new Case(directory, mixture.resolve("model"), mixture.resolve("calibration.json"))
            : new Case(directory, new GeneratedLlama(4, 128, 256, 500), 4, 64);
    killAndCompare(structure, METHOD_TIME, FEW_IN_A_ROW);
    Path output = run.undisturbed(structure);
    assertThat(run.smaller()).doesNotExist();
    assertThat(Directories.files(output)).noneMatch(file -> file.toString().startsWith("."));
    Command.jar("verify", "--dense", run.model(), "--pruned", output).run().succeeds();
  }

  private void killAndCompare(String kind, Duration time, int inARow) throws Exception {
    long start = System.nanoTime();
    Path expected = run.undisturbed(kind);
    long millis = millisSince(start);
    int cycles = 0;
    // Where runs happen to end before their signal, cycles are added until enough were killed.
    while (kills < LEAST_KILLS || System.nanoTime() - start < time.toNanos()) {
      long begun = System.nanoTime();
      killUntilDone(kind, millis, inARow);
      // The first run may have been slow; a moment after the end of a run would kill nothing.
      millis = Math.min(millis, millisSince(begun));
      Directories.assertSame(expected, run.output());
      Directories.remove(run.output());
      cycles++;
    }
    run.assertInputUnchanged();
    FaultCounts.add(kills, "kills survived");
    FaultCounts.add(stops, "signals to end obeyed");
    assertThat(kills).as("kills in %d cycles, seed %d", cycles, seed).isPositive();
  }

  private static long millisSince(long nanoTime) {
    return (System.nanoTime() - nanoTime) / 1_000_000;
  }

  private void killUntilDone(String kind, long millis, int inARow) throws Exception {
    for (int killed = 0; ; killed++) {
      try (Started program =
          Command.jar(run.run(kind, run.output(), "--resume", "--quiet")).start()) {
        boolean spared = killed >= inARow;
        if (spared || program.endsWithin(random.nextLong(LEAST_MILLIS, LEAST_MILLIS + millis))) {
          assertThat(program.exitCode()).as("%s, seed %d", program.said(), seed).isZero();
          return;
        }
        end(program);
      }
      run.assertPlainlyUnfinished(kind);
    }
  }

  /** Most are killed, some are told to end; either way nothing may go on. */
  private void end(Started program) throws Exception {
    String signal = List.of("KILL", "KILL", "KILL", "TERM", "INT").get(random.nextInt(5));
    program.signal(signal);
    long told = System.nanoTime();
    int exitCode = program.exitCode();
    assertThat(System.nanoTime() - told).isLessThan(Duration.ofSeconds(5).toNanos());
    switch (signal) {
      case "KILL" -> kills++;
      default -> {
        stops++;
        int expected = signal.equals("TERM") ? 143 : 130;
        // It may have been done at that moment; a JVM that is only just starting fails by itself.
        if (!program.said().contains(UNSTARTED)) {
          assertThat(exitCode).as(program.said()).isIn(expected, 0);
        }
      }
    }
    assertNothingRuns();
  }

  /** No process works on the output, under whatever pid. */
  private void assertNothingRuns() throws IOException {
    String output = run.output().toString();
    List<String> found = new ArrayList<>();
    try (var processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
      for (Path process : processes) {
        String words = commandLine(process);
        if (words.contains(output)) {
          found.add(words);
        }
      }
    }
    assertThat(found).isEmpty();
  }

  private static String commandLine(Path process) {
    try {
      return Files.readString(process.resolve("cmdline")).replace('\0', ' ');
    } catch (IOException e) {
      return ""; // It has ended meanwhile.
    }
  }

  static List<String> kindsInPlace() {
    return Tier.picked(1, List.of("statistics", "magnitude"));
  }

  @ParameterizedTest
  @MethodSource("kindsInPlace")
  void aModelThatIsPrunedInPlaceEndsTheSame(String kind) throws Exception {
    write();
    long start = System.nanoTime();
    Path expected = directory.resolve("expected");
    Command.jar(run.run(kind, expected, "--no-card")).run().succeeds();
    long millis = millisSince(start);
    do {
      Path model = TestData.copy(run.model(), directory.resolve("in-place"));
      List<Object> words = new ArrayList<>(List.of("prune", "--in-place", "--yes", "--quiet"));
      words.addAll(List.of("--backend", "cpu", "--model", model));
      words.addAll(run.options(kind));
      for (int killed = 0; killed >= 0; killed++) {
        try (Started program = Command.jar(words.toArray()).start()) {
          if (killed >= MOST_IN_A_ROW
              || program.endsWithin(random.nextLong(LEAST_MILLIS, LEAST_MILLIS + millis))) {
            assertThat(program.exitCode()).as(program.said()).isZero();
            break;
          }
          program.signal("KILL");
          kills++;
        }
      }
      Directories.assertSame(expected, model);
      Directories.remove(model);
    } while (System.nanoTime() - start < TIME.toNanos() / 2);
    FaultCounts.add(kills, "kills survived");
  }

  /** Packing and unpacking go on with the shards that they have finished. */
  @ParameterizedTest
  @ValueSource(strings = {"pack", "unpack"})
  void packingThatIsKilledEndsTheSame(String command) throws Exception {
    write();
    Path pruned = run.undisturbed("magnitude");
    Path packed = directory.resolve("packed");
    long start = System.nanoTime();
    assertDone(repack("pack", pruned, packed));
    long millis = millisSince(start);
    Path source = command.equals("pack") ? pruned : packed;
    Path expected = command.equals("pack") ? packed : pruned;
    while (kills == 0 || System.nanoTime() - start < METHOD_TIME.toNanos()) {
      for (int killed = 0; killed < MOST_IN_A_ROW; killed++) {
        try (Started program = Command.jar(repack(command, source, run.output())).start()) {
          if (!program.endsWithin(random.nextLong(LEAST_MILLIS / 2, LEAST_MILLIS + millis))) {
            program.signal("KILL");
            program.exitCode();
            kills++;
          }
        }
      }
      assertDone(repack(command, source, run.output()));
      Directories.assertSame(expected, run.output());
      Directories.remove(run.output());
    }
    FaultCounts.add(kills, "kills survived");
  }

  private static void assertDone(Object... words) throws Exception {
    Command.jar(words).run().succeeds();
  }

  private static Object[] repack(String command, Path model, Path output) {
    return new Object[] {command, "--quiet", "--resume", "--model", model, "--output", output};
  }

  @Test
  void aSecondRunIsKeptOutAndTheFirstIsNotDisturbed() throws Exception {
    write();
    Object[] words = run.run("samples", run.output(), "--resume", "--quiet");
    try (Started first = Command.jar(words).start()) {
      first.awaitFile(run.output().resolve(".wanda-cuda.states-1"));
      assertThat(first.isAlive()).as(first.said()).isTrue();
      // However fast it is, it is still at work when the second one looks.
      first.signal("STOP");
      try (Started second = Command.jar(words).start()) {
        assertThat(second.exitCode()).isEqualTo(2);
        assertThat(second.end().errors())
            .singleElement()
            .asString()
            .contains("another run is at work");
      }
      first.signal("CONT");
      assertThat(first.exitCode()).as(first.said()).isZero();
    }
    Directories.assertSame(run.undisturbed("samples"), run.output());
    FaultCounts.add(1, "second runs kept out");
  }
}
