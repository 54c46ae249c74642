package io.github.wandacuda.checkpoint.gguf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import java.util.function.IntUnaryOperator;

/**
 * Where the rows of a tensor come from that has another name, order or shape in a GGUF file. Codes
 * are widened to float32; elements of a plain type keep it. Safe for use by several threads.
 */
interface RowSource {
  /** A float32 of the file, at any address. */
  ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Returns the bytes of a row. */
  long rowBytes();

  /**
   * Reads rows that follow each other.
   *
   * @param first the first row's number
   * @param destination as many bytes as the rows have
   */
  void read(int first, int rows, MemorySegment destination);

  /**
   * Returns which row of the file has a row's codes and nothing else.
   *
   * @return nothing if the row is made of several, or of parts of them
   */
  default Optional<StoredRow> stored(int row) {
    return Optional.empty();
  }

  /**
   * A row of a tensor of the file.
   *
   * @param row its number, of stacked experts over all of them
   */
  record StoredRow(GgufFiles.Stored stored, int row) {}

  /** Returns whether elements of a type are handed on as they are. */
  private static boolean isKept(GgufType type) {
    return type.isPlain() || !type.isWidened();
  }

  /** Returns the type of what {@link Rows} of a type have. */
  static String dtype(GgufType type) {
    return isKept(type) ? type.name() : GgufType.F32.name();
  }

  /**
   * Rows of a tensor, in an order.
   *
   * @param firstRow the tensor's row at which these begin, where experts are stacked
   * @param order gives the row of the file for a row, both from {@code firstRow} on; null for the
   *     file's own order
   */
  record Rows(GgufFiles.Stored stored, int firstRow, IntUnaryOperator order) implements RowSource {
    @Override
    public long rowBytes() {
      GgufTensor tensor = stored.tensor();
      return isKept(tensor.type()) ? tensor.rowBytes() : tensor.columns() * (long) Float.BYTES;
    }

    @Override
    public void read(int first, int rows, MemorySegment destination) {
      if (order == null) {
        copy(firstRow + first, rows, destination);
        return;
      }
      for (int row = 0; row < rows; row++) {
        MemorySegment to = destination.asSlice(row * rowBytes(), rowBytes());
        copy(firstRow + order.applyAsInt(first + row), 1, to);
      }
    }

    @Override
    public Optional<StoredRow> stored(int row) {
      int own = order == null ? row : order.applyAsInt(row);
      return Optional.of(new StoredRow(stored, firstRow + own));
    }

    private void copy(int from, int rows, MemorySegment destination) {
      GgufTensor tensor = stored.tensor();
      if (isKept(tensor.type())) {
        stored.read(from * tensor.rowBytes(), destination);
      } else {
        new Widened(stored, 0).read(from, rows, destination);
      }
    }
  }

  /** Returns rows of a tensor as float32. */
  static float[] widened(GgufFiles.Stored stored, int from, int rows) {
    GgufTensor tensor = stored.tensor();
    byte[] codes = new byte[Math.toIntExact(rows * tensor.rowBytes())];
    stored.read(from * tensor.rowBytes(), MemorySegment.ofArray(codes));
    float[] values = new float[Math.toIntExact((long) rows * tensor.columns())];
    tensor.type().widen(codes, values);
    return values;
  }

  /**
   * Rows of a tensor as float32, whatever its type.
   *
   * @param firstRow the tensor's row at which these begin
   */
  record Widened(GgufFiles.Stored stored, int firstRow) implements RowSource {
    @Override
    public long rowBytes() {
      return stored.tensor().columns() * (long) Float.BYTES;
    }

    @Override
    public void read(int first, int rows, MemorySegment destination) {
      float[] values = widened(stored, firstRow + first, rows);
      MemorySegment.copy(values, 0, destination, FLOAT, 0, values.length);
    }
  }

  /**
   * A matrix whose columns are the rows asked for. Each read goes through the whole matrix.
   *
   * @param firstRow the row of the file at which the matrix begins
   * @param columns how many rows of the file it has, which are columns here
   */
  record Transposed(GgufFiles.Stored stored, int firstRow, int columns) implements RowSource {
    /** Returns the row of the file that is a column here. */
    StoredRow fileRow(int column) {
      return new StoredRow(stored, firstRow + column);
    }

    @Override
    public long rowBytes() {
      return columns * (long) Float.BYTES;
    }

    @Override
    public void read(int first, int rows, MemorySegment destination) {
      for (int column = 0; column < columns; column++) {
        float[] values = widened(stored, firstRow + column, 1);
        for (int row = 0; row < rows; row++) {
          destination.set(
              FLOAT, row * rowBytes() + (long) column * Float.BYTES, values[first + row]);
        }
      }
    }
  }

  /**
   * A vector as a row of its own.
   *
   * @param order gives the place in the file for a place here, or null for the file's own order
   * @param added is added to each element
   */
  record Vector(GgufFiles.Stored stored, IntUnaryOperator order, float added) implements RowSource {
    @Override
    public long rowBytes() {
      return stored.tensor().elements() * Float.BYTES;
    }

    @Override
    public void read(int first, int rows, MemorySegment destination) {
      int count = Math.toIntExact(stored.tensor().elements());
      float[] values = widened(stored, 0, count / stored.tensor().columns());
      for (int place = 0; place < count; place++) {
        int from = order == null ? place : order.applyAsInt(place);
        destination.set(FLOAT, (long) place * Float.BYTES, values[from] + added);
      }
    }

