package io.github.wandacuda.forward.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.device.DevicePointer;
import io.github.wandacuda.device.DeviceQueue;
import io.github.wandacuda.device.DeviceRows;
import io.github.wandacuda.device.GpuDevice;
import io.github.wandacuda.device.PinnedMemory;
import io.github.wandacuda.device.StagingBuffer;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.StoredRows;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.forward.WeightsAhead;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The forward half on a GPU: queues kernels. All work is in one queue, so it takes effect in order.
 * The host waits only when it copies memory or needs a result.
 */
public final class GpuOperations implements Operations, AutoCloseable {
  private final GpuDevice device;
  private final DeviceQueue queue;
  private final WeightUpload weights;
  private final RowOperations rows;
  private final PinnedMemory pinned;
  private final StagingBuffer staging;

  /** Copies weights that come ahead; null before there were any. */
  private DeviceQueue ahead;

  public GpuOperations(GpuDevice device) {
    this.device = device;
    queue = device.queue();
    weights = new WeightUpload(device, queue);
    rows = new RowOperations(device, queue);
    pinned = new PinnedMemory(device);
    staging = new StagingBuffer(pinned);
  }

  @Override
  public GpuTensor tensor(int rows, int columns) {
    GpuTensor tensor = GpuTensor.allocate(device, queue, rows, columns);
    try {
      queue.clear(tensor.matrix().data(), tensor.bytes());
      return tensor;
    } catch (RuntimeException e) {
      tensor.close();
      throw e;
    }
  }

  @Override
  public StoredRows storedRows(long rows, int columns) {
    return new GpuStoredRows(device, queue, pinned, rows, columns, weights.roomBesideBlock());
  }

  @Override
  public OptionalLong hostBytes(long rows, int columns) {
    long rowBytes = (long) columns * Float.BYTES;
    long resident = ResidentChunks.fitting(weights.roomBesideBlock(), rowBytes, rows);
    return OptionalLong.of((rows - resident) * rowBytes);
  }

  /** Returns a tensor of this backend, or null for none. */
  private static GpuTensor own(Tensor tensor) {
    return (GpuTensor) tensor;
  }

  private static DeviceRows matrix(Tensor tensor) {
    return tensor == null ? null : own(tensor).matrix();
  }

  private static DevicePointer data(Tensor tensor) {
    return tensor == null ? null : matrix(tensor).data();
  }

  @Override
  public void upload(MemorySegment source, Tensor to) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = source.asSlice(0, own(to).bytes());
      MemorySegment host = from.isNative() ? from : copy(from, arena);
      queue.complete(() -> queue.upload(host, data(to)));
    }
  }

  private static MemorySegment copy(MemorySegment memory, Arena arena) {
    return arena.allocate(memory.byteSize(), Long.BYTES).copyFrom(memory);
  }

  @Override
  public void download(Tensor from, MemorySegment destination) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment to = destination.asSlice(0, own(from).bytes());
      MemorySegment host = to.isNative() ? to : arena.allocate(own(from).bytes(), Long.BYTES);
      queue.complete(() -> queue.download(data(from), host));
      if (!to.isNative()) {
        to.copyFrom(host);
      }
    }
  }

  @Override
  public GpuWeight weight(WeightMatrix matrix) {
    return new GpuDenseWeight(matrix, weights);
  }

  @Override
  public Optional<WeightsAhead> weightsAhead(List<WeightsAhead.Shape> shapes) {
    if (ahead == null) {
      ahead = device.queue();
    }
    return GpuWeightsAhead.reserve(ahead, weights, staging, shapes);
  }

  @Override
  public boolean multipliesSparse(DType dtype) {
    return queue.forward().multipliesSparse();
  }

  @Override
  public GpuWeight sparseWeight(SparseMatrix matrix) {
    return GpuSparseWeight.of(matrix, weights);
  }

  @Override
  public void embed(Weight table, int[] tokens, Tensor out) {
    rows.embed((GpuWeight) table, tokens, matrix(out));
  }

  @Override
  public void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor out) {
    queue.forward().rmsNorm(matrix(x), data(gain), epsilon, matrix(out));
  }

  @Override
  public void layerNorm(Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor out) {
    queue
        .forward()
        .layerNorm(
            matrix(x),
            data(gain),
            data(bias),
            epsilon,
            matrix(out));
  }

  @Override
  public void linear(Tensor x, Weight w, Tensor bias, Tensor out) {
    ((GpuWeight) w).linear(own(x), own(bias), own(out));
  }

  @Override
  public void rotate(Tensor x, int headSize, Tensor cos, Tensor sin) {
    queue.forward().rotate(matrix(x), headSize, matrix(cos), matrix(sin));
  }

  @Override
  public void attention(
      Tensor q,
      Tensor k,
      Tensor v,
      AttentionShape shape,
      Tensor keyBias,
      Tensor out) {
    queue
        .forward()
        .attention(
            matrix(q),
            matrix(k),
            matrix(v),
            shape,
            matrix(keyBias),
            matrix(out));
  }

  @Override
  public void activate(Activation activation, Tensor x, Tensor out) {
    queue.forward().activate(activation, matrix(x), matrix(out));
  }

  @Override
  public void gate(Activation activation, Tensor gate, Tensor up, Tensor out) {
    queue.forward().gate(activation, matrix(gate), matrix(up), matrix(out));
  }

  @Override
  public void add(Tensor x, Tensor y) {
    queue.forward().add(matrix(x), matrix(y));
  }

  @Override
  public void clear(Tensor x) {
    queue.clear(data(x), own(x).bytes());
  }

  @Override
  public void scale(Tensor x, float factor) {
    queue.forward().scale(matrix(x), factor);
  }

  @Override
  public void softcap(Tensor x, float cap) {
    queue.forward().softcap(matrix(x), cap);
  }

  @Override
  public void gatherColumns(Tensor source, int offset, int width, int stride, Tensor out) {
    queue.forward().gatherColumns(matrix(source), offset, width, stride, matrix(out));
  }

  @Override
  public Routing route(Tensor logits, int k, boolean renormalize) {
    return rows.route(matrix(logits), k, renormalize);
  }

  @Override
  public void gatherRows(Tensor x, int[] from, Tensor out) {
    rows.gatherRows(matrix(x), from, matrix(out));
  }

  @Override
  public void addRows(Tensor x, int[] to, float[] factors, Tensor out) {
    rows.addRows(matrix(x), to, factors, matrix(out));
  }

  @Override
  public GpuColumnSquares columnSquares(int columns) {
    return new GpuColumnSquares(device, queue, columns);
  }

  @Override
  public GpuSecondMoments secondMoments(int columns) {
    return new GpuSecondMoments(device, queue, columns);
  }

  @Override
  public double[] crossEntropy(Tensor logits, int[] targets) {
    return rows.crossEntropy(matrix(logits), targets);
  }

  @Override
  public void close() {
    queue.close();
    if (ahead != null) {
      ahead.close();
    }
    staging.close();
    weights.close();
    rows.close();
  }
}
