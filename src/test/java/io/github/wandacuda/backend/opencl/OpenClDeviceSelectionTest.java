package io.github.wandacuda.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.backend.gpu.CallerProgram;
import io.github.wandacuda.backend.gpu.DeviceSelectionCases;
import io.github.wandacuda.testing.backend.BesideCuda;
import org.jocl.CL;
import org.jocl.Pointer;
import org.jocl.Sizeof;
import org.junit.jupiter.api.Test;

@BesideCuda
class OpenClDeviceSelectionTest extends DeviceSelectionCases {
  private OpenClCaller caller;

  @Override
  protected CallerProgram open() {
    caller = new OpenClCaller(FirstOpenCl.withVectors());
    return caller;
  }

  private void prune(long memory, long queue) {
    prune(DeviceMatrix.openCl(memory, DType.F32, 2, 8, queue));
  }

  @Test
  void aQueueIsNeeded() {
    long memory = program().memory(bytes());
    assertThatIllegalArgumentException()
        .isThrownBy(() -> prune(memory, 0))
        .withMessage("queue: expected a cl_command_queue, found 0");
  }

  @Test
  void memoryAndQueueAreOfOneContext() {
    OpenClCaller other = new OpenClCaller(FirstOpenCl.withVectors());
    try {
      long foreign = other.memory(bytes());
      assertThatIllegalArgumentException()
          .isThrownBy(() -> prune(foreign, program().queue()))
          .withMessage(
              "memory: expected a cl_mem of the queue's context, found one of another context");
      prune(foreign, other.queue());
    } finally {
      other.close();
    }
  }

  /**
   * The library lets go of a context when it is closed, and keeps one device for each till then.
   */
  @Test
  void aContextIsKeptOnce() {
    long memory = program().memory(bytes());
    prune(memory, program().queue());
    int references = references();
    for (int call = 0; call < 5; call++) {
      prune(memory, program().queue());
    }
    assertThat(references()).isEqualTo(references);
  }

  private int references() {
    int[] count = new int[1];
    OpenClCaller.check(
        CL.clGetContextInfo(
            caller.context(),
            CL.CL_CONTEXT_REFERENCE_COUNT,
            Sizeof.cl_uint,
            Pointer.to(count),
            null));
    return count[0];
  }
}
