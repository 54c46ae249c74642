package io.github.wandacuda.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs the jar as a process, as a user does. */
public final class Cli {
  private static final Path JAR = Path.of("target/wanda-cuda.jar");
  private static final long SECONDS = 120;

  private Cli() {}

  /**
   * What a process did.
   *
   * @param exitCode its exit code
   * @param out its stdout
   * @param err its stderr
   */
  record Result(int exitCode, String out, String err) {
    JsonNode json() {
      try {
        return JsonMapper.builder().build().readTree(out);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    List<String> errorLines() {
      return err.lines().toList();
    }
  }

  public static ProcessBuilder command(Object... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-jar", JAR.toString()));
    Arrays.stream(arguments).map(Object::toString).forEach(command::add);
    return new ProcessBuilder(command);
  }

  static Result run(Object... arguments) {
    return run(command(arguments));
  }

  static Result run(ProcessBuilder command) {
    try {
      Path out = Files.createTempFile("wanda-cuda", ".out");
      Path err = Files.createTempFile("wanda-cuda", ".err");
      Process process = command.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
      if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new AssertionError(command.command() + " takes more than " + SECONDS + " s");
      }
      Result result = new Result(process.exitValue(), read(out), read(err));
      Files.delete(out);
      Files.delete(err);
      return result;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  private static String read(Path file) throws IOException {
    return Files.readString(file, StandardCharsets.UTF_8);
  }
}
