package io.github.wandacuda.testing;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * A JVM of its own, for what may end one or depends on how it was started.
 *
 * @param exitCode what it ended with
 * @param output what it wrote, errors among it
 */
public record ChildJvm(int exitCode, String output) {
  private static final long SECONDS = 120;

  /** Runs a class of the tests' class path. */
  public static ChildJvm run(
      Path directory, List<String> options, Class<?> main, String... arguments)
      throws IOException, InterruptedException {
    return run(directory, Map.of(), options, main, arguments);
  }

  /** Runs a class with more environment variables. */
  public static ChildJvm run(
      Path directory,
      Map<String, String> environment,
      List<String> options,
      Class<?> main,
      String... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.addAll(List.of("-cp", classPath(), main.getName()));
    command.addAll(List.of(arguments));
    Path output = directory.resolve("output.txt");
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile());
    builder.environment().putAll(environment);
    Process process = builder.start();
    try {
      if (!process.waitFor(SECONDS, TimeUnit.SECONDS)) {
        throw new IllegalStateException("no end after " + SECONDS + " s: " + command);
      }
      return new ChildJvm(process.exitValue(), Files.readString(output));
    } finally {
      process.destroyForcibly();
    }
  }

  /** Returns the class path for a process that works in another folder. */
  private static String classPath() {
    return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
        .map(entry -> Path.of(entry).toAbsolutePath().toString())
        .collect(Collectors.joining(File.pathSeparator));
  }
}
