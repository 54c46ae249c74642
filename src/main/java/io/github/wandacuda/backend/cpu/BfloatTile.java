package io.github.wandacuda.backend.cpu;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The product of {@link #ROWS} rows of activations with some features over some columns, compiled
 * for this size. One size for all rows, so that what a row gets hangs on itself alone: another size
 * might be added up in another order. Used by several threads at once.
 */
final class BfloatTile implements AutoCloseable {
  /** Rows of a tile, which is as fast as with more, and wastes least where there are few. */
  static final int ROWS = 32;

  /** Elements of a cache line, of which rows of activations are made up. */
  private static final int LINE = 32;

  private static final long ALIGNMENT = 64;

  /** {@code DNNL_ARG_SRC}, {@code _WEIGHTS}, {@code _DST} and {@code _SCRATCHPAD}. */
  private static final int[] PRODUCT = {1, 33, 17, 80};

  /** {@code DNNL_ARG_FROM}, {@code _TO} and {@code _SCRATCHPAD}. */
  private static final int[] PACKING = {1, 17, 80};

  private final OneDnn library;
  private final OneDnnObjects objects;
  private final MemorySegment engine;
  private final MemorySegment rows;
  private final MemorySegment plain;
  private final MemorySegment packed;
  private final MemorySegment sums;
  private final MemorySegment scratchpad;
  private final MemorySegment packingScratchpad;
  private final MemorySegment product;
  private final MemorySegment packing;

  /** Compiles the product for a number of features and columns, each at least 1. */
  BfloatTile(OneDnn library, int features, int columns) {
    this.library = library;
    objects = library.objects();
    try (OneDnn.Alone alone = library.alone()) {
      engine = objects.engine();
      rows = objects.matrix(OneDnnObjects.BF16, ROWS, columns, stride(columns), 1);
      plain = objects.matrix(OneDnnObjects.BF16, columns, features, 1, columns);
      sums = objects.matrix(OneDnnObjects.F32, ROWS, features, features, 1);
      MemorySegment any = objects.matrixInAnyOrder(OneDnnObjects.BF16, columns, features);
      MemorySegment attributes = objects.attributes();
      MemorySegment described = objects.product(engine, rows, any, sums, attributes);
      packed = objects.weights(described);
      scratchpad = objects.scratchpad(described);
      MemorySegment copying = objects.reorder(engine, plain, packed, attributes);
      packingScratchpad = objects.scratchpad(copying);
      product = objects.primitive(described);
      packing = objects.primitive(copying);
    } catch (RuntimeException | Error e) {
      objects.close();
      throw e;
    }
  }

  /**
   * Returns how far apart rows of activations begin. One line more than they need, since rows a
   * multiple of 4 KiB apart share few sets of the first-level cache.
   */
  static int stride(int columns) {
    return Math.ceilDiv(columns, LINE) * LINE + LINE;
  }

  /**
   * Begins what one thread does with the tile, until it closes what is returned.
   *
   * @param buffers the thread's own
   * @param weights memory of {@link #packedBytes}, for packed weights
   */
  Session session(WorkerBuffers buffers, MemorySegment weights) {
    return new Session(buffers, weights);
  }

  /** Returns the bytes of plain weights: a row for each feature. */
  long plainBytes() {
    return objects.bytes(plain);
  }

  /** Returns the bytes that packed weights take, a multiple of a cache line. */
  long packedBytes() {
    return Math.ceilDiv(objects.bytes(packed), ALIGNMENT) * ALIGNMENT;
  }

  /** A thread's use of the tile: it packs some features' weights, and multiplies rows by them. */
  final class Session implements AutoCloseable {
    private final Arena arena = Arena.ofConfined();
    private final OneDnnObjects own = library.objects();
    private final OneDnn.Alone alone = library.alone();
    private final MemorySegment stream;
    private final MemorySegment x;
    private final MemorySegment packingArguments;
    private final MemorySegment productArguments;

    private Session(WorkerBuffers buffers, MemorySegment weights) {
      try {
        stream = own.stream(engine);
        MemorySegment room =
            buffers.scratch.atLeast(
                Math.max(objects.bytes(scratchpad), objects.bytes(packingScratchpad)));
        MemorySegment w = own.memory(engine, packed, weights);
        packingArguments =
            OneDnnObjects.arguments(
                arena,
                PACKING,
                own.memory(engine, plain, buffers.plain.atLeast(plainBytes())),
                w,
                own.memory(engine, packingScratchpad, room));
        x = own.memory(engine, rows, MemorySegment.NULL);
        productArguments =
            OneDnnObjects.arguments(
                arena,
                PRODUCT,
                x,
                w,
                own.memory(engine, sums, buffers.sums.atLeast(objects.bytes(sums))),
                own.memory(engine, scratchpad, room));
      } catch (RuntimeException | Error e) {
        close();
        throw e;
      }
    }

    /** Packs the weights that lie in the buffer for plain ones. */
    void pack() {
      own.execute(packing, stream, PACKING.length, packingArguments);
    }

    /**
     * Multiplies rows by the packed weights; the sums go to the buffer for them.
     *
     * @param first where {@link #ROWS} rows begin, {@link #stride} apart
     */
    void multiply(MemorySegment first) {
      own.move(x, first);
      own.execute(product, stream, PRODUCT.length, productArguments);
    }

    @Override
    public void close() {
      alone.close();
      own.close();
      arena.close();
    }
  }

  @Override
  public void close() {
    objects.close();
  }
}
