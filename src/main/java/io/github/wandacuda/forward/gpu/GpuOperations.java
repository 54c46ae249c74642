package io.github.wandacuda.forward.gpu;

import io.github.wandacuda.DType;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.device.DeviceQueue;
import io.github.wandacuda.device.GpuDevice;
import io.github.wandacuda.device.PinnedMemory;
import io.github.wandacuda.device.StagingBuffer;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.AttentionShape;
import io.github.wandacuda.forward.BackendOperations;
import io.github.wandacuda.forward.Routing;
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
public final class GpuOperations implements BackendOperations<GpuTensor, GpuWeight>, AutoCloseable {
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
  public Optional<Stored<GpuTensor>> storedRows(long rows, int columns) {
    return Optional.of(
        new GpuStoredRows(device, queue, pinned, rows, columns, weights.roomBesideBlock()));
  }

  @Override
  public OptionalLong hostBytes(long rows, int columns) {
    long rowBytes = (long) columns * Float.BYTES;
    long resident = ResidentChunks.fitting(weights.roomBesideBlock(), rowBytes, rows);
    return OptionalLong.of((rows - resident) * rowBytes);
  }

  @Override
  public void upload(MemorySegment source, GpuTensor to) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment from = source.asSlice(0, to.bytes());
      MemorySegment host = from.isNative() ? from : copy(from, arena);
      queue.complete(() -> queue.upload(host, to.matrix().data()));
    }
  }

  private static MemorySegment copy(MemorySegment memory, Arena arena) {
    return arena.allocate(memory.byteSize(), Long.BYTES).copyFrom(memory);
  }

  @Override
  public void download(GpuTensor from, MemorySegment destination) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment to = destination.asSlice(0, from.bytes());
      MemorySegment host = to.isNative() ? to : arena.allocate(from.bytes(), Long.BYTES);
      queue.complete(() -> queue.download(from.matrix().data(), host));
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
  public void embed(GpuWeight table, int[] tokens, GpuTensor out) {
    rows.embed(table, tokens, out);
  }

  @Override
  public void rmsNorm(GpuTensor x, GpuTensor gain, float epsilon, GpuTensor out) {
    queue.forward().rmsNorm(x.matrix(), gain.matrix().data(), epsilon, out.matrix());
  }

  @Override
  public void layerNorm(GpuTensor x, GpuTensor gain, GpuTensor bias, float epsilon, GpuTensor out) {
    queue
        .forward()
        .layerNorm(
            x.matrix(),
            gain.matrix().data(),
            bias == null ? null : bias.matrix().data(),
            epsilon,
            out.matrix());
  }

  @Override
  public void linear(GpuTensor x, GpuWeight w, GpuTensor bias, GpuTensor out) {
    w.linear(x, bias, out);
  }

  @Override
  public void rotate(GpuTensor x, int headSize, GpuTensor cos, GpuTensor sin) {
    queue.forward().rotate(x.matrix(), headSize, cos.matrix(), sin.matrix());
  }

  @Override
  public void attention(
      GpuTensor q,
      GpuTensor k,
      GpuTensor v,
      AttentionShape shape,
      GpuTensor keyBias,
      GpuTensor out) {
    queue
        .forward()
        .attention(
            q.matrix(),
            k.matrix(),
            v.matrix(),
            shape,
            keyBias == null ? null : keyBias.matrix(),
            out.matrix());
  }

  @Override
  public void activate(Activation activation, GpuTensor x, GpuTensor out) {
    queue.forward().activate(activation, x.matrix(), out.matrix());
  }

  @Override
  public void gate(Activation activation, GpuTensor gate, GpuTensor up, GpuTensor out) {
    queue.forward().gate(activation, gate.matrix(), up.matrix(), out.matrix());
  }

  @Override
  public void add(GpuTensor x, GpuTensor y) {
    queue.forward().add(x.matrix(), y.matrix());
  }

  @Override
  public void clear(GpuTensor x) {
    queue.clear(x.matrix().data(), x.bytes());
  }

  @Override
  public void scale(GpuTensor x, float factor) {
    queue.forward().scale(x.matrix(), factor);
  }

  @Override
  public void softcap(GpuTensor x, float cap) {
    queue.forward().softcap(x.matrix(), cap);
  }

  @Override
  public void gatherColumns(GpuTensor source, int offset, int width, int stride, GpuTensor out) {
    queue.forward().gatherColumns(source.matrix(), offset, width, stride, out.matrix());
  }

  @Override
  public Routing route(GpuTensor logits, int k, boolean renormalize) {
    return rows.route(logits, k, renormalize);
  }

  @Override
  public void gatherRows(GpuTensor x, int[] from, GpuTensor out) {
    rows.gatherRows(x, from, out);
  }

  @Override
  public void addRows(GpuTensor x, int[] to, float[] factors, GpuTensor out) {
    rows.addRows(x, to, factors, out);
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
  public double[] crossEntropy(GpuTensor logits, int[] targets) {
    return rows.crossEntropy(logits, targets);
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
