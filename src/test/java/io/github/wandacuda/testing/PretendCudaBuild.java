package io.github.wandacuda.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Runs {@code src/test/pretend-cuda/build.sh}, which builds only what has changed. */
public final class PretendCudaBuild {
  /** Where the PTX is that is shipped, and what was written down about it. */
  public static final Path GENERATED = Path.of("kernels", "generated");

  private static final List<Path> SOURCES =
      Stream.of("select", "forward").map(part -> Path.of("kernels", part)).toList();

  /** Kernels that test the pretend CUDA itself. */
  public static final Path SELFTEST = Path.of("src", "test", "pretend-cuda", "selftest");

  private static final Path SCRIPT = Path.of("src", "test", "pretend-cuda", "build.sh");
  private static final long SECONDS = 900;

  private PretendCudaBuild() {}

  /** Skips the test, with the reason, where the pretend CUDA can't be built. */
  public static void assumePossible() {
    assumeTrue(isItsSystem(), "the pretend CUDA is for Linux on x86-64, as JCuda's library is");
    assumeTrue(isThere("g++"), "the pretend CUDA is built with g++, which is not there");
  }

  static boolean isPossible() {
    return isItsSystem() && isThere("g++");
  }

  private static boolean isItsSystem() {
    return System.getProperty("os.name").equals("Linux")
        && System.getProperty("os.arch").equals("amd64");
  }

  /** Returns the CUDA sources that are compiled each by itself. */
  public static List<Path> kernels() throws IOException {
    return files(SOURCES, ".cu");
  }

  /** Returns the CUDA sources that others include. */
  public static List<Path> headers() throws IOException {
    return files(List.of(SOURCES.get(0), SOURCES.get(1), Path.of("kernels", "lib")), ".cuh");
  }

  private static List<Path> files(List<Path> directories, String ending) throws IOException {
    List<Path> found = new ArrayList<>();
    for (Path directory : directories) {
      try (Stream<Path> files = Files.list(directory)) {
        files.filter(file -> file.toString().endsWith(ending)).forEach(found::add);
      }
    }
    return found;
  }

  /**
   * Copies a kernel and all headers, to be changed there.
   *
   * @param kernel its file's name, without the ending
   */
  public static void copy(String kernel, Path to) throws IOException {
    List<Path> sources = new ArrayList<>(headers());
    String name = kernel + ".cu";
    sources.add(kernels().stream().filter(file -> file.endsWith(name)).findFirst().orElseThrow());
    for (Path source : sources) {
      Files.copy(source, to.resolve(source.getFileName()));
    }
  }

  /** Returns the script's options that build the kernels that are shipped. */
  static List<String> shipped() {
    return SOURCES.stream().flatMap(part -> Stream.of("--kernels", part.toString())).toList();
  }

  public static boolean isThere(String program) {
    String path = System.getenv("PATH");
    return path != null
        && Pattern.compile(Pattern.quote(File.pathSeparator))
            .splitAsStream(path)
            .anyMatch(directory -> Files.isExecutable(Path.of(directory, program)));
  }

  /**
   * Builds one of the programs in {@code checks} and the kernels that it runs: those that select,
   * of sm_80 alone, or all others.
   *
   * @param out a folder of target, which has another one beside it for what selects
   * @return the program
   */
  public static Path check(String out, String sanitizer, String program) throws IOException {
    boolean selects = program.equals("pruning");
    List<String> options = new ArrayList<>(List.of(sanitizer, "--program"));
    options.add(Path.of("src", "test", "pretend-cuda", "checks", program + ".cpp").toString());
    options.addAll(List.of("--kernels", SOURCES.get(selects ? 0 : 1).toString()));
    if (selects) {
      options.addAll(List.of("--only", "80"));
    }
    Path directory = Path.of("target", selects ? out + "-select" : out);
    run(directory, options);
    return directory.resolve(program);
  }

  /**
   * Builds it.
   *
   * @param options of the script
   */
  public static void run(Path out, List<String> options) throws IOException {
    List<String> command = new ArrayList<>(List.of("sh", SCRIPT.toString(), out.toString()));
    command.addAll(options);
    Ended outcome = Command.of(command).within(SECONDS).run();
    if (outcome.exitCode() != 0) {
      throw new IOException(String.join(" ", command) + ":\n" + outcome.said());
    }
  }
}
