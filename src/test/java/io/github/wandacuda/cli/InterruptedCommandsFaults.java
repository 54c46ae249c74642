package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.github.wandacuda.testing.FaultCounts;
import io.github.wandacuda.testing.MemoryDirectory;
import io.github.wandacuda.testing.Tier;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every command is interrupted at each call that an interrupt can end. */
class InterruptedCommandsFaults {
  /** No call waits for a disk. */
  @TempDir(factory = MemoryDirectory.class)
  Path directory;

  static Stream<String> kinds() {
    // A dry run repeats some work for a second, to see how long it takes. The other methods ask at
    // each of many small steps, for minutes.
    return InterruptedCommands.KINDS.stream()
        .filter(kind -> !kind.equals("dry-run") && !InterruptedCommands.METHODS.contains(kind));
  }

  /** A model with a tokenizer asks hundreds of times, so that later calls are fewer and fewer. */
  private static long next(String kind, long call) {
    boolean many = kind.equals("evaluate") || kind.equals("generate");
    return call + 1 + (many ? call / 10 : 0);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void aRunThatIsInterruptedSaysSoAndGoesOn(String kind) throws Exception {
    assumeTrue(Tier.isEach(), "skipped: InterruptedCommandsTest takes some of these calls");
    long interrupts =
        new InterruptedCommands(directory, 2).interrupt(kind, call -> next(kind, call));
    FaultCounts.add(interrupts, "interrupts at each interruptible call");
    assertThat(interrupts).isPositive();
  }
}
