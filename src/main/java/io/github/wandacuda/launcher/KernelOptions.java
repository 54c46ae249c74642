package io.github.wandacuda.launcher;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Options by which the CPU's kernels come up to speed sooner. Until a kernel is compiled, each of
 * its vectors is an object, and a short run spent most of its time so. None of them prints
 * anything, and each is left out where the user's own options have a say on its matter.
 *
 * <ul>
 *   <li>The serial collector uses the same memory over and over for those short-lived objects, so
 *       that the system need not provide fresh pages. What lives long lies off the heap or is
 *       small: a calibrated run spends 0.6 % of its time collecting.
 *   <li>The kernels are compiled after a twentieth of the usual number of calls, and who calls one
 *       then waits for its code. Fewer calls make too poor a profile: at a fiftieth, selection was
 *       two to three times slower in some runs, to their end; at a five-hundredth, in all.
 * </ul>
 *
 * <p>Pruning 3 GiB in memory on two cores took 3.3 s without them, 2.6 s with the collector alone
 * and 2.2 s with both; the peak of anonymous memory went from 590 to 180 MiB.
 */
final class KernelOptions {
  /** All packages below a {@code simd}: a pattern may have an asterisk at either end alone. */
  private static final String KERNELS = "*/simd/*.*";

  private static final List<String> COLLECTOR = Collections.singletonList("-XX:+UseSerialGC");

  private static final List<String> COMPILER =
      Collections.unmodifiableList(
          Arrays.asList(
              "-XX:CompileCommand=quiet",
              "-XX:CompileCommand=CompileThresholdScaling," + KERNELS + ",0.05",
              "-XX:CompileCommand=BackgroundCompilation," + KERNELS + ",false"));

  /** A file of options, which may hold any. */
  private static final String FILE = "(^|\\s)(@|-XX:(Flags|VMOptionsFile)=)|";

  /** A second collector would keep the JVM from starting; one that is tuned is meant to be used. */
  private static final Pattern USERS_COLLECTOR = Pattern.compile(FILE + "-XX:\\S*(GC|G1)");

  /** The user's commands print what they do, which ours forbid. */
  private static final Pattern USERS_COMPILER =
      Pattern.compile(FILE + "-XX:\\S*(Compile|BackgroundCompilation|Tier)|-X(int|comp|batch)");

  private KernelOptions() {}

  /**
   * The options that go together with the user's.
   *
   * @param given all texts in which the user may have given options to the JVM
   */
  static List<String> beside(List<String> given) {
    List<String> options = new ArrayList<>();
    if (!isIn(given, USERS_COLLECTOR)) {
      options.addAll(COLLECTOR);
    }
    if (!isIn(given, USERS_COMPILER)) {
      options.addAll(COMPILER);
    }
    return options;
  }

  private static boolean isIn(List<String> texts, Pattern pattern) {
    for (String text : texts) {
      if (pattern.matcher(text).find()) {
        return true;
      }
    }
    return false;
  }
}
