package io.github.wandacuda.device.opencl;

import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.opencl.driver.OpenClKernel;

/** Launches {@code magnitudes.cl}, whose work-groups go over rows to count. */
final class OpenClMagnitudes {
  /** Groups of a count for each compute unit: each adds up to 4096 sums when it is done. */
  private static final int GROUPS_PER_UNIT = 4;

  private static final int MOST_GROUPS_PER_ROW = 64;

  private OpenClMagnitudes() {}

  /** As {@link io.github.wandacuda.device.GpuSelectKernels#countUpper}. */
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

  /** As {@link io.github.wandacuda.device.GpuSelectKernels#countLower}. */
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
    int size = WorkGroups.size(kernel, octets);
    int across = Math.min(MOST_GROUPS_PER_ROW, Math.ceilDiv(octets, size));
    int groups = queue.device().facts().computeUnits() * GROUPS_PER_UNIT;
    int down = Math.clamp(groups / across, 1, source.rows());
    return new Groups(across, down, size);
  }
}
