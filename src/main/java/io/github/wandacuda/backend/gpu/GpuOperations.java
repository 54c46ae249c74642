package io.github.wandacuda.backend.gpu;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.ColumnGroups;
import io.github.wandacuda.forward.DeltaOperands;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.PackedTriangle;
import io.github.wandacuda.forward.RotaryPairs;
import io.github.wandacuda.forward.Routing;
import io.github.wandacuda.forward.RoutingRule;
import io.github.wandacuda.forward.SecondMoments;
import io.github.wandacuda.forward.StoredRows;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.forward.Weight;
import io.github.wandacuda.forward.WeightsAhead;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The forward half on a GPU: queues kernels. All work is in one queue, so it takes effect in order.
 * The host waits only when it copies memory or needs a result.
 */
final class GpuOperations implements Operations, AutoCloseable {
  private final GpuDevice device;
  private final DeviceQueue queue;
  private final WeightUpload weights;
  private final GrowingBuffer indices;
  private final GrowingBuffer results;
  private final PinnedMemory pinned;
  private final PinnedMemory.StagingBuffer staging;

  /** Copies weights that come ahead; null before there were any. */
  private DeviceQueue ahead;

  public GpuOperations(GpuDevice device) {
    this.device = device;
    queue = device.queue();
    weights = new WeightUpload(device, queue);
    indices = new GrowingBuffer(device, queue);
    results = new GrowingBuffer(device, queue);
    pinned = new PinnedMemory(device);
    staging = new PinnedMemory.StagingBuffer(pinned);
  }

  @Override
  public GpuTensor tensor(int rows, int columns) {
    GpuTensor tensor = GpuTensor.allocate(device, queue, rows, columns);
    OnFailure.run(tensor::close, () -> queue.clear(tensor.matrix().data(), tensor.bytes()));
    return tensor;
  }

  @Override
  public StoredRows storedRows(long rows, int columns) {
    return new GpuStoredRows(device, queue, pinned, rows, columns, weights.roomBesideBlock());
  }

