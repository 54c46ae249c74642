package io.github.wandacuda.text;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.compressors.lz4.BlockLZ4CompressorInputStream;
import org.apache.commons.compress.compressors.snappy.SnappyCompressorInputStream;
import org.apache.parquet.format.ColumnChunk;
import org.apache.parquet.format.ColumnMetaData;
import org.apache.parquet.format.CompressionCodec;
import org.apache.parquet.format.DataPageHeaderV2;
import org.apache.parquet.format.FileMetaData;
import org.apache.parquet.format.PageHeader;
import org.apache.parquet.format.PageType;
import org.apache.parquet.format.RowGroup;
import org.apache.parquet.format.Util;
import shaded.parquet.org.apache.thrift.TBase;
import shaded.parquet.org.apache.thrift.TException;
import shaded.parquet.org.apache.thrift.protocol.TCompactProtocol;
import shaded.parquet.org.apache.thrift.transport.TIOStreamTransport;
import shaded.parquet.org.apache.thrift.transport.TTransportException;

/**
 * Makes of a Parquet file one whose pages aren't compressed (Apache Parquet's format, {@code
 * parquet.thrift}). Indexes and filters are left out, which nothing that reads all rows needs. The
 * numbers of rows and values in the metadata have to be those of the pages, since Hardwood makes as
 * many rows as the metadata says.
 */
final class PlainPages {
  private static final byte[] MAGIC = "PAR1".getBytes(StandardCharsets.US_ASCII);
  private static final int TAIL = Integer.BYTES + MAGIC.length;

  private static final Set<CompressionCodec> UNPACKED =
      EnumSet.of(
          CompressionCodec.UNCOMPRESSED,
          CompressionCodec.SNAPPY,
          CompressionCodec.GZIP,
          CompressionCodec.LZ4_RAW);

  /** The memory that a value takes at least once it is read, in bytes. */
  private static final int OF_VALUE = 16;

  private final Path file;
  private final byte[] bytes;
  private final long most;
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /** Values in the pages of the current column of a row group. */
  private long values;

  /** Values in all pages so far. */
  private long allValues;

  private PlainPages(Path file, byte[] bytes, long most) {
    this.file = file;
    this.bytes = bytes;
    this.most = most;
  }

  /**
   * Returns a file with its pages unpacked.
   *
   * @param file its path, for messages
   * @param bytes its content
   * @param most how many bytes it may become
   * @throws InputException if it is no Parquet file, is cut short, becomes longer than {@code
   *     most}, or is compressed in a way that isn't known here
   */
  static byte[] of(Path file, byte[] bytes, long most) {
    try {
      return new PlainPages(file, bytes, most).unpack();
    } catch (IOException e) {
      throw ErrorDetails.part(file, "its metadata")
          .wrong("that of a Parquet file", Printable.firstLine(e), e);
    }
  }

