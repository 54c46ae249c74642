package io.github.wandacuda.backend.cuda;

import static io.github.wandacuda.backend.cuda.ScalarOperations.bits;
import static io.github.wandacuda.backend.cuda.ScalarOperations.random;
import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.backend.gpu.DevicePointer;
import io.github.wandacuda.backend.gpu.DeviceRows;
import io.github.wandacuda.backend.gpu.GpuForwardKernels;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.testing.PretendCuda.Order;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What only CUDA has of kernels: launches, and threads that take turns. */
@Tag("gpu")
@Tag("pretend")
class CudaForwardKernelsTest {
  private ForwardSession session;

  @BeforeEach
  void open() {
    session = new ForwardSession(80);
  }

  @AfterEach
  void close() {
    if (session != null) {
      session.close();
    }
  }

  @ParameterizedTest
  @EnumSource(Order.class)
  void threadsMayTakeTurnsInAnyOrder(Order order) {
    List<float[]> inOrder = reductions();
    session.driver().order(order, 3);
    List<float[]> found = reductions();
    for (int i = 0; i < found.size(); i++) {
      assertThat(bits(found.get(i))).isEqualTo(bits(inOrder.get(i)));
    }
  }

  /** Returns results of the kernels whose threads share what they compute. */
  private List<float[]> reductions() {
    float[] values = random(40 * 300, 1, 8);
    float[] gain = random(300, 1, 9);
    DeviceRows x = session.matrix(values, 300, 0);
    session.own.rmsNorm(x, session.vector(gain, 0), 1e-5f, x);
    DevicePointer losses = session.allocate(40L * 4 * GpuForwardKernels.LOSS_FLOATS);
    session.own.crossEntropy(x, session.integers(new int[40]), losses);
    DeviceRows y = session.matrix(values, 300, 0);
    session.own.layerNorm(y, session.vector(gain, 0), null, 1e-5f, y);
    DevicePointer chosen = session.allocate(40L * 4 * 4);
    DevicePointer weights = session.allocate(40L * 4 * 4);
    session.own.route(y, 4, false, chosen, weights);
    return List.of(
        session.read(losses, 40 * GpuForwardKernels.LOSS_FLOATS),
        session.read(weights, 40 * 4),
        attended());
  }

  private float[] attended() {
    AttentionShape shape = new AttentionShape(100, 0, 2, 1, 72, (float) (1 / Math.sqrt(72)), 0, 0);
    DeviceRows out = session.matrix(new float[100 * 144], 144, 0);
    session.own.attention(
        new AttentionOperands<>(
            session.matrix(random(100 * 144, 2, 1), 144, 0),
            session.matrix(random(100 * 72, 2, 2), 72, 0),
            session.matrix(random(100 * 72, 1, 3), 72, 0),
            shape,
            null,
            out));
    return session.read(out);
  }
}
