package io.github.wandacuda.backend.gpu;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.SparseMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.DenseRows;
import io.github.wandacuda.backend.gpu.RowCopy.Place;
import io.github.wandacuda.forward.AttentionOperands;
import io.github.wandacuda.forward.ColumnGroups;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.DeltaOperands;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.forward.LayerFitting;
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
import io.github.wandacuda.system.GrowingMemory;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The forward half on a GPU: queues kernels. All work is in one queue, so it takes effect in order;
 * the host waits only when it copies memory or needs a result. For one thread at a time.
 */
final class GpuOperations implements Operations, AutoCloseable {
  private final GpuDevice device;
  private final DeviceQueue queue;
  private final WeightUpload weights;
  private final GrowingBuffer indices;
  private final GrowingBuffer results;
  private final PinnedMemory pinned;
  private final GrowingMemory staging;

  /** The queue on which weights are copied ahead; null before the first are. */
  private DeviceQueue ahead;

  public GpuOperations(GpuDevice device) {
    this.device = device;
    queue = device.queue();
    weights = new WeightUpload(device, queue);
    indices = new GrowingBuffer(device, queue);
    results = new GrowingBuffer(device, queue);
    pinned = new PinnedMemory(device);
    staging = new GrowingMemory(pinned::allocate);
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

  static DevicePointer data(Tensor tensor) {
    return tensor == null ? null : matrix(tensor).data();
  }

  @Override
  public void upload(MemorySegment source, Tensor to) {
    queue.send(source.asSlice(0, own(to).bytes()), data(to));
  }

  @Override
  public void download(Tensor from, MemorySegment destination) {
    queue.fetch(data(from), destination.asSlice(0, own(from).bytes()));
  }

  @Override
  public GpuWeight weight(RowReader matrix) {
    return switch (matrix) {
      case WeightMatrix plain -> GpuWeight.Dense.of(plain, null, weights);
      case QuantizedMatrix codes -> GpuWeight.Quantized.of(codes, weights);
    };
  }

  @Override
  public Optional<WeightsAhead> weightsAhead(List<WeightsAhead.Shape> shapes) {
    if (ahead == null) {
      ahead = device.queue();
    }
    List<GpuWeightsAhead.Place> places = new ArrayList<>();
    try {
      for (WeightsAhead.Shape shape : shapes) {
        DeviceBuffer buffer =
            weights.allocate(HostRows.deviceBytes(shape.rows(), shape.columns(), shape.dtype()));
        if (buffer == null) {
          GpuWeightsAhead.free(places);
          return Optional.empty();
        }
        DeviceRows rows =
            HostRows.onDevice(buffer.at(0), shape.dtype(), shape.rows(), shape.columns());
        places.add(new GpuWeightsAhead.Place(buffer, rows));
      }
      return Optional.of(new GpuWeightsAhead(places));
    } catch (RuntimeException e) {
      GpuWeightsAhead.free(places);
      throw e;
    }
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
    int count = Math.multiplyExact(logits.rows(), k);
    long bytes = (long) count * Integer.BYTES;
    DevicePointer experts = results.atLeast(2 * bytes);
    DevicePointer weights = experts.plus(bytes);
    queue.forward().route(matrix(logits), data(correction), rule, experts, weights);
    MemorySegment host = MemorySegment.ofArray(new int[2 * count]);
    queue.fetch(experts, host);
    return new Routing(
        k,
        host.asSlice(0, bytes).toArray(ValueLayout.JAVA_INT),
        host.asSlice(bytes).toArray(ValueLayout.JAVA_FLOAT));
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
    return new GpuSecondMoments(columns);
  }

  @Override
  public Optional<LayerFitting> rowFitting(Weight gram) {
    return ((GpuWeight) gram)
        .resident()
        .filter(there -> device.hasDoubles())
        .map(rows -> new GpuRowFitting(device, queue, (DeviceRows) rows));
  }

  @Override
  public double[] crossEntropy(Tensor logits, int[] targets) {
    double[] result = new double[targets.length];
    float[] terms = new float[targets.length * GpuForwardKernels.LOSS_FLOATS];
    DevicePointer ids = upload(targets);
    DevicePointer place = results.atLeast((long) terms.length * Float.BYTES);
    queue.forward().crossEntropy(matrix(logits), ids, place);
    queue.fetch(place, MemorySegment.ofArray(terms));
    for (int row = 0; row < result.length; row++) {
      result[row] = loss(terms, row * GpuForwardKernels.LOSS_FLOATS);
    }
    return result;
  }

  private static double loss(float[] terms, int at) {
    double highest = terms[at];
    double target = terms[at + 2];
    return Math.log(terms[at + 1]) + (highest - target);
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
  private final class GpuSecondMoments implements SecondMoments {
    /** Bytes of sums that are on the host at a time. */
    private static final long PART_BYTES = 16 << 20;

    private static final int SUM_BYTES = GpuForwardKernels.MOMENT_BYTES;

    private final long elements;
    private final DeviceBuffer state;
    private boolean closed;

    GpuSecondMoments(int columns) {
      elements = PackedTriangle.elements(columns);
      state = device.memory().allocate(Math.max(1, elements * SUM_BYTES));
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
          queue.fetch(state.at(at), part.asSlice(0, count * SUM_BYTES));
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

  /**
   * Weights that are sent to the device ahead of their use, on a queue of their own and through
   * pinned memory with room for all of them. So nobody waits for a copy until they are taken.
   */
  private final class GpuWeightsAhead implements WeightsAhead {
    /** Each weight begins at a multiple of so many bytes in pinned memory. */
    private static final long ALIGNMENT = 64;

    private final MemorySegment staged;
    private final List<Place> places;

    /** How many weights were sent; {@code at} is where the next one goes in pinned memory. */
    private int sent;

    private long at;
    private boolean ended;

    /**
     * Takes over device memory for weights. The queue and the pinned memory have no other use until
     * these weights are taken or closed.
     */
    GpuWeightsAhead(List<Place> places) {
      this.places = places;
      staged = staging.exactly(places.stream().mapToLong(Place::stagingBytes).sum());
    }

    /** A weight's memory on the device. */
    private record Place(DeviceBuffer buffer, DeviceRows rows) {
      long bytes() {
        return rows.rows() * rows.rowBytes();
      }

      long stagingBytes() {
        return Math.ceilDiv(bytes(), ALIGNMENT) * ALIGNMENT;
      }
    }

    private static void free(List<Place> places) {
      places.forEach(place -> place.buffer.close());
    }

    @Override
    public void send(WeightMatrix matrix) {
      Place place = places.get(sent++);
      DeviceRows to = place.rows;
      if (matrix.dtype() != to.dtype()
          || matrix.rows() != to.rows()
          || matrix.columns() != to.columns()) {
        throw new IllegalArgumentException("a weight of another shape than there is room for");
      }
      if (matrix.elements() == 0) {
        return;
      }
      MemorySegment dense = staged.asSlice(at, place.bytes());
      at += place.stagingBytes();
      DenseRows.gather(matrix, dense, to.rowBytes());
      RowCopy.Place from = RowCopy.Place.of(dense, to.rowBytes());
      ahead.copy(from, to.place(), to.rowBytes(), to.rows());
    }

    @Override
    public List<Weight> take() {
      if (ended || sent < places.size()) {
        throw new IllegalStateException("%d of %d weights sent".formatted(sent, places.size()));
      }
      ahead.finish();
      ended = true;
      return places.stream()
          .<Weight>map(place -> new GpuWeight.Dense(place.buffer, place.rows, weights))
          .toList();
    }

    @Override
    public void close() {
      if (!ended) {
        ended = true;
        ahead.settle();
        free(places);
      }
    }
  }

  /**
   * Column sums in a device's memory. If activations come in another context than the device's, the
   * running sums are copied to that context and back, so that the bits depend only on the order of
   * calls.
   */
  private static final class GpuColumnSquares implements ColumnSquares {
    private final int columns;
    private final Sums here;

    /** The sums in another context, or null before the first activations of one. */
    private Sums elsewhere;

    private boolean closed;

    GpuColumnSquares(GpuDevice device, DeviceQueue queue, int columns) {
      this.columns = columns;
      long bytes = Math.max(1, queue.forward().columnSquaresBytes(columns));
      here = new Sums(device, queue, bytes);
      OnFailure.run(here.state::close, () -> clear());
    }

    /**
     * Running sums in a context, and a queue there.
     *
     * @param aligned holds activations that lie where no kernel could read them
     */
    private record Sums(
        GpuDevice device, DeviceQueue queue, DeviceBuffer state, GrowingBuffer aligned) {
      Sums(GpuDevice device, DeviceQueue queue, long bytes) {
        this(device, queue, device.memory().allocate(bytes), new GrowingBuffer(device, queue));
      }

      /** Allocates sums in another context, with a queue of their own. */
      static Sums elsewhere(GpuDevice device, long bytes) {
        DeviceQueue queue = device.queue();
        return OnFailure.close(queue::close, () -> new Sums(device, queue, bytes));
      }

      /**
       * Adds the squares of a caller's matrix, after the work in the caller's queue, and waits for
       * the sums.
       */
      void add(DeviceRows x, long callerQueue) {
        queue.startAfter(callerQueue);
        queue.forward().columnSquares(aligned(x), state.at(0));
        queue.finish();
      }

      /**
       * Returns a matrix that kernels can read: itself, or a copy if its elements aren't aligned.
       */
      private DeviceRows aligned(DeviceRows x) {
        if (x.data().offset() % x.dtype().bytes() == 0) {
          return x;
        }
        DevicePointer at = aligned.atLeast(x.rows() * x.rowBytes());
        queue.copy(x.place(), Place.of(at, x.rowBytes()), x.rowBytes(), x.rows());
        return new DeviceRows(at, x.dtype(), x.rows(), x.columns(), x.columns());
      }

      /** Copies these sums over those of another context, through the host. */
      void moveTo(Sums other) {
        MemorySegment host = MemorySegment.ofArray(new byte[Math.toIntExact(state.bytes())]);
        queue.fetch(state.at(0), host);
        other.queue.send(host, other.state.at(0));
      }

      /** Frees the memory; the queue must be finished or closed. */
      void free() {
        aligned.close();
        state.close();
      }
    }

    @Override
    public void add(Tensor x) {
      here.queue.forward().columnSquares(((GpuTensor) x).matrix(), here.state.at(0));
    }

    @Override
    public void add(DeviceMatrix x) {
      GpuDevice found = here.device.reaching(x);
      DeviceRows rows = found.view(x);
      if (found == here.device) {
        here.add(rows, x.queue());
        return;
      }
      if (elsewhere == null || elsewhere.device != found) {
        closeElsewhere();
        elsewhere = Sums.elsewhere(found, here.state.bytes());
      }
      here.moveTo(elsewhere);
      elsewhere.add(rows, x.queue());
      elsewhere.moveTo(here);
    }

    @Override
    public double[] sums() {
      double[] sums = new double[columns];
      if (columns == 0) {
        return sums;
      }
      float[] halves = new float[2 * columns];
      try (DeviceBuffer place = here.device.memory().allocate((long) halves.length * Float.BYTES)) {
        here.queue.forward().columnSums(here.state.at(0), columns, place.at(0));
        here.queue.fetch(place.at(0), MemorySegment.ofArray(halves));
      }
      for (int column = 0; column < columns; column++) {
        sums[column] = (double) halves[column] + halves[columns + column];
      }
      return sums;
    }

    @Override
    public void clear() {
      here.queue.clear(here.state.at(0), here.state.bytes());
    }

    private void closeElsewhere() {
      if (elsewhere != null) {
        elsewhere.queue.close();
        elsewhere.free();
        elsewhere = null;
      }
    }

    @Override
    public void close() {
      if (!closed) {
        closed = true;
        closeElsewhere();
        here.queue.settle();
        here.free();
      }
    }
  }
}
