package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.gpu.GpuBackend;
import io.github.wandacuda.backend.gpu.KernelsOn;
import io.github.wandacuda.testing.BackendAround;
import java.util.function.Function;

/** The first OpenCL device, with either kind of matrix kernels. Closing checks what is left. */
public final class FirstOpenCl {
  private FirstOpenCl() {}

  /** Opens it with the kernels of processors; without a device the test is skipped. */
  public static Backend withVectors() {
    return open(device -> MatrixVariant.vectors(device.vectorWidth()));
  }

  /** Opens it with the kernels of GPUs. */
  public static Backend withTiles() {
    return open(device -> MatrixVariant.TILES);
  }

  private static Backend open(Function<OpenClDevice, MatrixVariant> variant) {
    ForwardDevice opened = ForwardDevice.open(KernelSources.packed());
    OpenClDevice device = opened.device();
    opened.queue().close();
    GpuBackend backend =
        new GpuBackend(new KernelsOn(device, () -> queue(device, variant.apply(device))), 2);
    return new BackendAround(backend) {
      @Override
      public void close() {
        backend.close();
        assertThat(device.memory().freeBytes()).isEqualTo(device.facts().globalBytes());
      }
    };
  }

  private static KernelsOn.Queue<OpenClForwardKernels> queue(
      OpenClDevice device, MatrixVariant variant) {
    OpenClQueue queue = device.queue();
    return new KernelsOn.Queue<>(queue, new OpenClForwardKernels(queue, variant));
  }
}
