package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.backend.gpu.RowCopy.Place;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Column sums in a device's memory. For activations in another context than the device's the
 * running sums are copied to that context and back, so the bits depend only on the order of calls.
 */
final class GpuColumnSquares implements ColumnSquares {
  private final int columns;
  private final Sums here;

  /** The sums in another context, or null before the first activations of one. */
  private Sums elsewhere;

  private boolean closed;

  GpuColumnSquares(GpuDevice device, DeviceQueue queue, int columns) {
    this.columns = columns;
    long bytes = Math.max(1, queue.forward().columnSquaresBytes(columns));
    here = new Sums(device, queue, bytes);
    OnFailure.run(here.state::close, () -> clear());
  }

  /** Running sums in a context, and a queue there. */
  private static final class Sums {
    private final GpuDevice device;
    private final DeviceQueue queue;
    private final DeviceBuffer state;

    /** Holds activations that lie where no kernel could read them. */
    private final GrowingBuffer aligned;

    Sums(GpuDevice device, DeviceQueue queue, long bytes) {
      this.device = device;
      this.queue = queue;
      state = device.allocate(bytes);
      aligned = new GrowingBuffer(device, queue);
    }

    /** Returns sums in another context, with a queue of their own. */
    static Sums elsewhere(GpuDevice device, long bytes) {
      DeviceQueue queue = device.queue();
      return OnFailure.close(queue::close, () -> new Sums(device, queue, bytes));
    }

    /** Adds a caller's squares, once its queue has done what it has, and waits for the end. */
    void add(DeviceRows x, long callerQueue) {
      queue.startAfter(callerQueue);
      queue.forward().columnSquares(aligned(x), state.at(0));
      queue.finish();
    }

    private DeviceRows aligned(DeviceRows x) {
      if (x.data().offset() % x.dtype().bytes() == 0) {
        return x;
      }
      DevicePointer at = aligned.atLeast(x.rows() * x.rowBytes());
      queue.copy(Place.of(x.data(), x.pitch()), Place.of(at, x.rowBytes()), x.rowBytes(), x.rows());
      return new DeviceRows(at, x.dtype(), x.rows(), x.columns(), x.columns());
    }

    void moveTo(Sums other) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment host = arena.allocate(state.bytes(), Double.BYTES);
        queue.complete(() -> queue.download(state.at(0), host));
        other.queue.complete(() -> other.queue.upload(host, other.state.at(0)));
      }
    }

    /** Gives the memory back, once the queue is finished. */
    void free() {
      aligned.close();
      state.close();
    }
  }

  @Override
  public void add(Tensor x) {
    here.queue.forward().columnSquares(((GpuTensor) x).matrix(), here.state.at(0));
  }

  @Override
  public void add(DeviceMatrix x) {
    GpuDevice found = here.device.reaching(x);
    DeviceRows rows = found.view(x);
    if (found == here.device) {
      here.add(rows, x.queue());
      return;
    }
    if (elsewhere == null || elsewhere.device != found) {
      closeElsewhere();
      elsewhere = Sums.elsewhere(found, here.state.bytes());
    }
    here.moveTo(elsewhere);
    elsewhere.add(rows, x.queue());
    elsewhere.moveTo(here);
  }

  @Override
  public double[] sums() {
    double[] sums = new double[columns];
    if (columns == 0) {
      return sums;
    }
    long bytes = 2L * columns * Float.BYTES;
    DeviceQueue queue = here.queue;
    try (Arena arena = Arena.ofConfined();
        DeviceBuffer halves = here.device.allocate(bytes)) {
      queue.forward().columnSums(here.state.at(0), columns, halves.at(0));
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
    here.queue.clear(here.state.at(0), here.state.bytes());
  }

  private void closeElsewhere() {
    if (elsewhere != null) {
      elsewhere.queue.close();
      elsewhere.free();
      elsewhere = null;
    }
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      closeElsewhere();
      here.queue.settle();
      here.free();
    }
  }
}
