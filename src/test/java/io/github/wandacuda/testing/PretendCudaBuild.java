package io.github.wandacuda.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** Runs {@code src/test/pretend-cuda/build.sh}, which builds only what has changed. */
public final class PretendCudaBuild {
  /** The kernels that are shipped. */
  public static final Path KERNELS = Path.of("kernels", "cuda");

  /** Kernels that test the pretend CUDA itself. */
  public static final Path SELFTEST = Path.of("src", "test", "pretend-cuda", "selftest");

  private static final Path SCRIPT = Path.of("src", "test", "pretend-cuda", "build.sh");
  private static final long SECONDS = 300;

  private PretendCudaBuild() {}

  /** Skips the test, with the reason, where the pretend CUDA can't be built. */
  public static void assumePossible() {
    assumeTrue(
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64"),
        "the pretend CUDA is for Linux on x86-64, as JCuda's library is");
    assumeTrue(isThere("g++"), "the pretend CUDA is built with g++, which is not there");
  }

  /** Returns whether a program is on the path. */
  public static boolean isThere(String program) {
    String path = System.getenv("PATH");
    return path != null
        && Pattern.compile(Pattern.quote(File.pathSeparator))
            .splitAsStream(path)
            .anyMatch(directory -> Files.isExecutable(Path.of(directory, program)));
  }

  /**
   * Builds it.
   *
   * @param out where to
   * @param options of the script
   */
  public static void run(Path out, List<String> options) throws IOException {
    List<String> command = new ArrayList<>(List.of("sh", SCRIPT.toString(), out.toString()));
    command.addAll(options);
    ProcessOutcome outcome = ProcessOutcome.of(command, SECONDS);
    if (outcome.exitCode() != 0) {
      throw new IOException(String.join(" ", command) + ":\n" + outcome.output());
    }
  }
}
