package io.github.wandacuda.cli;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Runs many commands in one JVM, which has little memory and may not end. What each did is written
 * beside its arguments: the exit code, the milliseconds, and what it said.
 */
public final class HostileRuns {
  private HostileRuns() {}

  /** Takes files that hold a command's words, one a line. */
  public static void main(String[] files) throws IOException {
    for (String name : files) {
      Path file = Path.of(name);
      List<String> words = Files.readAllLines(file);
      ByteArrayOutputStream said = new ByteArrayOutputStream();
      PrintStream err = new PrintStream(said, true, StandardCharsets.UTF_8);
      PrintStream usual = System.err;
      System.setErr(err);
      long start = System.nanoTime();
      int exitCode =
          new WandaCuda(new PrintStream(OutputStream.nullOutputStream()), new Stderr(err))
              .run(words.toArray(String[]::new));
      long millis = (System.nanoTime() - start) / 1_000_000;
      System.setErr(usual);
      Files.writeString(
          file.resolveSibling(file.getFileName() + ".outcome"),
          "%d %d%n%s".formatted(exitCode, millis, said.toString(StandardCharsets.UTF_8)));
    }
  }
}
