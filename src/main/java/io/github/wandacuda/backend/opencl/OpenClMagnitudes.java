package io.github.wandacuda.backend.opencl;

import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.OpenClKernel;

/** Launches {@code magnitudes.cl}, whose work-groups each count several rows. */
final class OpenClMagnitudes {
  /** Groups for each compute unit; each group adds up to 4096 counts at its end. */
  private static final int GROUPS_PER_UNIT = 4;

  private static final int MOST_GROUPS_PER_ROW = 64;

  private OpenClMagnitudes() {}

  /** See {@link io.github.wandacuda.device.GpuSelectKernels#countUpper}. */
  static void countUpper(OpenClQueue queue, DeviceRows source, DevicePointer counts) {
    OpenClKernel kernel = kernel(queue, source, "count_upper");
    Groups groups = groups(queue, kernel, source);
    queue.launch(
        kernel,
        groups.global(),
        groups.local(),
        source.data(),
        counts,
        source.rows(),
        source.columns(),
        source.stride());
  }

  /** See {@link io.github.wandacuda.device.GpuSelectKernels#countLower}. */
  static void countLower(OpenClQueue queue, DeviceRows source, int upper, DevicePointer counts) {
    OpenClKernel kernel = kernel(queue, source, "count_lower");
    Groups groups = groups(queue, kernel, source);
    queue.launch(
        kernel,
        groups.global(),
        groups.local(),
        source.data(),
        counts,
        source.rows(),
        source.columns(),
        source.stride(),
        upper);
  }

  private static OpenClKernel kernel(OpenClQueue queue, DeviceRows source, String name) {
    return queue.device().kernel("magnitudes.cl", name, OpenClSelection.options(source));
  }

  private record Groups(int across, int down, int size) {
    long[] global() {
      return new long[] {(long) across * size, down};
    }

    long[] local() {
      return new long[] {size, 1};
    }
  }

  private static Groups groups(OpenClQueue queue, OpenClKernel kernel, DeviceRows source) {
    int octets = OpenClSelection.octets(source);
    int size = OpenClSelection.groupSize(kernel, octets);
    int across = Math.min(MOST_GROUPS_PER_ROW, Math.ceilDiv(octets, size));
    int groups = queue.device().facts().computeUnits() * GROUPS_PER_UNIT;
    int down = Math.clamp(groups / across, 1, source.rows());
    return new Groups(across, down, size);
  }
}
