package io.github.wandacuda.backend.gpu;

import io.github.wandacuda.backend.Activation;
import io.github.wandacuda.backend.AttentionShape;
import io.github.wandacuda.backend.ColumnSquares;
import io.github.wandacuda.backend.OperationShapes;
import io.github.wandacuda.backend.Operations;
import io.github.wandacuda.backend.Routing;
import io.github.wandacuda.backend.Tensor;
import io.github.wandacuda.backend.Weight;
import io.github.wandacuda.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The forward half on a GPU: checks what it is given and queues kernels. All work is in one queue,
 * so that it takes effect in its order; the host waits only where it hands memory over or takes a
 * result.
 */
final class GpuOperations implements Operations, AutoCloseable {
  private final GpuDevice device;
  private final DeviceQueue queue;
  private final WeightUpload weights;
  private final RowOperations rows;

  GpuOperations(GpuDevice device) {
    this.device = device;
    queue = device.queue();
    weights = new WeightUpload(device, queue);
    rows = new RowOperations(device, queue);
  }

  @Override
  public Tensor tensor(int rows, int columns) {
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
  public void upload(MemorySegment source, Tensor destination) {
    GpuTensor to = GpuTensor.own(destination);
    OperationShapes.host(source.byteSize(), to);
    if (to.bytes() == 0) {
      return;
    }
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
  public void download(Tensor source, MemorySegment destination) {
    GpuTensor from = GpuTensor.own(source);
    OperationShapes.host(destination.byteSize(), from);
    if (from.bytes() == 0) {
      return;
    }
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
  public Weight weight(WeightMatrix matrix) {
    return new GpuWeight(device, matrix, weights);
  }

  private static GpuWeight own(Weight weight) {
    if (weight instanceof GpuWeight own) {
      return own;
    }
    throw new IllegalArgumentException("a weight of another backend");
  }

  @Override
  public void embed(Weight table, int[] tokens, Tensor out) {
    rows.embed(own(table), tokens, out);
  }

  @Override
  public void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor out) {
    GpuTensor input = GpuTensor.own(x);
    GpuTensor gains = GpuTensor.own(gain);
    GpuTensor result = GpuTensor.own(out);
    OperationShapes.rmsNorm(input, gains, result);
    if (result.bytes() > 0) {
      queue.forward().rmsNorm(input.matrix(), gains.matrix().data(), epsilon, result.matrix());
    }
  }

  @Override
  public void layerNorm(Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor out) {
    GpuTensor input = GpuTensor.own(x);
    GpuTensor gains = GpuTensor.own(gain);
    GpuTensor biases = ownOrNull(bias);
    GpuTensor result = GpuTensor.own(out);
    OperationShapes.layerNorm(input, gains, biases, result);
    if (result.bytes() > 0) {
      queue
          .forward()
          .layerNorm(
              input.matrix(),
              gains.matrix().data(),
              biases == null ? null : biases.matrix().data(),
              epsilon,
              result.matrix());
    }
  }

  private static GpuTensor ownOrNull(Tensor tensor) {
    return tensor == null ? null : GpuTensor.own(tensor);
  }

  @Override
  public void linear(Tensor x, Weight w, Tensor bias, Tensor out) {
    GpuTensor input = GpuTensor.own(x);
    GpuWeight weight = own(w);
    GpuTensor biases = ownOrNull(bias);
    GpuTensor result = GpuTensor.own(out);
    OperationShapes.linear(input, w, biases, result);
    if (result.bytes() == 0) {
      return;
    }
    DeviceMatrix all = result.matrix();
    weight.forEachTile(
        (tile, first) ->
            queue
                .forward()
                .linear(
                    input.matrix(),
                    tile,
                    biases == null ? null : biases.matrix().columnRange(first, tile.rows()).data(),
                    all.columnRange(first, tile.rows())));
  }

  @Override
  public void rotate(Tensor x, int headSize, Tensor cos, Tensor sin) {
    GpuTensor input = GpuTensor.own(x);
    GpuTensor cosines = GpuTensor.own(cos);
    GpuTensor sines = GpuTensor.own(sin);
    OperationShapes.rotate(input, headSize, cosines, sines);
    if (input.bytes() > 0) {
      queue.forward().rotate(input.matrix(), headSize, cosines.matrix(), sines.matrix());
    }
  }

  @Override
  public void attention(
      Tensor q, Tensor k, Tensor v, AttentionShape shape, Tensor keyBias, Tensor out) {
    GpuTensor queries = GpuTensor.own(q);
    GpuTensor keys = GpuTensor.own(k);
    GpuTensor values = GpuTensor.own(v);
    GpuTensor result = GpuTensor.own(out);
    GpuTensor biases = ownOrNull(keyBias);
    OperationShapes.attention(queries, keys, values, shape, biases, result);
    if (result.bytes() > 0) {
      queue
          .forward()
          .attention(
              queries.matrix(),
              keys.matrix(),
              values.matrix(),
              shape,
              biases == null ? null : biases.matrix(),
              result.matrix());
    }
  }

  @Override
  public void activate(Activation activation, Tensor x, Tensor out) {
    GpuTensor input = GpuTensor.own(x);
    GpuTensor result = GpuTensor.own(out);
    OperationShapes.activate(input, result);
    if (result.bytes() > 0) {
      queue.forward().activate(activation, input.matrix(), result.matrix());
    }
  }

  @Override
  public void gate(Activation activation, Tensor gate, Tensor up, Tensor out) {
    GpuTensor gates = GpuTensor.own(gate);
    GpuTensor ups = GpuTensor.own(up);
    GpuTensor result = GpuTensor.own(out);
    OperationShapes.gate(gates, ups, result);
    if (result.bytes() > 0) {
      queue.forward().gate(activation, gates.matrix(), ups.matrix(), result.matrix());
    }
  }

  @Override
  public void add(Tensor x, Tensor y) {
    GpuTensor sum = GpuTensor.own(x);
    GpuTensor addend = GpuTensor.own(y);
    OperationShapes.add(sum, addend);
    if (sum.bytes() > 0) {
      queue.forward().add(sum.matrix(), addend.matrix());
    }
  }

  @Override
  public void clear(Tensor x) {
    GpuTensor own = GpuTensor.own(x);
    if (own.bytes() > 0) {
      queue.clear(own.matrix().data(), own.bytes());
    }
  }

  @Override
  public void scale(Tensor x, float factor) {
    GpuTensor own = GpuTensor.own(x);
    if (own.bytes() > 0) {
      queue.forward().scale(own.matrix(), factor);
    }
  }

  @Override
  public void softcap(Tensor x, float cap) {
    GpuTensor own = GpuTensor.own(x);
    OperationShapes.softcap(cap);
    if (own.bytes() > 0) {
      queue.forward().softcap(own.matrix(), cap);
    }
  }

  @Override
  public void gatherColumns(Tensor source, int offset, int width, int stride, Tensor out) {
    GpuTensor from = GpuTensor.own(source);
    GpuTensor to = GpuTensor.own(out);
    OperationShapes.gatherColumns(from, offset, width, stride, to);
    if (to.bytes() > 0) {
      queue.forward().gatherColumns(from.matrix(), offset, width, stride, to.matrix());
    }
  }

  @Override
  public Routing route(Tensor logits, int k, boolean renormalize) {
    return rows.route(logits, k, renormalize);
  }

  @Override
  public void gatherRows(Tensor x, int[] from, Tensor out) {
    rows.gatherRows(x, from, out);
  }

  @Override
  public void addRows(Tensor x, int[] to, float[] factors, Tensor out) {
    rows.addRows(x, to, factors, out);
  }

  @Override
  public ColumnSquares columnSquares(int columns) {
    return new GpuColumnSquares(device, queue, columns);
  }

  @Override
  public double[] crossEntropy(Tensor logits, int[] targets) {
    return rows.crossEntropy(logits, targets);
  }

  @Override
  public void close() {
    queue.close();
    weights.close();
    rows.close();
  }
}
