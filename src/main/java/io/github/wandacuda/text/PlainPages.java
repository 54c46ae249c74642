package io.github.wandacuda.text;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.text.ThriftStruct.MalformedException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.compressors.lz4.BlockLZ4CompressorInputStream;
import org.apache.commons.compress.compressors.snappy.SnappyCompressorInputStream;

/**
 * Makes of a Parquet file one whose pages aren't compressed (Apache Parquet's format, {@code
 * parquet.thrift}; the numbers of fields below are those there). Indexes and filters are left out,
 * which nothing that reads all rows needs. The numbers of rows and values in the metadata have to
 * be those of the pages, since Hardwood makes as many rows as the metadata says.
 */
final class PlainPages {
  private static final byte[] MAGIC = "PAR1".getBytes(StandardCharsets.US_ASCII);
  private static final int TAIL = Integer.BYTES + MAGIC.length;
  private static final int DATA_PAGE = 0;
  private static final int INDEX_PAGE = 1;
  private static final int DICTIONARY_PAGE = 2;
  private static final int DATA_PAGE_V2 = 3;

  /** Bytes of memory for a value that is read, at least. */
  private static final int OF_VALUE = 16;

  private final Path file;
  private final byte[] bytes;
  private final long most;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /** Values that the pages of the current column hold, and of all columns. */
  private long values;

  private long allValues;

  private PlainPages(Path file, byte[] bytes, long most) {
    this.file = file;
    this.bytes = bytes;
    this.most = most;
  }

  /**
   * A file whose pages aren't compressed.
   *
   * @param bytes its content
   */
  record Plain(byte[] bytes, long rows) {}

  /**
   * Returns a file with its pages unpacked.
   *
   * @param most the most bytes that it may become
   * @throws InputException if it is no Parquet file, cut short, or compressed in a way that isn't
   *     known here
   */
  static Plain of(Path file, byte[] bytes, long most) {
    try {
      return new PlainPages(file, bytes, most).unpack();
    } catch (MalformedException e) {
      throw ErrorDetails.part(file, "its metadata").wrong("that of a Parquet file", e.getMessage());
    }
  }

