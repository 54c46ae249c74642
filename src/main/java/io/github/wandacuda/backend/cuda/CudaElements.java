package io.github.wandacuda.backend.cuda;

import io.github.wandacuda.backend.Activation;
import io.github.wandacuda.backend.gpu.DeviceMatrix;
import java.util.Locale;

/** The kernels that treat each element of a matrix by itself, to the CPU's bits. */
final class CudaElements {
  private static final int THREADS = 256;

  /** Elements of a thread: one pack. */
  private static final int ELEMENTS = 4;

  /** Blocks that keep a multiprocessor's memory requests coming. */
  private static final int BLOCKS_PER_MULTIPROCESSOR = 32;

  private final CudaQueue queue;

  CudaElements(CudaQueue queue) {
    this.queue = queue;
  }

  void activate(Activation activation, DeviceMatrix x, DeviceMatrix out) {
    launch("activate", kernel("activate", activation), out, x.data(), out.data());
  }

  void gate(Activation activation, DeviceMatrix gate, DeviceMatrix up, DeviceMatrix out) {
    launch("activate", kernel("gate", activation), out, gate.data(), up.data(), out.data());
  }

  private static String kernel(String what, Activation activation) {
    return what + '_' + activation.name().toLowerCase(Locale.ROOT);
  }

  void add(DeviceMatrix x, DeviceMatrix y) {
    launch("elementwise", "add", x, x.data(), y.data());
  }

  void scale(DeviceMatrix x, float factor) {
    launch("elementwise", "scale", x, x.data(), factor);
  }

  void softcap(DeviceMatrix x, float cap) {
    launch("elementwise", "softcap", x, x.data(), cap);
  }

  /** Launches a kernel whose last argument is the number of elements. */
  private void launch(String file, String name, DeviceMatrix matrix, Object... others) {
    long count = (long) matrix.rows() * matrix.columns();
    if (count == 0) {
      return;
    }
    long blocks = Math.ceilDiv(count, (long) THREADS * ELEMENTS);
    long most = (long) queue.device().multiprocessors() * BLOCKS_PER_MULTIPROCESSOR;
    Object[] arguments = new Object[others.length + 1];
    System.arraycopy(others, 0, arguments, 0, others.length);
    arguments[others.length] = count;
    queue.launch(
        queue.device().function(file, name),
        LaunchShape.blocks(Math.min(blocks, most)),
        THREADS,
        0,
        arguments);
  }
}
