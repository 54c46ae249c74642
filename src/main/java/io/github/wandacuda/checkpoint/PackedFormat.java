package io.github.wandacuda.checkpoint;

import io.github.wandacuda.scalar.RowPacking;
import java.util.List;
import java.util.Map;

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

  /** What the name of a weight that can be packed ends with. */
  public static final String WEIGHT = ".weight";

  /** What a tensor's entry in a header takes beside its name, roughly. */
  private static final long ENTRY = 100;

  private PackedFormat() {}

  /**
   * Returns the bytes that a packed weight takes in a shard, entries in the header included.
   *
   * @param kept elements that aren't +0.0
   */
  public static long bytes(TensorInfo weight, long kept) {
    long entries =
        Names.of(weight.name()).all().stream().mapToLong(name -> name.length() + ENTRY).sum();
    long masks = weight.rows() * RowPacking.maskBytes(weight.columns());
    long values = kept * weight.type().orElseThrow().bytes();
    return values + masks + (weight.rows() + 2L) * Long.BYTES + entries;
  }

  /** Returns whether a shard's metadata says that it is packed, in whatever version. */
  public static boolean isPacked(Map<String, String> metadata) {
    return metadata.getOrDefault(METADATA_KEY, "").startsWith(ANY_VERSION);
  }

  /** Returns whether a shard's metadata says that it is packed in {@link #FORMAT}. */
  public static boolean isKnown(Map<String, String> metadata) {
    return FORMAT.equals(metadata.get(METADATA_KEY));
  }

  /** The names of a packed weight's parts. */
  public record Names(String compressed, String bitmask, String rowOffsets, String shape) {
    /** Returns the names for a weight, whose own ends with {@code .weight}. */
    public static Names of(String weight) {
      String module = weight.substring(0, weight.length() - WEIGHT.length());
      return new Names(
          module + ".compressed", module + ".bitmask", module + ".row_offsets", module + ".shape");
    }

    public List<String> all() {
      return List.of(compressed, bitmask, rowOffsets, shape);
    }
  }
}