    @Override
    public Optional<StoredRow> stored(int row) {
      return order == null && added == 0
          ? Optional.of(new StoredRow(stored, row))
          : Optional.empty();
    }
  }

  /** A float32 tensor's elements, each a row of its own. */
  record Elements(GgufFiles.Stored stored) implements RowSource {
    @Override
    public long rowBytes() {
      return Float.BYTES;
    }

    @Override
    public void read(int first, int rows, MemorySegment destination) {
      stored.read((long) first * Float.BYTES, destination);
    }
  }

  /** A number that a key has. */
  record Number(float value) implements RowSource {
    @Override
    public long rowBytes() {
      return Float.BYTES;
    }

    @Override
    public void read(int first, int rows, MemorySegment destination) {
      destination.set(FLOAT, 0, value);
    }
  }

  /** Several sources' rows, one source after the other. */
  record Joined(List<Part> parts) implements RowSource {
    /** The first rows of a source. */
    record Part(RowSource source, int rows) {}

    @Override
    public long rowBytes() {
      return parts.getFirst().source.rowBytes();
    }

    @Override
    public void read(int first, int rows, MemorySegment destination) {
      int begin = 0;
      for (Part part : parts) {
        int from = Math.max(first, begin);
        int to = Math.min(first + rows, begin + part.rows);
        if (from < to) {
          MemorySegment some =
              destination.asSlice((from - first) * rowBytes(), (to - from) * rowBytes());
          part.source.read(from - begin, to - from, some);
        }
        begin += part.rows;
      }
    }

    @Override
    public Optional<StoredRow> stored(int row) {
      int left = row;
      for (Part part : parts) {
        if (left < part.rows) {
          return part.source.stored(left);
        }
        left -= part.rows;
      }
      throw new IndexOutOfBoundsException(row);
    }
  }

  /**
   * The codes of MXFP4 as Hugging Face has them: 16 bytes a block, of which a byte has two
   * neighbours, where GGUF's has two elements that are 16 apart.
   */
  record PairedCodes(GgufFiles.Stored stored) implements RowSource {
    private static final int HALF = 16;

    @Override
    public long rowBytes() {
      return (long) stored.tensor().columns() / 2;
    }

    @Override
    public void read(int first, int rows, MemorySegment destination) {
      byte[] blocks = blocks(stored, first, rows);
      byte[] codes = new byte[Math.toIntExact(rows * rowBytes())];
      int size = GgufType.MXFP4.blockBytes();
      for (int block = 0; block < blocks.length / size; block++) {
        for (int pair = 0; pair < HALF; pair++) {
          int from = block * size + 1 + 2 * pair % HALF;
          int shift = pair < HALF / 2 ? 0 : 4;
          int low = blocks[from] >> shift & 15;
          int high = blocks[from + 1] >> shift & 15;
          codes[block * HALF + pair] = (byte) (low | high << 4);
        }
      }
      MemorySegment.copy(codes, 0, destination, ValueLayout.JAVA_BYTE, 0, codes.length);
    }

    @Override
    public Optional<StoredRow> stored(int row) {
      return Optional.of(new StoredRow(stored, row));
    }

    private static byte[] blocks(GgufFiles.Stored stored, int first, int rows) {
      byte[] blocks = new byte[Math.toIntExact(rows * stored.tensor().rowBytes())];
      stored.read(first * stored.tensor().rowBytes(), MemorySegment.ofArray(blocks));
      return blocks;
    }
  }

  /** The scales of MXFP4, a byte for each block. */
  record BlockScales(GgufFiles.Stored stored) implements RowSource {
    @Override
    public long rowBytes() {
      return stored.tensor().columns() / (long) GgufType.MXFP4.blockElements();
    }

    @Override
    public void read(int first, int rows, MemorySegment destination) {
      byte[] blocks = PairedCodes.blocks(stored, first, rows);
      int size = GgufType.MXFP4.blockBytes();
      for (int block = 0; block < blocks.length / size; block++) {
        destination.set(ValueLayout.JAVA_BYTE, block, blocks[block * size]);
      }
    }
  }

  /**
   * The rows of two sources in turns: the first's row 0, the second's row 0, the first's row 1 and
   * so on. Both have as many rows, so those of stacked experts follow each other as they should.
   */
  record Interleaved(RowSource even, RowSource odd) implements RowSource {
    @Override
    public long rowBytes() {
      return even.rowBytes();
    }

    @Override
    public void read(int first, int rows, MemorySegment destination) {
      read(even, first, 0, rows, destination);
      read(odd, first, 1, rows, destination);
    }

    @Override
    public Optional<StoredRow> stored(int row) {
      return (row % 2 == 0 ? even : odd).stored(row / 2);
    }

    private void read(
        RowSource source, int first, int remainder, int rows, MemorySegment destination) {
      int from = (first + 1 - remainder) / 2;
      int count = (first + rows + 1 - remainder) / 2 - from;
      byte[] some = new byte[Math.toIntExact(count * rowBytes())];
      source.read(from, count, MemorySegment.ofArray(some));
      int bytes = Math.toIntExact(rowBytes());
      for (int row = 0; row < count; row++) {
        long to = (2L * (from + row) + remainder - first) * bytes;
        MemorySegment.copy(some, row * bytes, destination, ValueLayout.JAVA_BYTE, to, bytes);
      }
    }
  }
}
