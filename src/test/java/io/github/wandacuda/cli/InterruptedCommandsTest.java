package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.MemoryDirectory;
import io.github.wandacuda.testing.Thorough;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A part of what the profile {@code faults} goes through call by call. */
@Thorough
class InterruptedCommandsTest {
  /** No call waits for a disk. */
  @TempDir(factory = MemoryDirectory.class)
  Path directory;

  static Stream<String> kinds() {
    return InterruptedCommands.KINDS.stream();
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void aRunThatIsInterruptedSaysSo(String kind) throws Exception {
    InterruptedCommands commands = new InterruptedCommands(directory, 3);
    // The first calls and, further on, fewer and fewer: of those with a tokenizer, which is a
    // process of its own, the powers of two.
    boolean tokenizer = kind.equals("evaluate") || kind.equals("generate");
    assertThat(commands.interrupt(kind, call -> tokenizer ? 2 * call : call + 1 + call / 3))
        .isPositive();
  }
}
