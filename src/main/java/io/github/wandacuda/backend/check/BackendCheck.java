package io.github.wandacuda.backend.check;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.error.BackendUnavailableException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Runs the kernels of a backend at small odd sizes, some of many rows, and compares with another
 * backend: bit for bit where all of them give the same bits. Linear layers, attention, norms and
 * cross entropy have sums in an order of their own on some GPUs. Left out are the kernels that only
 * read matrices in a caller's own device memory.
 */
public final class BackendCheck {
  /** Is told what happens. */
  public interface Listener {
    /** A kernel is about to be launched. */
    default void starts(String name) {}

    /**
     * It has run.
     *
     * @param problem what is wrong with its results; empty if nothing is
     */
    default void ended(String name, Optional<String> problem) {}
  }

  private BackendCheck() {}

  /** Returns the table. */
  private static List<KernelCase> cases(Backend backend) {
    List<KernelCase> cases = new ArrayList<>(SelectionCases.all());
    cases.addAll(LinearCases.all(backend));
    cases.addAll(ForwardCases.all());
    cases.addAll(RowFittingCases.all());
    return cases;
  }

  /**
   * Checks a backend, until a kernel fails, after which a device may be lost.
   *
   * @param reference what it is compared with: the CPU
   * @return how many cases differ or fail
   */
  public static int run(Backend backend, Backend reference, Listener listener) {
    int wrong = 0;
    for (KernelCase each : cases(backend)) {
      listener.starts(each.name());
      float[] expected = results(each, reference);
      try {
        float[] found = results(each, backend);
        Optional<String> problem = difference(found, expected, each.tolerance());
        listener.ended(each.name(), problem.map("differs, "::concat));
        wrong += problem.isPresent() ? 1 : 0;
      } catch (BackendUnavailableException e) {
        listener.ended(each.name(), Optional.of("failed, " + e.getMessage()));
        return wrong + 1;
      }
    }
    return wrong;
  }

  private static float[] results(KernelCase one, Backend backend) {
    try (CheckSide side = new CheckSide(backend)) {
      return one.run().apply(side);
    }
  }

  private static Optional<String> difference(float[] found, float[] expected, double tolerance) {
    double largest = 0;
    for (float value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      boolean same = Float.floatToRawIntBits(found[i]) == Float.floatToRawIntBits(expected[i]);
      if (!same && !(Math.abs(found[i] - expected[i]) <= tolerance * largest)) {
        return Optional.of(
            "result %d of %d: expected %s, found %s"
                .formatted(i, expected.length, expected[i], found[i]));
      }
    }
    return Optional.empty();
  }
}
