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
  /** Nibble k of a word of AWQ is the code of row AWQ_ROWS[k] among eight. */
  private static final int[] AWQ_ROWS = {0, 2, 4, 6, 1, 3, 5, 7};

  private final String format;
  private final Checkpoint.Entry codes;
  private final List<Checkpoint.Entry> others;
  private final Coding coding;
  private final Supplier<Scales> reading;

  /** The failure of everything that would read the weight; null if it can be read. */
  private InputException failure;

  /** Scales that were read before; they are read again if the memory is needed. */
  private SoftReference<Scales> scales = new SoftReference<>(null);

  /** How codes are laid out in their tensor. */
  enum Layout {
    /** Row by row, each row in whole bytes. */
    ROWS,
    /** Column by column, a byte for each code. */
    COLUMNS,
    /** In words of 32 bits with codes of consecutive columns of one row: GPTQ. */
    WORDS_OF_COLUMNS,
    /** In words of 32 bits with codes of eight rows of one column: AWQ. */
    WORDS_OF_ROWS
  }

  /**
   * How a weight's codes are stored and read.
   *
   * @param layout how they are laid out
   * @param rows of the weight
   * @param columns of the weight
   * @param number what a code stands for
   * @param bits of a code
   */
  record Coding(Layout layout, int rows, int columns, NumberFormat number, int bits) {
    /**
     * Returns codes as rows; copied if their layout is one of words.
     *
     * @param bytes of their tensor
     * @param rowBytes bytes of a row, if rows are dense
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

    /** Copies the codes of GPTQ into rows: word w of a row lies at {@code w * rows + row}. */
    private Codes ofColumns(MemorySegment bytes, long rowBytes) {
      int words = Math.toIntExact(rowBytes / Integer.BYTES);
      MemorySegment turned = turned(bytes, words, rows, Integer.BYTES);
      return Codes.of(turned, number, bits, rows, columns, (long) words * Integer.BYTES);
    }

    /** Copies the codes of AWQ into rows. */
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
   * @param format the format's name, for people
   * @param codes the tensor that pruning changes
   * @param others the other tensors of the weight: scales, zero points, groups
   * @param coding how codes are stored and read
   * @param reading reads and checks the scales; called at the first use, and again if they were
   *     dropped
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
   * Describes a weight whose format can't be read. It can still be copied.
   *
   * @param failure thrown by everything that would read the weight
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

  /** Returns whether the weight can be read. */
  public boolean isRead() {
    return failure == null;
  }

  /**
   * Checks that the weight can be read.
   *
   * @throws InputException if it can't
   */
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

  /**
   * Returns the number of output features.
   *
   * @throws InputException if the weight can't be read
   */
  public int rows() {
    return coding.rows;
  }

  /**
   * Returns the number of input features.
   *
   * @throws InputException if the weight can't be read
   */
  public int columns() {
    return coding.columns;
  }

  /** Returns the bytes of all tensors of the weight. */
  public long bytes() {
    return tensors().mapToLong(TensorInfo::bytes).sum();
  }

  /**
   * Returns the bits that an element takes in the file, its share of scales and other tensors
   * included.
   */
  public double bitsPerWeight() {
    return (double) bytes() * Byte.SIZE / coding.rows / coding.columns;
  }

  /** Returns all tensors of the weight: codes, scales, and others that belong to them. */
  public Stream<TensorInfo> tensors() {
    return Stream.concat(Stream.of(codes), others.stream()).map(Checkpoint.Entry::info);
  }

  /** Returns whether each row's codes lie in bytes of their own, one row after the other. */
  public boolean hasDenseRows() {
    return coding.layout == Layout.ROWS;
  }

  /** Returns whether each byte of the tensor holds two codes of a row. */
  public boolean hasNibbles() {
    return hasDenseRows() && coding.bits == Byte.SIZE / 2;
  }

  /**
   * Returns the code of +0, if it is the same in all places.
   *
   * @return nothing if zero points differ
   */
  public Optional<Integer> zeroNibble() {
    if (coding.number != NumberFormat.UNSIGNED) {
      return Optional.of(0);
    }
    boolean symmetric =
        others.stream().noneMatch(entry -> entry.info().name().endsWith("zero_point"));
    return symmetric ? Optional.of(1 << coding.bits - 1) : Optional.empty();
  }

  /** Returns whether single weights can be set to 0 in their tensor. */
  public boolean prunable() {
    return isRead() && (hasDenseRows() || coding.layout == Layout.COLUMNS);
  }

  /** Returns the bytes of a row's codes, if rows are dense. */
  public long rowBytes() {
    return codes.info().bytes() / coding.rows;
  }

  /**
   * Returns a view of the whole weight.
   *
   * @param bytes of the codes' tensor; read whenever the view is
   * @throws InputException if the weight can't be read, or a scale is missing, of another type or
   *     shape, or not a number from 0 on
   */
  public QuantizedMatrix matrix(MemorySegment bytes) {
    return new QuantizedMatrix(coding.codes(bytes, rowBytes()), scales());
  }

  /**
   * Returns a view of some rows, if rows are dense.
   *
   * @param bytes of these rows' codes alone
   * @param first the first row's number
   * @throws InputException as {@link #matrix}
   */
  public QuantizedMatrix rows(MemorySegment bytes, int first, int count) {
    Codes some = Codes.of(bytes, coding.number, coding.bits, count, coding.columns, rowBytes());
    return new QuantizedMatrix(some, scales().from(first));
  }

  /** Returns the number that the module can hold at a place and that is nearest to another one. */
  public float rounded(int row, int column, float value) {
    NumberFormat number = coding.number;
    Scales all = scales();
    return all.value(number, all.nearest(number, row, column, value), row, column);
  }

  /** Returns whether new weights can be rounded to its codes, as fitting does. */
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
   * Transposes a matrix.
   *
   * @param from its elements, [rows, columns]
   * @param bytes of an element
   * @return [columns, rows], in new memory
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

  /** Returns the place of an output feature of AWQ among the nibbles of its row in the file. */
  static int awqPlace(int row) {
    int place = 0;
    while (AWQ_ROWS[place] != row % AWQ_ROWS.length) {
      place++;
    }
    return row - row % AWQ_ROWS.length + place;
  }

  /**
   * Returns the failure of a weight that isn't {@link #prunable}, for the caller to throw.
   *
   * @throws InputException another failure, if the weight can't be read at all
   */
  public InputException unprunable() {
    requireRead();
    return ErrorDetails.tensor(codes.shard().path(), codes.info().name())
        .hint(
            "inspecting, generating, perplexity and calibration work; leave it out with `exclude`")
        .wrong("weights in a format in which single ones can be pruned", format);
  }
}
