package io.github.wandacuda.backend.cuda;

import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.CUstream;
import jcuda.driver.JCudaDriver;

/** A place in a stream that another stream waits for. */
final class CudaEvent extends CUevent implements AutoCloseable {
  private final CudaContext context;

  /** Creates an event that no stream has recorded. */
  public CudaEvent(CudaContext context) {
    this.context = context;
    context.enter();
    context.check(
        JCudaDriver.cuEventCreate(this, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
  }

  /** Returns the {@code CUevent}. */
  public long handle() {
    return getNativePointer();
  }

  /** Lets what is queued from now on wait for what the event was recorded after. */
  public void holdUp(CUstream stream) {
    context.check(JCudaDriver.cuStreamWaitEvent(stream, this, 0), "cuStreamWaitEvent");
  }

  /** Lets go of it; who waits for it goes on waiting. */
  @Override
  public void close() {
    int unused = JCudaDriver.cuEventDestroy(this);
  }
}
