package io.github.wandacuda.io.parquet;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.Malformed;
import io.github.wandacuda.io.parquet.ThriftStruct.MalformedException;
import io.github.wandacuda.io.text.InputFailures;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Makes of a Parquet file one whose pages aren't compressed (Apache Parquet's format, {@code
 * parquet.thrift}; the numbers of fields below are those there). Indexes and filters are left out,
 * which nothing that reads all rows needs.
 */
final class PlainPages {
  private static final byte[] MAGIC = "PAR1".getBytes(StandardCharsets.US_ASCII);
  private static final int TAIL = Integer.BYTES + MAGIC.length;
  private static final int DICTIONARY_PAGE = 2;
  private static final int INDEX_PAGE = 1;
  private static final int DATA_PAGE_V2 = 3;

  private final Path file;
  private final byte[] bytes;
  private final long most;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private PlainPages(Path file, byte[] bytes, long most) {
    this.file = file;
    this.bytes = bytes;
    this.most = most;
  }

  /**
   * Returns a file's bytes with its pages unpacked; the same bytes if they are.
   *
   * @param file its path, for messages
   * @param most the most bytes that it may become
   * @throws InputException if it is no Parquet file, cut short, or compressed in a way that isn't
   *     known here
   */
  static byte[] of(Path file, byte[] bytes, long most) {
    try {
      return new PlainPages(file, bytes, most).unpack();
    } catch (MalformedException e) {
      throw Malformed.part(file, "its metadata", "that of a Parquet file", e.getMessage());
    }
  }

  private byte[] unpack() {
    int footer = footer();
    ThriftStruct metadata =
        new ThriftInput(ByteBuffer.wrap(bytes, footer, bytes.length - TAIL - footer)).read();
    out.writeBytes(MAGIC);
    for (ThriftStruct group : metadata.structs(4)) {
      long size = 0;
      for (ThriftStruct chunk : group.structs(1)) {
        size += chunk(chunk, footer);
      }
      group.setNumber(2, size);
      group.remove(5, 6);
    }
    byte[] written = metadata.bytes();
    out.writeBytes(written);
    out.writeBytes(
        ByteBuffer.allocate(Integer.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(written.length)
            .array());
    out.writeBytes(MAGIC);
    return out.toByteArray();
  }

  /** Returns where the metadata begins. */
  private int footer() {
    if (bytes.length < MAGIC.length + TAIL || !isMagic(0)) {
      throw Malformed.file(file, "a Parquet file, which begins with PAR1", "something else");
    }
    if (!isMagic(bytes.length - MAGIC.length)) {
      throw Malformed.cut(
          ErrorDetails.file(file), "a Parquet file, which ends with PAR1", "another end");
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
    column.remove(10, 11, 14, 15);
    long firstData = -1;
    ByteBuffer pages = ByteBuffer.wrap(bytes, (int) start, (int) length);
    while (pages.hasRemaining()) {
      int at = out.size();
      int type = page(pages, codec);
      if (type == DICTIONARY_PAGE) {
        column.setNumber(11, at);
      } else if (type != INDEX_PAGE && firstData < 0) {
        firstData = at;
      }
    }
    column.setNumber(9, firstData < 0 ? begin : firstData);
    long size = out.size() - begin;
    column.setNumber(4, PageCodec.PLAIN.ordinal());
    column.setNumber(6, size);
    column.setNumber(7, size);
    chunk.setNumber(2, begin);
    chunk.remove(4, 5, 6, 7);
    return size;
  }

  /** Writes a page, unless it is an index, and returns its type. */
  private int page(ByteBuffer pages, PageCodec codec) {
    ThriftStruct header = new ThriftInput(pages).read();
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
    header.setNumber(2, plain.length);
    header.setNumber(3, plain.length);
    header.remove(4);
    out.writeBytes(header.bytes());
    out.writeBytes(plain);
    return type;
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
      throw new InputException(
          ErrorDetails.file(file)
              .expected("at most %d bytes of pages once they are unpacked".formatted(most), "more")
              .hint("give the Java heap more with -Xmx"));
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
}
