package io.github.wandacuda.testing.selection;

import io.github.wandacuda.DType;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import io.github.wandacuda.select.Selector;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/**
 * Small matrices of all widths from 1 to 600 columns, drawn so that what is rare elsewhere is
 * common: every other one has equal scores, or scores that share their upper halves, most of them
 * in the last two words of 64 columns. Kernels tell most scores apart by their upper halves and
 * handle the few that are left, and a row's end, by other code, so a fault there needs both at
 * once.
 *
 * <p>Each kind of rule gets its share, whatever the number of its cases: half of the matrices are
 * pruned by 2:4 and 4:8, which have kernels of their own, a quarter by all other N:M up to 16 in
 * turn, an eighth by row and an eighth by a threshold. Of each 128, one is a long row and one has
 * large groups, since GPUs have kernels for those. So a kernel's matrices are every eighth or so.
 */
public final class SmallMatrices {
  private static final int WIDEST = 600;
  private static final int LARGEST_GROUP = 16;
  private static final int WORD = Long.SIZE;

  private static final int SHARES = 128;
  private static final int LONG_ROW = 127;
  private static final int LARGE_GROUPS = 62;

  private final long seed;

  /** Draws the matrices of a seed; the same ones for the same seed. */
  public SmallMatrices(long seed) {
    this.seed = seed;
  }

  /**
   * Checks a selector's weights, mask and counts of every {@code step}-th of the matrices from
   * {@code first} to below {@code end}.
   *
   * @throws AssertionError naming the seed and the number of the first matrix that differs
   */
  public void check(String name, Selector selector, int first, int end, int step) {
    for (int number = first; number < end; number += step) {
      check(name, selector, number);
    }
  }

  /**
   * Checks a selector by those of the matrices below {@code end} that a kind of rule prunes.
   *
   * @throws AssertionError naming the seed and the number of the first matrix that differs
   */
  public void check(String name, Selector selector, int end, Class<? extends SelectionRule> rule) {
    for (int number = 0; number < end; number++) {
      if (rule.isInstance(draw(number).rule())) {
        check(name, selector, number);
      }
    }
  }

  private void check(String name, Selector selector, int number) {
    SelectCase one = draw(number);
    RandomGenerator random = random(number);
    try {
      one.check(name, selector, layout(random), layout(random));
    } catch (AssertionError e) {
      throw new AssertionError(
          "%s: matrix %d of seed %d, %d x %d %s, %s: %s"
              .formatted(
                  name,
                  number,
                  seed,
                  one.bits().length,
                  one.columns(),
                  one.dtype(),
                  one.rule(),
                  e.getMessage()),
          e);
    }
  }

  private RandomGenerator random(int number) {
    return new SplittableRandom(seed * 1_000_003 + number);
  }

  private static PlacedMatrix.Layout layout(RandomGenerator random) {
    return random.nextInt(3) > 0
        ? PlacedMatrix.Layout.DENSE
        : one(PlacedMatrix.Layout.values(), random);
  }

  /** Returns a matrix by its number, and the rule that prunes it. */
  SelectCase draw(int number) {
    RandomGenerator random = random(number);
    DType dtype = one(DType.values(), random);
    int size = groupSize(number, random);
    boolean isLong = number % SHARES == LONG_ROW;
    int columns = isLong ? longRow(number, random) : size * random.nextInt(1, WIDEST / size + 1);
    int rows = isLong ? 1 : random.nextInt(1, 5);
    int[][] bits = one(Values.values(), random).matrix(random, dtype, rows, columns);
    float[] norms = one(Norms.values(), random).vector(random, columns);
    if (random.nextBoolean()) {
      for (int[] row : bits) {
        tie(random, dtype, row, norms, size);
      }
    }
    SelectCase all = new SelectCase(dtype, bits, columns, norms, new LowestPerRow(columns));
    return new SelectCase(dtype, bits, columns, norms, rule(number, size, all, random));
  }

  /** Returns how many columns a long row has: in turn more and less than a GPU's registers hold. */
  private static int longRow(int number, RandomGenerator random) {
    return number / SHARES % 2 == 0
        ? random.nextInt(14_400, 20_000)
        : random.nextInt(7_000, 14_000);
  }

  private static int groupSize(int number, RandomGenerator random) {
    if (number % SHARES == LARGE_GROUPS) {
      return random.nextInt(33, 300);
    }
    return switch (number % 4) {
      case 0 -> 4;
      case 1 -> 8;
      case 2 -> 2 + number / 4 % (LARGEST_GROUP - 1);
      default -> 1 + random.nextInt(2);
    };
  }

  private static SelectionRule rule(int number, int size, SelectCase of, RandomGenerator random) {
    int columns = of.columns();
    if (number % SHARES == LARGE_GROUPS) {
      return new LowestPerGroup(1 + random.nextInt(size - 1), size);
    }
    if (number % SHARES == LONG_ROW) {
      return new LowestPerRow(columns / 2);
    }
    return switch (number % 8) {
      case 2, 6 -> new LowestPerGroup(1 + number / 4 / (LARGEST_GROUP - 1) % (size - 1), size);
      case 3 -> new LowestPerRow(random.nextInt(3) > 0 ? columns / 2 : random.nextInt(columns + 1));
      case 7 ->
          new AtMost(
              SelectOracle.threshold(
                  of.dtype(), of.bits()[0], of.norms(), random.nextInt(columns)));
      default -> new LowestPerGroup(size / 2, size);
    };
  }

  /**
   * Makes some groups' scores share their upper halves, all of a group's or most of them. Where an
   * element's type and the norms allow it, their lower halves differ.
   */
  private static void tie(RandomGenerator random, DType dtype, int[] row, float[] norms, int size) {
    int inGroup = size == 1 ? 8 : size;
    int words = random.nextInt(4) == 0 ? Math.ceilDiv(row.length, WORD) : 2;
    int from = Math.max(0, Math.ceilDiv(row.length, WORD) - words) * WORD;
    int firstGroup = from / inGroup;
    int groups = Math.ceilDiv(row.length, inGroup) - firstGroup;
    int level = Values.bits(dtype, 0.02 * Math.abs(random.nextGaussian()));
    int tied = random.nextInt(Math.min(groups, 16) + 1);
    for (int i = 0; i < tied; i++) {
      int first = (firstGroup + random.nextInt(groups)) * inGroup;
      for (int c = first; c < Math.min(first + inGroup, row.length); c++) {
        if (random.nextInt(4) > 0) {
          int sign = random.nextBoolean() ? Values.sign(dtype) : 0;
          row[c] = level ^ random.nextInt(lowerHalf(dtype)) | sign;
        }
        if (norms != null) {
          norms[c] = 1 + random.nextInt(4) * Math.ulp(1.0f);
        }
      }
    }
  }

  /** Returns how many elements of a type next to each other may share a score's upper half. */
  private static int lowerHalf(DType dtype) {
    return switch (dtype) {
      case F32 -> 1 << 16;
      case F16 -> 1 << 3;
      case BF16 -> 1;
    };
  }

  private static <T> T one(T[] kinds, RandomGenerator random) {
    return kinds[random.nextInt(kinds.length)];
  }
}
