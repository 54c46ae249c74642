package io.github.wandacuda.checkpoint;

import io.github.wandacuda.scalar.RowPacking;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The names of the packed form on disk, which the site's page on packing describes. */
public final class PackedFormat {
  /** The format with its version, in the shards' metadata and in {@code config.json}. */
  public static final String FORMAT = "wanda-cuda.packed.v1";

  /** What every version of the format begins with. */
  static final String ANY_VERSION = "wanda-cuda.packed.";

  /**
   * The metadata's key. Loaders of the transformers library refuse a file whose format isn't theirs
   * and say its name.
   */
  public static final String METADATA_KEY = "format";

  /** The tensor that holds the bytes with which the unpacked shard begins. */
  public static final String SOURCE_HEADER = "wanda_cuda.source_header";

  /** What the name of most weights that can be packed ends with. */
  public static final String WEIGHT = ".weight";

  /** What a tensor's entry in a header takes beside its name, in bytes, roughly. */
  private static final long ENTRY = 100;

  private PackedFormat() {}

  /**
   * How the elements of a weight are packed: numbers, or codes of 8 or 4 bits.
   *
   * @param weight the tensor as it is before it is packed
   * @param bits of an element: 32, 16, 8 or 4
   * @param zero the code of 4 bits that is left out; 0 for all others
   */
  public record Elements(TensorInfo weight, int bits, int zero) {
    private static final int NIBBLE = 4;

    /**
     * Returns those of a matrix whose type says how many bits each has, or nothing for other types
     * and for what isn't a matrix.
     */
    public static Optional<Elements> of(TensorInfo weight) {
      int bits =
          switch (weight.dtype()) {
            case "F32" -> Integer.SIZE;
            case "F16", "BF16" -> Short.SIZE;
            case "F8_E4M3", "F8_E5M2", "I8" -> Byte.SIZE;
            default -> 0;
          };
      return weight.isMatrix() && bits > 0
          ? Optional.of(new Elements(weight, bits, 0))
          : Optional.empty();
    }

    /**
     * Returns those of a matrix, of whatever type, whose bytes are two codes of 4 bits each.
     *
     * @param zero the code, from 0 to 15, that stands for 0 and is left out
     */
    public static Elements nibbles(TensorInfo weight, int zero) {
      return new Elements(weight, NIBBLE, zero);
    }

    /**
     * Returns whether a packed weight is one of codes of 4 bits.
     *
     * @param shape the tensor that holds its shape, of three numbers for such codes and of two for
     *     others
     */
    static boolean areNibbles(TensorInfo shape) {
      return shape.shape().equals(List.of(3L));
    }

    /** Returns whether the elements are codes of 4 bits. */
    public boolean areNibbles() {
      return bits == NIBBLE;
    }

    /** Returns the type of the tensor that holds the kept values. */
    public String dtype() {
      return areNibbles() ? "U8" : weight.dtype();
    }

    /** Returns the bytes of a kept value; two codes of 4 bits are kept together in one. */
    public int valueBytes() {
      return RowPacking.valueBytes(bits);
    }

    /** Returns the bytes of a row before it is packed. */
    public long rowBytes() {
      return weight.bytes() / Math.max(1, weight.rows());
    }

    /** Returns the elements of a row, its padding included. */
    public long columns() {
      return rowBytes() * Byte.SIZE / bits;
    }

    /** Returns the bytes of a row's bits, one for each element. */
    public long maskRowBytes() {
      return RowPacking.maskBytes(columns());
    }

    /**
     * Returns what the tensor of a packed weight's shape holds: rows, columns and, for codes of 4
     * bits, the one that is left out.
     */
    public long[] shape() {
      return areNibbles()
          ? new long[] {weight.rows(), weight.columns(), zero}
          : new long[] {weight.rows(), weight.columns()};
    }

    /**
     * Swaps the code that is left out with 0 by flipping its bits in each code, so that packing
     * leaves out zeros. Twice is as before. Does nothing where the code is 0.
     *
     * @param codes two of 4 bits in each byte, changed in place
     */
    public void turn(MemorySegment codes) {
      if (zero != 0) {
        for (long at = 0; at < codes.byteSize(); at++) {
          int code = codes.get(ValueLayout.JAVA_BYTE, at) ^ (zero << NIBBLE | zero);
          codes.set(ValueLayout.JAVA_BYTE, at, (byte) code);
        }
      }
    }

    /**
     * Returns the bytes that the packed weight takes in a shard, entries in the header included.
     *
     * @param values how many are stored
     */
    public long bytes(long values) {
      long entries =
          Names.of(weight.name()).all().stream().mapToLong(name -> name.length() + ENTRY).sum();
      long rows = weight.rows() * (maskRowBytes() + Long.BYTES);
      return values * valueBytes() + rows + (long) shape().length * Long.BYTES + entries;
    }
  }

  /** Returns whether a shard's metadata says that it is packed, in whatever version. */
  public static boolean isPacked(Map<String, String> metadata) {
    return metadata.getOrDefault(METADATA_KEY, "").startsWith(ANY_VERSION);
  }

  /** Returns whether a shard's metadata says that it is packed in {@link #FORMAT}. */
  public static boolean isKnown(Map<String, String> metadata) {
    return FORMAT.equals(metadata.get(METADATA_KEY));
  }

  /**
   * The names of a packed weight's parts: its own without {@code .weight}, and an ending.
   *
   * @param compressed the kept values, row by row
   * @param bitmask which elements are kept
   * @param rowOffsets how many values come before each row
   * @param shape the numbers that {@link Elements#shape} gives
   */
  public record Names(String compressed, String bitmask, String rowOffsets, String shape) {
    /**
     * Returns the names of a weight's parts.
     *
     * @param weight its tensor's name, which mostly ends with {@code .weight}
     */
    public static Names of(String weight) {
      String module =
          weight.endsWith(WEIGHT) ? weight.substring(0, weight.length() - WEIGHT.length()) : weight;
      return new Names(
          module + ".compressed", module + ".bitmask", module + ".row_offsets", module + ".shape");
    }

    /** Returns all four. */
    public List<String> all() {
      return List.of(compressed, bitmask, rowOffsets, shape);
    }
  }
}
