package io.github.wandacuda.text;

import io.github.wandacuda.error.ErrorDetails;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.compressors.lz4.BlockLZ4CompressorInputStream;
import org.apache.commons.compress.compressors.snappy.SnappyCompressorInputStream;

/** How pages are compressed, in the order of {@code parquet.thrift}. */
enum PageCodec {
  PLAIN,
  SNAPPY,
  GZIP,
  LZO,
  BROTLI,
  LZ4,
  ZSTD,
  LZ4_RAW;

  private static final Set<PageCodec> UNPACKED = EnumSet.of(PLAIN, SNAPPY, GZIP, LZ4_RAW);

  static PageCodec of(Path file, long number) {
    boolean known = number >= 0 && number < values().length;
    if (known && UNPACKED.contains(values()[(int) number])) {
      return values()[(int) number];
    }
    throw ErrorDetails.file(file)
        .hint("write it again with one of these, or as .jsonl")
        .wrong(
            "pages that are compressed by Snappy, gzip or LZ4, or not at all",
            known ? values()[(int) number].name() : "codec " + number);
  }

  /**
   * Unpacks what stands behind the first bytes, which are kept.
   *
   * @param kept how many bytes at the beginning aren't compressed
   * @param length bytes of the result
   * @return at most one byte more than {@code length}
   */
  byte[] unpack(byte[] packed, int kept, int length) throws IOException {
    if (this == PLAIN) {
      return packed;
    }
    try (InputStream in = stream(new ByteArrayInputStream(packed, kept, packed.length - kept))) {
      byte[] rest = in.readNBytes(length - kept + 1);
      byte[] plain = Arrays.copyOf(packed, kept + rest.length);
      System.arraycopy(rest, 0, plain, kept, rest.length);
      return plain;
    }
  }

  private InputStream stream(InputStream packed) throws IOException {
    return switch (this) {
      case SNAPPY -> new SnappyCompressorInputStream(packed);
      case GZIP -> new GZIPInputStream(packed);
      case LZ4_RAW -> new BlockLZ4CompressorInputStream(packed);
      default -> throw new IllegalStateException(name());
    };
  }
}