  private byte[] unpack() throws IOException {
    int footer = footer();
    FileMetaData metadata =
        read(
            new FileMetaData(),
            new ByteArrayInputStream(bytes, footer, bytes.length - TAIL - footer));
    out.writeBytes(MAGIC);
    List<RowGroup> groups = new ArrayList<>();
    for (RowGroup group : metadata.getRow_groups()) {
      groups.add(group(group, footer));
    }
    long rows = metadata.getNum_rows();
    if (groups.stream().mapToLong(RowGroup::getNum_rows).sum() != rows) {
      throw new IOException("%d rows, and other numbers of its groups".formatted(rows));
    }
    int start = out.size();
    Util.writeFileMetaData(
        new FileMetaData(metadata.getVersion(), metadata.getSchema(), rows, groups), out);
    out.writeBytes(
        ByteBuffer.allocate(Integer.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(out.size() - start)
            .array());
    out.writeBytes(MAGIC);
    return out.toByteArray();
  }

  /**
   * Reads a struct. No text or list in it is allowed to be longer than the bytes that are left, so
   * that a false length doesn't fill the memory.
   */
  private static <T extends TBase<?, ?>> T read(T struct, ByteArrayInputStream in)
      throws IOException {
    try {
      struct.read(new TCompactProtocol(new TIOStreamTransport(in), in.available(), in.available()));
      return struct;
    } catch (TTransportException e) {
      throw new IOException("it ends early", e);
    } catch (TException e) {
      // What follows are the fields of the struct, or where it is in memory.
      throw new IOException(Printable.firstLine(e).replaceFirst("! Struct:.*", ""), e);
    }
  }

  /**
   * Returns a part of the metadata.
   *
   * @param part null if it is missing, which Thrift allows where Parquet doesn't
   * @throws IOException if it is
   */
  private static <T> T present(T part, String name) throws IOException {
    if (part == null) {
      throw new IOException("none of " + name);
    }
    return part;
  }

  /** Writes the pages of a row group, unpacked, and returns what the metadata says of it then. */
  private RowGroup group(RowGroup group, int footer) throws IOException {
    long rows = group.getNum_rows();
    int begin = out.size();
    List<ColumnChunk> chunks = new ArrayList<>();
    for (ColumnChunk chunk : group.getColumns()) {
      chunks.add(chunk(chunk, footer));
      // A row has one value, or one for each element of its lists, and one for an empty list.
      if (rows > values) {
        throw new IOException("%d rows of %d values".formatted(rows, values));
      }
    }
    if (rows < 0 || chunks.isEmpty() && rows > 0) {
      throw new IOException("%d rows of %d columns".formatted(rows, chunks.size()));
    }
    return new RowGroup(chunks, out.size() - begin, rows);
  }

  /** Returns where the file's metadata begins, and ends the data. */
  private int footer() throws IOException {
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
      throw new IOException("a length of %d bytes".formatted(length));
    }
    return (int) start;
  }

  private boolean isMagic(int at) {
    return ByteBuffer.wrap(bytes, at, MAGIC.length).equals(ByteBuffer.wrap(MAGIC));
  }

  /**
   * Writes the pages of a column of a row group, unpacked, and returns what the metadata says of it
   * then.
   */
  private ColumnChunk chunk(ColumnChunk chunk, int footer) throws IOException {
    ColumnMetaData column = present(chunk.getMeta_data(), "a column");
    CompressionCodec codec = column.getCodec();
    if (!UNPACKED.contains(codec)) {
      throw ErrorDetails.file(file)
          .hint("write it again with one of these, or as .jsonl")
          .wrong("pages that are compressed by Snappy, gzip or LZ4, or not at all", codec);
    }
    long start = column.getData_page_offset();
    if (column.getDictionary_page_offset() > 0) {
      start = Math.min(start, column.getDictionary_page_offset());
    }
    long length = column.getTotal_compressed_size();
    if (start < MAGIC.length || length < 0 || length > footer - start) {
      throw new IOException("a column at byte %d of %d bytes".formatted(start, length));
    }
    int begin = out.size();
    int dictionaryEnd = begin;
    values = 0;
    ByteArrayInputStream pages = new ByteArrayInputStream(bytes, (int) start, (int) length);
    while (pages.available() > 0) {
      if (page(pages, codec) == PageType.DICTIONARY_PAGE) {
        dictionaryEnd = out.size();
      }
    }
    if (values != column.getNum_values()) {
      throw new IOException(
          "a column of %d values, whose pages have %d".formatted(column.getNum_values(), values));
    }
    long size = out.size() - begin;
    ColumnMetaData plain =
        new ColumnMetaData(
            column.getType(),
            column.getEncodings(),
            column.getPath_in_schema(),
            CompressionCodec.UNCOMPRESSED,
            values,
            size,
            size,
            dictionaryEnd);
    if (dictionaryEnd > begin) {
      plain.setDictionary_page_offset(begin);
    }
    return new ColumnChunk(begin).setMeta_data(plain);
  }