  @Override
  public OptionalLong hostBytes(long rows, int columns) {
    long rowBytes = (long) columns * Float.BYTES;
    long resident = GpuStoredRows.ResidentChunks.fitting(weights.roomBesideBlock(), rowBytes, rows);
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
    queue.send(source.asSlice(0, own(to).bytes()), data(to));
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
  public GpuWeight weight(RowReader matrix) {
    return switch (matrix) {
      case WeightMatrix plain -> GpuWeight.Dense.of(plain, weights);
      case QuantizedMatrix codes -> GpuWeight.Quantized.of(codes, weights);
    };
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
    return GpuWeight.Packed.of(matrix, weights);
  }

  private DevicePointer upload(int[] values) {
    DevicePointer place = indices.atLeast((long) values.length * Integer.BYTES);
    queue.send(MemorySegment.ofArray(values), place);
    return place;
  }

  /**
   * Looks tokens up in a table that is on the device as a whole; decoders pass only the rows of
   * their tokens.
   *
   * @throws DeviceMemoryException if the table didn't fit on the device
   */
  @Override
  public void embed(Weight table, int[] tokens, Tensor out) {
    DevicePointer ids = upload(tokens);
    queue.forward().embed(((GpuWeight) table).whole(), ids, matrix(out));
  }

  @Override
  public void rmsNorm(Tensor x, Tensor gain, float epsilon, Tensor out) {
    queue.forward().rmsNorm(matrix(x), data(gain), epsilon, matrix(out));
  }

  @Override
  public void layerNorm(Tensor x, Tensor gain, Tensor bias, float epsilon, Tensor out) {
    queue.forward().layerNorm(matrix(x), matrix(gain), data(bias), epsilon, matrix(out));
  }

  @Override
  public void linear(Tensor x, Weight w, Tensor bias, Tensor out) {
    ((GpuWeight) w).linear(own(x), own(bias), own(out));
  }

  @Override
  public void rotate(Tensor x, RotaryPairs pairs, Tensor cos, Tensor sin) {
    queue.forward().rotate(matrix(x), pairs, matrix(cos), matrix(sin));
  }

  @Override
  public void attention(AttentionOperands<Tensor> of) {
    queue.forward().attention(of.map(GpuOperations::matrix));
  }

  @Override
  public void convolve(Tensor x, Tensor weights, int sequenceLength, Tensor out) {
    queue.forward().convolve(matrix(x), matrix(weights), sequenceLength, matrix(out));
  }

  @Override
  public void deltaRule(DeltaOperands<Tensor> of) {
    queue.forward().deltaRule(of.map(GpuOperations::matrix));
  }

  @Override
  public void elementwise(Elementwise operation, Tensor x, Tensor y, Tensor out) {
    queue.forward().elementwise(operation, matrix(x), matrix(y), matrix(out));
  }

  @Override
  public void clear(Tensor x) {
    queue.clear(data(x), own(x).bytes());
  }

  @Override
  public void gatherColumns(Tensor source, ColumnGroups groups, Tensor out) {
    queue.forward().gatherColumns(matrix(source), groups, matrix(out));
  }

  @Override
  public Routing route(Tensor logits, Tensor correction, RoutingRule rule) {
    int k = rule.expertsPerToken();
    long bytes = (long) Math.multiplyExact(logits.rows(), k) * Integer.BYTES;
    DevicePointer experts = results.atLeast(2 * bytes);
    DevicePointer weights = experts.plus(bytes);
    queue.forward().route(matrix(logits), data(correction), rule, experts, weights);
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
  public void gatherRows(Tensor x, int[] from, Tensor out) {
    DevicePointer places = upload(from);
    queue.forward().gatherRows(matrix(x), places, matrix(out));
  }

  @Override
  public void addRows(Tensor x, int[] to, float[] factors, Tensor out) {
    DevicePointer places = upload(rowsAndFactors(to, factors));
    DevicePointer weights = places.plus((long) to.length * Integer.BYTES);
    queue.forward().addRows(matrix(x), places, weights, matrix(out));
  }

  /** Returns the rows followed by the factors' bits, so that one copy uploads both. */
  private static int[] rowsAndFactors(int[] rows, float[] factors) {
    int[] all = Arrays.copyOf(rows, rows.length + factors.length);
    for (int i = 0; i < factors.length; i++) {
      all[rows.length + i] = Float.floatToRawIntBits(factors[i]);
    }
    return all;
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
    double[] result = new double[targets.length];
    long bytes = (long) targets.length * GpuForwardKernels.LOSS_FLOATS * Float.BYTES;
    DevicePointer ids = upload(targets);
    DevicePointer place = results.atLeast(bytes);
    queue.forward().crossEntropy(matrix(logits), ids, place);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment host = arena.allocate(bytes, Float.BYTES);
      queue.complete(() -> queue.download(place, host));
      for (int row = 0; row < result.length; row++) {
        result[row] = loss(host, (long) row * GpuForwardKernels.LOSS_FLOATS);
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
    if (ahead != null) {
      ahead.close();
    }
    staging.close();
    weights.close();
    indices.close();
    results.close();
  }

  /**
   * Sums of products of columns in a device's memory. They are divided on the host, so that a
   * quotient has the same bits for the same sum everywhere.
   */
  private static final class GpuSecondMoments implements SecondMoments {
    /** Bytes of sums that are on the host at a time. */
    private static final long PART_BYTES = 16 << 20;

    private static final int SUM_BYTES = GpuForwardKernels.MOMENT_BYTES;

    private final DeviceQueue queue;
    private final long elements;
    private final DeviceBuffer state;
    private boolean closed;

    GpuSecondMoments(GpuDevice device, DeviceQueue queue, int columns) {
      this.queue = queue;
      elements = PackedTriangle.elements(columns);
      state = device.allocate(Math.max(1, elements * SUM_BYTES));
      OnFailure.run(state::close, () -> queue.clear(state.at(0), state.bytes()));
    }

    @Override
    public void add(Tensor x) {
      queue.forward().secondMoments(((GpuTensor) x).matrix(), state.at(0));
    }

    @Override
    public void download(double divisor, MemorySegment triangle) {
      try (Arena arena = Arena.ofConfined()) {
        long most = Math.min(PART_BYTES / SUM_BYTES, elements);
        MemorySegment part = arena.allocate(most * SUM_BYTES, SUM_BYTES);
        for (long first = 0; first < elements; first += most) {
          long count = Math.min(most, elements - first);
          long at = first * SUM_BYTES;
          queue.complete(() -> queue.download(state.at(at), part.asSlice(0, count * SUM_BYTES)));
          for (long i = 0; i < count; i++) {
            double sum = queue.forward().moment(part, i);
            triangle.setAtIndex(FLOAT, first + i, (float) (sum / divisor));
          }
        }
      }
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        queue.settle();
        state.close();
      }
    }
  }
}
