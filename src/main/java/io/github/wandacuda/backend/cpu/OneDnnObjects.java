package io.github.wandacuda.backend.cpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.github.wandacuda.backend.cpu.OneDnnFunctions.Name;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.stream.Stream;

/**
 * Objects of oneDNN, by the addresses of which it knows them. All are destroyed when this is
 * closed, the last one first. Matrices are [rows, columns]; sizes and strides are in elements.
 */
final class OneDnnObjects implements AutoCloseable {
  /** {@code dnnl_bf16}. */
  static final int BF16 = 2;

  /** {@code dnnl_f32}. */
  static final int F32 = 3;

  private static final int CPU = 1;
  private static final int IN_ORDER = 1;
  private static final int DIMENSIONS = 2;
  private static final int ANY_ORDER = 1;
  private static final int SCRATCHPAD_OF_USER = 1;
  private static final int WEIGHTS_DESCRIPTOR = 131;
  private static final int SCRATCHPAD_DESCRIPTOR = 136;

  private final OneDnnFunctions functions;
  private final Deque<Runnable> destroying = new ArrayDeque<>();

  OneDnnObjects(OneDnnFunctions functions) {
    this.functions = functions;
  }

  private MemorySegment create(Name creating, Name destroying, Object... arguments) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment created = arena.allocate(ADDRESS);
      functions.require(
          creating, Stream.concat(Stream.of(created), Arrays.stream(arguments)).toArray());
      MemorySegment object = created.get(ADDRESS, 0);
      this.destroying.push(() -> functions.call(destroying, object));
      return object;
    }
  }

  /** Returns the processor. */
  MemorySegment engine() {
    return create(Name.ENGINE_CREATE, Name.ENGINE_DESTROY, CPU, 0L);
  }

  /** Returns an order of execution, for one thread. */
  MemorySegment stream(MemorySegment engine) {
    return create(Name.STREAM_CREATE, Name.STREAM_DESTROY, engine, IN_ORDER);
  }

  /** Returns the description of a matrix in a given order. */
  MemorySegment matrix(int type, int rows, int columns, int rowStride, int columnStride) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment strides = arena.allocateFrom(JAVA_LONG, rowStride, columnStride);
      return matrix(Name.MEMORY_DESC_CREATE_WITH_STRIDES, type, rows, columns, strides);
    }
  }

  /** Returns the description of a matrix in an order that the product which reads it chooses. */
  MemorySegment matrixInAnyOrder(int type, int rows, int columns) {
    return matrix(Name.MEMORY_DESC_CREATE_WITH_TAG, type, rows, columns, ANY_ORDER);
  }

  private MemorySegment matrix(Name creating, int type, int rows, int columns, Object order) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment sizes = arena.allocateFrom(JAVA_LONG, rows, columns);
      return create(creating, Name.MEMORY_DESC_DESTROY, DIMENSIONS, sizes, type, order);
    }
  }

  long bytes(MemorySegment matrix) {
    return (long) functions.call(Name.MEMORY_DESC_GET_SIZE, matrix);
  }

  /** Returns a matrix at an address. */
  MemorySegment memory(MemorySegment engine, MemorySegment matrix, MemorySegment at) {
    return create(Name.MEMORY_CREATE, Name.MEMORY_DESTROY, matrix, engine, at);
  }

  /** Has a matrix begin at another address. */
  void move(MemorySegment memory, MemorySegment to) {
    functions.require(Name.MEMORY_SET_DATA_HANDLE, memory, to);
  }

  /** Returns attributes that leave the memory of intermediate results to each execution. */
  MemorySegment attributes() {
    MemorySegment attributes = create(Name.PRIMITIVE_ATTR_CREATE, Name.PRIMITIVE_ATTR_DESTROY);
    functions.require(Name.PRIMITIVE_ATTR_SET_SCRATCHPAD_MODE, attributes, SCRATCHPAD_OF_USER);
    return attributes;
  }

  /** Returns the description of {@code out = x w}, for descriptions of the three. */
  MemorySegment product(
      MemorySegment engine,
      MemorySegment x,
      MemorySegment w,
      MemorySegment out,
      MemorySegment attributes) {
    return create(
        Name.MATMUL_PRIMITIVE_DESC_CREATE,
        Name.PRIMITIVE_DESC_DESTROY,
        engine,
        x,
        w,
        MemorySegment.NULL,
        out,
        attributes);
  }

  /** Returns the description of a copy in another order. */
  MemorySegment reorder(
      MemorySegment engine, MemorySegment from, MemorySegment to, MemorySegment attributes) {
    return create(
        Name.REORDER_PRIMITIVE_DESC_CREATE,
        Name.PRIMITIVE_DESC_DESTROY,
        from,
        engine,
        to,
        engine,
        attributes);
  }

  /** Returns the description of the weights that a product reads, which is the product's. */
  MemorySegment weights(MemorySegment product) {
    return query(product, WEIGHTS_DESCRIPTOR);
  }

  /** Returns the description of what an execution keeps intermediate results in. */
  MemorySegment scratchpad(MemorySegment description) {
    return query(description, SCRATCHPAD_DESCRIPTOR);
  }

  private MemorySegment query(MemorySegment description, int what) {
    return (MemorySegment) functions.call(Name.PRIMITIVE_DESC_QUERY_MD, description, what, 0);
  }

  /** Returns what does that which a description says, compiled for this processor. */
  MemorySegment primitive(MemorySegment description) {
    return create(Name.PRIMITIVE_CREATE, Name.PRIMITIVE_DESTROY, description);
  }

  /** Returns the arguments of an execution: the kinds of some matrices, and these. */
  static MemorySegment arguments(Arena arena, int[] kinds, MemorySegment... memories) {
    long size = 2 * ADDRESS.byteSize();
    MemorySegment arguments = arena.allocate(size * kinds.length, ADDRESS.byteAlignment());
    for (int i = 0; i < kinds.length; i++) {
      arguments.set(JAVA_INT, i * size, kinds[i]);
      arguments.set(ADDRESS, i * size + ADDRESS.byteSize(), memories[i]);
    }
    return arguments;
  }

  /**
   * Executes a primitive in the calling thread.
   *
   * @param arguments of so many matrices
   */
  void execute(MemorySegment primitive, MemorySegment stream, int count, MemorySegment arguments) {
    functions.require(Name.PRIMITIVE_EXECUTE, primitive, stream, count, arguments);
  }

  @Override
  public void close() {
    while (!destroying.isEmpty()) {
      destroying.pop().run();
    }
  }
}
