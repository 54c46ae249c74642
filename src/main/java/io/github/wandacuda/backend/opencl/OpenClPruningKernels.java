package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.backend.SelectionRule.AtMost;
import io.github.wandacuda.backend.SelectionRule.LowestPerGroup;
import io.github.wandacuda.backend.SelectionRule.LowestPerRow;
import io.github.wandacuda.backend.gpu.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.PruningKernels;

/** Launches the kernels of selection. */
final class OpenClPruningKernels implements PruningKernels {
  /** Columns that a work-item takes at a time. */
  private static final int OCTET = 8;

  /** The largest group that a work-item holds in registers. */
  private static final int LARGEST_GROUP = 32;

  private static final int MASK_WORD = Integer.SIZE;

  /** Groups of a count for each compute unit: each adds up to 4096 sums when it is done. */
  private static final int COUNTS_PER_UNIT = 4;

  private static final int MOST_COUNTS_PER_ROW = 64;

  private final OpenClQueue queue;
  private final OpenClDevice device;
  private final long localBytes;

  /** Creates the kernels of a queue. */
  OpenClPruningKernels(OpenClQueue queue) {
    this(queue, queue.device().facts().localBytes());
  }

  /**
   * Creates the kernels of a queue.
   *
   * @param localBytes local memory that a group may take
   */
  OpenClPruningKernels(OpenClQueue queue, long localBytes) {
    this.queue = queue;
    this.device = queue.device();
    this.localBytes = localBytes;
  }

  @Override
  public void select(
      DeviceMatrix source,
      DevicePointer norms,
      SelectionRule rule,
      DeviceMatrix destination,
      DevicePointer mask,
      DevicePointer report) {
    Matrices matrices = new Matrices(source, norms, destination, mask, report);
    if (rule instanceof LowestPerRow row) {
      selectRows(matrices, row.count());
    } else if (rule instanceof LowestPerGroup group && group.size() <= LARGEST_GROUP) {
      selectGroups(matrices, group);
    } else if (rule instanceof LowestPerGroup group) {
      selectRanges(matrices, group);
    } else if (rule instanceof AtMost atMost) {
      selectThreshold(matrices, atMost.threshold());
    }
  }

  /** What a selection reads and writes. */
  private record Matrices(
      DeviceMatrix source,
      DevicePointer norms,
      DeviceMatrix destination,
      DevicePointer mask,
      DevicePointer report) {
    Matrices {
      if (norms.offset() % ROW_ALIGNMENT != 0) {
        throw new IllegalArgumentException(
            "norms start at byte %d, not at a multiple of %d"
                .formatted(norms.offset(), ROW_ALIGNMENT));
      }
    }
  }

  private void selectRows(Matrices matrices, int count) {
    DeviceMatrix source = matrices.source();
    String options = options(source);
    OpenClKernel holding = device.kernel("select_rows.cl", "select_rows", options + " -D HELD");
    long held = (long) octets(source) * OCTET * source.dtype().bytes();
    if (holding.localBytes() + held <= localBytes) {
      launch(holding, matrices, octets(source), count, new LocalMemory(held));
    } else {
      OpenClKernel rereading = device.kernel("select_rows.cl", "select_rows", options);
      launch(rereading, matrices, octets(source), count);
    }
  }

  private void selectGroups(Matrices matrices, LowestPerGroup group) {
    DeviceMatrix source = matrices.source();
    OpenClKernel kernel =
        device.kernel(
            "select_groups.cl",
            "select_groups",
            "%s -D GROUP=%d".formatted(options(source), group.size()));
    launch(kernel, matrices, octets(source), group.pruned());
  }

  private void selectRanges(Matrices matrices, LowestPerGroup group) {
    DeviceMatrix source = matrices.source();
    OpenClKernel kernel =
        device.kernel("select_groups_large.cl", "select_groups_large", options(source));
    if (matrices.mask() != null) {
      long words = Math.ceilDiv(source.columns(), MASK_WORD);
      queue.clear(matrices.mask(), source.rows() * words * Integer.BYTES);
    }
    launch(kernel, matrices, group.size(), group.pruned(), group.size());
  }

  private void selectThreshold(Matrices matrices, float threshold) {
    DeviceMatrix source = matrices.source();
    OpenClKernel kernel = device.kernel("select_threshold.cl", "select_threshold", options(source));
    int limit = threshold < 0 ? NONE : Float.floatToRawIntBits(Math.abs(threshold));
    launch(kernel, matrices, octets(source), limit);
  }

  /** Queues a selection with a work-group for each row. */
  private void launch(OpenClKernel kernel, Matrices matrices, int items, Object... rule) {
    DeviceMatrix source = matrices.source();
    Object[] arguments = new Object[7 + rule.length];
    arguments[0] = source.data();
    arguments[1] = matrices.norms();
    arguments[2] = matrices.destination().data();
    arguments[3] = matrices.mask();
    arguments[4] = matrices.report();
    arguments[5] = source.columns();
    arguments[6] = source.stride();
    System.arraycopy(rule, 0, arguments, 7, rule.length);
    int size = WorkGroups.size(kernel, items);
    queue.launch(kernel, new long[] {(long) source.rows() * size}, new long[] {size}, arguments);
  }

  @Override
  public void inspect(DeviceMatrix source, DevicePointer report) {
    OpenClKernel kernel = device.kernel("inspect_rows.cl", "inspect_rows", options(source));
    int size = WorkGroups.size(kernel, octets(source));
    queue.launch(
        kernel,
        new long[] {(long) source.rows() * size},
        new long[] {size},
        source.data(),
        report,
        source.columns(),
        source.stride());
  }

  @Override
  public void countUpper(DeviceMatrix source, DevicePointer counts) {
    OpenClKernel kernel = device.kernel("magnitudes.cl", "count_upper", options(source));
    Grid grid = countGrid(kernel, source);
    queue.launch(
        kernel,
        grid.global(),
        grid.local(),
        source.data(),
        counts,
        source.rows(),
        source.columns(),
        source.stride());
  }

  @Override
  public void countLower(DeviceMatrix source, int upper, DevicePointer counts) {
    OpenClKernel kernel = device.kernel("magnitudes.cl", "count_lower", options(source));
    Grid grid = countGrid(kernel, source);
    queue.launch(
        kernel,
        grid.global(),
        grid.local(),
        source.data(),
        counts,
        source.rows(),
        source.columns(),
        source.stride(),
        upper);
  }

  private record Grid(int across, int down, int size) {
    long[] global() {
      return new long[] {(long) across * size, down};
    }

    long[] local() {
      return new long[] {size, 1};
    }
  }

  private Grid countGrid(OpenClKernel kernel, DeviceMatrix source) {
    int size = WorkGroups.size(kernel, octets(source));
    int across = Math.min(MOST_COUNTS_PER_ROW, Math.ceilDiv(octets(source), size));
    int groups = device.facts().computeUnits() * COUNTS_PER_UNIT;
    int down = Math.clamp(groups / across, 1, source.rows());
    return new Grid(across, down, size);
  }

  private static int octets(DeviceMatrix matrix) {
    return Math.ceilDiv(matrix.columns(), OCTET);
  }

  private static String options(DeviceMatrix matrix) {
    return "-D " + matrix.dtype().name();
  }
}