  private Plain unpack() {
    int footer = footer();
    ThriftStruct metadata =
        ThriftStruct.read(ByteBuffer.wrap(bytes, footer, bytes.length - TAIL - footer));
    out.writeBytes(MAGIC);
    long rows = metadata.count(3);
    long left = rows;
    for (ThriftStruct group : metadata.structs(4)) {
      left -= group(group, footer);
    }
    if (left != 0) {
      throw new MalformedException("%d rows, and other numbers of its groups".formatted(rows));
    }
    byte[] written = metadata.bytes();
    out.writeBytes(written);
    out.writeBytes(
        ByteBuffer.allocate(Integer.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(written.length)
            .array());
    out.writeBytes(MAGIC);
    return new Plain(out.toByteArray(), rows);
  }

  /** Writes the pages of a row group and returns how many rows it has. */
  private long group(ThriftStruct group, int footer) {
    long rows = group.count(3);
    List<ThriftStruct> chunks = group.structs(1);
    long size = 0;
    for (ThriftStruct chunk : chunks) {
      size += chunk(chunk, footer);
      // A row has one value, or one for each element of its lists, and one for an empty list.
      if (rows > values) {
        throw new MalformedException("%d rows of %d values".formatted(rows, values));
      }
    }
    if (chunks.isEmpty() && rows > 0) {
      throw new MalformedException("%d rows without columns".formatted(rows));
    }
    group.setLong(2, size);
    group.remove(5, 6);
    return rows;
  }

  /** Returns where the metadata begins. */
  private int footer() {
    if (bytes.length < MAGIC.length + TAIL || !isMagic(0)) {
      throw ErrorDetails.file(file)
          .wrong("a Parquet file, which begins with PAR1", "something else");
    }
    if (!isMagic(bytes.length - MAGIC.length)) {
      throw ErrorDetails.file(file).cut("a Parquet file, which ends with PAR1", "another end");
    }
    int length = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(bytes.length - TAIL);
    long start = (long) bytes.length - TAIL - length;
    if (length < 0 || start < MAGIC.length) {
      throw new MalformedException("a length of %d bytes".formatted(length));
    }
    return (int) start;
  }

  private boolean isMagic(int at) {
    return ByteBuffer.wrap(bytes, at, MAGIC.length).equals(ByteBuffer.wrap(MAGIC));
  }

  /** Writes the pages of a column of a row group and returns how many bytes they take. */
  private long chunk(ThriftStruct chunk, int footer) {
    ThriftStruct column = chunk.struct(3);
    PageCodec codec = PageCodec.of(file, column.number(4));
    long start = column.number(9);
    if (column.has(11) && column.number(11) > 0) {
      start = Math.min(start, column.number(11));
    }
    long length = column.number(7);
    if (start < MAGIC.length || length < 0 || length > footer - start) {
      throw new MalformedException("a column at byte %d of %d bytes".formatted(start, length));
    }
    int begin = out.size();
    values = 0;
    column.remove(10, 11, 14, 15);
    long firstData = -1;
    ByteBuffer pages = ByteBuffer.wrap(bytes, (int) start, (int) length);
    while (pages.hasRemaining()) {
      int at = out.size();
      int type = page(pages, codec);
      if (type == DICTIONARY_PAGE) {
        column.setLong(11, at);
      } else if (type != INDEX_PAGE && firstData < 0) {
        firstData = at;
      }
    }
    if (values != column.count(5)) {
      throw new MalformedException(
          "a column of %d values, whose pages have %d".formatted(column.count(5), values));
    }
    column.setLong(9, firstData < 0 ? begin : firstData);
    long size = out.size() - begin;
    column.setInt(4, PageCodec.PLAIN.ordinal());
    column.setLong(6, size);
    column.setLong(7, size);
    chunk.setLong(2, begin);
    chunk.remove(4, 5, 6, 7);
    return size;
  }

  /** Writes a page, unless it is an index, and returns its type. */
  private int page(ByteBuffer pages, PageCodec codec) {
    ThriftStruct header = ThriftStruct.read(pages);
    int type = (int) header.number(1);
    long length = header.number(3);
    long plainLength = header.number(2);
    if (length < 0 || length > pages.remaining() || plainLength < 0) {
      throw new MalformedException("a page of %d bytes".formatted(length));
    }
    byte[] packed = new byte[(int) length];
    pages.get(packed);
    if (type == INDEX_PAGE) {
      return type;
    }
    byte[] plain =
        type == DATA_PAGE_V2
            ? unpackVersion2(header.struct(8), packed, codec, plainLength)
            : unpack(codec, packed, 0, plainLength);
    switch (type) {
      case DATA_PAGE -> add(header.struct(5).count(1));
      case DATA_PAGE_V2 -> add(header.struct(8).count(1));
      case DICTIONARY_PAGE -> {
        long entries = header.struct(7).count(1);
        if (entries > plain.length) {
          throw new MalformedException(
              "a dictionary of %d values in %d bytes".formatted(entries, plain.length));
        }
      }
      default -> throw new MalformedException("a page of type " + type);
    }
    header.setInt(2, plain.length);
    header.setInt(3, plain.length);
    header.remove(4);
    out.writeBytes(header.bytes());
    out.writeBytes(plain);
    return type;
  }

  /** Counts the values of a page: a few bytes can stand for any number of equal ones. */
  private void add(long count) {
    values += count;
    allValues += count;
    if (allValues > most / OF_VALUE) {
      throw tooMuch("%d values".formatted(most / OF_VALUE));
    }
  }

  private InputException tooMuch(String limit) {
    return ErrorDetails.file(file)
        .hint("give the Java heap more with -Xmx")
        .wrong("at most %s once its pages are unpacked".formatted(limit), "more");
  }

  /** In pages of version 2 the levels stand before the values and are never compressed. */
  private byte[] unpackVersion2(
      ThriftStruct header, byte[] packed, PageCodec codec, long plainLength) {
    long levels = header.number(5) + header.number(6);
    if (levels < 0 || levels > packed.length || levels > plainLength) {
      throw new MalformedException("levels of %d bytes".formatted(levels));
    }
    boolean compressed = header.flag(7, true) && packed.length > levels;
    header.setFlag(7, false);
    return unpack(compressed ? codec : PageCodec.PLAIN, packed, (int) levels, plainLength);
  }

  private byte[] unpack(PageCodec codec, byte[] packed, int levels, long plainLength) {
    if (plainLength > most - out.size()) {
      throw tooMuch("%d bytes".formatted(most));
    }
    byte[] plain;
    try {
      plain = codec.unpack(packed, levels, (int) plainLength);
    } catch (IOException | RuntimeException e) {
      throw new MalformedException(
          "a page that isn't %s: %s".formatted(codec, InputFailures.firstLine(e)));
    }
    if (plain.length != plainLength) {
      throw new MalformedException(
          "a page of %d bytes where %d should be".formatted(plain.length, plainLength));
    }
    return plain;
  }

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
}
