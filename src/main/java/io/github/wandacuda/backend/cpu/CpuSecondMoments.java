package io.github.wandacuda.backend.cpu;

import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.scalar.CpuForwardKernels;
import io.github.wandacuda.scalar.CpuTensor;
import io.github.wandacuda.system.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * Sums of products of columns as a packed triangle of doubles, outside the Java heap, since there
 * are 4 bytes for the square of the columns.
 */
final class CpuSecondMoments implements SecondMoments {
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final long ALIGNMENT = 64;
  private static final int ROWS_PER_TASK = 64;

  private final CpuForwardKernels kernels;
  private final WorkerPool workers;
  private final int columns;
  private final Arena arena = Arena.ofShared();
  private final MemorySegment sums;
  private boolean closed;

  CpuSecondMoments(CpuForwardKernels kernels, WorkerPool workers, int columns) {
    this.kernels = kernels;
    this.workers = workers;
    this.columns = columns;
    sums = arena.allocate(PackedTriangle.elements(columns) * Double.BYTES, ALIGNMENT);
  }

  @Override
  public void add(Tensor x) {
    kernels.secondMoments((CpuTensor) x, sums, workers);
  }

  @Override
  public void download(double divisor, MemorySegment triangle) {
    workers.runRanges(
        columns,
        ROWS_PER_TASK,
        (worker, from, to) -> {
          long end = PackedTriangle.rowStart(columns, to);
          for (long i = PackedTriangle.rowStart(columns, from); i < end; i++) {
            double sum = sums.getAtIndex(ValueLayout.JAVA_DOUBLE, i);
            triangle.setAtIndex(FLOAT, i, (float) (sum / divisor));
          }
        });
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      arena.close();
    }
  }
}
