package io.github.wandacuda.testing;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * How a program ended.
 *
 * @param exitCode what it ended with, 128 more than the number of a signal that ended it
 * @param output what it wrote, errors among it
 */
public record ProcessOutcome(int exitCode, String output) {
  /** Runs a program to its end, which has to come in time. */
  public static ProcessOutcome of(List<String> command, long seconds) throws IOException {
    Path output = Files.createTempFile("outcome", ".txt");
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      if (!process.waitFor(seconds, TimeUnit.SECONDS)) {
        throw new IOException("no end after " + seconds + " s: " + command);
      }
      return new ProcessOutcome(process.exitValue(), Files.readString(output));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException(String.join(" ", command));
    } finally {
      process.destroyForcibly();
      Files.deleteIfExists(output);
    }
  }
}
