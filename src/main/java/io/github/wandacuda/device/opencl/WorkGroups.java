package io.github.wandacuda.device.opencl;

import io.github.wandacuda.device.opencl.driver.DeviceFacts;
import io.github.wandacuda.device.opencl.driver.OpenClKernel;

/** Sizes of work-groups. */
final class WorkGroups {
  /** Below this, work-items of a GPU stand idle. */
  private static final int LEAST = 32;

  private WorkGroups() {}

  /**
   * Returns a power of two: enough work-items for what there is to do, no more than the kernel
   * allows and is written for.
   *
   * @param items what there is to do, 1 or more
   */
  static int size(OpenClKernel kernel, int items) {
    int limit = Integer.highestOneBit(Math.min(DeviceFacts.WORK_GROUP, kernel.workGroupSize()));
    int enough = items >= limit ? limit : Integer.highestOneBit(Math.max(1, 2 * items - 1));
    return Math.clamp(enough, Math.min(LEAST, limit), limit);
  }
}
