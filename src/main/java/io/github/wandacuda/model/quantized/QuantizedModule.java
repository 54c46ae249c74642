package io.github.wandacuda.model.quantized;

import io.github.wandacuda.NumberFormat;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.QuantizedMatrix.Codes;
import io.github.wandacuda.QuantizedMatrix.Scales;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.lang.foreign.MemorySegment;
import java.lang.ref.SoftReference;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** A linear module whose weight is stored as codes and scales, in tensors of a format. */
public final class QuantizedModule {
  /** Where nibble k of a word of AWQ belongs among eight rows. */
  private static final int[] AWQ_ROWS = {0, 2, 4, 6, 1, 3, 5, 7};

  private final String format;
  private final Checkpoint.Entry codes;
  private final List<Checkpoint.Entry> others;
  private final Coding coding;
  private final Supplier<Scales> reading;

  /** Of all that would read it; null if it can be read. */
  private InputException failure;

  /** Scales that were read already, which may be read again. */
  private SoftReference<Scales> scales = new SoftReference<>(null);

  /** How codes lie in their tensor. */
  enum Layout {
    /** Row by row, each in whole bytes. */
    ROWS,
    /** A byte each, column by column. */
    COLUMNS,
    /** Words of 32 bits, each of them with codes of consecutive columns of one row: GPTQ. */
    WORDS_OF_COLUMNS,
    /** Words of 32 bits, each of them with codes of eight rows of one column: AWQ. */
    WORDS_OF_ROWS
  }

  /** What codes are there, and what number each stands for. */
  record Coding(Layout layout, int rows, int columns, NumberFormat number, int bits) {
    /**
     * Returns codes.
     *
     * @param rowBytes a row's, where rows are dense
     */
    public Codes codes(MemorySegment bytes, long rowBytes) {
      return switch (layout) {
        case ROWS -> Codes.of(bytes, number, bits, rows, columns, rowBytes);
        case COLUMNS ->
            new Codes(bytes, number, bits, rows, columns, Byte.SIZE, (long) rows * Byte.SIZE);
        case WORDS_OF_COLUMNS -> ofColumns(bytes, rowBytes);
        case WORDS_OF_ROWS -> ofRows(bytes);
      };
    }

    /** Brings the codes of GPTQ into rows: word w of a row lies at {@code w * rows + row}. */
    private Codes ofColumns(MemorySegment bytes, long rowBytes) {
      int words = Math.toIntExact(rowBytes / Integer.BYTES);
      MemorySegment turned = turned(bytes, words, rows, Integer.BYTES);
      return Codes.of(turned, number, bits, rows, columns, (long) words * Integer.BYTES);
    }

    /** Brings the codes of AWQ into rows. */
    private Codes ofRows(MemorySegment bytes) {
      long rowBytes = Math.ceilDiv(columns, 2);
      MemorySegment turned =
          MemorySegment.ofArray(new byte[Math.toIntExact(Math.multiplyExact(rows, rowBytes))]);
      Codes result = Codes.of(turned, number, bits, rows, columns, rowBytes);
      Codes stored = Codes.of(bytes, number, bits, columns, rows, rows / 2);
      for (int column = 0; column < columns; column++) {
        for (int row = 0; row < rows; row++) {
          result.set(row, column, stored.get(column, awqPlace(row)));
        }
      }
      return result;
    }
  }

  /**
   * Describes a module.
   *
   * @param format its name, for people
   * @param codes the tensor that pruning changes
   * @param reading reads and checks the scales
   */
  QuantizedModule(
      String format,
      Checkpoint.Entry codes,
      Collection<Checkpoint.Entry> others,
      Coding coding,
      Supplier<Scales> reading) {
    this.format = format;
    this.codes = codes;
    this.others = List.copyOf(others);
    this.coding = coding;
    this.reading = reading;
  }

  /**
   * Describes a weight whose format isn't read, which all other work may copy.
   *
   * @param failure of all that would read it
   */
  static QuantizedModule unread(Checkpoint.Entry codes, InputException failure) {
    TensorInfo info = codes.info();
    String format = Printable.of(info.dtype());
    Coding coding =
        new Coding(Layout.ROWS, info.rows(), info.columns(), NumberFormat.UNSIGNED, Byte.SIZE);
    QuantizedModule unread = new QuantizedModule(format, codes, List.of(), coding, () -> null);
    unread.failure = failure;
    return unread;
  }

  public boolean isRead() {
    return failure == null;
  }

  public void requireRead() {
    if (failure != null) {
      throw failure;
    }
  }

