package engine.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Programs that the tests run, in the root of the repository. */
public final class Program {
  private static final Path JAVA = Path.of(System.getProperty("java.home"), "bin", "java");
  private static final Path JAR = Path.of("target", "wanda-cuda.jar");

  private Program() {}

  /** Runs the program that this clone has built and returns its stdout. */
  public static String wandaCuda(Object... arguments) {
    List<Object> command = new ArrayList<>(List.of(JAVA, "-jar", JAR));
    command.addAll(List.of(arguments));
    return run(command);
  }

  /**
   * Runs a program and returns its stdout.
   *
   * @throws IllegalStateException if it fails, with what it says
   */
  public static String run(List<?> command) {
    try {
      Path errors = TinyLlama.WORK.resolve("stderr.txt");
      errors.toFile().getParentFile().mkdirs();
      Process process =
          new ProcessBuilder(command.stream().map(Object::toString).toList())
              .redirectError(errors.toFile())
              .start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      if (process.waitFor() != 0) {
        throw new IllegalStateException(command + " failed:\n" + output + Files.readString(errors));
      }
      return output;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
