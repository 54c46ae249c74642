package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.SelectionRule.AtMost;
import io.github.wandacuda.select.SelectionRule.LowestPerGroup;
import io.github.wandacuda.select.SelectionRule.LowestPerRow;
import java.util.Arrays;
import java.util.OptionalInt;
import java.util.stream.Stream;

/**
 * The kernels of selection, queued in order. {@link io.github.wandacuda.select.Selector} specifies
 * their results to the bit.
 *
 * <p>Weight matrices and each of their rows start at a multiple of 16 bytes; elements between a
 * row's last column and the next row are ignored and not changed. Kernels must work for any number
 * of rows and columns from 1 on, within the memory of the device.
 */
public interface GpuSelectKernels {
  /** The alignment of a weight's rows in bytes. */
  int ROW_ALIGNMENT = 16;

  /** Integers of a row's report. */
  int REPORT_INTS = 3;

  /** In a report: the number of elements that were selected. */
  int PICKED = 0;

  /** In a report: the number of elements of the result that are +0.0 or -0.0. */
  int ZEROS = 1;

  /** In a report: the lowest column whose weight is NaN or infinite, or {@link #NONE}. */
  int NON_FINITE = 2;

  /** No column. */
  int NONE = -1;

  /**
   * Prunes rows.
   *
   * @param norms one float32 for each column, finite, not negative and not -0.0; at a multiple of
   *     16 bytes
   * @param rule the rule, valid for the number of columns
   * @param destination the result, of {@code source}'s type, shape and stride, or {@code source}
   *     itself
   * @param mask int32 [rows, ceil(columns / 32)], bit c % 32 of word c / 32 is 1 where column c is
   *     kept, bits past the last column are 0; or null
   * @param report int32 [rows, {@link #REPORT_INTS}]; if a row has a non-finite weight, only {@link
   *     #NON_FINITE} is defined, and its result and mask are undefined
   */
  default void select(
      DeviceRows source,
      DevicePointer norms,
      SelectionRule rule,
      DeviceRows destination,
      DevicePointer mask,
      DevicePointer report) {
    Operands of = new Operands(source, norms, destination, mask, report);
    switch (rule) {
      case LowestPerRow row -> selectRows(of, row.count());
      case LowestPerGroup group -> selectGroups(of, group.pruned(), group.size());
      case AtMost atMost -> selectThreshold(of, atMost.threshold());
    }
  }

  /** The operands of {@link #select}. */
  record Operands(
      DeviceRows source,
      DevicePointer norms,
      DeviceRows destination,
      DevicePointer mask,
      DevicePointer report) {
    public Operands {
      source.requireAligned();
      destination.requireAligned();
      if (norms.offset() % ROW_ALIGNMENT != 0) {
        throw new IllegalArgumentException("norms are not aligned: " + norms);
      }
    }

    /** Returns the arguments that all kernels have, and after them those of a rule. */
    public Object[] with(Object... rule) {
      Object[] common = {
        source.data(), norms, destination.data(), mask, report, source.columns(), source.stride()
      };
      return joined(common, rule);
    }
  }

  /** Returns arguments one after the other. */
  static Object[] joined(Object[]... arguments) {
    return Stream.of(arguments).flatMap(Arrays::stream).toArray();
  }

  /** Queues the selection of the {@code count} lowest scores of each row. */
  void selectRows(Operands of, int count);

  /** Queues the selection of the {@code pruned} lowest scores of every {@code size} columns. */
  void selectGroups(Operands of, int pruned, int size);

  /** Queues the selection of all elements whose scores are at most a threshold. */
  void selectThreshold(Operands of, float threshold);

  /**
   * Adds to the counts of the magnitudes' upper bits, {@code bits(|w|) >>> 16} of the exact float32
   * value; or of their lower bits, {@code bits(|w|) & 0xffff}, of the elements with the same upper
   * ones.
   *
   * @param upper a bin of upper bits, or empty to count these
   * @param counts int32 [{@link io.github.wandacuda.select.Selector#LOWER_BINS}], of upper bits
   *     [{@link io.github.wandacuda.select.Selector#UPPER_BINS}]
   */
  void count(DeviceRows source, OptionalInt upper, DevicePointer counts);

  /**
   * Reports on rows without pruning them: {@link #NON_FINITE} alone is defined.
   *
   * @param report int32 [rows, {@link #REPORT_INTS}]
   */
  void inspect(DeviceRows source, DevicePointer report);
}
