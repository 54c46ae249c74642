package io.github.wandacuda.bench.gpu;

import io.github.wandacuda.backend.gpu.DeviceBuffer;
import io.github.wandacuda.backend.gpu.DeviceQueue;
import io.github.wandacuda.backend.gpu.RowCopy.Place;
import io.github.wandacuda.bench.common.Spread;
import java.util.function.IntConsumer;

/**
 * Times a kernel and the device's own copy in turns, so that a clock that changes touches both.
 * Many launches are queued between two waits, so that what is timed is the device and not the way
 * to it.
 */
final class Alternation {
  private static final double NANOS = 1e9;
  private static final int MOST_LAUNCHES = 4096;

  private final DeviceQueue queue;
  private final Copies copies;
  private final double batchSeconds;
  private final int repetitions;

  /**
   * The driver's own copies within the device's memory, the measure of what the memory can do.
   *
   * @param queue of the device
   * @param from a buffer that its cache doesn't hold
   * @param to another
   */
  record Copies(DeviceQueue queue, DeviceBuffer from, DeviceBuffer to) {
    void run(int launches) {
      for (int i = 0; i < launches; i++) {
        queue.copy(
            Place.of(from.at(0), from.bytes()), Place.of(to.at(0), to.bytes()), from.bytes(), 1);
      }
      queue.finish();
    }

    /** Returns the bytes that a copy reads and writes. */
    long bytes() {
      return 2 * from.bytes();
    }
  }

  /**
   * What was measured.
   *
   * @param seconds of a launch
   * @param copyRate bytes a second that copies read and wrote
   * @param ratio of the kernel's rate to the copies' beside it, for the bytes it was given
   * @param launches between two waits
   */
  record Measured(Spread seconds, Spread copyRate, Spread ratio, int launches) {}

  Alternation(DeviceQueue queue, Copies copies, double batchSeconds, int repetitions) {
    this.queue = queue;
    this.copies = copies;
    this.batchSeconds = batchSeconds;
    this.repetitions = repetitions;
  }

  /**
   * Measures a kernel.
   *
   * @param launch queues it once, on the data of one of the rotations
   * @param rotations how many there are
   * @param bytes that a launch has to read and write
   */
  Measured measure(IntConsumer launch, int rotations, long bytes) {
    int launches = launches(seconds(() -> batch(launch, rotations, rotations)) / rotations);
    int copyLaunches = launches(seconds(() -> copies.run(1)));
    batch(launch, rotations, launches);
    copies.run(copyLaunches);
    double[] seconds = new double[repetitions];
    double[] copyRates = new double[repetitions];
    double[] ratios = new double[repetitions];
    for (int i = 0; i < repetitions; i++) {
      copyRates[i] = copies.bytes() * copyLaunches / seconds(() -> copies.run(copyLaunches));
      seconds[i] = seconds(() -> batch(launch, rotations, launches)) / launches;
      ratios[i] = bytes / seconds[i] / copyRates[i];
    }
    return new Measured(Spread.of(seconds), Spread.of(copyRates), Spread.of(ratios), launches);
  }

  private void batch(IntConsumer launch, int rotations, int launches) {
    for (int i = 0; i < launches; i++) {
      launch.accept(i % rotations);
    }
    queue.finish();
  }

  private int launches(double secondsOfOne) {
    return (int) Math.clamp(Math.ceil(batchSeconds / secondsOfOne), 1, MOST_LAUNCHES);
  }

  private static double seconds(Runnable work) {
    long start = System.nanoTime();
    work.run();
    return (System.nanoTime() - start) / NANOS;
  }
}
