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
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * The forward half on a GPU: checks what it is given and queues kernels. All work is in one queue,
 * so that it takes effect in its order; the host waits only where it hands memory over or takes a
 * result.
 */
final class GpuOperations implements Operations, AutoCloseable {
  private final GpuDevice device;
  private final DeviceQueue queue;
  private final WeightUpload weights;
  private final GrowingBuffer indices;
  private final GrowingBuffer results;

  GpuOperations(GpuDevice device) {
    this.device = device;
    queue = device.queue();
    weights = new WeightUpload(device, queue);
    indices = new GrowingBuffer(device, queue);
    results = new GrowingBuffer(device, queue);
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

  /**
   * Takes a table that is on the device whole; decoders give the rows that their tokens need.
   *
   * @throws DeviceMemoryException if there was no room for it
   */
  @Override
  public void embed(Weight table, int[] tokens, Tensor out) {
    GpuWeight source = own(table);
    GpuTensor to = GpuTensor.own(out);
    OperationShapes.embed(table, tokens, to);
    if (to.bytes() == 0) {
      return;
    }
    DevicePointer ids = upload(tokens);
    queue.forward().embed(source.whole(), ids, to.matrix());
  }

  private DevicePointer upload(int[] values) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocateFrom(ValueLayout.JAVA_INT, values);
      // What was queued before may still read the numbers that these replace.
      queue.finish();
      DevicePointer place = indices.atLeast(host.byteSize());
      queue.complete(() -> queue.upload(host, place));
      return place;
    }
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
        (rows, first) ->
            queue
                .forward()
                .linear(
                    input.matrix(),
                    rows,
                    biases == null ? null : biases.matrix().columnRange(first, rows.rows()).data(),
                    all.columnRange(first, rows.rows())));
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
    GpuTensor input = GpuTensor.own(logits);
    OperationShapes.route(input, k);
    int places = Math.multiplyExact(input.rows(), k);
    if (places == 0) {
      return new Routing(k, new int[0], new float[0]);
    }
    long bytes = (long) places * Integer.BYTES;
    DevicePointer experts = results.atLeast(2 * bytes);
    DevicePointer weights = experts.plus(bytes);
    queue.forward().route(input.matrix(), k, renormalize, experts, weights);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(2 * bytes, Integer.BYTES);
      queue.complete(() -> queue.download(experts, host));
      return new Routing(
          k,
          host.asSlice(0, bytes).toArray(ValueLayout.JAVA_INT),
          host.asSlice(bytes).toArray(ValueLayout.JAVA_FLOAT));
    }
  }

  @Override
  public void gatherRows(Tensor x, int[] rows, Tensor out) {
    GpuTensor from = GpuTensor.own(x);
    GpuTensor to = GpuTensor.own(out);
    OperationShapes.gatherRows(from, rows, to);
    if (to.bytes() > 0) {
      DevicePointer places = upload(rows);
      queue.forward().gatherRows(from.matrix(), places, to.matrix());
    }
  }

  @Override
  public void addRows(Tensor x, int[] rows, float[] factors, Tensor out) {
    GpuTensor input = GpuTensor.own(x);
    GpuTensor sum = GpuTensor.own(out);
    OperationShapes.addRows(input, rows, factors, sum);
    if (input.bytes() > 0) {
      DevicePointer places = upload(rowsAndFactors(rows, factors));
      DevicePointer weights = places.plus((long) rows.length * Integer.BYTES);
      queue.forward().addRows(input.matrix(), places, weights, sum.matrix());
    }
  }

  /** Returns the rows and after them the factors' bits, so that both go up at once. */
  private static int[] rowsAndFactors(int[] rows, float[] factors) {
    int[] all = Arrays.copyOf(rows, rows.length + factors.length);
    for (int i = 0; i < factors.length; i++) {
      all[rows.length + i] = Float.floatToRawIntBits(factors[i]);
    }
    return all;
  }

  @Override
  public ColumnSquares columnSquares(int columns) {
    return new GpuColumnSquares(device, queue, columns);
  }

  @Override
  public double[] crossEntropy(Tensor logits, int[] targets) {
    GpuTensor input = GpuTensor.own(logits);
    OperationShapes.crossEntropy(input, targets);
    double[] result = new double[targets.length];
    if (targets.length == 0) {
      return result;
    }
    long bytes = (long) targets.length * ForwardKernels.LOSS_FLOATS * Float.BYTES;
    DevicePointer ids = upload(targets);
    DevicePointer place = results.atLeast(bytes);
    queue.forward().crossEntropy(input.matrix(), ids, place);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(bytes, Float.BYTES);
      queue.complete(() -> queue.download(place, host));
      for (int row = 0; row < result.length; row++) {
        result[row] = loss(host, (long) row * ForwardKernels.LOSS_FLOATS);
      }
    }
    return result;
  }

  private static double loss(MemorySegment host, long at) {
    double highest = host.getAtIndex(ValueLayout.JAVA_FLOAT, at);
    double sum = host.getAtIndex(ValueLayout.JAVA_FLOAT, at + 1);
    double target = host.getAtIndex(ValueLayout.JAVA_FLOAT, at + 2);
    return Math.log(sum) + (highest - target);
  }

  @Override
  public void close() {
    queue.close();
    weights.close();
    indices.close();
    results.close();
  }
}
