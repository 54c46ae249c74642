package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.backend.gpu.RowCopy.Place;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.slf4j.LoggerFactory;

/**
 * A queue of work for a device, which does it in order while the caller goes on: a CUDA stream, an
 * OpenCL in-order queue. Work of different queues may overlap. Used by one thread at a time.
 *
 * <p>Host memory must be native, and must not change or be freed until {@link #finish}. A failure
 * may be reported by any later call, as a {@link
 * io.github.wandacuda.error.BackendUnavailableException}.
 */
public interface DeviceQueue extends AutoCloseable {
  default void upload(MemorySegment host, DevicePointer device) {
    long bytes = host.byteSize();
    copy(Place.of(host, bytes), Place.of(device, bytes), bytes, 1);
  }

  default void download(DevicePointer device, MemorySegment host) {
    long bytes = host.byteSize();
    copy(Place.of(device, bytes), Place.of(host, bytes), bytes, 1);
  }

  default void copy(DevicePointer from, DevicePointer to, long bytes) {
    copy(Place.of(from, bytes), Place.of(to, bytes), bytes, 1);
  }

  /** Copies rows between host and device memory, or within the device. */
  void copy(RowCopy copy);

  default void copy(Place from, Place to, long rowBytes, long rows) {
    copy(new RowCopy(from, to, rowBytes, rows));
  }

  /**
   * Lets what is queued here from now on begin after what a caller has queued so far.
   *
   * @param callerQueue as in {@link io.github.wandacuda.DeviceMatrix#queue}
   * @throws IllegalArgumentException if it can't be waited for on this device
   */
  void startAfter(long callerQueue);

  /** Lets what is queued here from now on begin after what is queued there so far. */
  void startAfter(DeviceQueue other);

  void clear(DevicePointer device, long bytes);

  GpuSelectKernels pruning();

  GpuForwardKernels forward();

  /** Waits until all that was queued is done. */
  void finish();

  /**
   * Waits as {@link #finish} does, before memory is freed, but doesn't fail: a lost device no
   * longer uses memory, and the next call reports that it is lost.
   */
  default void settle() {
    try {
      finish();
    } catch (BackendUnavailableException e) {
      LoggerFactory.getLogger(DeviceQueue.class).debug("freeing memory after a failure", e);
    }
  }

  /**
   * Queues copies and waits for their end, even if only some could be queued, so that their host
   * memory may be freed afterwards.
   */
  default void complete(Runnable copies) {
    OnFailure.run(this::settle, copies);
    finish();
  }

  /** Copies memory of any kind to the device and waits for the copy. */
  default void send(MemorySegment from, DevicePointer to) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host =
          from.isNative() ? from : arena.allocate(from.byteSize(), Long.BYTES).copyFrom(from);
      complete(() -> upload(host, to));
    }
  }

  /** Copies memory of the device to memory of any kind and waits for the copy. */
  default void fetch(DevicePointer from, MemorySegment to) {
    if (to.isNative()) {
      complete(() -> download(from, to));
      return;
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(to.byteSize(), Long.BYTES);
      fetch(from, host);
      to.copyFrom(host);
    }
  }

  /** Waits as {@link #finish} does, without failing, and frees the queue and its memory. */
  @Override
  void close();
}
