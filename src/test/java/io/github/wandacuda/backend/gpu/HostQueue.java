package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.NonFiniteWeightException;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.cpu.CpuSelector;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.scalar.ScalarSelect;
import io.github.wandacuda.select.Selection;
import io.github.wandacuda.select.SelectionRule;
import io.github.wandacuda.select.Selector;
import io.github.wandacuda.testing.selection.Select;
import io.github.wandacuda.testing.selection.Zeros;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.Queue;

/** A queue that does nothing until somebody waits for it, or all at once if it is eager. */
final class HostQueue implements DeviceQueue {
  private final HostDevice device;
  private final boolean eager;
  private final Queue<Runnable> work = new ArrayDeque<>();
  private final GpuSelectKernels pruning = new HostSelectKernels(this);
  private long done;
  private boolean running;
  private boolean closed;

  HostQueue(HostDevice device, boolean eager) {
    this.device = device;
    this.eager = eager;
  }

  private void add(Runnable piece) {
    work.add(piece);
    if (eager) {
      finish();
    }
  }

  void launch(Runnable kernel) {
    add(
        () -> {
          if (!device.launches()) {
            throw new BackendUnavailableException("pretend device: lost");
          }
          kernel.run();
        });
  }

  @Override
  public void copy(RowCopy copy) {
    if (copy.from().isHost()) {
      device.countUpload();
    }
    MemorySegment from = memory(copy.from());
    MemorySegment to = memory(copy.to());
    add(
        () -> {
          for (long row = 0; row < copy.rows(); row++) {
            long source = row * copy.from().pitch();
            MemorySegment.copy(from, source, to, row * copy.to().pitch(), copy.rowBytes());
          }
        });
  }

  private static MemorySegment memory(RowCopy.Place place) {
    if (!place.isHost()) {
      return HostDevice.HostBuffer.at(place.device());
    }
    if (!place.host().isNative()) {
      throw new IllegalArgumentException("host memory on the heap");
    }
    return place.host();
  }

  @Override
  public void startAfter(long callerQueue) {
    add(device.callerWork());
  }

  @Override
  public void startAfter(DeviceQueue other) {
    HostQueue awaited = (HostQueue) other;
    long number = awaited.done + awaited.work.size() + (awaited.running ? 1 : 0);
    add(() -> awaited.runUntil(number));
  }

  private void runUntil(long number) {
    while (done < number && !work.isEmpty()) {
      running = true;
      work.remove().run();
      running = false;
      done++;
    }
  }

  @Override
  public void clear(DevicePointer to, long bytes) {
    MemorySegment memory = HostDevice.HostBuffer.at(to).asSlice(0, bytes);
    add(() -> memory.fill((byte) 0));
  }

  @Override
  public GpuSelectKernels pruning() {
    return pruning;
  }

  @Override
  public GpuForwardKernels forward() {
    throw new UnsupportedOperationException("only selection");
  }

  @Override
  public void finish() {
    runUntil(Long.MAX_VALUE);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      settle();
      work.clear();
      device.queueClosed();
    }
  }

  /** The kernels' contract kept by the scalar code, row by row. */
  private static final class HostSelectKernels implements GpuSelectKernels {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

    private final HostQueue queue;
    private final Selector scalar = new CpuSelector(new ScalarSelect());

    HostSelectKernels(HostQueue queue) {
      this.queue = queue;
    }

    private static WeightMatrix row(DeviceRows matrix, int row) {
      if (matrix.data().offset() % ROW_ALIGNMENT != 0 || matrix.pitch() % ROW_ALIGNMENT != 0) {
        throw new IllegalArgumentException("rows are not aligned: " + matrix);
      }
      MemorySegment memory = HostDevice.HostBuffer.at(matrix.rowRange(row, 1).data());
      return WeightMatrix.of(memory, matrix.dtype(), 1, matrix.columns());
    }

    @Override
    public void select(
        DeviceRows source,
        DevicePointer norms,
        SelectionRule rule,
        DeviceRows destination,
        DevicePointer mask,
        DevicePointer report) {
      queue.launch(
          () -> {
            float[] values =
                HostDevice.HostBuffer.at(norms)
                    .asSlice(0, (long) source.columns() * Float.BYTES)
                    .toArray(ValueLayout.JAVA_FLOAT);
            for (int row = 0; row < source.rows(); row++) {
              selectRow(row, source, values, rule, destination, mask, report);
            }
          });
    }

    private void selectRow(
        int row,
        DeviceRows source,
        float[] norms,
        SelectionRule rule,
        DeviceRows destination,
        DevicePointer mask,
        DevicePointer report) {
      MemorySegment words = mask == null ? null : maskRow(mask, row, source.columns());
      try {
        Selection selection =
            Select.once(scalar, row(source, row), norms, rule, row(destination, row), words);
        report(report, row, selection.pruned(), selection.zeros(), NONE);
      } catch (NonFiniteWeightException e) {
        report(report, row, 0, 0, e.column());
      }
    }

    private static MemorySegment maskRow(DevicePointer mask, int row, int columns) {
      long pitch = Math.ceilDiv(columns, Integer.SIZE) * (long) Integer.BYTES;
      MemorySegment words = HostDevice.HostBuffer.at(mask.plus(row * pitch)).asSlice(0, pitch);
      words.fill((byte) 0);
      return words;
    }

    private static void report(DevicePointer report, int row, long picked, long zeros, int column) {
      MemorySegment memory =
          HostDevice.HostBuffer.at(report.plus((long) row * REPORT_INTS * Integer.BYTES));
      memory.set(INT, (long) PICKED * Integer.BYTES, (int) picked);
      memory.set(INT, (long) ZEROS * Integer.BYTES, (int) zeros);
      memory.set(INT, (long) NON_FINITE * Integer.BYTES, column);
    }

    @Override
    public void countUpper(DeviceRows source, DevicePointer counts) {
      count(source, Selector.UPPER_BINS, counts, bits -> bits >>> 16);
    }

    @Override
    public void countLower(DeviceRows source, int upper, DevicePointer counts) {
      count(
          source,
          Selector.LOWER_BINS,
          counts,
          bits -> bits >>> 16 == upper ? bits & 0xffff : Selector.LOWER_BINS);
    }

    private interface Bin {
      int of(int bits);
    }

    private void count(DeviceRows source, int bins, DevicePointer counts, Bin bin) {
      queue.launch(
          () -> {
            MemorySegment memory = HostDevice.HostBuffer.at(counts);
            for (int row = 0; row < source.rows(); row++) {
              for (int column = 0; column < source.columns(); column++) {
                float value = row(source, row).get(0, column);
                long at = bin.of(Float.floatToRawIntBits(value) & 0x7fff_ffff);
                if (at < bins) {
                  memory.setAtIndex(INT, at, memory.getAtIndex(INT, at) + 1);
                }
              }
            }
          });
    }

    @Override
    public void inspect(DeviceRows source, DevicePointer report) {
      queue.launch(
          () -> {
            for (int row = 0; row < source.rows(); row++) {
              WeightMatrix weights = row(source, row);
              int column = 0;
              while (column < weights.columns() && Float.isFinite(weights.get(0, column))) {
                column++;
              }
              long zeros = Zeros.of(weights);
              report(report, row, 0, zeros, column < weights.columns() ? column : NONE);
            }
          });
    }
  }
}
