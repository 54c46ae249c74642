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
 * <p>Unless a method waits, it returns before the work is done. Host memory must be native, and
 * must not change or be freed until {@link #finish}. A failure may be reported by any later call,
 * as a {@link io.github.wandacuda.error.BackendUnavailableException}.
 */
public interface DeviceQueue extends AutoCloseable {
  /**
   * Queues a copy of all of a host segment to the device.
   *
   * @param host native memory, unchanged until {@link #finish}
   * @param device where its first byte goes
   */
  default void upload(MemorySegment host, DevicePointer device) {
    long bytes = host.byteSize();
    copy(Place.of(host, bytes), Place.of(device, bytes), bytes, 1);
  }

  /**
   * Queues a copy from the device that fills a host segment.
   *
   * @param device where the first byte is
   * @param host native memory, which has its content after {@link #finish}
   */
  default void download(DevicePointer device, MemorySegment host) {
    long bytes = host.byteSize();
    copy(Place.of(device, bytes), Place.of(host, bytes), bytes, 1);
  }

  /**
   * Queues a copy within the device.
   *
   * @param to where the bytes go, apart from those that are copied
   */
  default void copy(DevicePointer from, DevicePointer to, long bytes) {
    copy(Place.of(from, bytes), Place.of(to, bytes), bytes, 1);
  }

  /** Queues a copy of rows between host and device memory, or within the device. */
  void copy(RowCopy copy);

  /**
   * Queues a copy of rows between host and device memory, or within the device.
   *
   * @param from where the first row is, and the distance to the next
   * @param to where the first row goes, and the distance to the next
   * @param rowBytes bytes of a row that are copied, at most the distance of rows on both sides
   * @param rows how many rows
   */
  default void copy(Place from, Place to, long rowBytes, long rows) {
    copy(new RowCopy(from, to, rowBytes, rows));
  }

  /**
   * Makes work that is queued here from now on wait for what a caller has queued so far.
   *
   * @param callerQueue as in {@link io.github.wandacuda.DeviceMatrix#queue}
   * @throws IllegalArgumentException if it can't be waited for on this device
   */
  void startAfter(long callerQueue);

  /**
   * Makes work that is queued here from now on wait for what is queued in another queue so far.
   *
   * @param other a queue of the same device
   */
  void startAfter(DeviceQueue other);

  /** Queues the writing of zero bytes. */
  void clear(DevicePointer device, long bytes);

  /** Returns the kernels of selection, which are queued here and closed with the queue. */
  GpuSelectKernels pruning();

  /** Returns the kernels of the forward pass, which are queued here and closed with the queue. */
  GpuForwardKernels forward();

  /**
   * Waits until all work that was queued is done.
   *
   * @throws BackendUnavailableException if some of the work failed or the device is lost
   */
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
   *
   * @param copies queues them here
   * @throws BackendUnavailableException if one of them fails
   */
  default void complete(Runnable copies) {
    OnFailure.run(this::settle, copies);
    finish();
  }

  /**
   * Copies memory of any kind to the device and waits for the copy.
   *
   * @param from all of it is copied; heap memory goes through a native copy
   * @param to where its first byte goes
   */
  default void send(MemorySegment from, DevicePointer to) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host =
          from.isNative() ? from : arena.allocate(from.byteSize(), Long.BYTES).copyFrom(from);
      complete(() -> upload(host, to));
    }
  }

  /**
   * Copies memory of the device to memory of any kind and waits for the copy.
   *
   * @param from where the first byte is
   * @param to all of it is filled; heap memory through a native copy
   */
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
