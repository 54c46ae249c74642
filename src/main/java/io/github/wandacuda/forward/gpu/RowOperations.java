package io.github.wandacuda.forward.gpu;

import io.github.wandacuda.device.DeviceMemoryException;
import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceQueue;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.GpuDevice;
import io.github.wandacuda.device.GpuForwardKernels;
import io.github.wandacuda.device.GrowingBuffer;
import io.github.wandacuda.forward.Routing;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The operations that read row numbers from the host, or return some numbers for each row to it.
 */
final class RowOperations implements AutoCloseable {
  private final DeviceQueue queue;
  private final GrowingBuffer indices;
  private final GrowingBuffer results;

  RowOperations(GpuDevice device, DeviceQueue queue) {
    this.queue = queue;
    indices = new GrowingBuffer(device, queue);
    results = new GrowingBuffer(device, queue);
  }

  /**
   * Looks tokens up in a table that is on the device as a whole; decoders pass only the rows of
   * their tokens.
   *
   * @throws DeviceMemoryException if the table didn't fit on the device
   */
  void embed(GpuWeight table, int[] tokens, DeviceRows out) {
    DevicePointer ids = upload(tokens);
    queue.forward().embed(table.whole(), ids, out);
  }

  private DevicePointer upload(int[] values) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocateFrom(ValueLayout.JAVA_INT, values);
      DevicePointer place = indices.atLeast(host.byteSize());
      queue.complete(() -> queue.upload(host, place));
      return place;
    }
  }

  Routing route(DeviceRows logits, int k, boolean renormalize) {
    long bytes = (long) Math.multiplyExact(logits.rows(), k) * Integer.BYTES;
    DevicePointer experts = results.atLeast(2 * bytes);
    DevicePointer weights = experts.plus(bytes);
    queue.forward().route(logits, k, renormalize, experts, weights);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(2 * bytes, Integer.BYTES);
      queue.complete(() -> queue.download(experts, host));
      return new Routing(
          k,
          host.asSlice(0, bytes).toArray(ValueLayout.JAVA_INT),
          host.asSlice(bytes).toArray(ValueLayout.JAVA_FLOAT));
    }
  }

  void gatherRows(DeviceRows x, int[] rows, DeviceRows out) {
    DevicePointer places = upload(rows);
    queue.forward().gatherRows(x, places, out);
  }

  void addRows(DeviceRows x, int[] rows, float[] factors, DeviceRows out) {
    DevicePointer places = upload(rowsAndFactors(rows, factors));
    DevicePointer weights = places.plus((long) rows.length * Integer.BYTES);
    queue.forward().addRows(x, places, weights, out);
  }

  /** Returns the rows followed by the factors' bits, so that one copy uploads both. */
  private static int[] rowsAndFactors(int[] rows, float[] factors) {
    int[] all = Arrays.copyOf(rows, rows.length + factors.length);
    for (int i = 0; i < factors.length; i++) {
      all[rows.length + i] = Float.floatToRawIntBits(factors[i]);
    }
    return all;
  }

  double[] crossEntropy(DeviceRows logits, int[] targets) {
    double[] result = new double[targets.length];
    long bytes = (long) targets.length * GpuForwardKernels.LOSS_FLOATS * Float.BYTES;
    DevicePointer ids = upload(targets);
    DevicePointer place = results.atLeast(bytes);
    queue.forward().crossEntropy(logits, ids, place);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(bytes, Float.BYTES);
      queue.complete(() -> queue.download(place, host));
      for (int row = 0; row < result.length; row++) {
        result[row] = loss(host, (long) row * GpuForwardKernels.LOSS_FLOATS);
      }
    }
    return result;
  }

  private static double loss(MemorySegment host, long at) {
    double highest = host.getAtIndex(ValueLayout.JAVA_FLOAT, at);
    double sum = host.getAtIndex(ValueLayout.JAVA_FLOAT, at + 1);
    double target = host.getAtIndex(ValueLayout.JAVA_FLOAT, at + 2);
    return Math.log(sum) + (highest - target);
  }

  @Override
  public void close() {
    indices.close();
    results.close();
  }
}
