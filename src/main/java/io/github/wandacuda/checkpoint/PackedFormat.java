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

  /** What a tensor's entry in a header takes beside its name, roughly. */
  private static final long ENTRY = 100;

  private PackedFormat() {}

  /**
   * The elements of a weight that can be packed: numbers, or codes of 8 or 4 bits.
   *
   * @param bits of an element
   * @param zero the code of 4 bits that is left out; 0 for all others
   */
  public record Elements(TensorInfo weight, int bits, int zero) {
    private static final int NIBBLE = 4;

    /** Returns those of a matrix whose type says how many bits each has. */
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

    /** Returns those of a matrix of whatever type whose bytes are two codes each. */
    public static Elements nibbles(TensorInfo weight, int zero) {
      return new Elements(weight, NIBBLE, zero);
    }

    /** Returns whether a tensor that holds a packed weight's shape is that of codes of 4 bits. */
    static boolean areNibbles(TensorInfo shape) {
      return shape.shape().equals(List.of(3L));
    }

    public boolean areNibbles() {
      return bits == NIBBLE;
    }

    /** Returns the type of the values that are stored. */
    public String dtype() {
      return areNibbles() ? "U8" : weight.dtype();
    }

    public int valueBytes() {
      return RowPacking.valueBytes(bits);
    }

    public long rowBytes() {
      return weight.bytes() / Math.max(1, weight.rows());
    }

    /** Returns the elements of a row, with its padding. */
    public long columns() {
      return rowBytes() * Byte.SIZE / bits;
    }

    public long maskRowBytes() {
      return RowPacking.maskBytes(columns());
    }

    /** Returns what the tensor of a packed weight's shape holds. */
    public long[] shape() {
      return areNibbles()
          ? new long[] {weight.rows(), weight.columns(), zero}
          : new long[] {weight.rows(), weight.columns()};
    }

    /** Makes the code that is left out 0, or undoes that. */
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
     * @param values that are stored
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

  /** The names of a packed weight's parts, which begin with its own, without {@code .weight}. */
  public record Names(String compressed, String bitmask, String rowOffsets, String shape) {
    public static Names of(String weight) {
      String module =
          weight.endsWith(WEIGHT) ? weight.substring(0, weight.length() - WEIGHT.length()) : weight;
      return new Names(
          module + ".compressed", module + ".bitmask", module + ".row_offsets", module + ".shape");
    }

    public List<String> all() {
      return List.of(compressed, bitmask, rowOffsets, shape);
    }
  }
}