  /** Returns the format's name, such as {@code FP8 of 128 x 128 blocks}. */
  public String format() {
    return format;
  }

  /** Returns the tensor that pruning changes. */
  public Checkpoint.Entry codes() {
    return codes;
  }

  public int rows() {
    return coding.rows;
  }

  public int columns() {
    return coding.columns;
  }

  /** Returns the bytes of all tensors of the weight. */
  public long bytes() {
    return tensors().mapToLong(TensorInfo::bytes).sum();
  }

  /** Returns the bits that an element takes in the file, with its share of the scales. */
  public double bitsPerWeight() {
    return (double) bytes() * Byte.SIZE / coding.rows / coding.columns;
  }

  /** Returns the tensors that hold the weight: its codes, scales and whatever tells of them. */
  public Stream<TensorInfo> tensors() {
    return Stream.concat(Stream.of(codes), others.stream()).map(Checkpoint.Entry::info);
  }

  /** Returns whether each row's codes lie in bytes of its own, one row after the other. */
  public boolean hasDenseRows() {
    return coding.layout == Layout.ROWS;
  }

  /** Returns whether each byte of the tensor has two codes of a row. */
  public boolean hasNibbles() {
    return hasDenseRows() && coding.bits == Byte.SIZE / 2;
  }

  /** Returns the code of +0, if it is the same for all codes. */
  public Optional<Integer> zeroNibble() {
    if (coding.number != NumberFormat.UNSIGNED) {
      return Optional.of(0);
    }
    boolean symmetric =
        others.stream().noneMatch(entry -> entry.info().name().endsWith("zero_point"));
    return symmetric ? Optional.of(1 << coding.bits - 1) : Optional.empty();
  }

  /** Returns whether single weights can be made 0 in their tensor. */
  public boolean prunable() {
    return isRead() && (hasDenseRows() || coding.layout == Layout.COLUMNS);
  }

  /** Returns the bytes of a row's codes, where rows are dense. */
  public long rowBytes() {
    return codes.info().bytes() / coding.rows;
  }

  /**
   * Returns a view of the whole weight.
   *
   * @param bytes those of the codes' tensor
   * @throws InputException if a scale is missing, of another type or shape, or no number from 0 on
   */
  public QuantizedMatrix matrix(MemorySegment bytes) {
    return new QuantizedMatrix(coding.codes(bytes, rowBytes()), scales());
  }

  /**
   * Returns a view of some rows, where rows are dense.
   *
   * @param bytes those of the rows' codes alone
   */
  public QuantizedMatrix rows(MemorySegment bytes, int first, int count) {
    Codes some = Codes.of(bytes, coding.number, coding.bits, count, coding.columns, rowBytes());
    return new QuantizedMatrix(some, scales().from(first));
  }

  /** Returns the number nearest to another one that the module can hold at a place. */
  public float rounded(int row, int column, float value) {
    NumberFormat number = coding.number;
    Scales all = scales();
    return all.value(number, all.nearest(number, row, column, value), row, column);
  }

  /** Returns whether weights that are fitted can be rounded to its codes. */
  public boolean canRequantize() {
    NumberFormat number = coding.number;
    return prunable() && (number == NumberFormat.E4M3 || number == NumberFormat.E2M1);
  }

  private synchronized Scales scales() {
    Scales read = scales.get();
    if (read == null) {
      read = reading.get();
      scales = new SoftReference<>(read);
    }
    return read;
  }

  /**
   * Turns a matrix round.
   *
   * @param from its elements, [rows, columns]
   * @return [columns, rows]
   */
  static MemorySegment turned(MemorySegment from, int rows, int columns, int bytes) {
    long all = (long) rows * columns * bytes;
    MemorySegment turned =
        MemorySegment.ofArray(new long[Math.toIntExact(Math.ceilDiv(all, Long.BYTES))])
            .asSlice(0, all);
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        long at = ((long) row * columns + column) * bytes;
        MemorySegment.copy(from, at, turned, ((long) column * rows + row) * bytes, bytes);
      }
    }
    return turned;
  }

  /** Returns which nibble of its row in the file an output feature of AWQ is. */
  static int awqPlace(int row) {
    int place = 0;
    while (AWQ_ROWS[place] != row % AWQ_ROWS.length) {
      place++;
    }
    return row - row % AWQ_ROWS.length + place;
  }

  public InputException unprunable() {
    requireRead();
    return ErrorDetails.tensor(codes.shard().path(), codes.info().name())
        .hint(
            "inspecting, generating, perplexity and calibration work; leave it out with `exclude`")
        .wrong("weights in a format in which single ones can be pruned", format);
  }
}
