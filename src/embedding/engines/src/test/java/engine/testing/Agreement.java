package engine.testing;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.Mask;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.library.Pruner;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.Set;

/**
 * How many of some things are equal.
 *
 * @param equal how many are
 * @param all how many there are
 */
public record Agreement(long equal, long all) {
  /** How much is pruned in these tests. */
  public static final Sparsity HALF = new Sparsity.Ratio(0.5);

  /** Returns whether all are equal, and there are some. */
  public boolean isComplete() {
    return all > 0 && equal == all;
  }

  /** Returns the fraction that is equal. */
  public double fraction() {
    return (double) equal / all;
  }

  private Agreement plus(Agreement other) {
    return new Agreement(equal + other.equal, all + other.all);
  }

  /** Compares numbers by their bits. */
  public static Agreement of(float[] first, float[] second) {
    long equal = 0;
    for (int i = 0; i < first.length; i++) {
      equal += Float.floatToRawIntBits(first[i]) == Float.floatToRawIntBits(second[i]) ? 1 : 0;
    }
    return new Agreement(equal, Math.max(first.length, second.length));
  }

  /** Compares tokens. */
  public static Agreement of(int[] first, int[] second) {
    long equal = 0;
    for (int i = 0; i < first.length; i++) {
      equal += first[i] == second[i] ? 1 : 0;
    }
    return new Agreement(equal, Math.max(first.length, second.length));
  }

  /** Compares weights by their bits. */
  public static Agreement of(WeightMatrix first, WeightMatrix second) {
    long equal = 0;
    for (int row = 0; row < first.rows(); row++) {
      for (int column = 0; column < first.columns(); column++) {
        float a = first.get(row, column);
        float b = second.get(row, column);
        equal += Float.floatToRawIntBits(a) == Float.floatToRawIntBits(b) ? 1 : 0;
      }
    }
    return new Agreement(equal, first.elements());
  }

  /** Compares the masks that two sets of criteria give the same weights. */
  public static Agreement ofMasks(
      Pruner pruner,
      Map<String, WeightMatrix> weights,
      Map<String, Criterion> first,
      Map<String, Criterion> second) {
    if (!first.keySet().equals(second.keySet()) || !weights.keySet().equals(first.keySet())) {
      Set<String> names = first.keySet();
      throw new AssertionError("modules differ: " + names + ", " + second.keySet());
    }
    Agreement all = new Agreement(0, 0);
    for (Map.Entry<String, WeightMatrix> each : weights.entrySet()) {
      Mask a = mask(pruner, each.getValue(), first.get(each.getKey()));
      Mask b = mask(pruner, each.getValue(), second.get(each.getKey()));
      all = all.plus(new Agreement(equalBits(a, b), each.getValue().elements()));
    }
    return all;
  }

  private static Mask mask(Pruner pruner, WeightMatrix weight, Criterion criterion) {
    Mask mask = Mask.allocate(weight.rows(), weight.columns());
    pruner.mask(weight, mask, criterion, HALF, PruneOptions.DEFAULT);
    return mask;
  }

  private static long equalBits(Mask a, Mask b) {
    MemorySegment first = a.bits();
    MemorySegment second = b.bits();
    long different = 0;
    for (long i = 0; i < first.byteSize(); i++) {
      int bits = first.get(ValueLayout.JAVA_BYTE, i) ^ second.get(ValueLayout.JAVA_BYTE, i);
      different += Integer.bitCount(bits & 0xff);
    }
    return (long) a.rows() * a.columns() - different;
  }

  @Override
  public String toString() {
    return equal + " of " + all;
  }
}
