package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.testing.Around;
import java.util.function.Supplier;

/**
 * Makes devices that are like another one, but for the kernels of the forward pass and the size of
 * buffers.
 */
public final class KernelsOn {
  private KernelsOn() {}

  /**
   * Changes a device.
   *
   * @param queues gives queues that have the kernels
   * @param largestBuffer bytes that it says it can allocate at once
   */
  public static GpuDevice of(
      GpuDevice inner, Supplier<? extends DeviceQueue> queues, long largestBuffer) {
    GpuDevice[] changed = new GpuDevice[1];
    changed[0] =
        Around.of(
            GpuDevice.class,
            inner,
            new Object() {
              public long largestBuffer() {
                return Math.min(largestBuffer, inner.largestBuffer());
              }

              public DeviceQueue queue() {
                return queues.get();
              }

              public GpuDevice reaching(DeviceMatrix matrix) {
                GpuDevice found = inner.reaching(matrix);
                return found == inner ? changed[0] : found;
              }
            });
    return changed[0];
  }

  /** Returns a queue whose kernels of the forward pass are others. */
  public static <K extends GpuForwardKernels & AutoCloseable> DeviceQueue queue(
      DeviceQueue inner, K kernels) {
    return Around.of(
        DeviceQueue.class,
        inner,
        new Object() {
          public void startAfter(DeviceQueue other) {
            inner.startAfter(Around.inner(DeviceQueue.class, other));
          }

          public GpuForwardKernels forward() {
            return kernels;
          }

          public void close() throws Exception {
            inner.settle();
            kernels.close();
            inner.close();
          }
        });
  }
}
