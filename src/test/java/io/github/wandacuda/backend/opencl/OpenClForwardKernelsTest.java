package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Elementwise;
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
    kernels.attention(
        new AttentionOperands<>(
            none, none, none, new AttentionShape(3, 2, 1, 4, 1f, 0, 0), null, none));
    kernels.layerNorm(none, at, null, 1e-5f, none);
    kernels.elementwise(Activation.GELU, none, null, none);
    kernels.elementwise(new Elementwise.Gate(Activation.SILU), none, none, none);
    kernels.elementwise(new Elementwise.Add(), none, none, none);
    kernels.elementwise(new Elementwise.Scale(2f), none, null, none);
    kernels.elementwise(new Elementwise.Softcap(2f), none, null, none);
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
