package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.ForwardDevice;
import io.github.wandacuda.device.KernelSources;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What kernels on the first OpenCL device do with matrices without rows. */
@Tag("gpu")
class OpenClForwardKernelsTest {
  private static ForwardDevice device;
  private static OpenClForwardKernels kernels;

  @BeforeAll
  static void open() {
    device = ForwardDevice.open(KernelSources.packed());
    kernels = new OpenClForwardKernels(device.queue());
  }

  @AfterAll
  static void close() {
    if (device != null) {
      device.queue().finish();
      kernels.close();
      device.close();
      OpenClDevice closed = device.device();
      assertThat(closed.memory().freeBytes()).isEqualTo(closed.facts().globalBytes());
    }
  }

  @Test
  void nothingIsDoneForNoRows() {
    DeviceRows none = device.empty(0, 8, 8);
    DeviceRows one = device.empty(1, 8, 8);
    DeviceRows angles = device.empty(1, 2, 2);
    var at = one.data();
    kernels.embed(one, at, none);
    kernels.rmsNorm(none, at, 1e-5f, none);
    kernels.linear(none, one, null, device.empty(0, 1, 1));
    kernels.rotate(none, 4, angles, angles);
    kernels.attention(none, none, none, new AttentionShape(3, 2, 1, 4, 1f, 0, 0), null, none);
    kernels.layerNorm(none, at, null, 1e-5f, none);
    kernels.activate(Activation.GELU, none, none);
    kernels.gate(Activation.SILU, none, none, none);
    kernels.add(none, none);
    kernels.scale(none, 2f);
    kernels.softcap(none, 2f);
    kernels.gatherColumns(none, 0, 4, 4, none);
    kernels.gatherRows(one, at, none);
    kernels.addRows(none, at, at, one);
    kernels.route(none, 2, true, at, at);
    kernels.columnSquares(none, at);
    kernels.secondMoments(none, at);
    kernels.crossEntropy(none, at, at);
    kernels.columnSums(at, 0, at);
    assertThat(device.floats(one)).containsOnly(Float.NaN);
  }
}
