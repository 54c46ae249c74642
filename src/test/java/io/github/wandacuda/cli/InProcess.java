package io.github.wandacuda.cli;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Runs commands in this JVM, for tables of many: no process has to start. */
final class InProcess {
  private InProcess() {}

  /** Runs one. What libraries log isn't in its stderr. */
  static Cli.Result run(Object... arguments) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int exitCode =
        new WandaCuda(
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new Stderr(new PrintStream(err, true, StandardCharsets.UTF_8)))
            .run(Arrays.stream(arguments).map(Object::toString).toArray(String[]::new));
    return new Cli.Result(
        exitCode, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }
}
