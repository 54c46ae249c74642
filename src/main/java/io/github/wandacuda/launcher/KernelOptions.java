package io.github.wandacuda.launcher;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/**
 * JVM options with which the CPU's kernels reach full speed sooner. Until a kernel is compiled,
 * each of its vectors is an object, and short runs spent most of their time on these. None of the
 * options prints anything, and each is left out if the user's own options concern the same matter.
 *
 * <ul>
 *   <li>The serial collector reuses the same memory for those short-lived objects, so the system
 *       needn't provide new pages. Long-lived data is off the heap or small: a calibrated run
 *       spends 0.6 % of its time collecting.
 *   <li>The kernels are compiled after a twentieth of the usual number of calls, and the caller
 *       waits for the code. This pays for loops over vectors, not for the search that calls them:
 *       that is in another package. After fewer calls the profile is too poor: at a fiftieth,
 *       selection was two to three times slower throughout some runs; at a five-hundredth, in all
 *       runs.
 * </ul>
 *
 * <p>Pruning 3 GiB in memory on two cores took 3.3 s without them, 2.6 s with the collector alone
 * and 2.2 s with both; the peak of anonymous memory went from 590 to 180 MiB.
 */
final class KernelOptions {
  /**
   * All packages below one called {@code simd}; a pattern may have an asterisk only at its ends.
   */
  private static final String KERNELS = "*/simd/*.*";

  private static final List<String> COLLECTOR = List.of("-XX:+UseSerialGC");

  private static final List<String> COMPILER =
      List.of(
          "-XX:CompileCommand=quiet",
          "-XX:CompileCommand=CompileThresholdScaling," + KERNELS + ",0.05",
          "-XX:CompileCommand=BackgroundCompilation," + KERNELS + ",false");

  /**
   * For a command without kernels: what runs for a second gains nothing by code for minutes, which
   * took as long to compile as all else on two processors.
   */
  private static final List<String> PLAIN_COMPILER = List.of("-XX:TieredStopAtLevel=1");

  /** A file of options, which may hold any option. */
  private static final String FILE = "(^|\\s)(@|-XX:(Flags|VMOptionsFile)=)|";

  /** The user's collector: with a second one the JVM wouldn't start, and theirs may be tuned. */
  private static final Pattern USERS_COLLECTOR = Pattern.compile(FILE + "-XX:\\S*(GC|G1)");

  /** The user's compiler options: ours would suppress the messages of compile commands. */
  private static final Pattern USERS_COMPILER =
      Pattern.compile(FILE + "-XX:\\S*(Compile|BackgroundCompilation|Tier)|-X(int|comp|batch)");

  private KernelOptions() {}

  /** Returns the options beside those given, without conflicts; {@code kernels} if it has any. */
  static List<String> beside(List<String> given, boolean kernels) {
    List<String> options = new ArrayList<>();
    if (!isIn(given, USERS_COLLECTOR)) {
      options.addAll(COLLECTOR);
    }
    if (!isIn(given, USERS_COMPILER)) {
      options.addAll(kernels ? COMPILER : PLAIN_COMPILER);
    }
    return options;
  }

  private static boolean isIn(List<String> texts, Pattern pattern) {
    return texts.stream().anyMatch(text -> pattern.matcher(text).find());
  }
}
