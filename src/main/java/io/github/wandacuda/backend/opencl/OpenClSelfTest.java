package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.backend.gpu.DeviceBuffer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.IntUnaryOperator;

/**
 * Tries on a device what the kernels rely on, with operands whose results are known. A driver says
 * what it supports, but if it is wrong about it, nothing would show it but masks that differ.
 */
final class OpenClSelfTest {
  /**
   * Rows of operands, a number for each work-item of a group: a, b, a subnormal, and -a * b as
   * rounded.
   */
  private static final int OPERANDS = 4;

  private static final int RESULTS = 5;

  private final OpenClDevice device;
  private final OpenClKernel kernel;
  private final int items;
  private final float[] a;
  private final float[] b;
  private final float[] small;

  private OpenClSelfTest(OpenClDevice device) {
    this.device = device;
    kernel = device.kernel("self_test.cl", "self_test", "");
    items = kernel.items();
    a = new float[items];
    b = new float[items];
    small = new float[items];
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < items; i++) {
      a[i] = random.nextFloat(1, 2);
      b[i] = random.nextFloat(0.25f, 4);
      small[i] = Float.MIN_VALUE * random.nextInt(1, 1 << 20);
    }
  }

  /**
   * Returns what the device does differently from what the kernels need, if anything.
   *
   * @return the difference, for people; nothing if all results are as expected
   */
  static Optional<String> problem(OpenClDevice device) {
    return new OpenClSelfTest(device).problem();
  }

  private Optional<String> problem() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment results = run(arena);
      if (differs(results, 0, i -> Float.floatToRawIntBits(a[i] * b[i] + added(i)))) {
        return Optional.of("it rounds a product and a sum once, which changes scores");
      }
      if (differs(results, 1, i -> Float.floatToRawIntBits(small[i] * b[i]))) {
        return Optional.of("it loses subnormal float32 numbers, which changes scores");
      }
      if (device.facts().roundsQuotients()
          && differs(results, 2, i -> Float.floatToRawIntBits(a[i] / b[i]))) {
        return Optional.of("its float32 quotients aren't the nearest, although it says so");
      }
      if (differs(results, 3, i -> Float.floatToRawIntBits(a[items - 1 - i]))
          || differs(results, 4, this::counted)) {
        return Optional.of("its local memory doesn't hold what a work-group wrote to it");
      }
      return Optional.empty();
    }
  }

  /**
   * Returns the addend for a product: with two roundings the sum is 0, with one (a fused
   * multiply-add) mostly not.
   */
  private float added(int i) {
    return -(a[i] * b[i]);
  }

  /** Returns the sum of the items that add to a bin. */
  private int counted(int bin) {
    return bin < items / 2 ? 4 * bin + 1 : 0;
  }

  private MemorySegment run(Arena arena) {
    MemorySegment operands = arena.allocate(ValueLayout.JAVA_FLOAT, (long) OPERANDS * items);
    for (int i = 0; i < items; i++) {
      operands.setAtIndex(ValueLayout.JAVA_FLOAT, i, a[i]);
      operands.setAtIndex(ValueLayout.JAVA_FLOAT, items + i, b[i]);
      operands.setAtIndex(ValueLayout.JAVA_FLOAT, 2L * items + i, small[i]);
      operands.setAtIndex(ValueLayout.JAVA_FLOAT, 3L * items + i, added(i));
    }
    MemorySegment results = arena.allocate(ValueLayout.JAVA_INT, (long) RESULTS * items);
    try (OpenClQueue queue = device.queue();
        DeviceBuffer from = device.memory().allocate(operands.byteSize());
        DeviceBuffer to = device.memory().allocate(results.byteSize())) {
      long[] group = {items};
      queue.upload(operands, from.at(0));
      queue.launch(kernel, group, group, from.at(0), to.at(0));
      queue.download(to.at(0), results);
      queue.finish();
    }
    return results;
  }

  private boolean differs(MemorySegment results, int row, IntUnaryOperator expected) {
    for (int i = 0; i < items; i++) {
      long at = (long) row * items + i;
      if (results.getAtIndex(ValueLayout.JAVA_INT, at) != expected.applyAsInt(i)) {
        return true;
      }
    }
    return false;
  }
}
