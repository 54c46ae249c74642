package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.SelectionRule;
import io.github.wandacuda.backend.SelectionRule.AtMost;
import io.github.wandacuda.backend.SelectionRule.LowestPerGroup;
import io.github.wandacuda.backend.SelectionRule.LowestPerRow;
import io.github.wandacuda.backend.gpu.DeviceMatrix;
import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.PruningKernels;
import io.github.wandacuda.tensor.DType;
import java.util.stream.Stream;

/** The kernels of selection: one block for each row, or blocks that go over rows to count. */
final class CudaPruningKernels implements PruningKernels {
  private static final int WARP = 32;
  private static final int VECTOR_BYTES = 16;
  private static final int MOST_THREADS = 256;
  private static final int COUNTING_THREADS = 512;

  /** A block of upper counts adds what it found to the counts at its end, so few are better. */
  private static final int UPPER_BLOCKS = 2;

  private static final int LOWER_BLOCKS = 8;

  /** The most dynamic shared memory that needs no leave. */
  private static final int USUAL_SHARED_BYTES = 46 << 10;

  private final CudaQueue queue;
  private final CudaDevice device;

  CudaPruningKernels(CudaQueue queue) {
    this.queue = queue;
    this.device = queue.device();
  }

  @Override
  public void select(
      DeviceMatrix source,
      DevicePointer norms,
      SelectionRule rule,
      DeviceMatrix destination,
      DevicePointer mask,
      DevicePointer report) {
    checkRows(source);
    checkRows(destination);
    checkAligned(norms);
    Object[] common = {
      source.data(), norms, destination.data(), mask, report, source.columns(), source.stride()
    };
    if (rule instanceof LowestPerRow row) {
      selectRows(source, row.count(), common);
    } else if (rule instanceof LowestPerGroup group) {
      selectGroups(source, group, common);
    } else if (rule instanceof AtMost atMost) {
      CudaFunction function = function("select_threshold", "select_threshold", source.dtype());
      launch(function, source, vectorThreads(source), 0, common, atMost.threshold());
    }
  }

  private void selectRows(DeviceMatrix source, int count, Object[] common) {
    RowSearch search = RowSearch.of(source.dtype(), source.columns(), device.sharedBytesPerBlock());
    CudaFunction function = function(search.file(), search.kernel(), source.dtype());
    int sharedBytes = search.sharedBytes();
    if (sharedBytes > USUAL_SHARED_BYTES) {
      function.allowShared(sharedBytes);
    }
    if (search.file().equals(search.kernel())) {
      int staged = search.stagedBytes() > 0 ? 1 : 0;
      launch(function, source, search.threads(), sharedBytes, common, count, search.bins(), staged);
    } else {
      launch(function, source, search.threads(), sharedBytes, common, count, search.bins());
    }
  }

  private void selectGroups(DeviceMatrix source, LowestPerGroup group, Object[] common) {
    int size = group.size();
    DType dtype = source.dtype();
    if (size == 4 || size == 8) {
      CudaFunction function = function("select_groups", "select_groups_" + size, dtype);
      launch(function, source, vectorThreads(source), 0, common, group.pruned());
    } else if (size <= WARP) {
      CudaFunction function = function("select_groups_small", "select_groups_small", dtype);
      int threads = warps(Math.ceilDiv(source.columns(), 4));
      launch(function, source, threads, 0, common, group.pruned(), size);
    } else {
      CudaFunction function = function("select_groups_large", "select_groups_large", dtype);
      int threads = warps(size);
      int bins = RowSearch.bins(threads);
      launch(function, source, threads, RowSearch.bytes(bins), common, group.pruned(), size, bins);
    }
  }

  @Override
  public void countUpper(DeviceMatrix source, DevicePointer counts) {
    checkRows(source);
    queue.launch(
        function("magnitudes", "count_upper", source.dtype()),
        blocks(source, UPPER_BLOCKS),
        COUNTING_THREADS,
        0,
        source.data(),
        source.rows(),
        source.columns(),
        source.stride(),
        counts);
  }

  @Override
  public void countLower(DeviceMatrix source, int upper, DevicePointer counts) {
    checkRows(source);
    queue.launch(
        function("magnitudes", "count_lower", source.dtype()),
        blocks(source, LOWER_BLOCKS),
        MOST_THREADS,
        0,
        source.data(),
        source.rows(),
        source.columns(),
        source.stride(),
        upper,
        counts);
  }

  @Override
  public void inspect(DeviceMatrix source, DevicePointer report) {
    checkRows(source);
    queue.launch(
        function("inspect_rows", "inspect_rows", source.dtype()),
        LaunchShape.blocks(source.rows()),
        vectorThreads(source),
        0,
        source.data(),
        source.columns(),
        source.stride(),
        report);
  }

  private CudaFunction function(String file, String name, DType dtype) {
    return device.function(file, KernelNames.of(name, dtype));
  }

  private void launch(
      CudaFunction function,
      DeviceMatrix source,
      int threads,
      int sharedBytes,
      Object[] common,
      Object... more) {
    Object[] arguments = Stream.of(common, more).flatMap(Stream::of).toArray();
    queue.launch(function, LaunchShape.blocks(source.rows()), threads, sharedBytes, arguments);
  }

  private Grid blocks(DeviceMatrix source, int forEachMultiprocessor) {
    return LaunchShape.blocks(
        Math.min(source.rows(), (long) device.multiprocessors() * forEachMultiprocessor));
  }

  /** Returns threads for a row that goes by vectors. */
  private static int vectorThreads(DeviceMatrix source) {
    return warps(Math.ceilDiv(source.columns(), VECTOR_BYTES / source.dtype().bytes()));
  }

  /** Returns the threads of a block that would like to have so many: whole warps. */
  private static int warps(int threads) {
    return Math.ceilDiv(Math.min(threads, MOST_THREADS), WARP) * WARP;
  }

  private static void checkRows(DeviceMatrix matrix) {
    checkAligned(matrix.data());
    if (matrix.pitch() % ROW_ALIGNMENT != 0) {
      throw new IllegalArgumentException("rows are not aligned: " + matrix);
    }
  }

  private static void checkAligned(DevicePointer pointer) {
    if (pointer.offset() % ROW_ALIGNMENT != 0) {
      throw new IllegalArgumentException("not at a multiple of 16 bytes: " + pointer);
    }
  }
}
