package io.github.wandacuda.bench.compare;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What the comparison was asked to do.
 *
 * @param quick whether tiny sizes do; the site's page then stays as it is
 * @param results where tables go
 * @param memory a folder on a memory file system
 * @param disk a folder on a disk
 * @param names what the wanted rows' names start with; none for all rows
 */
record Options(boolean quick, Path results, Path memory, Path disk, List<String> names) {
  private static final String QUICK = "--quick";
  private static final Path SHARED_MEMORY = Path.of("/dev/shm/wanda-cuda-bench");

  /**
   * Reads a command line: {@code [--quick] [--results DIR] [--memory DIR] [--disk DIR] [ROW]...}.
   *
   * @throws IllegalArgumentException if an option is not known or lacks its value
   */
  static Options parse(String... args) {
    boolean quick = Arrays.asList(args).contains(QUICK);
    Path results = Path.of(quick ? "bench/target/quick" : "bench/results");
    Path memory = SHARED_MEMORY;
    Path disk = Path.of("bench/target/compare");
    List<String> names = new ArrayList<>();
    for (int i = 0; i < args.length; i++) {
      switch (args[i]) {
        case QUICK -> {}
        case "--results" -> results = Path.of(value(args, ++i));
        case "--memory" -> memory = Path.of(value(args, ++i));
        case "--disk" -> disk = Path.of(value(args, ++i));
        default -> names.add(name(args[i]));
      }
    }
    return new Options(quick, results, memory, disk, List.copyOf(names));
  }

  private static String value(String[] args, int index) {
    if (index == args.length) {
      throw new IllegalArgumentException(args[index - 1] + " needs a value");
    }
    return args[index];
  }

  private static String name(String arg) {
    if (arg.startsWith("-")) {
      throw new IllegalArgumentException("no option is called " + arg);
    }
    return arg;
  }

  /** Returns the file that says what there is to measure. */
  static Path rows() {
    return Path.of("bench/rows.json");
  }
}
