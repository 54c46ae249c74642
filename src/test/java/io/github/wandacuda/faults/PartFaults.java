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
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Parts of a run, at once, are killed at random moments and run again until all have ended. */
class PartFaults {
  private static final Duration TIME = Duration.ofSeconds(Tier.isEach() ? 16 : 4);
  private static final int PARTS = 3;

  /** After so many rounds parts may end, so that the result can be compared. */
  private static final int MOST_ROUNDS = 4;

  private static final long LEAST_MILLIS = 300;

  @TempDir Path directory;

  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);
  private Case run;
  private long kills;

  static List<String> kinds() {
    return Tier.picked(1, List.of("statistics", "magnitude", "scores"));
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void partsThatAreKilledComeToTheSameBytes(String kind) throws Exception {
    Path mixture = TestData.STRUCTURED.resolve("tiny-moe");
    run =
        kind.equals("scores")
            ? new Case(directory, mixture.resolve("model"), mixture.resolve("calibration.json"))
            : new Case(directory, new GeneratedLlama(6, 256, 512, 1000), 1, 16);
    long start = System.nanoTime();
    Path expected = run.undisturbed(kind);
    long millis = (System.nanoTime() - start) / 1_000_000;
    while (kills == 0 || System.nanoTime() - start < TIME.toNanos()) {
      killUntilDone(kind, millis);
      Directories.assertSame(expected, run.output());
      Directories.remove(run.output());
    }
    run.assertInputUnchanged();
    FaultCounts.add(kills, "kills of parts survived");
  }

  /** Runs all parts at once, round after round, until each has ended by itself in one of them. */
  private void killUntilDone(String kind, long millis) throws Exception {
    List<Integer> left = new ArrayList<>(List.of(1, 2, 3));
    for (int round = 0; !left.isEmpty(); round++) {
      List<Started> programs = new ArrayList<>();
      try {
        for (int part : left) {
          programs.add(
              Command.jar(run.run(kind, run.output(), "--quiet", "--part", part + "/" + PARTS))
                  .start());
        }
        left.removeAll(ended(left, programs, round < MOST_ROUNDS ? millis : Long.MAX_VALUE / 2));
      } finally {
        for (Started program : programs) {
          program.close();
        }
      }
      run.assertPlainlyUnfinished(kind);
    }
  }

  /** Kills each part that doesn't end before; returns the others. */
  private List<Integer> ended(List<Integer> parts, List<Started> programs, long millis)
      throws IOException, InterruptedException {
    List<Integer> ended = new ArrayList<>();
    for (int index = 0; index < parts.size(); index++) {
      Started program = programs.get(index);
      if (program.endsWithin(LEAST_MILLIS + random.nextLong(millis))) {
        assertThat(program.exitCode()).as("%s, seed %d", program.said(), seed).isZero();
        ended.add(parts.get(index));
      } else {
        program.signal("KILL");
        program.exitCode();
        kills++;
      }
    }
    return ended;
  }
}
