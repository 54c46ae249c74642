package io.github.wandacuda.cli;

import io.github.wandacuda.testing.Command;
import io.github.wandacuda.testing.Ended;
import io.github.wandacuda.testing.Words;

/** Runs the jar as a process, as a user does. */
final class Cli {
  private Cli() {}

  /** Runs the words of a line, as {@link Words} has them. */
  static Ended line(String line, Object... values) {
    return run(Words.of(line, values));
  }

  static Ended run(Object... words) {
    return Command.jar(words).run();
  }
}
