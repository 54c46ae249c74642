package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Column sums in a device's memory. For activations in another context than the device's the
 * running sums are copied to that context and back, so the bits depend only on the order of calls.
 */
final class GpuColumnSquares implements ColumnSquares {
  private final GpuDevice device;
  private final DeviceQueue queue;
  private final int columns;
  private final DeviceBuffer state;
  private final CallerSquares here;

  /** The sums in another context, or null before the first activations of one. */
  private Elsewhere elsewhere;

  private boolean closed;

  GpuColumnSquares(GpuDevice device, DeviceQueue queue, int columns) {
    this.device = device;
    this.queue = queue;
    this.columns = columns;
    here = new CallerSquares(device, queue);
    state = device.allocate(Math.max(1, queue.forward().columnSquaresBytes(columns)));
    try {
      queue.clear(state.at(0), state.bytes());
    } catch (RuntimeException e) {
      state.close();
      throw e;
    }
  }

  /** A queue and running sums in another context. */
  private static final class Elsewhere implements AutoCloseable {
    private final GpuDevice device;
    private final DeviceQueue queue;
    private final CallerSquares squares;
    private final DeviceBuffer state;

    Elsewhere(GpuDevice device, long bytes) {
      this.device = device;
      queue = device.queue();
      squares = new CallerSquares(device, queue);
      try {
        state = device.allocate(bytes);
      } catch (RuntimeException e) {
        queue.close();
        throw e;
      }
    }

    @Override
    public void close() {
      queue.close();
      squares.close();
      state.close();
    }
  }

  @Override
  public void add(Tensor x) {
    queue.forward().columnSquares(((GpuTensor) x).matrix(), state.at(0));
  }

  @Override
  public void add(DeviceMatrix x) {
    GpuDevice found = device.reaching(x);
    DeviceRows rows = found.view(x);
    if (found == device) {
      here.add(rows, x.queue(), state.at(0));
      return;
    }
    if (elsewhere == null || elsewhere.device != found) {
      closeElsewhere();
      elsewhere = new Elsewhere(found, state.bytes());
    }
    move(queue, state, elsewhere.queue, elsewhere.state);
    elsewhere.squares.add(rows, x.queue(), elsewhere.state.at(0));
    move(elsewhere.queue, elsewhere.state, queue, state);
  }

  private static void move(
      DeviceQueue fromQueue, DeviceBuffer from, DeviceQueue toQueue, DeviceBuffer to) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(from.bytes(), Double.BYTES);
      fromQueue.complete(() -> fromQueue.download(from.at(0), host));
      toQueue.complete(() -> toQueue.upload(host, to.at(0)));
    }
  }

  @Override
  public double[] sums() {
    double[] sums = new double[columns];
    if (columns == 0) {
      return sums;
    }
    long bytes = 2L * columns * Float.BYTES;
    try (Arena arena = Arena.ofConfined();
        DeviceBuffer halves = device.allocate(bytes)) {
      queue.forward().columnSums(state.at(0), columns, halves.at(0));
      MemorySegment host = arena.allocate(bytes, Float.BYTES);
      queue.complete(() -> queue.download(halves.at(0), host));
      for (int column = 0; column < columns; column++) {
        double high = host.getAtIndex(ValueLayout.JAVA_FLOAT, column);
        sums[column] = high + host.getAtIndex(ValueLayout.JAVA_FLOAT, (long) columns + column);
      }
    }
    return sums;
  }

  @Override
  public void clear() {
    queue.clear(state.at(0), state.bytes());
  }

  private void closeElsewhere() {
    if (elsewhere != null) {
      elsewhere.close();
      elsewhere = null;
    }
  }

  /** Frees the memory, after all queued work on it. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      closeElsewhere();
      queue.settle();
      here.close();
      state.close();
    }
  }

  /** Column sums of activations in device memory that callers own, on one queue. */
  private static final class CallerSquares implements AutoCloseable {
    private final DeviceQueue queue;

    /** Holds activations that lie where no kernel could read them. */
    private final GrowingBuffer aligned;

    CallerSquares(GpuDevice device, DeviceQueue queue) {
      this.queue = queue;
      aligned = new GrowingBuffer(device, queue);
    }

    /** Adds squares, once the caller's queue has done what it has, and waits for the end. */
    void add(DeviceRows x, long callerQueue, DevicePointer state) {
      queue.startAfter(callerQueue);
      queue.forward().columnSquares(aligned(x), state);
      queue.finish();
    }

    private DeviceRows aligned(DeviceRows x) {
      if (x.data().offset() % x.dtype().bytes() == 0) {
        return x;
      }
      DevicePointer at = aligned.atLeast(x.rows() * x.rowBytes());
      queue.copy(x.data(), x.pitch(), at, x.rowBytes(), x.rowBytes(), x.rows());
      return new DeviceRows(at, x.dtype(), x.rows(), x.columns(), x.columns());
    }

    /** Gives the memory back, once the queue is finished. */
    @Override
    public void close() {
      aligned.close();
    }
  }
}