  /** Writes a page, unpacked, and returns its type. Of an index nothing is written. */
  private PageType page(ByteArrayInputStream pages, CompressionCodec codec) throws IOException {
    PageHeader header = read(new PageHeader(), pages);
    int length = header.getCompressed_page_size();
    int plainLength = header.getUncompressed_page_size();
    if (length < 0 || length > pages.available() || plainLength < 0) {
      throw new IOException("a page of %d bytes".formatted(length));
    }
    byte[] packed = pages.readNBytes(length);
    byte[] plain;
    switch (header.getType()) {
      case DATA_PAGE -> {
        add(present(header.getData_page_header(), "a page's header").getNum_values());
        plain = unpack(codec, packed, 0, plainLength);
      }
      case DATA_PAGE_V2 -> {
        DataPageHeaderV2 data = present(header.getData_page_header_v2(), "a page's header");
        add(data.getNum_values());
        plain = unpackVersion2(data, packed, codec, plainLength);
      }
      case DICTIONARY_PAGE -> {
        int entries =
            present(header.getDictionary_page_header(), "a dictionary's header").getNum_values();
        plain = unpack(codec, packed, 0, plainLength);
        if (entries < 0 || entries > plain.length) {
          throw new IOException(
              "a dictionary of %d values in %d bytes".formatted(entries, plain.length));
        }
      }
      default -> {
        return header.getType();
      }
    }
    header.setUncompressed_page_size(plain.length);
    header.setCompressed_page_size(plain.length);
    header.unsetCrc();
    Util.writePageHeader(header, out);
    out.writeBytes(plain);
    return header.getType();
  }

  /** Counts the values of a page: a few bytes can stand for any number of equal ones. */
  private void add(int count) throws IOException {
    if (count < 0) {
      throw new IOException("a page of %d values".formatted(count));
    }
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

  /**
   * Unpacks a page of version 2, in which the levels stand before the values and are never
   * compressed.
   */
  private byte[] unpackVersion2(
      DataPageHeaderV2 header, byte[] packed, CompressionCodec codec, int plainLength)
      throws IOException {
    long levels =
        (long) header.getRepetition_levels_byte_length()
            + header.getDefinition_levels_byte_length();
    if (levels < 0 || levels > packed.length || levels > plainLength) {
      throw new IOException("levels of %d bytes".formatted(levels));
    }
    boolean compressed = header.isIs_compressed() && packed.length > levels;
    header.setIs_compressed(false);
    return unpack(
        compressed ? codec : CompressionCodec.UNCOMPRESSED, packed, (int) levels, plainLength);
  }

  private byte[] unpack(CompressionCodec codec, byte[] packed, int levels, int plainLength)
      throws IOException {
    if (plainLength > most - out.size()) {
      throw tooMuch("%d bytes".formatted(most));
    }
    byte[] plain;
    try {
      plain = plain(codec, packed, levels, plainLength);
    } catch (IOException | RuntimeException e) {
      throw new IOException("a page that isn't %s: %s".formatted(codec, Printable.firstLine(e)), e);
    }
    if (plain.length != plainLength) {
      throw new IOException(
          "a page of %d bytes where %d should be".formatted(plain.length, plainLength));
    }
    return plain;
  }

  /**
   * Unpacks the compressed part of a page.
   *
   * @param packed the page as it is in the file
   * @param kept how many bytes at its beginning aren't compressed; they stay as they are
   * @param length of the result with those, in bytes
   * @return at most one byte more than {@code length}, by which the caller sees that it was false
   * @throws IOException if the bytes aren't of this codec
   */
  static byte[] plain(CompressionCodec codec, byte[] packed, int kept, int length)
      throws IOException {
    InputStream in = new ByteArrayInputStream(packed, kept, packed.length - kept);
    try (InputStream plain =
        switch (codec) {
          case SNAPPY -> new SnappyCompressorInputStream(in);
          case GZIP -> new GZIPInputStream(in);
          case LZ4_RAW -> new BlockLZ4CompressorInputStream(in);
          default -> in;
        }) {
      byte[] rest = plain.readNBytes(length - kept + 1);
      byte[] whole = Arrays.copyOf(packed, kept + rest.length);
      System.arraycopy(rest, 0, whole, kept, rest.length);
      return whole;
    }
  }
}
